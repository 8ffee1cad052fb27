// Reads the environment once, while the process has one thread.
#include "dataplane/daemon/notifier.h"

#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "dataplane/base/printable.h"

namespace bulkhead::daemon {

namespace {

std::uint64_t number_of(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}

// The period of the watchdog, unless it is another process's.
TimeNs read_watchdog() {
  const std::uint64_t process = number_of("WATCHDOG_PID");
  const bool ours = process == 0 || process == static_cast<std::uint64_t>(getpid());
  return ours ? number_of("WATCHDOG_USEC") * kMicrosecondNs : 0;
}

}  // namespace

Notifier::Notifier() : watchdog_ns_(read_watchdog()) {
  const char* variable = std::getenv("NOTIFY_SOCKET");
  const std::string_view path = variable == nullptr ? "" : variable;
  const bool usable = path.starts_with('/') || path.starts_with('@');
  if (!usable || path.size() >= sizeof(address_.sun_path)) return;
  address_.sun_family = AF_UNIX;
  std::memcpy(address_.sun_path, path.data(), path.size());
  address_bytes_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  if (path.starts_with('@')) {
    address_.sun_path[0] = '\0';  // an abstract one, whose length counts
  } else {
    ++address_bytes_;
  }
  socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

Notifier::~Notifier() {
  if (socket_ >= 0) close(socket_);
}

void Notifier::status(const std::string& status) {
  if (!is_heard() || status == status_) return;
  status_ = status;
  send("STATUS=" + printed(status), MSG_DONTWAIT);
}

// A line of its own each.
std::string Notifier::printed(const std::string& text) { return printable(text); }

void Notifier::send(const std::string& message, int flags) const {
  if (socket_ < 0) return;
  // What is lost is sent again, or missed: neither is mended here.
  static_cast<void>(sendto(socket_, message.data(), message.size(), flags | MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address_), address_bytes_));
}

}  // namespace bulkhead::daemon
