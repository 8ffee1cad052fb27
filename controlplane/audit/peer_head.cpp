// A line in a file, replaced as a whole.
#include "controlplane/audit/peer_head.h"

#include <utility>

#include "controlplane/revisions/files.h"

namespace bulkhead::audit {

PeerHead::PeerHead(std::string path, Trail& trail) : path_(std::move(path)), trail_(trail) {
  std::string text = controlplane::read_file(path_).value_or("");
  if (text.ends_with('\n')) text.pop_back();
  head_ = parse_head(text);
  if (!head_ && !text.empty()) {
    trail_.event("pair", path_ + " is damaged: the head of the peer's audit log is not known");
  }
}

void PeerHead::note(const std::string& text) {
  const auto head = parse_head(text);
  const std::lock_guard guard(mutex_);
  if (!head || head == head_) return;
  const bool went_back = head_ && head->number <= head_->number;
  if (went_back) {
    trail_.event("pair",
                 "the peer's audit log went back: records were cut from its end or written anew",
                 {{"head_before", text_of(*head_)}, {"head_now", text}});
  }
  // Where it cannot be stored, the next one may be; status and events report a full disk.
  controlplane::replace_file(path_, text + "\n");
  head_ = head;
}

std::optional<Head> PeerHead::head() const {
  const std::lock_guard guard(mutex_);
  return head_;
}

}  // namespace bulkhead::audit
