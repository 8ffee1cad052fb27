// The head of the peer's audit log, kept on disk here: what an intruder cuts from the end of the
// log there still shows. Thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "controlplane/audit/trail.h"

namespace bulkhead::audit {

class PeerHead {
 public:
  // Reads the file, if there is one. The trail outlives it.
  PeerHead(std::string path, Trail& trail);

  // What the peer has sent, NUMBER:HASH. Waits for the disk. A log that went back is recorded;
  // the new head is kept from then on.
  void note(const std::string& text);
  std::optional<Head> head() const;

 private:
  const std::string path_;
  Trail& trail_;
  mutable std::mutex mutex_;
  std::optional<Head> head_;
};

}  // namespace bulkhead::audit
