// Containment without a network: a file that root writes on the appliance. A line each:
//
//   zone control isolate
//   conduit scada read-only
//   all essential            # from here on a comment
//
// It must be root's, and nobody else may write it; of any other what stood before goes on to stand.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "bulkhead/v1/containment.pb.h"
#include "controlplane/access/file_stamp.h"

namespace bulkhead::controlplane {

class WatchedFile {
 public:
  static constexpr std::size_t kBytesMax = 64 * 1024;

  struct Line {
    v1::ContainmentTarget target;
    v1::ContainmentLevel level{};
  };
  struct Reading {
    bool counts = false;  // its lines are what stands from now on; a file that is gone has none
    std::vector<Line> lines;
    std::vector<std::string> problems;  // for people
  };

  // `owner`: whose the file must be.
  explicit WatchedFile(std::string path, uid_t owner = 0) : path_(std::move(path)), owner_(owner) {}

  const std::string& path() const { return path_; }
  // What the file says, if it may have changed since the last look.
  std::optional<Reading> look();

 private:
  Reading read() const;

  std::string path_;
  uid_t owner_;
  FileStamp stamp_;
  bool looked_ = false;
};

// The lines of a file's text; each line that cannot be read is a problem.
WatchedFile::Reading parse_watched(const std::string& text);

}  // namespace bulkhead::controlplane
