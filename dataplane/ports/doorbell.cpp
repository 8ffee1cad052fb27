// An epoll of the queues' sockets and an eventfd. Level-triggered: what came before the sleep ends
// it at once.
#include "dataplane/ports/doorbell.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "dataplane/ports/port_set.h"

namespace bulkhead::ports {

namespace {

bool watch(int epoll, int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

}  // namespace

Result<Doorbell, std::string> Doorbell::make(const PortSet& ports, std::uint16_t queue) {
  Doorbell made;
  made.epoll_ = epoll_create1(EPOLL_CLOEXEC);
  made.bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (made.epoll_ < 0 || made.bell_ < 0 || !watch(made.epoll_, made.bell_)) {
    return std::string("a worker's bell: ") + std::strerror(errno);
  }
  for (std::uint16_t port = 0; port < ports.size(); ++port) {
    const int descriptor = ports.receive_descriptor(port, queue);
    made.hears_all_ports_ =
        made.hears_all_ports_ && descriptor >= 0 && watch(made.epoll_, descriptor);
  }
  return made;
}

Doorbell::Doorbell(Doorbell&& other) noexcept
    : epoll_(other.epoll_), bell_(other.bell_), hears_all_ports_(other.hears_all_ports_) {
  other.epoll_ = other.bell_ = -1;
}

Doorbell::~Doorbell() {
  if (epoll_ >= 0) close(epoll_);
  if (bell_ >= 0) close(bell_);
}

void Doorbell::sleep(int timeout_ms) {
  epoll_event event{};
  const int woken = epoll_wait(epoll_, &event, 1, timeout_ms);
  asleep_.store(false, std::memory_order_relaxed);
  std::uint64_t rings = 0;
  if (woken > 0 && event.data.fd == bell_ && read(bell_, &rings, sizeof(rings)) < 0) return;
}

void Doorbell::ring() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!asleep_.load(std::memory_order_seq_cst)) return;
  const std::uint64_t one = 1;
  if (write(bell_, &one, sizeof(one)) < 0) return;  // it is full of rings already
}

}  // namespace bulkhead::ports
