// Open addressing with few probes: crafted collisions cost a row, never time.
#include "dataplane/ports/refusal_sums.h"

#include <type_traits>
#include <utility>

namespace bulkhead::ports {

RefusalSums::Key RefusalSums::key_of(const pipeline::Verdict& verdict, const flow::Packet& packet,
                                     std::uint32_t generation) {
  Key key;
  const bool routed = pipeline::has_addresses(packet);
  key.source = routed ? packet.ip.source : wire::IpAddress::from_mac(packet.ethernet.source);
  key.destination =
      routed ? packet.ip.destination : wire::IpAddress::from_mac(packet.ethernet.destination);
  key.generation = generation;
  key.conduit = verdict.standing.conduit;
  key.function = verdict.function;
  key.port = packet.port;
  key.protocol = verdict.protocol;
  key.reason = static_cast<std::uint8_t>(verdict.reason);
  key.fault = static_cast<std::uint8_t>(verdict.fault);
  return key;
}

RefusalSums::RefusalSums() : open_(new Book), closed_(new Book) {
  open_->clear();
  closed_->clear();
}

void RefusalSums::Book::clear() {
  rows = 0;
  slots.fill(kNoRow);
  of_host.fill(0);
  of_port.fill(0);
  unproven = 0;
  for (std::uint32_t i = 0; i < cells; ++i) rest[used[i]] = {};
  cells = 0;
  rows_told = 0;
  cells_told = 0;
}

// The slot with the key's row, else a free one; kSlots if there is neither nearby.
std::uint32_t RefusalSums::slot_of(const Key& key) const {
  static_assert(std::has_unique_object_representations_v<Key>);
  const ByteView bytes{reinterpret_cast<const std::uint8_t*>(&key), sizeof(key)};
  const std::uint64_t hash = flow::keyed_hash(hash_key_, bytes);
  for (std::uint32_t probe = 0; probe < kProbes; ++probe) {
    const auto slot = static_cast<std::uint32_t>((hash + probe) % kSlots);
    const std::uint16_t row = open_->slots[slot];
    if (row == kNoRow || open_->keys[row] == key) return slot;
  }
  return kSlots;
}

bool RefusalSums::count(const Key& key, TimeNs wall_ns) {
  const std::uint32_t slot = slot_of(key);
  if (slot == kSlots || open_->slots[slot] == kNoRow) return false;
  pipeline::Event& event = open_->events[open_->slots[slot]];
  ++event.count;
  event.last_wall_ns = wall_ns;
  return true;
}

bool RefusalSums::may_add(std::uint64_t host, std::uint16_t port, bool proven) const {
  if (open_->rows == kRowsMax || open_->of_host[host % kHosts] >= kRowsOfHost) return false;
  constexpr std::uint32_t kUnproven = kRowsMax / 2;
  return proven || (open_->unproven < kUnproven &&
                    open_->of_port[port % policy::kPortsMax] < 3 * kUnproven / 4);
}

pipeline::Event* RefusalSums::add(const Key& key, std::uint64_t host, bool proven) {
  if (!may_add(host, key.port, proven)) return nullptr;
  const std::uint32_t slot = slot_of(key);
  if (slot == kSlots) return nullptr;
  ++open_->of_host[host % kHosts];
  if (!proven) {
    ++open_->unproven;
    ++open_->of_port[key.port % policy::kPortsMax];
  }
  const auto row = static_cast<std::uint16_t>(open_->rows++);
  open_->slots[slot] = row;
  open_->keys[row] = key;
  return &open_->events[row];
}

void RefusalSums::count_rest(std::uint16_t port, Reason reason, TimeNs wall_ns) {
  const std::size_t cell =
      port % policy::kPortsMax * kReasons.size() + static_cast<std::size_t>(reason);
  Sum& sum = open_->rest[cell];
  if (sum.count++ == 0) {
    sum.first_wall_ns = wall_ns;
    open_->used[open_->cells++] = static_cast<std::uint16_t>(cell);
  }
  sum.last_wall_ns = wall_ns;
}

const pipeline::Event* RefusalSums::due(TimeNs now_ns) {
  if (closed_->is_told()) {
    if (now_ns < closes_ns_ || open_->is_told()) return nullptr;
    closes_ns_ = now_ns + kSecondNs;
    std::swap(open_, closed_);
    open_->clear();
  }
  if (closed_->rows_told < closed_->rows) return &closed_->events[closed_->rows_told];
  const std::uint16_t cell = closed_->used[closed_->cells_told];
  const Sum& sum = closed_->rest[cell];
  rest_event_ = {};
  rest_event_.is_rest = true;
  rest_event_.port = static_cast<std::uint16_t>(cell / kReasons.size());
  rest_event_.reason = static_cast<Reason>(cell % kReasons.size());
  rest_event_.count = sum.count;
  rest_event_.wall_ns = sum.first_wall_ns;
  rest_event_.last_wall_ns = sum.last_wall_ns;
  return &rest_event_;
}

void RefusalSums::told() {
  closed_->rows_told < closed_->rows ? ++closed_->rows_told : ++closed_->cells_told;
}

}  // namespace bulkhead::ports
