// Keys that this program reads itself leave no copy behind.
#pragma once

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace bulkhead {

// Overwrites the text; the compiler keeps the writes.
inline void wipe(std::string& text) {
  explicit_bzero(text.data(), text.size());
  text.clear();
}

// A whole file, read into one buffer; empty if it cannot be read or is longer than a key is.
inline std::string read_secret(const std::string& path) {
  constexpr off_t kBytesMax = 64 * 1024;
  std::string text;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return text;
  struct stat info{};
  if (fstat(file, &info) == 0 && info.st_size <= kBytesMax) {
    text.resize(static_cast<std::size_t>(info.st_size));
    const ssize_t length = read(file, text.data(), text.size());
    text.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
  }
  close(file);
  return text;
}

// No core dump has this process's memory, and no other process of its user reads it.
inline void keep_memory_private() { prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL); }

}  // namespace bulkhead
