// The file is judged by what was opened, not by its path.
#include "controlplane/access/operator_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace bulkhead::controlplane {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

// Others could give themselves rights.
std::string wrong_with(const struct stat& info, std::size_t bytes_max) {
  if (!S_ISREG(info.st_mode)) return "it is no regular file";
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return "others than its owner may write it: chmod go-w";
  }
  if (info.st_uid != 0 && info.st_uid != geteuid()) {
    return "it belongs to another user: chown root";
  }
  if (info.st_size > static_cast<off_t>(bytes_max)) {
    return "it is larger than " + std::to_string(bytes_max / 1024 / 1024) + " MiB";
  }
  return {};
}

std::optional<std::string> read_whole(int file, std::size_t bytes) {
  std::string text(bytes + 1, '\0');  // one more: it may have grown
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = read(file, text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  text.resize(length);
  return text;
}

}  // namespace

OperatorFile read_operator_file(const std::string& path, std::size_t bytes_max) {
  OperatorFile out;
  const auto failed = [&] {
    out.problem = "cannot read " + path + ": " + std::strerror(errno);
    return out;
  };
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info{};
  if (file.number() < 0 || fstat(file.number(), &info) != 0) return failed();
  out.stamp = stamp_of(info);
  const std::string wrong = wrong_with(info, bytes_max);
  if (!wrong.empty()) {
    out.problem = path + ": " + wrong;
    return out;
  }
  auto text = read_whole(file.number(), static_cast<std::size_t>(info.st_size));
  if (!text) return failed();
  out.text = std::move(*text);
  return out;
}

}  // namespace bulkhead::controlplane
