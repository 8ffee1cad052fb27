// The appliance's folder of keys, as it is now: what changes on the disk is checked as a whole and
// counts from the next look on. Files that do not fit each other leave the former ones in force.
#pragma once

#include <array>
#include <ctime>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "controlplane/access/appliance_credentials.h"
#include "controlplane/access/file_stamp.h"

namespace bulkhead::controlplane {

class PkiFolder {
 public:
  struct Callbacks {
    // The credentials to use from now on; not for the first ones.
    std::function<void(const CredentialsPointer& credentials)> on_credentials;
    // Something to know: a change, a new problem or warning. A text for people.
    std::function<void(const std::string& text)> on_change;
  };

  // `credentials` are those that the folder had at the start.
  PkiFolder(std::string folder, CredentialsPointer credentials, Callbacks callbacks);

  // Looks at the disk, and at what expires by `now`. Called by one thread, about every second.
  void look(std::time_t now);

  // The rest is thread-safe.
  CredentialsPointer credentials() const;
  // A line each: why the files on the disk are not in force, keys that others can read, what
  // expires.
  std::vector<std::string> warnings() const;

 private:
  using Stamps = std::array<FileStamp, 4>;
  Stamps stamps() const;
  bool read_anew();
  std::string compare(const ApplianceCredentials& next) const;
  void note_warnings(std::time_t now);
  std::vector<std::string> find_warnings(std::time_t now) const;

  const std::string folder_;
  const Callbacks callbacks_;
  mutable std::mutex mutex_;
  CredentialsPointer credentials_;
  std::vector<std::string> warnings_;
  // Of the thread that looks:
  Stamps stamps_;
  std::string problem_;             // why the files on the disk are not in force
  std::set<std::string> reported_;  // warnings that have been
};

}  // namespace bulkhead::controlplane
