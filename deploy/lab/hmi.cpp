// lab-hmi: a Modbus client on libmodbus. Each command answers with one JSON line.
//   lab-hmi ADDRESS PORT COMMAND...     one session, one command
//   lab-hmi ADDRESS PORT -              one session, a command a line from standard input
// Commands: read ADDRESS COUNT | write ADDRESS VALUE... | raw BYTE... (unit, function, data)
//           load COMMAND_PER_SECOND SECONDS (reads ten registers, keeps count)
#include <modbus.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kPatienceOfLoadS = 5;  // a busy machine is not a lost request

std::string outcome(int result) {
  if (result >= 0) return "ok";
  if (errno == ETIMEDOUT) return "timeout";
  if (errno == ECONNRESET || errno == EPIPE || errno == EBADF) return "reset";
  if (errno == ECONNREFUSED) return "refused";
  if (errno == EHOSTUNREACH || errno == ENETUNREACH || errno == EINPROGRESS) return "unreachable";
  if (errno > MODBUS_ENOBASE && errno <= EMBXGTAR) {
    return "exception " + std::to_string(errno - MODBUS_ENOBASE);
  }
  return modbus_strerror(errno);
}

bool answer(const std::string& result, const std::vector<std::uint16_t>& values = {}) {
  std::printf("{\"result\":\"%s\"", result.c_str());
  if (!values.empty()) {
    std::printf(",\"values\":[");
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::printf("%s%u", i == 0 ? "" : ",", static_cast<unsigned>(values[i]));
    }
    std::printf("]");
  }
  std::printf("}\n");
  std::fflush(stdout);
  return result == "ok";
}

// Ends at a request without a good answer; those behind it count as failed too.
bool load(modbus_t* context, int per_second, int seconds) {
  modbus_set_response_timeout(context, kPatienceOfLoadS, 0);
  const auto begin = Clock::now();
  const int total = per_second * seconds;
  int failed = 0;
  std::vector<long> latencies_us;
  std::uint16_t registers[10];
  for (int i = 0; i < total; ++i) {
    std::this_thread::sleep_until(begin +
                                  std::chrono::nanoseconds(1'000'000'000LL * i / per_second));
    const auto sent = Clock::now();
    const bool answered = modbus_read_registers(context, 0, 10, registers) == 10;
    latencies_us.push_back(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - sent).count());
    if (!answered) {
      failed = total - i;
      break;
    }
  }
  std::sort(latencies_us.begin(), latencies_us.end());
  const auto elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf(
      "{\"result\":\"%s\",\"sent\":%d,\"failed\":%d,\"seconds\":%.3f,\"p50_us\":%ld,"
      "\"p99_us\":%ld}\n",
      failed == 0 ? "ok" : "lost", total, failed, elapsed, latencies_us[latencies_us.size() / 2],
      latencies_us[latencies_us.size() * 99 / 100]);
  return failed == 0;
}

bool run(modbus_t* context, const std::vector<std::string>& words) {
  const std::string command = words.empty() ? "" : words[0];
  std::vector<int> numbers;
  for (std::size_t i = 1; i < words.size(); ++i) {
    numbers.push_back(static_cast<int>(std::strtol(words[i].c_str(), nullptr, 0)));
  }
  if (command == "read" && numbers.size() == 2) {
    std::vector<std::uint16_t> registers(static_cast<std::size_t>(numbers[1]));
    const int result = modbus_read_registers(context, numbers[0], numbers[1], registers.data());
    return answer(outcome(result), result >= 0 ? registers : std::vector<std::uint16_t>{});
  }
  if (command == "write" && numbers.size() == 2) {
    return answer(outcome(
        modbus_write_register(context, numbers[0], static_cast<std::uint16_t>(numbers[1]))));
  }
  if (command == "write" && numbers.size() > 2) {
    const std::vector<std::uint16_t> values(numbers.begin() + 1, numbers.end());
    return answer(outcome(modbus_write_registers(context, numbers[0],
                                                 static_cast<int>(values.size()), values.data())));
  }
  if (command == "raw" && numbers.size() >= 2) {
    const std::vector<std::uint8_t> bytes(numbers.begin(), numbers.end());
    std::uint8_t response[MODBUS_TCP_MAX_ADU_LENGTH];
    int result = modbus_send_raw_request(context, bytes.data(), static_cast<int>(bytes.size()));
    if (result >= 0) result = modbus_receive_confirmation(context, response);
    if (result > 8 && (response[7] & 0x80) != 0) {
      return answer("exception " + std::to_string(response[8]));
    }
    return answer(outcome(result));
  }
  if (command == "load" && numbers.size() == 2) return load(context, numbers[0], numbers[1]);
  std::fprintf(stderr, "lab-hmi: unknown command %s\n", command.c_str());
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: lab-hmi ADDRESS PORT COMMAND... (or - for standard input)\n");
    return 2;
  }
  modbus_t* context = modbus_new_tcp(argv[1], std::atoi(argv[2]));
  modbus_set_slave(context, 1);
  modbus_set_response_timeout(context, 1, 0);
  errno = 0;
  if (modbus_connect(context) != 0) {
    answer(outcome(-1));
    return 1;
  }
  bool good = true;
  if (std::string(argv[3]) == "-") {
    for (std::string line; std::getline(std::cin, line);) {
      std::istringstream stream(line);
      std::vector<std::string> words;
      for (std::string word; stream >> word;) words.push_back(word);
      errno = 0;
      good = run(context, words) && good;
    }
  } else {
    good = run(context, std::vector<std::string>(argv + 3, argv + argc));
  }
  modbus_close(context);
  modbus_free(context);
  return good ? 0 : 1;
}
