// Each byte goes in under its place in the stream, counted without wrapping round.
#include "tests/adversarial/model/receivers.h"

#include <algorithm>

namespace bulkhead::adversary {

std::optional<std::string> Receivers::take(const support::SentTcp& segment) {
  const bool fin = (segment.header.flags & wire::kTcpFin) != 0;
  if (!begun_ || (segment.payload.empty() && !fin)) return std::nullopt;
  const std::int32_t ahead = wire::sequence_distance(segment.header.sequence,
                                                     first_ + static_cast<std::uint32_t>(reached_));
  const std::int64_t from = static_cast<std::int64_t>(reached_) + ahead;
  constexpr std::int64_t kFarthest = 16 << 20;
  if (from < 0) return "a segment from before the stream's beginning was forwarded";
  if (ahead > kFarthest) return "a segment from far beyond any window was forwarded";
  const auto begin = static_cast<std::size_t>(from);
  const std::size_t end = begin + segment.payload.size();
  if (fin && end < reached_) return "an end stands inside of what was forwarded";
  if (!segment.payload.empty()) segments_.emplace_back(begin, segment.payload.size());
  reached_ = std::max(reached_, static_cast<std::uint64_t>(end));
  seen_.resize(reached_, kNone);
  for (std::size_t at = begin; at < end; ++at) {
    const std::uint8_t byte = segment.payload[at - begin];
    if (seen_[at] != kNone && seen_[at] != byte) {
      return "two copies of byte " + std::to_string(at) + " differ on the wire";
    }
    seen_[at] = byte;
  }
  for (std::size_t m = 0; m < kCount; ++m) {
    Model& model = models_[m];
    const bool last_wins = (m & 1) != 0;
    const bool out_of_order = (m & 2) != 0;
    const std::size_t next = model.accepted.size();
    if (!out_of_order && begin > next) continue;
    model.waiting.resize(reached_, kNone);
    for (std::size_t at = std::max(begin, next); at < end; ++at) {
      std::uint16_t& place = model.waiting[at];
      if (last_wins || place == kNone) place = segment.payload[at - begin];
    }
    for (std::size_t at = next; at < model.waiting.size() && model.waiting[at] != kNone; ++at) {
      model.accepted.push_back(static_cast<std::uint8_t>(model.waiting[at]));
    }
  }
  return std::nullopt;
}

}  // namespace bulkhead::adversary
