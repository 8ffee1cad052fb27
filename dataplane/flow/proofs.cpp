// Four-way set-associative; of a full set the entry gives way that was seen least lately.
#include "dataplane/flow/proofs.h"

#include <array>
#include <cstring>

#include "dataplane/policy/tables.h"

namespace bulkhead::flow {

namespace {

std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32) | 1U; }

std::uint32_t seconds(TimeNs now_ns) { return static_cast<std::uint32_t>(now_ns / kSecondNs); }

}  // namespace

std::uint64_t HostAt::hash(const HashKey& key) const {
  std::array<std::uint8_t, 24> bytes;
  std::memcpy(bytes.data(), address.bytes.data(), 16);
  std::memcpy(bytes.data() + 16, mac.bytes.data(), 6);
  store_be16(bytes.data() + 22, port);
  return keyed_hash(key, bytes);
}

Proofs::Proofs() : entries_(new Entry[std::size_t{policy::kPortsMax} * kPerPort]) {}

Proofs::Entry* Proofs::set_of(std::uint64_t hash, std::uint16_t port) const {
  const std::size_t set = hash % (kPerPort / kWays);
  return &entries_[port % policy::kPortsMax * std::size_t{kPerPort} + set * kWays];
}

bool Proofs::holds(std::uint64_t hash, std::uint16_t port, TimeNs now_ns) const {
  const Entry* set = set_of(hash, port);
  for (std::uint32_t way = 0; way < kWays; ++way) {
    if (set[way].tag == tag_of(hash)) return seconds(now_ns) - set[way].seen_s < kAgeNs / kSecondNs;
  }
  return false;
}

void Proofs::note(std::uint64_t hash, std::uint16_t port, TimeNs now_ns) {
  Entry* set = set_of(hash, port);
  Entry* place = set;
  for (std::uint32_t way = 0; way < kWays; ++way) {
    if (set[way].tag == tag_of(hash)) {
      place = &set[way];
      break;
    }
    if (set[way].tag == 0 || set[way].seen_s < place->seen_s) place = &set[way];
  }
  *place = {tag_of(hash), seconds(now_ns)};
}

}  // namespace bulkhead::flow
