// Orders and answers are datagrams of a socket pair, each with the order's number: a late answer is
// not taken for the next one's.
#include "dataplane/ports/carriers.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dataplane/ports/kernel_interface.h"

namespace bulkhead::ports {

namespace {

struct Order {
  std::uint32_t number = 0;
  std::uint32_t interface = 0;
  std::uint32_t up = 0;
};

struct Answer {
  std::uint32_t number = 0;
  std::uint32_t done = 0;
};

// Until the data plane has gone.
void serve(int socket, const std::vector<std::string>& interfaces) {
  for (;;) {
    Order order;
    const ssize_t length = recv(socket, &order, sizeof(order), 0);
    if (length < 0 && errno == EINTR) continue;
    if (length != sizeof(order)) return;
    const bool ours = std::ranges::count(interfaces, interface_name(order.interface)) != 0;
    const Answer answer{order.number,
                        ours && set_interface(order.interface, order.up != 0) ? 1U : 0U};
    if (send(socket, &answer, sizeof(answer), MSG_NOSIGNAL) < 0) return;
  }
}

[[noreturn]] void run(int socket, const std::vector<std::string>& interfaces,
                      const Carriers::GiveUp& give_up) {
  prctl(PR_SET_NAME, "carriers", 0UL, 0UL, 0UL);
  // The data plane lets go of what it holds when it ends, and this one ends after it.
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  if (!give_up()) serve(socket, interfaces);
  _exit(0);
}

}  // namespace

Result<std::unique_ptr<Carriers>, std::string> Carriers::begin(
    const std::vector<std::string>& interfaces, const GiveUp& give_up) {
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return std::string("carriers: ") + std::strerror(errno);
  }
  const pid_t process = fork();
  if (process < 0) return std::string("carriers: ") + std::strerror(errno);
  if (process == 0) {
    close(ends[0]);
    run(ends[1], interfaces, give_up);
  }
  close(ends[1]);
  return std::unique_ptr<Carriers>(new Carriers(ends[0]));
}

Carriers::~Carriers() { close(socket_); }

bool Carriers::set(unsigned interface, bool up) {
  constexpr int kPatienceMs = 1000;
  const Order order{++number_, interface, up ? 1U : 0U};
  if (send(socket_, &order, sizeof(order), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return false;
  for (;;) {
    pollfd readable{socket_, POLLIN, 0};
    if (poll(&readable, 1, kPatienceMs) <= 0) return false;
    Answer answer;
    if (recv(socket_, &answer, sizeof(answer), MSG_DONTWAIT) != sizeof(answer)) return false;
    if (answer.number == order.number) return answer.done != 0;
  }
}

}  // namespace bulkhead::ports
