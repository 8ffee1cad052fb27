// Parses the Ethernet header and its VLAN tags.
#include "dataplane/wire/ethernet.h"

namespace bulkhead::wire {

namespace {

constexpr std::uint16_t kVidMask = 0x0fff;
constexpr std::uint16_t kVidReserved = 0x0fff;

bool is_tag(std::uint16_t ethertype) {
  return ethertype == kEtherTypeVlan || ethertype == kEtherTypeQinQ;
}

// One tag, or the first of two, whose EtherType was read.
bool read_vlan(ByteReader& reader, EthernetHeader& header) {
  const std::uint16_t outer_type = header.ethertype;
  header.vlan.outer = reader.u16() & kVidMask;
  header.ethertype = reader.u16();
  if (!is_tag(header.ethertype)) {
    return outer_type == kEtherTypeVlan && header.vlan.outer != kVidReserved;
  }
  const bool stacked = outer_type == kEtherTypeQinQ && header.ethertype == kEtherTypeVlan;
  header.vlan.inner = reader.u16() & kVidMask;
  header.ethertype = reader.u16();
  const auto names_a_vlan = [](std::uint16_t vid) {
    return vid != VlanIds::kNoVlan && vid != kVidReserved;
  };
  return stacked && !is_tag(header.ethertype) && names_a_vlan(header.vlan.outer) &&
         names_a_vlan(header.vlan.inner);
}

}  // namespace

bool parse_ethernet(ByteView frame, EthernetHeader& header) {
  if (frame.size() < kEthernetHeaderBytes) return false;
  header.destination = Mac::from(frame.data());
  header.source = Mac::from(frame.data() + 6);
  header.vlan = VlanIds{};
  ByteReader reader(frame.subspan(12));
  header.ethertype = reader.u16();
  const bool one_meaning = !is_tag(header.ethertype) || read_vlan(reader, header);
  header.payload_offset = static_cast<std::uint16_t>(12 + reader.offset());
  return reader.ok() && one_meaning && !header.source.is_group() && !header.source.is_zero() &&
         !header.destination.is_zero();
}

}  // namespace bulkhead::wire
