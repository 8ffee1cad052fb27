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

struct Frame {
  std::uint8_t* ip;
  std::uint8_t* tcp;
  std::size_t segment_bytes;  // TCP header and payload
};

// Sets the lengths and checksums of the IP header before `tcp` and of the segment itself.
void seal(const Frame& frame) {
  const bool v4 = (frame.ip[0] >> 4) == 4;
  wire::IpAddress source;
  wire::IpAddress destination;
  if (v4) {
    store_be16(frame.ip + 2,
               static_cast<std::uint16_t>(wire::kIpv4HeaderBytes + frame.segment_bytes));
    store_be16(frame.ip + 10, 0);
    store_be16(frame.ip + 10, wire::checksum_finish(wire::checksum_add(
                                  0, ByteView{frame.ip, wire::kIpv4HeaderBytes})));
    source = wire::IpAddress::from_v4(frame.ip + 12);
    destination = wire::IpAddress::from_v4(frame.ip + 16);
  } else {
    store_be16(frame.ip + 4, static_cast<std::uint16_t>(frame.segment_bytes));
    source = wire::IpAddress::from_v6(frame.ip + 8);
    destination = wire::IpAddress::from_v6(frame.ip + 24);
  }
  store_be16(frame.tcp + kTcpChecksum, 0);
  const std::uint32_t pseudo = wire::pseudo_header_sum(
      source, destination, wire::kProtocolTcp, static_cast<std::uint32_t>(frame.segment_bytes));
  store_be16(frame.tcp + kTcpChecksum, wire::checksum_finish(wire::checksum_add(
                                           pseudo, ByteView{frame.tcp, frame.segment_bytes})));
}

// Where the IP header lies, given the transport offset: neither version has options here.
std::uint8_t* ip_of(std::uint8_t* bytes, std::uint16_t transport_offset) {
  std::uint8_t* v4 = bytes + transport_offset - wire::kIpv4HeaderBytes;
  const std::size_t ethernet = transport_offset - wire::kIpv4HeaderBytes;
  // The EtherType stands in the two bytes before the IP header.
  if (load_be16(bytes + ethernet - 2) == wire::kEtherTypeIpv4) return v4;
  return bytes + transport_offset - wire::kIpv6HeaderBytes;
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
  if (cut == 0 && length == segment.mbuf->data_len && fin_stands == segment.fin) return;
  set_length(segment.mbuf, length);
  if (cut > 0) {
    std::memmove(bytes + cut, bytes, headers);
    rte_pktmbuf_adj(segment.mbuf, static_cast<std::uint16_t>(cut));
    segment.payload_offset = static_cast<std::uint16_t>(headers);
    bytes += cut;
    tcp += cut;
  }
  if (!segment.fin) tcp[kTcpFlags] &= static_cast<std::uint8_t>(~wire::kTcpFin);
  store_be32(tcp + kTcpSequence, segment.sequence);
  seal({ip_of(bytes, segment.transport_offset), tcp,
        headers - segment.transport_offset + segment.length});
}

rte_mbuf* copy_head(const Segment& segment, std::uint16_t length) {
  rte_mbuf* copy = rte_pktmbuf_alloc(segment.mbuf->pool);
  if (copy == nullptr) return nullptr;
  const std::uint8_t* from = rte_pktmbuf_mtod(segment.mbuf, const std::uint8_t*);
  const std::size_t headers =
      segment.transport_offset + tcp_header_bytes(from + segment.transport_offset);
  std::uint8_t* to = rte_pktmbuf_mtod(copy, std::uint8_t*);
  std::memcpy(to, from, headers);
  std::memcpy(to + headers, from + segment.payload_offset, length);
  set_length(copy, headers + length);
  std::uint8_t* tcp = to + segment.transport_offset;
  tcp[kTcpFlags] &= static_cast<std::uint8_t>(~wire::kTcpFin);
  tcp[kTcpFlags] |= wire::kTcpPsh;
  store_be32(tcp + kTcpSequence, segment.sequence);
  seal({ip_of(to, segment.transport_offset), tcp, headers - segment.transport_offset + length});
  return copy;
}

void set_sequence(const Packet& packet, std::uint32_t sequence) {
  std::uint8_t* tcp = packet.bytes() + packet.transport_offset;
  store_be32(tcp + kTcpSequence, sequence);
  seal({packet.bytes() + packet.ip_offset, tcp,
        std::size_t{packet.payload_offset} - packet.transport_offset + packet.payload_length});
}

rte_mbuf* make_reset(const Packet& packet, bool to_sender, const ResetNumbers& numbers) {
  rte_mbuf* reset = rte_pktmbuf_alloc(packet.mbuf->pool);
  if (reset == nullptr) return nullptr;
  std::uint8_t* bytes = rte_pktmbuf_mtod(reset, std::uint8_t*);
  const std::size_t length = packet.transport_offset + wire::kTcpHeaderBytes;
  std::memcpy(bytes, packet.bytes(), length);
  set_length(reset, length);
  std::uint8_t* ip = bytes + packet.ip_offset;
  std::uint8_t* tcp = bytes + packet.transport_offset;
  if (to_sender) {
    std::swap_ranges(bytes, bytes + 6, bytes + 6);
    const std::size_t size = packet.ip.version == 4 ? 4 : 16;
    std::uint8_t* source = ip + (packet.ip.version == 4 ? 12 : 8);
    std::swap_ranges(source, source + size, source + size);
    std::swap_ranges(tcp, tcp + 2, tcp + 2);
  }
  store_be32(tcp + kTcpSequence, numbers.sequence);
  store_be32(tcp + kTcpAcknowledgement, numbers.with_acknowledgement ? numbers.acknowledgement : 0);
  tcp[kTcpDataOffset] = (wire::kTcpHeaderBytes / 4) << 4;
  tcp[kTcpFlags] =
      static_cast<std::uint8_t>(wire::kTcpRst | (numbers.with_acknowledgement ? wire::kTcpAck : 0));
  store_be16(tcp + kTcpWindow, 0);
  store_be16(tcp + kTcpUrgent, 0);
  seal({ip, tcp, wire::kTcpHeaderBytes});
  return reset;
}

}  // namespace bulkhead::flow
