// Keeps the first copy of every byte.
#include "controlplane/cli/reassembly.h"

#include <algorithm>

#include "dataplane/wire/transport.h"

namespace bulkhead::controlplane {

using wire::sequence_distance;

void Reassembly::begin(std::uint32_t sequence) {
  const bool same = begun_ && next_ == sequence + 1;
  if (same) return;
  *this = Reassembly();
  begun_ = true;
  next_ = sequence + 1;
}

void Reassembly::add(std::uint32_t sequence, ByteView payload) {
  if (payload.empty()) return;
  if (!begun_) {
    begun_ = true;
    next_ = sequence;
  }
  if (sequence_distance(sequence, next_) > 0) {
    if (pending_.size() >= kPendingMax) skip_to_pending();
    pending_.push_back({sequence, {payload.begin(), payload.end()}});
    return;
  }
  deliver(sequence, payload);
  deliver_pending();
}

void Reassembly::deliver(std::uint32_t sequence, ByteView payload) {
  const std::int32_t known = sequence_distance(next_, sequence);
  if (known < 0 || known >= static_cast<std::int32_t>(payload.size())) return;
  const ByteView fresh = payload.subspan(static_cast<std::size_t>(known));
  bytes_.insert(bytes_.end(), fresh.begin(), fresh.end());
  next_ += static_cast<std::uint32_t>(fresh.size());
}

void Reassembly::deliver_pending() {
  bool moved = true;
  while (moved && !pending_.empty()) {
    moved = false;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (sequence_distance(pending_[i].sequence, next_) > 0) continue;
      deliver(pending_[i].sequence, pending_[i].bytes);
      pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
      moved = true;
      break;
    }
  }
}

void Reassembly::skip_to_pending() {
  if (pending_.empty()) return;
  const auto first = std::min_element(
      pending_.begin(), pending_.end(),
      [](const Piece& a, const Piece& b) { return sequence_distance(a.sequence, b.sequence) < 0; });
  next_ = first->sequence;
  bytes_.clear();
  gap_ = true;
  deliver_pending();
}

void Reassembly::acknowledged(std::uint32_t acknowledgement) {
  while (begun_ && !pending_.empty() && sequence_distance(acknowledgement, next_) > 0) {
    const std::uint32_t before = next_;
    skip_to_pending();
    if (next_ == before) break;
  }
}

void Reassembly::finish() {
  while (!pending_.empty()) skip_to_pending();
}

void Reassembly::consume(std::size_t count) {
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(count));
}

bool Reassembly::take_gap() {
  const bool gap = gap_;
  gap_ = false;
  return gap;
}

}  // namespace bulkhead::controlplane
