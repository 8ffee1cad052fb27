// Parses the most common packet in one step: Ethernet with at most one VLAN tag, unfragmented IPv4
// without options, TCP with no options but time stamps. Any other or malformed packet is left to
// the parsers of the single headers, with which this one agrees (usual_test.cpp).
#pragma once

#include "dataplane/wire/checksum.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::wire {

struct UsualPacket {
  EthernetHeader& ethernet;
  IpHeader& ip;
  TcpHeader& tcp;
};

// Checksums to verify; the port has verified the others.
struct VerifyChecksums {
  bool ip = true;
  bool transport = true;
};

// True if the frame is such a packet and valid; all of `packet` is set then. Otherwise its content
// is unspecified.
inline bool parse_usual(ByteView frame, VerifyChecksums verify, UsualPacket packet) {
  constexpr std::uint32_t kTimestampsAlone = 0x0101080a;  // RFC 7323, A
  constexpr std::size_t kTimestampsHeader = kTcpHeaderBytes + 12;
  constexpr std::size_t kHeaders = kIpv4HeaderBytes + kTcpHeaderBytes;
  if (frame.size() < kEthernetHeaderBytes + kHeaders) return false;
  const std::uint8_t* ethernet = frame.data();
  const bool tagged = load_be16(ethernet + 12) == kEtherTypeVlan;
  const std::size_t ip_offset = kEthernetHeaderBytes + (tagged ? kVlanTagBytes : 0);
  if (frame.size() < ip_offset + kHeaders) return false;
  const std::uint8_t* ip = ethernet + ip_offset;
  const std::uint8_t* tcp = ip + kIpv4HeaderBytes;
  const std::size_t total = load_be16(ip + 2);
  const std::uint8_t flags = tcp[13] & 0x3f;
  const std::size_t header_bytes = static_cast<std::size_t>(tcp[12] >> 4) * 4;
  const bool usual_ip = load_be16(ip - 2) == kEtherTypeIpv4 && ip[0] == 0x45 &&
                        (load_be16(ip + 6) & 0xbfff) == 0 && ip[9] == kProtocolTcp && ip[12] < 224;
  // ACK, and at most PSH and FIN with it; no reserved bits, no urgent data.
  const bool usual_tcp = (flags & ~(kTcpPsh | kTcpFin)) == kTcpAck && (tcp[12] & 0x0e) == 0 &&
                         load_be16(tcp + 18) == 0 && load_be16(tcp) != 0 && load_be16(tcp + 2) != 0;
  if (!usual_ip || !usual_tcp || total < kIpv4HeaderBytes + header_bytes ||
      total > frame.size() - ip_offset) {
    return false;
  }
  packet.tcp.has_timestamps = header_bytes == kTimestampsHeader;
  packet.tcp.timestamp = 0;
  if (packet.tcp.has_timestamps) {
    if (load_be32(tcp + kTcpHeaderBytes) != kTimestampsAlone) return false;
    packet.tcp.timestamp = load_be32(tcp + kTcpHeaderBytes + 4);
  } else if (header_bytes != kTcpHeaderBytes) {
    return false;
  }
  packet.ethernet.destination = Mac::from(ethernet);
  packet.ethernet.source = Mac::from(ethernet + 6);
  const bool one_to_one = ((ethernet[0] | ethernet[6]) & 1) == 0 &&
                          (load_be32(ethernet) | load_be16(ethernet + 4)) != 0 &&
                          (load_be32(ethernet + 6) | load_be16(ethernet + 10)) != 0;
  const std::size_t segment_bytes = total - kIpv4HeaderBytes;
  const bool right = (!verify.ip || ipv4_header_checksum_ok(ip)) &&
                     (!verify.transport || ipv4_tcp_checksum_ok(ip, {tcp, segment_bytes}));
  if (!one_to_one || !right) return false;
  constexpr std::uint16_t kVidMask = 0x0fff;  // all ones is reserved (IEEE 802.1Q, 9.6)
  packet.ethernet.vlan = VlanIds{};
  if (tagged) packet.ethernet.vlan.outer = load_be16(ethernet + 14) & kVidMask;
  if (packet.ethernet.vlan.outer == kVidMask) return false;
  packet.ethernet.ethertype = kEtherTypeIpv4;
  packet.ethernet.payload_offset = static_cast<std::uint16_t>(ip_offset);
  packet.ip.source = IpAddress::from_v4(ip + 12);
  packet.ip.destination = IpAddress::from_v4(ip + 16);
  packet.ip.version = 4;
  packet.ip.protocol = kProtocolTcp;
  packet.ip.hop_limit = ip[8];
  packet.ip.payload_offset = kIpv4HeaderBytes;
  packet.ip.payload_length = static_cast<std::uint16_t>(segment_bytes);
  packet.tcp.source_port = load_be16(tcp);
  packet.tcp.destination_port = load_be16(tcp + 2);
  packet.tcp.sequence = load_be32(tcp + 4);
  packet.tcp.acknowledgement = load_be32(tcp + 8);
  packet.tcp.flags = flags;
  packet.tcp.window = load_be16(tcp + 14);
  packet.tcp.urgent = 0;
  packet.tcp.payload_offset = static_cast<std::uint16_t>(header_bytes);
  packet.tcp.mss = 0;
  packet.tcp.window_scale = 0;
  packet.tcp.has_window_scale = false;
  packet.tcp.opening_options = false;
  packet.tcp.unknown_options = false;
  return true;
}

}  // namespace bulkhead::wire
