// Messages to the service manager (sd_notify(3)): datagrams to the socket that NOTIFY_SOCKET names.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "dataplane/base/clock.h"

namespace bulkhead::daemon {

class Notifier {
 public:
  // As the environment says; without a service manager it sends nothing.
  Notifier();
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  bool is_heard() const { return socket_ >= 0; }
  // alive() is expected at least so often (WATCHDOG_USEC); 0: it is not.
  TimeNs watchdog_ns() const { return watchdog_ns_; }

  void ready(const std::string& status) { send("READY=1\nSTATUS=" + printed(status), 0); }
  // Sent only if it has changed.
  void status(const std::string& status);
  void alive() { send("WATCHDOG=1", MSG_DONTWAIT); }
  void stopping() { send("STOPPING=1\nSTATUS=stopping", MSG_DONTWAIT); }

 private:
  static std::string printed(const std::string& text);
  void send(const std::string& message, int flags) const;

  int socket_ = -1;
  sockaddr_un address_{};
  socklen_t address_bytes_ = 0;
  TimeNs watchdog_ns_ = 0;
  std::string status_;
};

}  // namespace bulkhead::daemon
