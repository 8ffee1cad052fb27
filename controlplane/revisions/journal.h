// Notes on disk, a flush each: a file of fixed length, written from its beginning. Its room is
// taken when it is made, so that a full disk refuses no note. One that a crash cut short is none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

class Journal {
 public:
  static constexpr std::size_t kBytes = 16 * 1024;
  static constexpr std::size_t kNoteBytesMax = 256;

  // Reads the notes of the file, or makes it. All that fails is a text for people.
  static Result<std::unique_ptr<Journal>, std::string> open(const std::string& path,
                                                            std::vector<std::string>& notes);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // For one more of kNoteBytesMax.
  bool has_room() const { return end_ + kHeadBytes + kNoteBytesMax <= kBytes; }
  // Empty, or what is wrong: then it may be there after a crash, or not.
  // Precondition: has_room().
  std::string add(const std::string& note);
  // An empty one takes its place.
  std::string clear();

 private:
  static constexpr std::size_t kHeadBytes = 12;  // length, and the beginning of the digest

  Journal(std::string path, int file) : path_(std::move(path)), file_(file) {}
  void read(std::vector<std::string>& notes);

  std::string path_;
  int file_;
  std::size_t end_ = 0;
};

}  // namespace bulkhead::controlplane
