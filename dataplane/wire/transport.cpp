// Parses TCP, UDP, ICMP and neighbour discovery headers.
#include "dataplane/wire/transport.h"

#include "dataplane/wire/ip.h"

namespace bulkhead::wire {

namespace {

// RFC 9293, 3.2: kind 0 ends the list, kind 1 pads, all others carry their own length.
bool parse_tcp_options(ByteView options, TcpHeader& header) {
  constexpr std::uint8_t kEnd = 0;
  constexpr std::uint8_t kNoOperation = 1;
  constexpr std::uint8_t kWindowScale = 3;
  constexpr std::uint8_t kWindowScaleMax = 14;  // RFC 7323, 2.3
  ByteReader reader(options);
  while (reader.remaining() > 0) {
    const std::uint8_t kind = reader.u8();
    if (kind == kEnd) return true;
    if (kind == kNoOperation) continue;
    const std::uint8_t length = reader.u8();
    if (!reader.ok() || length < 2) return false;
    const ByteView value = reader.take(length - 2U);
    if (!reader.ok()) return false;
    if (kind == kWindowScale) {
      if (value.size() != 1) return false;
      header.has_window_scale = true;
      header.window_scale = value[0] < kWindowScaleMax ? value[0] : kWindowScaleMax;
    }
  }
  return true;
}

}  // namespace

bool parse_tcp(ByteView segment, TcpHeader& header) {
  if (segment.size() < kTcpHeaderBytes) return false;
  const std::uint8_t* p = segment.data();
  const std::size_t header_bytes = static_cast<std::size_t>(p[12] >> 4) * 4;
  if (header_bytes < kTcpHeaderBytes || header_bytes > segment.size()) return false;
  header.source_port = load_be16(p);
  header.destination_port = load_be16(p + 2);
  header.sequence = load_be32(p + 4);
  header.acknowledgement = load_be32(p + 8);
  header.flags = p[13] & 0x3f;
  header.window = load_be16(p + 14);
  header.urgent = load_be16(p + 18);
  header.payload_offset = static_cast<std::uint16_t>(header_bytes);
  header.has_window_scale = false;
  header.window_scale = 0;
  if (header.source_port == 0 || header.destination_port == 0) return false;
  const ByteView options = segment.subspan(kTcpHeaderBytes, header_bytes - kTcpHeaderBytes);
  return parse_tcp_options(options, header);
}

bool tcp_flags_possible(std::uint8_t flags) {
  constexpr std::uint8_t kControl = kTcpSyn | kTcpFin | kTcpRst | kTcpAck;
  switch (flags & kControl) {
    case kTcpSyn:
    case kTcpSyn | kTcpAck:
    case kTcpAck:
    case kTcpFin | kTcpAck:
    case kTcpRst:
    case kTcpRst | kTcpAck:
      return true;
    default:
      return false;
  }
}

bool parse_udp(ByteView datagram, UdpHeader& header) {
  if (datagram.size() < kUdpHeaderBytes) return false;
  const std::uint8_t* p = datagram.data();
  const std::size_t length = load_be16(p + 4);
  header.source_port = load_be16(p);
  header.destination_port = load_be16(p + 2);
  header.has_checksum = load_be16(p + 6) != 0;
  if (length != datagram.size() || header.destination_port == 0) return false;
  header.payload_length = static_cast<std::uint16_t>(length - kUdpHeaderBytes);
  return true;
}

bool parse_icmp(ByteView message, IcmpHeader& header) {
  constexpr std::size_t kIcmpHeaderBytes = 8;
  if (message.size() < kIcmpHeaderBytes) return false;
  header.type = message[0];
  header.code = message[1];
  header.identifier = load_be16(message.data() + 4);
  header.body = message.subspan(kIcmpHeaderBytes);
  return true;
}

bool is_icmp_error(std::uint8_t ip_version, std::uint8_t type) {
  if (ip_version == 4) return type == 3 || type == 11 || type == 12;
  return type >= 1 && type <= 4;
}

bool parse_icmp_quote(ByteView body, std::uint8_t ip_version, QuotedPacket& quoted) {
  ByteReader reader(body);
  const std::uint8_t first = reader.u8();
  const bool v4 = ip_version == 4;
  if (first >> 4 != ip_version || (v4 && (first & 0x0f) != 5)) return false;
  reader.skip(v4 ? 8 : 5);
  quoted.protocol = reader.u8();
  reader.skip(v4 ? 2 : 1);
  const ByteView source = reader.take(v4 ? 4 : 16);
  const ByteView destination = reader.take(v4 ? 4 : 16);
  quoted.source_port = reader.u16();
  quoted.destination_port = reader.u16();
  if (!reader.ok()) return false;
  quoted.source = v4 ? IpAddress::from_v4(source.data()) : IpAddress::from_v6(source.data());
  quoted.destination =
      v4 ? IpAddress::from_v4(destination.data()) : IpAddress::from_v6(destination.data());
  return quoted.protocol == kProtocolTcp || quoted.protocol == kProtocolUdp;
}

bool parse_neighbour(ByteView message, NeighbourMessage& neighbour) {
  constexpr std::uint8_t kSourceLinkLayer = 1;
  constexpr std::uint8_t kTargetLinkLayer = 2;
  constexpr std::uint8_t kNonce = 14;  // RFC 3971, 5.3.2; sent by stacks that follow RFC 7527
  ByteReader reader(message);
  neighbour.type = reader.u8();
  const std::uint8_t code = reader.u8();
  reader.skip(6);
  const ByteView target = reader.take(16);
  if (!reader.ok() || code != 0 || target[0] == 0xff) return false;
  neighbour.target = IpAddress::from_v6(target.data());
  neighbour.has_link_layer = false;
  const std::uint8_t wanted =
      neighbour.type == kNeighbourSolicitation ? kSourceLinkLayer : kTargetLinkLayer;
  while (reader.remaining() > 0) {
    const std::uint8_t kind = reader.u8();
    const std::size_t length = static_cast<std::size_t>(reader.u8()) * 8;
    if (!reader.ok() || length == 0) return false;
    const ByteView value = reader.take(length - 2);
    if (!reader.ok()) return false;
    if (kind == kNonce) continue;
    if (kind != wanted || neighbour.has_link_layer || value.size() != 6) return false;
    neighbour.has_link_layer = true;
    neighbour.link_layer = Mac::from(value.data());
  }
  return true;
}

}  // namespace bulkhead::wire
