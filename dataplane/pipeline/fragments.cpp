// Fragments, where a conduit puts them together: the whole packet is parsed and judged like any
// other, and what passes is that packet, taken apart again if the wire needs it.
#include "dataplane/pipeline/fragments.h"

#include "dataplane/policy/classifier.h"

namespace bulkhead::pipeline {

namespace {

// Which ports a fragment is for is not known yet: any conduit between the two zones will do here,
// and the one that the whole packet belongs to decides.
bool may_reassemble(const BurstContext& context, const flow::Packet& packet) {
  const policy::Tables& tables = context.tables();
  const policy::ZoneLookup source =
      policy::find_source_zone(tables, packet.port, packet.ethernet.vlan, packet.ip.source);
  const std::uint16_t destination = policy::find_zone(tables, packet.ip.destination);
  if (source.zone == policy::kNoZone || !source.known_source || destination == policy::kNoZone ||
      !policy::binding_holds(tables, packet.ip.source, packet.ethernet.source) ||
      !policy::mac_may_send_from(tables, packet.ethernet.source, packet.port, packet.ethernet.vlan,
                                 packet.ip.source, true)) {
    return false;
  }
  for (const policy::Conduit* conduit : {policy::find_conduit(tables, source.zone, destination),
                                         policy::find_conduit(tables, destination, source.zone)}) {
    if (conduit != nullptr && conduit->reassemble) return true;
  }
  return false;
}

// A fragment header that makes no fragment (RFC 6946) is of no use to an honest sender.
bool is_atomic(const flow::Packet& packet) {
  if (packet.ip.version == 4 || packet.ip.payload_length < 8) return packet.ip.version != 4;
  const std::uint8_t* header = packet.bytes() + packet.ip_offset + wire::kIpv6HeaderBytes;
  return (load_be16(header + 2) & 0xfff9) == 0;
}

bool is_tcp(const rte_mbuf* whole, std::uint16_t ip_offset, bool v4) {
  const std::uint8_t* ip = rte_pktmbuf_mtod(whole, const std::uint8_t*) + ip_offset;
  return ip[v4 ? 9 : 6] == wire::kProtocolTcp;
}

}  // namespace

Reason reassemble(BurstContext& context, flow::Reassembler& reassembler, flow::Packet& packet) {
  const bool v4 = packet.ip.version == 4;
  if (context.image.generation == kNoPolicy) return Reason::no_policy;
  if (v4 && packet.ip.payload_offset != wire::kIpv4HeaderBytes) return Reason::ip_options;
  if (!may_reassemble(context, packet)) return Reason::fragment;
  if (is_atomic(packet) || packet.ethernet.destination.is_group()) return Reason::fragment_conflict;
  rte_mbuf* whole = nullptr;
  const rte_mempool* pool = packet.mbuf->pool;
  const auto outcome =
      reassembler.take(packet.mbuf, packet.ip_offset, v4, packet.port, context.now_ns, whole);
  packet.mbuf = whole;
  // A session may keep a segment for long, and the buffers for long packets are few; no host sends
  // one longer than the announced MSS (RFC 9293, 3.7.1).
  if (whole != nullptr && whole->pool != pool && is_tcp(whole, packet.ip_offset, v4)) {
    return Reason::longer_than_mtu;
  }
  switch (outcome) {
    case flow::Reassembler::Outcome::held:
      return Reason::session_control;
    case flow::Reassembler::Outcome::whole:
      packet.reassembled = true;
      ++context.stats.reassembled;
      if (context.output.hand_over(whole)) packet.mbuf = nullptr;
      return Reason::session_control;
    case flow::Reassembler::Outcome::conflict:
      return Reason::fragment_conflict;
    case flow::Reassembler::Outcome::no_room:
      break;
  }
  return Reason::fragment_limit;
}

namespace {

// Length of the IP packet in a frame; 0 if there is none.
std::size_t ip_packet_bytes(const rte_mbuf* mbuf) {
  const ByteView frame{rte_pktmbuf_mtod(mbuf, const std::uint8_t*), mbuf->data_len};
  wire::EthernetHeader ethernet;
  if (!wire::parse_ethernet(frame, ethernet)) return 0;
  const std::uint8_t* ip = frame.data() + ethernet.payload_offset;
  if (ethernet.ethertype == wire::kEtherTypeIpv4) return load_be16(ip + 2);
  return ethernet.ethertype == wire::kEtherTypeIpv6 ? wire::kIpv6HeaderBytes + load_be16(ip + 4)
                                                    : 0;
}

}  // namespace

void Egress::send_in_pieces(rte_mbuf* mbuf, std::uint16_t port) {
  // It has PRP's trailer behind its packet, or none in it: it leaves as it came.
  if (ip_packet_bytes(mbuf) <= mtu_) return output_.transmit(mbuf, port);
  const flow::Pieces pieces = flow::fragment(mbuf, mtu_, ++identification_);
  for (std::uint16_t i = 0; i < pieces.count; ++i) output_.transmit(pieces.mbufs[i], port);
}

}  // namespace bulkhead::pipeline
