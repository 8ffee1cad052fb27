// Opened first and examined afterwards, so that what was examined is what is read.
#include "controlplane/containment/watched_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

#include "controlplane/containment/state.h"

namespace bulkhead::controlplane {

namespace {

struct Descriptor {
  int number;
  explicit Descriptor(int opened) : number(opened) {}
  ~Descriptor() {
    if (number >= 0) close(number);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

std::optional<std::string> read_all(int descriptor) {
  std::string text(WatchedFile::kBytesMax + 1, '\0');
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const ssize_t some = ::read(descriptor, text.data() + bytes, text.size() - bytes);
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) return std::nullopt;
    if (some == 0) break;
    bytes += static_cast<std::size_t>(some);
  }
  text.resize(bytes);
  return text;
}

std::optional<WatchedFile::Line> parse_line(const std::vector<std::string>& words) {
  WatchedFile::Line line;
  const auto level = find_level(words.back());
  if (!level || *level == v1::CONTAINMENT_LEVEL_NORMAL) return std::nullopt;
  line.level = *level;
  if (words.size() == 2 && words[0] == "all") {
    line.target.set_all(true);
  } else if (words.size() == 3 && words[0] == "zone") {
    line.target.set_zone(words[1]);
  } else if (words.size() == 3 && words[0] == "conduit") {
    line.target.set_conduit(words[1]);
  } else {
    return std::nullopt;
  }
  return line;
}

WatchedFile::Reading untrusted(const std::string& problem) {
  WatchedFile::Reading reading;
  reading.problems.push_back(problem);
  return reading;
}

}  // namespace

WatchedFile::Reading parse_watched(const std::string& text) {
  WatchedFile::Reading reading;
  reading.counts = true;
  std::istringstream lines(text);
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream rest(line.substr(0, line.find('#')));
    std::vector<std::string> words;
    for (std::string word; rest >> word;) words.push_back(word);
    if (words.empty()) continue;
    if (auto parsed = parse_line(words)) {
      reading.lines.push_back(std::move(*parsed));
    } else {
      reading.problems.push_back("line " + std::to_string(number) +
                                 " is not `zone NAME LEVEL`, `conduit NAME LEVEL` or `all LEVEL` "
                                 "with the level read-only, essential or isolate");
    }
  }
  return reading;
}

std::optional<WatchedFile::Reading> WatchedFile::look() {
  const FileStamp now = stamp_of(path_);
  if (looked_ && now == stamp_ && !now.is_young()) return std::nullopt;
  looked_ = true;
  stamp_ = now;
  return read();
}

WatchedFile::Reading WatchedFile::read() const {
  const Descriptor file(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (file.number < 0 && errno == ENOENT) return parse_watched("");
  if (file.number < 0) return untrusted(std::string("cannot be read: ") + std::strerror(errno));
  struct stat info{};
  if (fstat(file.number, &info) != 0) return untrusted("cannot be examined");
  if (!S_ISREG(info.st_mode)) return untrusted("is no file");
  if (info.st_uid != owner_) return untrusted("is not root's: chown root it");
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return untrusted("may be written by others than root: chmod 644 it");
  }
  const auto text = read_all(file.number);
  if (!text) return untrusted("cannot be read");
  if (text->size() > kBytesMax) return untrusted("is longer than 64 KiB");
  return parse_watched(*text);
}

}  // namespace bulkhead::controlplane
