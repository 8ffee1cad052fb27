// A file of its own: the kernel's header and the C library's, which Asio has, exclude each other.
#include "controlplane/siem/acknowledged.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace bulkhead::siem {

std::uint64_t acknowledged_bytes(int socket) {
  tcp_info info{};
  socklen_t length = sizeof info;
  constexpr std::size_t kNeeded = offsetof(tcp_info, tcpi_bytes_acked) + sizeof(__u64);
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 || length < kNeeded) return 0;
  return info.tcpi_bytes_acked == 0 ? 0 : info.tcpi_bytes_acked - 1;  // one is the SYN's
}

}  // namespace bulkhead::siem
