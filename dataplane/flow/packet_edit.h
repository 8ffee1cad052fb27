// Changes to packets in their buffers, and packets made after the pattern of others. Lengths and
// checksums are right again after each call. Offsets count from the start of the frame.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/flow/packet.h"
#include "dataplane/flow/segments.h"

namespace bulkhead::flow {

inline Pattern pattern_of(const Packet& packet) {
  return {packet.bytes(), packet.mbuf->pool, packet.transport_offset};
}

// Ends the frame: bytes behind its message are padding, which nobody inspects, and do not travel
// on. Of PRP's trailer at their end note is taken.
inline void end_frame(Packet& packet, std::size_t end) {
  rte_mbuf* mbuf = packet.mbuf;
  if (mbuf->data_len >= end + wire::kPrpTrailerBytes) {
    const std::size_t from = packet.ethernet.payload_offset;
    packet.trailer = wire::read_prp_trailer(packet.frame_bytes().subspan(from), end - from);
  }
  mbuf->data_len = static_cast<std::uint16_t>(end);
  mbuf->pkt_len = mbuf->data_len;
}

// Puts the trailer back behind as much padding as there was, which is zeros now, and with the size
// that the frame has now (IEC 62439-3, 4.1.7). The frame is a copy from then on if others hold its
// buffer. Where no buffer was free it goes without, as from a station with one LAN.
void put_trailer(Packet& packet);

struct TcpNumbers {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint16_t window = 0;
  bool has_timestamps = false;
  std::uint32_t timestamp = 0;
  std::uint32_t echo = 0;
};

// Makes the frame hold just what the segment says: bytes cut from its front or its end are taken
// out, the sequence number follows, FIN stands only if the segment has it.
void fit_frame(Segment& segment);

// A new frame with the segment's headers, without FIN, and room for `length` payload bytes, which
// are `payload`, to be written before it is sealed; nullptr if no buffer was free.
rte_mbuf* begin_frame_like(const Segment& segment, std::uint16_t length,
                           std::span<std::uint8_t>& payload);
// Sets the lengths and checksums of a TCP segment.
void seal_segment(rte_mbuf* mbuf, std::uint16_t transport_offset);

// A copy of a retained segment's whole frame; nullptr if no buffer was free.
rte_mbuf* copy_frame(const SegmentPool& pool, std::uint32_t index);

// Overwrites the numbers of a TCP segment. Time stamps are written where the header has them; SACK
// blocks are taken out, for they speak of numbers that the other end does not know.
void write_numbers(rte_mbuf* mbuf, std::uint16_t transport_offset, const TcpNumbers& numbers);

// Whether a segment says something older than these numbers do, but for its sequence number.
bool is_outdated(rte_mbuf* mbuf, std::uint16_t transport_offset, const TcpNumbers& numbers);

// Overwrites the sequence number alone.
void write_sequence(rte_mbuf* mbuf, std::uint16_t transport_offset, std::uint32_t sequence);

// Overwrites the TCP sequence number that an ICMP error quotes; `at` counts from the ICMP header.
void write_quoted_sequence(rte_mbuf* mbuf, std::uint16_t transport_offset, std::size_t at,
                           std::uint32_t sequence);

// Takes options off a SYN that must not be negotiated (wire::normalise_syn_options), and ECN
// (RFC 3168, 6.1.1).
void normalise_syn(const Packet& packet, wire::SynOptions keep);

// Takes out of a segment's headers what its sender could choose so that it does not arrive: a hop
// limit that a router on the way ends, leave to fragment it, bits for ECN, which is not negotiated,
// and time stamps, unless they were. Of a session that is not inspected only the hop limit counts.
void normalise_segment(Packet& packet, bool inspected, bool keep_timestamps);
// Whether that may change anything; usually it would not.
inline bool may_be_normalised(const Packet& packet) {
  constexpr std::uint8_t kHopsMin = 64;
  const std::uint8_t* ip = packet.bytes() + packet.ip_offset;
  const std::uint8_t* tcp = packet.bytes() + packet.transport_offset;
  const bool usual_ip =
      packet.ip.hop_limit >= kHopsMin && (packet.ip.version == 6 || ip[6] == 0x40);
  return !usual_ip || (tcp[12] & 1) != 0 || (tcp[13] & 0xc0) != 0 || packet.tcp.has_timestamps;
}

// Takes payload and options off a segment.
void strip_segment(Packet& packet);

// Copies acknowledgement, window, flags and, if both headers are of one shape, options.
void copy_tcp_state(std::uint8_t* to_tcp, const std::uint8_t* from_tcp);

// A TCP segment; nullptr if no buffer was free. Time stamps stand in it if `numbers` has them.
rte_mbuf* make_segment(const Pattern& pattern, const TcpNumbers& numbers, std::uint8_t flags,
                       ByteView payload);

// A UDP datagram; nullptr if no buffer was free.
rte_mbuf* make_datagram(const Pattern& pattern, ByteView payload);

}  // namespace bulkhead::flow
