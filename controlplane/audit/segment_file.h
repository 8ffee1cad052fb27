// The segment that is written: a file of fixed size, full of zeros when it is made, so that a full
// disk refuses no record that fits. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace bulkhead::audit {

struct Problem {
  enum class Kind { full, failed };
  Kind kind{};
  std::string text;  // cause and remedy
};

class SegmentFile {
 public:
  // Makes the file with a header, on disk with its name.
  static Result<std::unique_ptr<SegmentFile>, Problem> make(const std::string& path,
                                                            std::size_t bytes);
  // Goes on at `end`; up to `clear_to` there become zeros.
  static Result<std::unique_ptr<SegmentFile>, Problem> open(const std::string& path,
                                                            std::uint64_t end,
                                                            std::uint64_t clear_to);
  ~SegmentFile();
  SegmentFile(const SegmentFile&) = delete;
  SegmentFile& operator=(const SegmentFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t end() const { return end_; }
  std::uint64_t room() const { return bytes_ - end_; }
  // On disk when it returns. Empty, or the error; then the file is as before, if the disk permits,
  // and must not be written any more. Precondition: there is room.
  std::string append(std::string_view lines);
  // Gives back what is not used.
  void seal();

 private:
  SegmentFile(std::string path, int file, std::uint64_t end, std::uint64_t bytes)
      : path_(std::move(path)), file_(file), end_(end), bytes_(bytes) {}

  std::string path_;
  int file_;
  std::uint64_t end_;
  std::uint64_t bytes_;
};

}  // namespace bulkhead::audit
