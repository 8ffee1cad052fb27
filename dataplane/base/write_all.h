// Bytes into a descriptor that blocks, however many calls it takes.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace bulkhead {

// Whether all of them were taken; if not, errno says why.
inline bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace bulkhead
