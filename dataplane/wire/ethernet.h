// Ethernet II frames with up to two VLAN tags (IEEE 802.3, 802.1Q, 802.1ad).
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/address.h"

namespace bulkhead::wire {

constexpr std::size_t kEthernetHeaderBytes = 14;
constexpr std::size_t kVlanTagBytes = 4;
constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
constexpr std::uint16_t kEtherTypeArp = 0x0806;
constexpr std::uint16_t kEtherTypeVlan = 0x8100;
constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;
constexpr std::uint16_t kEtherTypeQinQ = 0x88a8;
constexpr std::uint16_t kEtherTypeRarp = 0x8035;
// IEEE 802, 9.2.4: for local experiments. In-band frames of a pair, which never leave its zones.
constexpr std::uint16_t kEtherTypePair = 0x88b5;

// The VLAN that the next switch reads in a frame: one tag is a customer VLAN (EtherType 8100), two
// are a service tag (88a8) followed by a customer tag (IEEE 802.1Q, 9.5). A priority tag (VID 0,
// 8100, 6.9) alone is no VLAN.
struct VlanIds {
  static constexpr std::uint16_t kNoVlan = 0;
  std::uint16_t outer = kNoVlan;
  std::uint16_t inner = kNoVlan;
  bool operator==(const VlanIds&) const = default;
};

struct EthernetHeader {
  Mac destination;
  Mac source;
  VlanIds vlan;
  std::uint16_t ethertype = 0;
  std::uint16_t payload_offset = 0;
};

// False if the frame is truncated, comes from a group, has a zero address, or has tags that
// switches read in more than one way: three or more, a priority tag beside another tag, two
// customer tags, a service tag that is the last, or VID fff, which is reserved (IEEE 802.1Q, 9.6).
bool parse_ethernet(ByteView frame, EthernetHeader& header);

}  // namespace bulkhead::wire
