// Edits headers in place; all header bytes were validated when the packet was parsed.
#include "dataplane/flow/packet_edit.h"

#include <algorithm>
#include <cstring>

#include "dataplane/wire/checksum.h"

namespace bulkhead::flow {

namespace {

constexpr std::size_t kTcpSequence = 4;
constexpr std::size_t kTcpAcknowledgement = 8;
constexpr std::size_t kTcpDataOffset = 12;
constexpr std::size_t kTcpFlags = 13;
constexpr std::size_t kTcpWindow = 14;
constexpr std::size_t kTcpChecksum = 16;
constexpr std::size_t kTcpUrgent = 18;
constexpr std::size_t kUdpLength = 4;
constexpr std::size_t kUdpChecksum = 6;
// RFC 7323, A: two bytes of padding, then the option.
constexpr std::size_t kTimestampBytes = 12;
constexpr std::uint8_t kTimestampKind = 8;
constexpr std::uint8_t kTimestampLength = 10;

struct Frame {
  std::uint8_t* ip;
  std::uint8_t* transport;
  std::size_t bytes;  // transport header and payload
  std::uint8_t protocol = wire::kProtocolTcp;
};

// Sets the lengths and checksums of the IP header before the transport's and of that itself.
void seal(const Frame& frame) {
  const bool v4 = (frame.ip[0] >> 4) == 4;
  wire::IpAddress source;
  wire::IpAddress destination;
  if (v4) {
    store_be16(frame.ip + 2, static_cast<std::uint16_t>(wire::kIpv4HeaderBytes + frame.bytes));
    store_be16(frame.ip + 10, 0);
    store_be16(frame.ip + 10, wire::checksum_finish(wire::checksum_add(
                                  0, ByteView{frame.ip, wire::kIpv4HeaderBytes})));
    source = wire::IpAddress::from_v4(frame.ip + 12);
    destination = wire::IpAddress::from_v4(frame.ip + 16);
  } else {
    store_be16(frame.ip + 4, static_cast<std::uint16_t>(frame.bytes));
    source = wire::IpAddress::from_v6(frame.ip + 8);
    destination = wire::IpAddress::from_v6(frame.ip + 24);
  }
  const bool tcp = frame.protocol == wire::kProtocolTcp;
  std::uint8_t* checksum = frame.transport + (tcp ? kTcpChecksum : kUdpChecksum);
  store_be16(checksum, 0);
  const std::uint32_t pseudo = wire::pseudo_header_sum(source, destination, frame.protocol,
                                                       static_cast<std::uint32_t>(frame.bytes));
  const std::uint16_t sum =
      wire::checksum_finish(wire::checksum_add(pseudo, ByteView{frame.transport, frame.bytes}));
  store_be16(checksum, sum == 0 && !tcp ? 0xffff : sum);  // RFC 768: zero says there is none
}

// Where the IP header lies; the frame was parsed before.
std::uint8_t* ip_of(std::uint8_t* bytes, std::uint16_t transport_offset) {
  wire::EthernetHeader ethernet;
  wire::parse_ethernet(ByteView{bytes, transport_offset}, ethernet);
  return bytes + ethernet.payload_offset;
}

std::size_t tcp_header_bytes(const std::uint8_t* tcp) {
  return static_cast<std::size_t>(tcp[kTcpDataOffset] >> 4) * 4;
}

void set_length(rte_mbuf* mbuf, std::size_t length) {
  mbuf->data_len = static_cast<std::uint16_t>(length);
  mbuf->pkt_len = static_cast<std::uint32_t>(length);
}

}  // namespace

void fit_frame(Segment& segment) {
  std::uint8_t* bytes = rte_pktmbuf_mtod(segment.mbuf, std::uint8_t*);
  std::uint8_t* tcp = bytes + segment.transport_offset;
  const std::size_t headers = segment.transport_offset + tcp_header_bytes(tcp);
  const std::size_t cut = segment.payload_offset - headers;
  const bool fin_stands = (tcp[kTcpFlags] & wire::kTcpFin) != 0;
  const std::size_t length = std::size_t{segment.payload_offset} + segment.length;
  const bool whole = cut == 0 && length == segment.mbuf->data_len && fin_stands == segment.fin;
  if (whole && !segment.edited) return;
  segment.edited = false;
  set_length(segment.mbuf, length);
  if (cut > 0) {
    std::memmove(bytes + cut, bytes, headers);
    rte_pktmbuf_adj(segment.mbuf, static_cast<std::uint16_t>(cut));
    segment.payload_offset = static_cast<std::uint16_t>(headers);
    bytes += cut;
    tcp += cut;
  }
  const auto others = static_cast<std::uint8_t>(tcp[kTcpFlags] & ~wire::kTcpFin);
  tcp[kTcpFlags] = static_cast<std::uint8_t>(others | (segment.fin ? wire::kTcpFin : 0));
  store_be32(tcp + kTcpSequence, segment.sequence);
  seal({ip_of(bytes, segment.transport_offset), tcp,
        headers - segment.transport_offset + segment.length});
}

rte_mbuf* begin_frame_like(const Segment& segment, std::uint16_t length,
                           std::span<std::uint8_t>& payload) {
  rte_mbuf* copy = rte_pktmbuf_alloc(segment.mbuf->pool);
  if (copy == nullptr) return nullptr;
  const std::uint8_t* from = rte_pktmbuf_mtod(segment.mbuf, const std::uint8_t*);
  const std::size_t headers =
      segment.transport_offset + tcp_header_bytes(from + segment.transport_offset);
  std::uint8_t* to = rte_pktmbuf_mtod(copy, std::uint8_t*);
  std::memcpy(to, from, headers);
  payload = {to + headers, length};
  set_length(copy, headers + length);
  std::uint8_t* tcp = to + segment.transport_offset;
  tcp[kTcpFlags] &= static_cast<std::uint8_t>(~wire::kTcpFin);
  tcp[kTcpFlags] |= wire::kTcpPsh;
  store_be32(tcp + kTcpSequence, segment.sequence);
  return copy;
}

void put_trailer(Packet& packet) {
  rte_mbuf* mbuf = packet.mbuf;
  const auto added = static_cast<std::uint16_t>(packet.trailer.padding + wire::kPrpTrailerBytes);
  if (rte_mbuf_refcnt_read(mbuf) > 1) {
    rte_mbuf* copy = rte_pktmbuf_copy(mbuf, mbuf->pool, 0, mbuf->pkt_len);
    if (copy == nullptr) return;
    rte_pktmbuf_free(mbuf);
    packet.mbuf = mbuf = copy;
  }
  auto* bytes = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(mbuf, added));
  if (bytes == nullptr) return;
  std::memset(bytes, 0, packet.trailer.padding);
  wire::write_prp_trailer(packet.trailer, mbuf->pkt_len - packet.ethernet.payload_offset,
                          bytes + packet.trailer.padding);
}

rte_mbuf* copy_frame(const SegmentPool& pool, std::uint32_t index) {
  rte_mbuf* copy = rte_pktmbuf_alloc(pool.pattern(index).buffers);
  if (copy == nullptr) return nullptr;
  const std::uint8_t* frame = pool.frame(index);
  const ByteView payload = pool.payload(index);
  const auto length = static_cast<std::size_t>(payload.data() + payload.size() - frame);
  std::memcpy(rte_pktmbuf_mtod(copy, std::uint8_t*), frame, length);
  set_length(copy, length);
  return copy;
}

namespace {

// The two numbers of the time stamp option, or nullptr if the header has none. The options were
// walked when the packet was parsed.
std::uint8_t* find_timestamps(std::uint8_t* tcp) {
  const std::size_t end = tcp_header_bytes(tcp);
  for (std::size_t at = wire::kTcpHeaderBytes; at + kTimestampLength <= end;) {
    if (tcp[at] == 0) return nullptr;
    if (tcp[at] == 1) {
      ++at;
    } else if (tcp[at] == kTimestampKind) {
      return tcp + at + 2;
    } else {
      at += std::max<std::size_t>(tcp[at + 1], 2);
    }
  }
  return nullptr;
}

std::span<std::uint8_t> options_of(const Packet& packet) {
  return {packet.bytes() + packet.transport_offset + wire::kTcpHeaderBytes,
          packet.tcp.payload_offset - wire::kTcpHeaderBytes};
}

// The frame's headers up to and without the transport's, turned round if the pattern says so, with
// `bytes` of room behind them.
std::uint8_t* begin_like(const Pattern& pattern, rte_mbuf* mbuf, std::size_t bytes) {
  std::uint8_t* frame = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  std::memcpy(frame, pattern.frame, pattern.transport_offset + std::size_t{4});  // and both ports
  set_length(mbuf, pattern.transport_offset + bytes);
  if (!pattern.reverse) return frame;
  std::swap_ranges(frame, frame + 6, frame + 6);
  std::uint8_t* ip = ip_of(frame, pattern.transport_offset);
  const bool v4 = (ip[0] >> 4) == 4;
  std::uint8_t* source = ip + (v4 ? 12 : 8);
  const std::size_t size = v4 ? 4 : 16;
  std::swap_ranges(source, source + size, source + size);
  std::uint8_t* ports = frame + pattern.transport_offset;
  std::swap_ranges(ports, ports + 2, ports + 2);
  return frame;
}

}  // namespace

void seal_segment(rte_mbuf* mbuf, std::uint16_t transport_offset) {
  std::uint8_t* bytes = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  seal({ip_of(bytes, transport_offset), bytes + transport_offset,
        std::size_t{mbuf->data_len} - transport_offset});
}

void write_numbers(rte_mbuf* mbuf, std::uint16_t transport_offset, const TcpNumbers& numbers) {
  std::uint8_t* tcp = rte_pktmbuf_mtod(mbuf, std::uint8_t*) + transport_offset;
  store_be32(tcp + kTcpSequence, numbers.sequence);
  store_be32(tcp + kTcpAcknowledgement, numbers.acknowledgement);
  store_be16(tcp + kTcpWindow, numbers.window);
  std::uint8_t* timestamps = numbers.has_timestamps ? find_timestamps(tcp) : nullptr;
  if (timestamps != nullptr) {
    store_be32(timestamps, numbers.timestamp);
    store_be32(timestamps + 4, numbers.echo);
  }
  wire::clear_sack_blocks(
      {tcp + wire::kTcpHeaderBytes, tcp_header_bytes(tcp) - wire::kTcpHeaderBytes});
  seal_segment(mbuf, transport_offset);
}

bool is_outdated(rte_mbuf* mbuf, std::uint16_t transport_offset, const TcpNumbers& numbers) {
  std::uint8_t* tcp = rte_pktmbuf_mtod(mbuf, std::uint8_t*) + transport_offset;
  if (load_be32(tcp + kTcpAcknowledgement) != numbers.acknowledgement) return true;
  const std::uint8_t* timestamps = numbers.has_timestamps ? find_timestamps(tcp) : nullptr;
  return timestamps != nullptr && load_be32(timestamps) != numbers.timestamp;
}

void write_sequence(rte_mbuf* mbuf, std::uint16_t transport_offset, std::uint32_t sequence) {
  store_be32(rte_pktmbuf_mtod(mbuf, std::uint8_t*) + transport_offset + kTcpSequence, sequence);
  seal_segment(mbuf, transport_offset);
}

void write_quoted_sequence(rte_mbuf* mbuf, std::uint16_t transport_offset, std::size_t at,
                           std::uint32_t sequence) {
  std::uint8_t* icmp = rte_pktmbuf_mtod(mbuf, std::uint8_t*) + transport_offset;
  constexpr std::size_t kChecksum = 2;
  // RFC 1624, 3: the pseudo-header of ICMPv6 need not be known.
  std::uint32_t sum = static_cast<std::uint16_t>(~load_be16(icmp + kChecksum));
  for (std::size_t i = 0; i < 4; i += 2) {
    sum += static_cast<std::uint16_t>(~load_be16(icmp + at + i));
  }
  store_be32(icmp + at, sequence);
  sum += load_be16(icmp + at);
  sum += load_be16(icmp + at + 2);
  store_be16(icmp + kChecksum, wire::checksum_finish(sum));
}

namespace {

// RFC 3168, 6.1; RFC 3540, 9: true if any was set.
bool clear_ecn(std::uint8_t* tcp) {
  constexpr std::uint8_t kNonceSum = 0x01;
  constexpr std::uint8_t kEchoAndReduced = 0xc0;
  const bool any = ((tcp[kTcpDataOffset] & kNonceSum) | (tcp[kTcpFlags] & kEchoAndReduced)) != 0;
  tcp[kTcpDataOffset] &= static_cast<std::uint8_t>(~kNonceSum);
  tcp[kTcpFlags] &= static_cast<std::uint8_t>(~kEchoAndReduced);
  return any;
}

// RFC 1122, 3.2.1.7, and the assigned numbers: what hosts send with, so that no way is too long.
constexpr std::uint8_t kHopsMin = 64;

void normalise_ip(std::uint8_t* ip, bool may_not_fragment) {
  constexpr std::uint8_t kDontFragment = 0x40;
  if ((ip[0] >> 4) == 6) {
    ip[7] = std::max(ip[7], kHopsMin);
    return;
  }
  const bool short_lived = ip[8] < kHopsMin;
  const bool may_fragment = may_not_fragment && (ip[6] & kDontFragment) == 0;
  if (!short_lived && !may_fragment) return;
  ip[8] = std::max(ip[8], kHopsMin);
  if (may_fragment) ip[6] |= kDontFragment;
  store_be16(ip + 10, 0);
  store_be16(ip + 10,
             wire::checksum_finish(wire::checksum_add(0, ByteView{ip, wire::kIpv4HeaderBytes})));
}

}  // namespace

void normalise_syn(const Packet& packet, wire::SynOptions keep) {
  const bool options = wire::normalise_syn_options(options_of(packet), keep);
  const bool ecn = clear_ecn(packet.bytes() + packet.transport_offset);
  if (options || ecn) seal_segment(packet.mbuf, packet.transport_offset);
}

void normalise_segment(Packet& packet, bool inspected, bool keep_timestamps) {
  normalise_ip(packet.bytes() + packet.ip_offset, inspected);
  if (!inspected) return;
  const bool ecn = clear_ecn(packet.bytes() + packet.transport_offset);
  const bool stamps = packet.tcp.has_timestamps && !keep_timestamps;
  if (stamps) {
    wire::clear_timestamps(options_of(packet));
    packet.tcp.has_timestamps = false;
  }
  if (ecn || stamps) seal_segment(packet.mbuf, packet.transport_offset);
}

void strip_segment(Packet& packet) {
  std::uint8_t* tcp = packet.bytes() + packet.transport_offset;
  tcp[kTcpDataOffset] = (wire::kTcpHeaderBytes / 4) << 4;
  set_length(packet.mbuf, packet.transport_offset + wire::kTcpHeaderBytes);
  seal_segment(packet.mbuf, packet.transport_offset);
  packet.tcp.payload_offset = wire::kTcpHeaderBytes;
  packet.payload_offset =
      static_cast<std::uint16_t>(packet.transport_offset + wire::kTcpHeaderBytes);
  packet.payload_length = 0;
}

void copy_tcp_state(std::uint8_t* to_tcp, const std::uint8_t* from_tcp) {
  std::memcpy(to_tcp + kTcpAcknowledgement, from_tcp + kTcpAcknowledgement, 4);
  to_tcp[kTcpFlags] = from_tcp[kTcpFlags];
  std::memcpy(to_tcp + kTcpWindow, from_tcp + kTcpWindow, 2);
  const std::size_t header = tcp_header_bytes(from_tcp);
  if (header == tcp_header_bytes(to_tcp)) {
    std::memcpy(to_tcp + wire::kTcpHeaderBytes, from_tcp + wire::kTcpHeaderBytes,
                header - wire::kTcpHeaderBytes);
  }
}

rte_mbuf* make_segment(const Pattern& pattern, const TcpNumbers& numbers, std::uint8_t flags,
                       ByteView payload) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pattern.buffers);
  if (mbuf == nullptr) return nullptr;
  const std::size_t header = wire::kTcpHeaderBytes + (numbers.has_timestamps ? kTimestampBytes : 0);
  std::uint8_t* frame = begin_like(pattern, mbuf, header + payload.size());
  std::uint8_t* tcp = frame + pattern.transport_offset;
  store_be32(tcp + kTcpSequence, numbers.sequence);
  store_be32(tcp + kTcpAcknowledgement, numbers.acknowledgement);
  tcp[kTcpDataOffset] = static_cast<std::uint8_t>((header / 4) << 4);
  tcp[kTcpFlags] = flags;
  store_be16(tcp + kTcpWindow, numbers.window);
  store_be16(tcp + kTcpUrgent, 0);
  if (numbers.has_timestamps) {
    const std::uint8_t option[] = {1, 1, kTimestampKind, kTimestampLength};
    std::memcpy(tcp + wire::kTcpHeaderBytes, option, sizeof(option));
    store_be32(tcp + wire::kTcpHeaderBytes + 4, numbers.timestamp);
    store_be32(tcp + wire::kTcpHeaderBytes + 8, numbers.echo);
  }
  if (!payload.empty()) std::memcpy(tcp + header, payload.data(), payload.size());
  seal_segment(mbuf, pattern.transport_offset);
  return mbuf;
}

rte_mbuf* make_datagram(const Pattern& pattern, ByteView payload) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pattern.buffers);
  if (mbuf == nullptr) return nullptr;
  const std::size_t bytes = wire::kUdpHeaderBytes + payload.size();
  std::uint8_t* frame = begin_like(pattern, mbuf, bytes);
  std::uint8_t* udp = frame + pattern.transport_offset;
  store_be16(udp + kUdpLength, static_cast<std::uint16_t>(bytes));
  std::memcpy(udp + wire::kUdpHeaderBytes, payload.data(), payload.size());
  seal({ip_of(frame, pattern.transport_offset), udp, bytes, wire::kProtocolUdp});
  return mbuf;
}

}  // namespace bulkhead::flow
