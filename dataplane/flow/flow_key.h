// Identifies a session: both endpoints, the transport and the VLAN, the same for both directions.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/wire/address.h"
#include "dataplane/wire/ethernet.h"

namespace bulkhead::flow {

// The endpoint that sorts lower stands first. Plain bytes without padding: hashed and compared
// whole.
struct FlowKey {
  wire::IpAddress low;
  wire::IpAddress high;
  std::uint16_t low_port = 0;
  std::uint16_t high_port = 0;
  std::uint16_t vlan_outer = 0;
  std::uint16_t vlan_inner = 0;
  std::uint32_t protocol = 0;  // IP protocol number
  // 4: a session of the same hosts and ports with client and server exchanged. 5: a question to
  // many, which each may answer. 6: in records for the peer, a relation (expectation_table.h). 1 to
  // 3: in records of an earlier release, and ignored.
  std::uint32_t opened_by = 0;

  // False for entries that only keep what was opened or asked.
  bool is_session() const { return opened_by == 0 || opened_by == 4; }

  bool operator==(const FlowKey& other) const {
    std::array<std::uint64_t, 6> one, two;
    std::memcpy(one.data(), this, sizeof(one));
    std::memcpy(two.data(), &other, sizeof(two));
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i < one.size(); ++i) difference |= one[i] ^ two[i];
    return difference == 0;
  }
};
static_assert(sizeof(FlowKey) == 48);  // rte_hash compares keys of that size without a call

struct OrderedKey {
  FlowKey key;
  bool source_is_low = false;
};

// As make_key() for IPv4, written in place; true if the source is the low end.
inline bool write_key_v4(FlowKey& key, std::uint32_t source, std::uint16_t source_port,
                         std::uint32_t destination, std::uint16_t destination_port,
                         std::uint8_t protocol, wire::VlanIds vlan) {
  constexpr std::uint64_t kMapped = std::uint64_t{0xffff} << 32;
  const bool source_is_low =
      source < destination || (source == destination && source_port <= destination_port);
  const auto write = [](wire::IpAddress& address, std::uint32_t v4) {
    store_be64(address.bytes.data(), 0);
    store_be64(address.bytes.data() + 8, kMapped | v4);
  };
  write(key.low, source_is_low ? source : destination);
  write(key.high, source_is_low ? destination : source);
  key.low_port = source_is_low ? source_port : destination_port;
  key.high_port = source_is_low ? destination_port : source_port;
  key.vlan_outer = vlan.outer;
  key.vlan_inner = vlan.inner;
  key.protocol = protocol;
  key.opened_by = 0;
  return source_is_low;
}

inline OrderedKey make_key(const wire::IpAddress& source, std::uint16_t source_port,
                           const wire::IpAddress& destination, std::uint16_t destination_port,
                           std::uint8_t protocol, wire::VlanIds vlan) {
  OrderedKey ordered;
  const auto order = source <=> destination;
  ordered.source_is_low = order < 0 || (order == 0 && source_port <= destination_port);
  FlowKey& key = ordered.key;
  key.low = ordered.source_is_low ? source : destination;
  key.high = ordered.source_is_low ? destination : source;
  key.low_port = ordered.source_is_low ? source_port : destination_port;
  key.high_port = ordered.source_is_low ? destination_port : source_port;
  key.vlan_outer = vlan.outer;
  key.vlan_inner = vlan.inner;
  key.protocol = protocol;
  return ordered;
}

}  // namespace bulkhead::flow
