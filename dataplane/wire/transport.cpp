// Parses TCP, UDP, ICMP and neighbour discovery headers.
#include "dataplane/wire/transport.h"

#include "dataplane/wire/ip.h"

namespace bulkhead::wire {

namespace {

constexpr std::uint8_t kOptionEnd = 0;
constexpr std::uint8_t kOptionPadding = 1;
constexpr std::uint8_t kOptionMss = 2;
constexpr std::uint8_t kOptionWindowScale = 3;
constexpr std::uint8_t kOptionSackPermitted = 4;
constexpr std::uint8_t kOptionSack = 5;
constexpr std::uint8_t kOptionTimestamps = 8;

// RFC 9293, 3.2; RFC 7323, 2.2 and 3.2; RFC 2018, 2 and 3: what stands behind kind and length.
bool option_length_possible(std::uint8_t kind, std::size_t bytes) {
  switch (kind) {
    case kOptionMss:
      return bytes == 2;
    case kOptionWindowScale:
      return bytes == 1;
    case kOptionSackPermitted:
      return bytes == 0;
    case kOptionSack:
      return bytes % 8 == 0 && bytes >= 8 && bytes <= 32;
    case kOptionTimestamps:
      return bytes == 8;
    default:
      return true;
  }
}

void note_option(std::uint8_t kind, ByteView value, TcpHeader& header) {
  constexpr std::uint8_t kWindowScaleMax = 14;  // RFC 7323, 2.3
  switch (kind) {
    case kOptionMss:
      header.mss = load_be16(value.data());
      header.opening_options = true;
      break;
    case kOptionWindowScale:
      header.has_window_scale = true;
      header.window_scale = value[0] < kWindowScaleMax ? value[0] : kWindowScaleMax;
      header.opening_options = true;
      break;
    case kOptionSackPermitted:
      header.opening_options = true;
      break;
    case kOptionSack:
      break;
    case kOptionTimestamps:
      header.has_timestamps = true;
      header.timestamp = load_be32(value.data());
      break;
    default:
      header.unknown_options = true;
      break;
  }
}

// RFC 9293, 3.2: kind 0 ends the list, kind 1 pads, all others carry their own length. One that
// stands twice would be read one way here and another way there.
bool parse_tcp_options(ByteView options, TcpHeader& header) {
  ByteReader reader(options);
  std::uint32_t seen = 0;
  while (reader.remaining() > 0) {
    const std::uint8_t kind = reader.u8();
    if (kind == kOptionEnd) return true;
    if (kind == kOptionPadding) continue;
    const std::uint8_t length = reader.u8();
    if (!reader.ok() || length < 2) return false;
    const ByteView value = reader.take(length - 2U);
    if (!reader.ok() || !option_length_possible(kind, value.size())) return false;
    const std::uint32_t bit = kind <= kOptionTimestamps ? 1U << kind : 0U;
    if ((seen & bit) != 0) return false;
    seen |= bit;
    note_option(kind, value, header);
  }
  return true;
}

// Overwrites each option for which drop(kind) is true, and all bytes after the end.
template <typename Drop>
bool blank_options(std::span<std::uint8_t> options, Drop&& drop) {
  bool changed = false;
  const auto blank = [&](std::size_t from, std::size_t count) {
    for (std::uint8_t& byte : options.subspan(from, count)) byte = kOptionPadding;
    changed = true;
  };
  for (std::size_t at = 0; at < options.size();) {
    if (options[at] == kOptionPadding) {
      ++at;
    } else if (options[at] == kOptionEnd) {
      blank(at, options.size() - at);
      return changed;
    } else {
      const std::size_t length = options[at + 1];
      if (drop(options[at])) blank(at, length);
      at += length;
    }
  }
  return changed;
}

}  // namespace

bool normalise_syn_options(std::span<std::uint8_t> options, SynOptions keep) {
  return blank_options(options, [keep](std::uint8_t kind) {
    const bool stays = kind == kOptionMss || kind == kOptionWindowScale ||
                       (kind == kOptionTimestamps && keep.timestamps) ||
                       (kind == kOptionSackPermitted && keep.sack);
    return !stays;
  });
}

bool clear_sack_blocks(std::span<std::uint8_t> options) {
  return blank_options(options, [](std::uint8_t kind) { return kind == kOptionSack; });
}

bool clear_timestamps(std::span<std::uint8_t> options) {
  return blank_options(options, [](std::uint8_t kind) { return kind == kOptionTimestamps; });
}

bool parse_tcp(ByteView segment, TcpHeader& header) {
  if (segment.size() < kTcpHeaderBytes) return false;
  const std::uint8_t* p = segment.data();
  const std::size_t header_bytes = static_cast<std::size_t>(p[12] >> 4) * 4;
  if (header_bytes < kTcpHeaderBytes || header_bytes > segment.size()) return false;
  constexpr std::uint8_t kReservedBits = 0x0e;  // RFC 9293, 3.1; the lowest was ECN's (RFC 3540)
  if ((p[12] & kReservedBits) != 0) return false;
  header.source_port = load_be16(p);
  header.destination_port = load_be16(p + 2);
  header.sequence = load_be32(p + 4);
  header.acknowledgement = load_be32(p + 8);
  header.flags = p[13] & 0x3f;
  header.window = load_be16(p + 14);
  header.urgent = load_be16(p + 18);
  header.payload_offset = static_cast<std::uint16_t>(header_bytes);
  header.mss = 0;
  header.window_scale = 0;
  header.has_window_scale = false;
  header.has_timestamps = false;
  header.opening_options = false;
  header.unknown_options = false;
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
  quoted.sequence_at = v4 ? 24 : 44;
  quoted.sequence = reader.u32();
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
