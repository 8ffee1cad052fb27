// A journal on disk, one flush a note: a file of fixed length, written from its start. Its space is
// reserved when it is made, so that a full disk refuses no note. A note that a crash cut short is
// ignored.
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

  // Reads the notes of the file, or creates it. An error is a text for people.
  static Result<std::unique_ptr<Journal>, std::string> open(const std::string& path,
                                                            std::vector<std::string>& notes);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Whether so many notes of kNoteBytesMax fit.
  bool has_room(std::size_t notes = 1) const {
    return end_ + notes * (kHeadBytes + kNoteBytesMax) <= kBytes;
  }
  // Appends a note. Empty, or the error: then it may be there after a crash, or not.
  // Precondition: has_room().
  std::string add(const std::string& note);
  // Replaces the journal with an empty one, or one of this note alone.
  std::string restart(const std::string& note = {});

 private:
  static constexpr std::size_t kHeadBytes = 12;  // length, and the beginning of the digest

  Journal(std::string path, int file) : path_(std::move(path)), file_(file) {}
  void read(std::vector<std::string>& notes);

  std::string path_;
  int file_;
  std::size_t end_ = 0;
};

}  // namespace bulkhead::controlplane
