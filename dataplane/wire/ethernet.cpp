// Parses the Ethernet header and its VLAN tags.
#include "dataplane/wire/ethernet.h"

namespace bulkhead::wire {

bool parse_ethernet(ByteView frame, EthernetHeader& header) {
  constexpr int kTagsMax = 2;
  constexpr std::uint16_t kVidMask = 0x0fff;
  if (frame.size() < kEthernetHeaderBytes) return false;
  header.destination = Mac::from(frame.data());
  header.source = Mac::from(frame.data() + 6);
  header.vlan = VlanIds{};
  ByteReader reader(frame.subspan(12));
  std::uint16_t ethertype = reader.u16();
  int tags = 0;
  while (ethertype == kEtherTypeVlan || ethertype == kEtherTypeQinQ) {
    if (++tags > kTagsMax) return false;
    const auto vid = static_cast<std::uint16_t>(reader.u16() & kVidMask);
    ethertype = reader.u16();
    if (vid == VlanIds::kNoVlan) continue;
    (header.vlan.outer == VlanIds::kNoVlan ? header.vlan.outer : header.vlan.inner) = vid;
  }
  header.ethertype = ethertype;
  header.payload_offset = static_cast<std::uint16_t>(12 + reader.offset());
  return reader.ok() && !header.source.is_group() && !header.source.is_zero() &&
         !header.destination.is_zero();
}

}  // namespace bulkhead::wire
