// Each byte goes in under its 64-bit place in the stream.
#include "tests/adversarial/model/receivers.h"

namespace bulkhead::adversary {

std::optional<std::string> Receivers::take(const support::SentTcp& segment) {
  if (!begun_ || segment.payload.empty()) return std::nullopt;
  const std::int32_t ahead = wire::sequence_distance(segment.header.sequence,
                                                     first_ + static_cast<std::uint32_t>(reached_));
  const std::int64_t from = static_cast<std::int64_t>(reached_) + ahead;
  if (from < 0) return "a segment from before the stream's beginning was forwarded";
  for (std::size_t i = 0; i < segment.payload.size(); ++i) {
    const std::uint64_t at = static_cast<std::uint64_t>(from) + i;
    const auto [entry, fresh] = seen_.emplace(at, segment.payload[i]);
    if (!fresh && entry->second != segment.payload[i]) {
      return "two copies of byte " + std::to_string(at) + " differ on the wire";
    }
    for (std::size_t m = 0; m < kCount; ++m) {
      Model& model = models_[m];
      const bool last_wins = (m & 1) != 0;
      const bool out_of_order = (m & 2) != 0;
      const std::uint64_t next = model.accepted.size();
      if (at < next || (!out_of_order && static_cast<std::uint64_t>(from) > next)) continue;
      if (last_wins) {
        model.waiting[at] = segment.payload[i];
      } else {
        model.waiting.emplace(at, segment.payload[i]);
      }
    }
  }
  reached_ = std::max(reached_, static_cast<std::uint64_t>(from) + segment.payload.size());
  for (Model& model : models_) {
    for (auto it = model.waiting.begin();
         it != model.waiting.end() && it->first == model.accepted.size();) {
      model.accepted.push_back(it->second);
      it = model.waiting.erase(it);
    }
  }
  return std::nullopt;
}

}  // namespace bulkhead::adversary
