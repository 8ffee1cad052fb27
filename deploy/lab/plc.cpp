// lab-plc ADDRESS [PORT]: a Modbus server on libmodbus with 200 coils, inputs and registers. It
// tells each request it serves on standard output, so that a test can see what reached the plant.
#include <modbus.h>
#include <sys/select.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>

namespace {

constexpr int kCells = 200;

// What libmodbus hands over is the whole message: the function code stands behind the MBAP header.
void tell(const std::uint8_t* query, int length) {
  std::printf("unit=%d function=%d bytes=", query[6], query[7]);
  for (int i = 8; i < std::min(length, 24); ++i) std::printf("%02x", query[i]);
  std::printf("\n");
  std::fflush(stdout);
}

void serve(modbus_t* context, modbus_mapping_t* cells, int listener) {
  std::set<int> clients;
  for (;;) {
    fd_set ready;
    FD_ZERO(&ready);
    FD_SET(listener, &ready);
    int highest = listener;
    for (const int client : clients) {
      FD_SET(client, &ready);
      highest = std::max(highest, client);
    }
    if (select(highest + 1, &ready, nullptr, nullptr, nullptr) < 0) continue;
    if (FD_ISSET(listener, &ready)) {
      const int client = modbus_tcp_accept(context, &listener);
      if (client >= 0) clients.insert(client);
    }
    for (const int client : std::set<int>(clients)) {
      if (!FD_ISSET(client, &ready)) continue;
      std::uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
      modbus_set_socket(context, client);
      const int length = modbus_receive(context, query);
      if (length > 0) {
        tell(query, length);
        modbus_reply(context, query, length, cells);
      } else if (length < 0) {
        close(client);
        clients.erase(client);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: lab-plc ADDRESS [PORT]\n");
    return 2;
  }
  modbus_t* context = modbus_new_tcp(argv[1], argc > 2 ? std::atoi(argv[2]) : 502);
  modbus_mapping_t* cells = modbus_mapping_new(kCells, kCells, kCells, kCells);
  for (int i = 0; i < kCells; ++i) cells->tab_registers[i] = static_cast<std::uint16_t>(i);
  const int listener = modbus_tcp_listen(context, 16);
  if (listener < 0) {
    std::fprintf(stderr, "lab-plc: cannot listen on %s: %s\n", argv[1], modbus_strerror(errno));
    return 1;
  }
  std::printf("listening\n");
  std::fflush(stdout);
  serve(context, cells, listener);
}
