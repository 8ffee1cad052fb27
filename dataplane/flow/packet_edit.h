// Edits packets in their buffers, and makes packets from the headers of others. Lengths and
// checksums are valid after each call. Offsets count from the start of the frame.
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

// Trims the frame after its message: padding is not inspected and not forwarded. A PRP trailer is
// noted.
inline void end_frame(Packet& packet, std::size_t end) {
  rte_mbuf* mbuf = packet.mbuf;
  if (mbuf->data_len >= end + wire::kPrpTrailerBytes) {
    const std::size_t from = packet.ethernet.payload_offset;
    packet.trailer = wire::read_prp_trailer(packet.frame_bytes().subspan(from), end - from);
  }
  mbuf->data_len = static_cast<std::uint16_t>(end);
  mbuf->pkt_len = mbuf->data_len;
}

// Restores the PRP trailer after zero padding of the same length, with the frame's present size
// (IEC 62439-3, 4.1.7). Copies the frame if its buffer is shared. Without a free buffer the frame
// leaves without trailer, as from a node with one LAN.
void put_trailer(Packet& packet);

struct TcpNumbers {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint16_t window = 0;
  bool has_timestamps = false;
  std::uint32_t timestamp = 0;
  std::uint32_t echo = 0;
};

// Updates the frame to its segment: removes bytes that were cut from its front or end, sets the
// sequence number, and FIN only if the segment has it.
void fit_frame(Segment& segment);

// A new frame with the segment's headers, without FIN, with `length` payload bytes that the caller
// writes to `payload` before it is sealed; nullptr if no buffer was free.
rte_mbuf* begin_frame_like(const Segment& segment, std::uint16_t length,
                           std::span<std::uint8_t>& payload);
// Sets the lengths and checksums of a TCP segment.
void seal_segment(rte_mbuf* mbuf, std::uint16_t transport_offset);

// A copy of a retained segment's whole frame; nullptr if no buffer was free.
rte_mbuf* copy_frame(const SegmentPool& pool, std::uint32_t index);

// Overwrites the numbers of a TCP segment, and its time stamps if it has any; removes SACK blocks,
// which are in numbers that the other end does not know.
void write_numbers(rte_mbuf* mbuf, std::uint16_t transport_offset, const TcpNumbers& numbers);

// Whether the segment's numbers, other than its sequence number, are older than these.
bool is_outdated(rte_mbuf* mbuf, std::uint16_t transport_offset, const TcpNumbers& numbers);

// Overwrites the sequence number alone.
void write_sequence(rte_mbuf* mbuf, std::uint16_t transport_offset, std::uint32_t sequence);

// Overwrites the TCP sequence number that an ICMP error quotes; `at` counts from the ICMP header.
void write_quoted_sequence(rte_mbuf* mbuf, std::uint16_t transport_offset, std::size_t at,
                           std::uint32_t sequence);

// Removes options of a SYN that must not be negotiated (wire::normalise_syn_options), and ECN (RFC
// 3168, 6.1.1).
void normalise_syn(const Packet& packet, wire::SynOptions keep);

// Normalises header fields with which a sender could make a segment fail to arrive: hop limit,
// permission to fragment, ECN bits (not negotiated), and time stamps unless negotiated. In a
// session that is not inspected only the hop limit.
void normalise_segment(Packet& packet, bool inspected, bool keep_timestamps);
// False if that would change nothing, as usual.
inline bool may_be_normalised(const Packet& packet) {
  constexpr std::uint8_t kHopsMin = 64;
  const std::uint8_t* ip = packet.bytes() + packet.ip_offset;
  const std::uint8_t* tcp = packet.bytes() + packet.transport_offset;
  const bool usual_ip =
      packet.ip.hop_limit >= kHopsMin && (packet.ip.version == 6 || ip[6] == 0x40);
  return !usual_ip || (tcp[12] & 1) != 0 || (tcp[13] & 0xc0) != 0 || packet.tcp.has_timestamps;
}

// Removes payload and options of a segment.
void strip_segment(Packet& packet);

// Copies acknowledgement, window, flags and, if both headers have the same layout, options.
void copy_tcp_state(std::uint8_t* to_tcp, const std::uint8_t* from_tcp);

// A TCP segment, with time stamps if `numbers` has them; nullptr if no buffer was free.
rte_mbuf* make_segment(const Pattern& pattern, const TcpNumbers& numbers, std::uint8_t flags,
                       ByteView payload);

// A UDP datagram; nullptr if no buffer was free.
rte_mbuf* make_datagram(const Pattern& pattern, ByteView payload);

}  // namespace bulkhead::flow
