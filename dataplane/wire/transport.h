// TCP (RFC 9293; options of RFC 7323 and RFC 2018), UDP (RFC 768), ICMP (RFC 792) and ICMPv6
// (RFC 4443) headers.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/address.h"

namespace bulkhead::wire {

constexpr std::size_t kTcpHeaderBytes = 20;
constexpr std::size_t kUdpHeaderBytes = 8;

constexpr std::uint8_t kTcpFin = 0x01;
constexpr std::uint8_t kTcpSyn = 0x02;
constexpr std::uint8_t kTcpRst = 0x04;
constexpr std::uint8_t kTcpPsh = 0x08;
constexpr std::uint8_t kTcpAck = 0x10;
constexpr std::uint8_t kTcpUrg = 0x20;

struct TcpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint8_t flags = 0;
  std::uint16_t window = 0;
  std::uint16_t urgent = 0;
  std::uint16_t payload_offset = 0;  // from the start of the TCP header
  std::uint32_t timestamp = 0;       // TSval, if has_timestamps
  std::uint16_t mss = 0;             // 0: not announced
  std::uint8_t window_scale = 0;
  bool has_window_scale = false;
  bool has_timestamps = false;
  bool opening_options = false;  // MSS, window scale or SACK-permitted: at home on a SYN only
  bool unknown_options = false;
};

// False if truncated, the data offset is wrong, reserved bits are set, a port is zero, or an option
// runs over its end, has a wrong length or stands twice.
bool parse_tcp(ByteView segment, TcpHeader& header);

// Options other than MSS and window scale that may be negotiated.
struct SynOptions {
  bool sack = false;
  bool timestamps = false;
};

// Overwrites all other options of a SYN with padding. `options`: those of a header that parse_tcp
// accepted. True if any byte changed; the caller updates the checksum.
bool normalise_syn_options(std::span<std::uint8_t> options, SynOptions keep);

// Overwrites SACK blocks with padding. True if any byte changed.
bool clear_sack_blocks(std::span<std::uint8_t> options);
// The same with time stamps.
bool clear_timestamps(std::span<std::uint8_t> options);

// True for the combinations of SYN, FIN, RST and ACK that a conforming stack sends.
bool tcp_flags_possible(std::uint8_t flags);

struct UdpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint16_t payload_length = 0;
  bool has_checksum = false;
};

// False if truncated, the length contradicts the datagram, or the destination port is zero.
bool parse_udp(ByteView datagram, UdpHeader& header);

constexpr std::size_t kIcmpHeaderBytes = 8;

struct IcmpHeader {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t identifier = 0;  // of an echo
  ByteView body;                 // after the eight-byte header; in an error: the quoted packet
};

bool parse_icmp(ByteView message, IcmpHeader& header);

// Destination unreachable, time exceeded, parameter problem, packet too big. No redirects: they
// would move a host's routes.
bool is_icmp_error(std::uint8_t ip_version, std::uint8_t type);

// The packet that an ICMP error quotes, as far as the quote goes.
struct QuotedPacket {
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;
  std::uint32_t sequence = 0;   // TCP's
  std::size_t sequence_at = 0;  // its offset in the quote
};

// False unless the quote has an IP header of that version without options and the first eight bytes
// of TCP or UDP (RFC 792); it may end there.
bool parse_icmp_quote(ByteView body, std::uint8_t ip_version, QuotedPacket& quoted);

// Serial number arithmetic on sequence numbers (RFC 1982): the signed distance from b to a.
inline std::int32_t sequence_distance(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b);
}

// Neighbour discovery (RFC 4861, 4.3 and 4.4).
constexpr std::uint8_t kNeighbourSolicitation = 135;
constexpr std::uint8_t kNeighbourAdvertisement = 136;

struct NeighbourMessage {
  std::uint8_t type = 0;
  IpAddress target;
  bool has_link_layer = false;
  Mac link_layer;
};

// `message` is the whole ICMPv6 message of one of the two types above. False if malformed or if it
// carries an option twice or one that is not a link-layer address or a nonce.
bool parse_neighbour(ByteView message, NeighbourMessage& neighbour);

}  // namespace bulkhead::wire
