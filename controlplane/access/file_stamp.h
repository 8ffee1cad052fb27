// Tells whether a file has changed without reading it.
#pragma once

#include <sys/stat.h>

#include <ctime>
#include <string>

namespace bulkhead::controlplane {

struct FileStamp {
  bool exists = false;
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  timespec modified{};
  timespec changed{};

  bool operator==(const FileStamp& other) const {
    const auto same = [](const timespec& a, const timespec& b) {
      return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
    };
    return exists == other.exists && device == other.device && inode == other.inode &&
           size == other.size && same(modified, other.modified) && same(changed, other.changed);
  }
  // True while another change may leave the same times: they are as coarse as the clock's tick.
  bool is_young() const {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return exists && changed.tv_sec + 1 >= now.tv_sec;
  }
};

inline FileStamp stamp_of(const struct stat& info) {
  return {true, info.st_dev, info.st_ino, info.st_size, info.st_mtim, info.st_ctim};
}

inline FileStamp stamp_of(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 ? stamp_of(info) : FileStamp();
}

}  // namespace bulkhead::controlplane
