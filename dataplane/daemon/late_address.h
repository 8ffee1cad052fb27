// Listening on an address that the machine does not have yet: at power-up its network may come
// late, or not at all, and enforcement does not wait for it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bulkhead::daemon {

// Lets a socket be bound to such an address.
inline void allow_late_address(int socket, int family) {
  const int on = 1;
  if (family == AF_INET) setsockopt(socket, IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
  if (family == AF_INET6) setsockopt(socket, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on);
}

// Whether the machine has the address now, any port.
inline bool has_address(const sockaddr* address, socklen_t bytes) {
  sockaddr_storage any_port{};
  __builtin_memcpy(&any_port, address, bytes);
  if (any_port.ss_family == AF_INET) reinterpret_cast<sockaddr_in*>(&any_port)->sin_port = 0;
  if (any_port.ss_family == AF_INET6) reinterpret_cast<sockaddr_in6*>(&any_port)->sin6_port = 0;
  const int probe = socket(any_port.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool has = bind(probe, reinterpret_cast<const sockaddr*>(&any_port), bytes) == 0;
  close(probe);
  return has;
}

}  // namespace bulkhead::daemon
