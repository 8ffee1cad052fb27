// access.yaml on the appliance, as it is now: each call looks whether the file has changed (device,
// inode, size, times), so that a change acts at the next one. A file with a mistake leaves the
// former rules in force; one that is removed leaves none.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "controlplane/access/access_rules.h"
#include "controlplane/access/file_stamp.h"

namespace bulkhead::controlplane {

class AccessFile {
 public:
  struct State {
    std::string path;
    bool in_force = false;  // rules are; without, only root on the local socket may act
    std::string sha256;     // of the text in force; empty without
    std::string problem;    // why the file on disk is not in force; empty if it is
  };
  // Called for each change of what is in force or of the problem, on the thread that looked, with a
  // text for people.
  using OnChange = std::function<void(const std::string& text)>;

  AccessFile(std::string path, OnChange on_change);

  // Thread-safe, all of them. current() looks at the disk, state() does not.
  AccessPointer current();
  State state() const;

 private:
  // True if what is in force, or the problem, is another one now.
  bool look();
  bool load();
  bool fail(const std::string& problem);
  std::string change_text() const;

  const std::string path_;
  const OnChange on_change_;
  mutable std::mutex mutex_;
  FileStamp stamp_;
  bool looked_ = false;
  bool may_change_unseen_ = false;  // the file is younger than the clock's grain
  AccessPointer rules_;
  std::string sha256_;
  std::string problem_;
};

}  // namespace bulkhead::controlplane
