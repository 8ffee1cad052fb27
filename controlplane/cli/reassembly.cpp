// Keeps the first copy of every byte.
#include "controlplane/cli/reassembly.h"

#include <algorithm>

#include "dataplane/wire/transport.h"

namespace bulkhead::controlplane {

using wire::sequence_distance;

bool Reassembly::begin(std::uint32_t sequence) {
  const bool same = begun_ && next_ == sequence + 1;
  if (same) return false;
  *this = Reassembly();
  begun_ = true;
  next_ = sequence + 1;
  return true;
}

void Reassembly::add(std::uint32_t sequence, ByteView payload, std::uint32_t frame) {
  if (payload.empty()) return;
  if (!begun_) {
    // RFC 1122, 4.2.3.6: a keep-alive may repeat the byte before the next, or any in its place.
    const bool keeps_alive = payload.size() == 1;
    begun_ = true;
    next_ = sequence + (keeps_alive ? 1U : 0U);
  }
  if (sequence_distance(sequence, next_) > 0) {
    if (pending_.size() >= kPendingMax || pending_bytes_ >= kPendingBytesMax) skip_to_pending();
    pending_bytes_ += payload.size();
    pending_.push_back({sequence, frame, {payload.begin(), payload.end()}});
    return;
  }
  deliver(sequence, payload, frame);
  deliver_pending(frame);
}

void Reassembly::deliver(std::uint32_t sequence, ByteView payload, std::uint32_t frame) {
  const std::int32_t known = sequence_distance(next_, sequence);
  if (known < 0 || known >= static_cast<std::int32_t>(payload.size())) return;
  const ByteView fresh = payload.subspan(static_cast<std::size_t>(known));
  bytes_.insert(bytes_.end(), fresh.begin(), fresh.end());
  runs_.push_back({fresh.size(), frame});
  if (bytes_.size() > kBytesMax) discard();
  next_ += static_cast<std::uint32_t>(fresh.size());
}

void Reassembly::deliver_pending(std::uint32_t frame) {
  bool moved = true;
  while (moved && !pending_.empty()) {
    moved = false;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (sequence_distance(pending_[i].sequence, next_) > 0) continue;
      deliver(pending_[i].sequence, pending_[i].bytes, frame != 0 ? frame : pending_[i].frame);
      pending_bytes_ -= pending_[i].bytes.size();
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
  skipped_ = true;
  discard();
  deliver_pending(0);
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

std::uint32_t Reassembly::completed_in(std::size_t count) const {
  std::uint32_t latest = 0;
  std::size_t seen = 0;
  for (auto run = runs_.begin(); run != runs_.end() && seen < count; ++run) {
    latest = std::max(latest, run->frame);
    seen += run->length;
  }
  return latest;
}

void Reassembly::consume(std::size_t count) {
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(count));
  while (count > 0 && !runs_.empty()) {
    const std::size_t part = std::min(count, runs_.front().length);
    runs_.front().length -= part;
    count -= part;
    if (runs_.front().length == 0) runs_.pop_front();
  }
}

}  // namespace bulkhead::controlplane
