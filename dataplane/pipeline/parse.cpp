// Stage: parse. Finds the headers, checks them against the frame, each other and their checksums,
// and names the session. What is not understood ends here.
#include <algorithm>

#include "dataplane/flow/packet_edit.h"
#include "dataplane/pipeline/fragments.h"
#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/stages.h"
#include "dataplane/policy/classifier.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/igmp.h"
#include "dataplane/wire/llc.h"
#include "dataplane/wire/usual.h"

namespace bulkhead::pipeline {

namespace {

using flow::Packet;

constexpr Reason kGoOn = Reason::granted;

// What a port that can has verified already; a packet put together here came from no port.
bool port_verified_ip(const Packet& packet) {
  return !packet.reassembled &&
         (packet.mbuf->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
}

bool port_verified_transport(const Packet& packet) {
  return !packet.reassembled &&
         (packet.mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

Reason from_status(wire::IpStatus status) {
  switch (status) {
    case wire::IpStatus::ok:
      return kGoOn;
    case wire::IpStatus::malformed:
      return Reason::malformed_ip;
    case wire::IpStatus::bad_checksum:
      return Reason::bad_ip_checksum;
    case wire::IpStatus::options:
      return Reason::ip_options;
    case wire::IpStatus::fragment:
      return Reason::fragment;
  }
  return Reason::malformed_ip;
}

Reason parse_tcp_header(Packet& packet, ByteView segment) {
  if (!wire::parse_tcp(segment, packet.tcp)) return Reason::malformed_transport;
  if (!wire::tcp_flags_possible(packet.tcp.flags)) return Reason::tcp_bad_flags;
  if ((packet.tcp.flags & wire::kTcpUrg) != 0 || packet.tcp.urgent != 0) return Reason::tcp_urgent;
  packet.payload_offset =
      static_cast<std::uint16_t>(packet.transport_offset + packet.tcp.payload_offset);
  packet.payload_length = static_cast<std::uint16_t>(segment.size() - packet.tcp.payload_offset);
  return kGoOn;
}

Reason parse_udp_header(Packet& packet, ByteView datagram) {
  if (!wire::parse_udp(datagram, packet.udp)) return Reason::malformed_transport;
  packet.payload_offset =
      static_cast<std::uint16_t>(packet.transport_offset + wire::kUdpHeaderBytes);
  packet.payload_length = packet.udp.payload_length;
  return kGoOn;
}

// What is in the field before hardware completes it (Linux: CHECKSUM_PARTIAL): the sum of the
// pseudo header alone, not complemented.
bool is_partial_checksum(const Packet& packet, ByteView segment) {
  const std::size_t at = packet.ip.protocol == wire::kProtocolTcp ? 16 : 6;
  const std::uint32_t pseudo =
      wire::pseudo_header_sum(packet.ip.source, packet.ip.destination, packet.ip.protocol,
                              static_cast<std::uint32_t>(segment.size()));
  const auto folded = static_cast<std::uint16_t>(~wire::checksum_finish(pseudo));
  return load_be16(segment.data() + at) == folded;
}

// A packet of which only the beginning came, since it is longer than any wire takes.
bool is_longer_than_mtu(const BurstContext& context, ByteView bytes) {
  if (bytes.size() < wire::kIpv4HeaderBytes) return false;
  const bool v4 = (bytes[0] >> 4) == 4;
  const std::size_t total =
      v4 ? load_be16(bytes.data() + 2) : wire::kIpv6HeaderBytes + load_be16(bytes.data() + 4);
  return total > context.options.mtu && total > bytes.size();
}

struct Ports {
  std::uint16_t source = 0;
  std::uint16_t destination = 0;
};

Reason parse_transport(const BurstContext& context, Packet& packet) {
  const ByteView segment = packet.frame_bytes().subspan(packet.transport_offset);
  const bool v4 = packet.ip.version == 4;
  Ports ports;
  Reason reason = Reason::unknown_transport;
  bool has_checksum = true;
  if (packet.ip.protocol == wire::kProtocolTcp) {
    reason = parse_tcp_header(packet, segment);
    ports = {packet.tcp.source_port, packet.tcp.destination_port};
  } else if (packet.ip.protocol == wire::kProtocolUdp) {
    reason = parse_udp_header(packet, segment);
    ports = {packet.udp.source_port, packet.udp.destination_port};
    has_checksum = packet.udp.has_checksum || !v4;  // RFC 8200, 8.1: IPv6 must have one
  } else if (packet.ip.protocol == (v4 ? wire::kProtocolIcmp : wire::kProtocolIcmpv6)) {
    reason = wire::parse_icmp(segment, packet.icmp) ? kGoOn : Reason::malformed_transport;
    ports = {packet.icmp.identifier, packet.icmp.identifier};
  }
  if (reason != kGoOn) return reason;
  if (context.options.verify_checksums && has_checksum && !port_verified_transport(packet)) {
    const bool pseudo = packet.ip.protocol != wire::kProtocolIcmp;
    const bool right = pseudo ? wire::transport_checksum_ok(packet.ip.source, packet.ip.destination,
                                                            packet.ip.protocol, segment)
                              : wire::checksum_finish(wire::checksum_add(0, segment)) == 0;
    if (!right) {
      return pseudo && is_partial_checksum(packet, segment) ? Reason::partial_checksum
                                                            : Reason::bad_transport_checksum;
    }
  }
  const flow::OrderedKey ordered =
      flow::make_key(packet.ip.source, ports.source, packet.ip.destination, ports.destination,
                     packet.ip.protocol, packet.ethernet.vlan);
  packet.key = ordered.key;
  packet.source_is_low = ordered.source_is_low;
  return kGoOn;
}

void cut_padding(Packet& packet) {
  flow::end_frame(
      packet, std::size_t{packet.ip_offset} + packet.ip.payload_offset + packet.ip.payload_length);
}

// Where the port's zones have PRP, a trailer must name a LAN.
bool trailer_fits(const BurstContext& context, const Packet& packet) {
  return !packet.trailer.is_wrong || (context.tables().prp_ports >> packet.port & 1) == 0;
}

// A frame to many with a packet to one is how hosts are tricked into answering for others. Many are
// reached by datagrams, where the policy has such a group, and by neighbour discovery.
bool reaches_whom_it_names(const BurstContext& context, const Packet& packet) {
  const wire::Mac& mac = packet.ethernet.destination;
  if (packet.ip.protocol == wire::kProtocolIcmpv6) return true;  // judged as neighbour discovery
  const policy::Tables& tables = context.tables();
  if (packet.ip.protocol != wire::kProtocolUdp) return !mac.is_group();
  if (policy::is_group(tables, packet.ip.source)) return false;
  const bool group = policy::is_group(tables, packet.ip.destination);
  return group ? mac == wire::group_mac(packet.ip.destination) : !mac.is_group();
}

Reason parse_ip(const BurstContext& context, Packet& packet) {
  const ByteView bytes = packet.frame_bytes().subspan(packet.ip_offset);
  const wire::IpStatus status =
      packet.ethernet.ethertype == wire::kEtherTypeIpv4
          ? wire::parse_ipv4(bytes, context.options.verify_checksums && !port_verified_ip(packet),
                             packet.ip)
          : wire::parse_ipv6(bytes, packet.ip);
  if (status == wire::IpStatus::malformed && is_longer_than_mtu(context, bytes)) {
    return Reason::longer_than_mtu;
  }
  if (status != wire::IpStatus::ok) return from_status(status);
  cut_padding(packet);
  if (!trailer_fits(context, packet)) return Reason::prp_trailer;
  packet.transport_offset = static_cast<std::uint16_t>(packet.ip_offset + packet.ip.payload_offset);
  const Reason reason = parse_transport(context, packet);
  return is_allowed(reason) && !reaches_whom_it_names(context, packet) ? Reason::malformed_ethernet
                                                                       : reason;
}

// What Ethernet carries itself is a session between two stations for each EtherType, or for what
// both call by one access point.
Reason parse_non_ip(const BurstContext& context, Packet& packet) {
  constexpr std::uint8_t kNoIpProtocol = 255;  // reserved (IANA)
  const std::uint16_t ethertype = packet.ethernet.ethertype;
  std::uint16_t from = 0;
  std::uint16_t to = ethertype;
  packet.payload_offset = packet.ethernet.payload_offset;
  if (ethertype < wire::kEtherTypeMin) {
    wire::Lpdu lpdu;
    packet.payload_offset = static_cast<std::uint16_t>(packet.payload_offset - wire::kLengthBytes);
    if (!wire::parse_lpdu(packet.frame_bytes().subspan(packet.payload_offset), lpdu)) {
      return Reason::ethertype_not_granted;
    }
    from = to = lpdu.sap;
    flow::end_frame(packet, packet.payload_offset + lpdu.bytes.size());
    if (!trailer_fits(context, packet)) return Reason::prp_trailer;
  }
  packet.ip.protocol = kNoIpProtocol;
  packet.ip.source = wire::IpAddress::from_mac(packet.ethernet.source);
  packet.ip.destination = wire::IpAddress::from_mac(packet.ethernet.destination);
  packet.payload_length = static_cast<std::uint16_t>(packet.mbuf->data_len - packet.payload_offset);
  const flow::OrderedKey ordered = flow::make_key(packet.ip.source, from, packet.ip.destination, to,
                                                  kNoIpProtocol, packet.ethernet.vlan);
  packet.key = ordered.key;
  packet.source_is_low = ordered.source_is_low;
  return kGoOn;
}

Reason parse_packet(BurstContext& context, Packet& packet) {
  packet.ip = wire::IpHeader{};
  packet.ethernet = wire::EthernetHeader{};
  packet.payload_offset = 0;
  packet.payload_length = 0;
  packet.trailer = wire::PrpTrailer{};
  if (packet.mbuf->nb_segs > 1 && rte_pktmbuf_linearize(packet.mbuf) != 0) {
    return Reason::malformed_ethernet;
  }
  if (!wire::parse_ethernet(packet.frame_bytes(), packet.ethernet)) {
    return Reason::malformed_ethernet;
  }
  packet.ip_offset = packet.ethernet.payload_offset;
  switch (packet.ethernet.ethertype) {
    case wire::kEtherTypeIpv4:
    case wire::kEtherTypeIpv6: {
      const Reason reason = parse_ip(context, packet);
      const bool may_ask = reason == Reason::ip_options || reason == Reason::unknown_transport;
      if (may_ask && wire::is_igmp_query(packet.frame_bytes().subspan(packet.ip_offset))) {
        context.output.hear_query(packet.port);
      }
      return reason;
    }
    case wire::kEtherTypeArp:
      return kGoOn;
    case wire::kEtherTypeHsr:
      return Reason::hsr;
    case wire::kEtherTypePair:
      if (context.output.consume_in_band(packet.mbuf)) {
        packet.mbuf = nullptr;
        return kGoOn;
      }
      return parse_non_ip(context, packet);
    default:
      return parse_non_ip(context, packet);
  }
}

// Most packets are alike. False if this one is not, or not right: it is to be parsed step by step.
bool parse_usual(const BurstContext& context, Packet& packet) {
  const bool verify = context.options.verify_checksums;
  if (packet.mbuf->nb_segs > 1 || !wire::parse_usual(packet.frame_bytes(),
                                                     {verify && !port_verified_ip(packet),
                                                      verify && !port_verified_transport(packet)},
                                                     {packet.ethernet, packet.ip, packet.tcp})) {
    return false;
  }
  packet.ip_offset = packet.ethernet.payload_offset;
  packet.transport_offset = static_cast<std::uint16_t>(packet.ip_offset + wire::kIpv4HeaderBytes);
  packet.payload_offset =
      static_cast<std::uint16_t>(packet.transport_offset + packet.tcp.payload_offset);
  packet.payload_length =
      static_cast<std::uint16_t>(packet.ip.payload_length - packet.tcp.payload_offset);
  packet.trailer = wire::PrpTrailer{};
  cut_padding(packet);
  const std::uint8_t* addresses = packet.bytes() + packet.ip_offset + 12;
  packet.source_is_low = flow::write_key_v4(
      packet.key, load_be32(addresses), packet.tcp.source_port, load_be32(addresses + 4),
      packet.tcp.destination_port, wire::kProtocolTcp, packet.ethernet.vlan);
  return true;
}

// A fragment that completes its packet is parsed once more, as that packet.
Reason parse_fragment(BurstContext& context, flow::Reassembler& reassembler, Packet& packet) {
  const Reason reason = reassemble(context, reassembler, packet);
  if (!is_allowed(reason) || packet.mbuf == nullptr) return reason;
  return parse_packet(context, packet);
}

}  // namespace

void parse(BurstContext& context, flow::Reassembler& reassembler) {
  for (Packet& packet : context.burst) {
    if (parse_usual(context, packet)) {
      if (!trailer_fits(context, packet)) refuse(context, packet, Reason::prp_trailer);
      continue;
    }
    context.all_usual = false;
    Reason reason = parse_packet(context, packet);
    if (reason == Reason::fragment) {
      reason = parse_fragment(context, reassembler, packet);
      if (is_allowed(reason) && packet.mbuf == nullptr) continue;  // it waits for the others
    }
    if (reason != kGoOn) refuse(context, packet, reason);
  }
}

}  // namespace bulkhead::pipeline
