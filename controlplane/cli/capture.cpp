// wire/ reads the headers.
#include "controlplane/cli/capture.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "controlplane/cli/session.h"
#include "dataplane/capture/capture_file.h"
#include "dataplane/protocols/registry.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/llc.h"

namespace bulkhead::controlplane {

namespace {

// The IP packet in a frame of the given link type; empty if there is none.
ByteView ip_packet(int link_type, ByteView frame) {
  const auto if_ip = [](std::uint16_t ethertype, ByteView rest) {
    const bool ip = ethertype == wire::kEtherTypeIpv4 || ethertype == wire::kEtherTypeIpv6;
    return ip ? rest : ByteView{};
  };
  constexpr std::size_t kCookedBytes = 16;
  constexpr std::size_t kCooked2Bytes = 20;
  constexpr std::size_t kNullBytes = 4;
  switch (link_type) {
    case DLT_EN10MB: {
      wire::EthernetHeader ethernet;
      // A group source address is odd but harmless here; zero addresses come from loopbacks.
      wire::parse_ethernet(frame, ethernet);
      if (ethernet.payload_offset == 0 || ethernet.payload_offset > frame.size()) return {};
      return if_ip(ethernet.ethertype, frame.subspan(ethernet.payload_offset));
    }
    case DLT_LINUX_SLL:
      if (frame.size() < kCookedBytes) return {};
      return if_ip(load_be16(frame.data() + 14), frame.subspan(kCookedBytes));
    case DLT_LINUX_SLL2:
      if (frame.size() < kCooked2Bytes) return {};
      return if_ip(load_be16(frame.data()), frame.subspan(kCooked2Bytes));
    case DLT_NULL:
    case DLT_LOOP:
      return frame.size() < kNullBytes ? ByteView{} : frame.subspan(kNullBytes);
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
      return frame;
    default:
      return {};
  }
}

// A length of zero is left to hardware that segments (TSO), after the capture: then the packet is
// all that is left of its frame.
ByteView with_length(ByteView packet, std::vector<std::uint8_t>& copy) {
  const bool v4 = (packet[0] >> 4) == 4;
  const std::size_t header = v4 ? 0 : wire::kIpv6HeaderBytes;
  const std::size_t at = v4 ? 2 : 4;
  if (packet.size() < wire::kIpv4HeaderBytes + header || packet.size() > 0xffff ||
      load_be16(packet.data() + at) != 0) {
    return packet;
  }
  copy.assign(packet.begin(), packet.end());
  store_be16(copy.data() + at, static_cast<std::uint16_t>(packet.size() - header));
  return copy;
}

bool parse_packet(ByteView given, std::vector<std::uint8_t>& copy, CapturedPacket& out) {
  if (given.empty()) return false;
  const ByteView packet = with_length(given, copy);
  wire::IpHeader ip;
  const wire::IpStatus status =
      (packet[0] >> 4) == 4 ? wire::parse_ipv4(packet, false, ip) : wire::parse_ipv6(packet, ip);
  if (status != wire::IpStatus::ok) return false;
  out.source = ip.source;
  out.destination = ip.destination;
  const ByteView segment = packet.subspan(ip.payload_offset, ip.payload_length);
  if (ip.protocol == wire::kProtocolTcp && wire::parse_tcp(segment, out.tcp)) {
    out.carrier = protocols::Carrier::tcp;
    out.source_port = out.tcp.source_port;
    out.destination_port = out.tcp.destination_port;
    out.payload = segment.subspan(out.tcp.payload_offset);
    return true;
  }
  wire::UdpHeader udp;
  if (ip.protocol != wire::kProtocolUdp || !wire::parse_udp(segment, udp)) return false;
  out.carrier = protocols::Carrier::udp;
  out.source_port = udp.source_port;
  out.destination_port = udp.destination_port;
  out.payload = segment.subspan(wire::kUdpHeaderBytes);
  return true;
}

// RFC 792, RFC 4443: an echo request.
bool parse_echo(ByteView packet, CapturedEcho& out) {
  if (packet.empty()) return false;
  wire::IpHeader ip;
  const bool v4 = (packet[0] >> 4) == 4;
  const wire::IpStatus status =
      v4 ? wire::parse_ipv4(packet, false, ip) : wire::parse_ipv6(packet, ip);
  if (status != wire::IpStatus::ok || ip.payload_length == 0) return false;
  const std::uint8_t type = packet[ip.payload_offset];
  const bool echo = v4 ? ip.protocol == wire::kProtocolIcmp && type == 8
                       : ip.protocol == wire::kProtocolIcmpv6 && type == 128;
  out.source = ip.source;
  out.destination = ip.destination;
  return echo;
}

// ICMP errors and answers go with what they answer. RFC 4861: neighbour discovery is the network's.
bool goes_with_others(std::uint8_t protocol, std::uint8_t type) {
  constexpr std::array<std::uint8_t, 5> kErrors = {3, 4, 5, 11, 12};
  if (protocol == wire::kProtocolIcmp) {
    return type == 0 || std::find(kErrors.begin(), kErrors.end(), type) != kErrors.end();
  }
  return (type >= 1 && type <= 4) || type == 129 || (type >= 133 && type <= 137);
}

std::optional<LeftOut> left_out_ip(ByteView packet) {
  using Kind = LeftOut::Kind;
  wire::IpHeader ip;
  const wire::IpStatus status =
      (packet[0] >> 4) == 4 ? wire::parse_ipv4(packet, false, ip) : wire::parse_ipv6(packet, ip);
  if (status == wire::IpStatus::fragment) return LeftOut{Kind::fragment, 0};
  if (status == wire::IpStatus::options) return LeftOut{Kind::ip_options, 0};
  if (status != wire::IpStatus::ok) return LeftOut{Kind::malformed, 0};
  const bool icmp = ip.protocol == wire::kProtocolIcmp || ip.protocol == wire::kProtocolIcmpv6;
  const bool known = ip.protocol == wire::kProtocolTcp || ip.protocol == wire::kProtocolUdp;
  if (known || (icmp && ip.payload_length == 0)) return LeftOut{Kind::malformed, 0};
  if (!icmp) return LeftOut{Kind::ip_protocol, ip.protocol};
  const std::uint8_t type = packet[ip.payload_offset];
  if (goes_with_others(ip.protocol, type)) return std::nullopt;
  return LeftOut{ip.protocol == wire::kProtocolIcmp ? Kind::icmp : Kind::icmpv6, type};
}

// Of a frame in which nothing was found.
std::optional<LeftOut> left_out_of(const CapturedFrame& frame, ByteView ip) {
  if (!ip.empty()) return left_out_ip(ip);
  if (frame.link_type != DLT_EN10MB) {
    return LeftOut{LeftOut::Kind::link_type, static_cast<std::uint16_t>(frame.link_type)};
  }
  wire::EthernetHeader ethernet;
  wire::parse_ethernet(frame.bytes, ethernet);
  if (ethernet.ethertype == wire::kEtherTypeArp) return std::nullopt;
  return LeftOut{LeftOut::Kind::malformed, 0};
}

// A packet without IP whose EtherType or SAP no module decodes.
std::optional<LeftOut> left_out_of(const CapturedPacket& packet) {
  const std::uint16_t type = packet.destination_port;
  const bool bare = packet.carrier == protocols::Carrier::ethernet;
  if (!bare || protocols::find_protocols(packet.carrier, type) != 0) return std::nullopt;
  const bool llc = type < wire::kEtherTypeMin;
  return LeftOut{llc ? LeftOut::Kind::llc : LeftOut::Kind::ethertype, type};
}

// A frame that does not carry IP.
bool parse_non_ip(ByteView frame, CapturedPacket& out) {
  wire::EthernetHeader ethernet;
  wire::parse_ethernet(frame, ethernet);
  const bool ip = ethernet.ethertype == wire::kEtherTypeIpv4 ||
                  ethernet.ethertype == wire::kEtherTypeIpv6 ||
                  ethernet.ethertype == wire::kEtherTypeArp;
  if (ip || ethernet.payload_offset == 0 || ethernet.payload_offset > frame.size()) return false;
  out.carrier = protocols::Carrier::ethernet;
  out.source = wire::IpAddress::from_mac(ethernet.source);
  out.destination = wire::IpAddress::from_mac(ethernet.destination);
  out.source_port = 0;
  out.destination_port = ethernet.ethertype;
  out.payload = frame.subspan(ethernet.payload_offset);
  if (ethernet.ethertype >= wire::kEtherTypeMin) return true;
  wire::Lpdu lpdu;
  const ByteView from_length = frame.subspan(ethernet.payload_offset - wire::kLengthBytes);
  if (!wire::parse_lpdu(from_length, lpdu)) return false;
  out.source_port = out.destination_port = lpdu.sap;
  out.payload = lpdu.bytes;
  return true;
}

// RFC 1952, 2.3.1.
bool is_compressed(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 2> begin{};
  file.read(begin.data(), begin.size());
  return file.gcount() == 2 && begin == std::array<char, 2>{'\x1f', '\x8b'};
}

}  // namespace

void FrameReader::read(const CapturedFrame& frame,
                       const std::function<void(const CapturedPacket&)>& take,
                       const std::function<void(const CapturedEcho&)>& take_echo) {
  packet_.frame = frame.number;
  packet_.time_ns = frame.time_ns;
  wire::EthernetHeader ethernet;
  packet_.vlan.reset();
  if (frame.link_type == DLT_EN10MB) {
    const bool passes = wire::parse_ethernet(frame.bytes, ethernet);
    packet_.vlan = ethernet.vlan;
    const bool has_ends = !ethernet.source.is_group() && !ethernet.source.is_zero() &&
                          !ethernet.destination.is_zero();
    if (!passes && has_ends && ethernet.vlan.outer != wire::VlanIds::kNoVlan) ++foreign_tags_;
  }
  packet_.source_mac = ethernet.source;
  const ByteView ip = ip_packet(frame.link_type, frame.bytes);
  if (parse_packet(ip, copy_, packet_) ||
      (frame.link_type == DLT_EN10MB && parse_non_ip(frame.bytes, packet_))) {
    if (const auto what = left_out_of(packet_)) ++left_out_[*what];
    take(packet_);
    return;
  }
  CapturedEcho echo{frame.number, frame.time_ns, {}, {}, packet_.vlan};
  if (parse_echo(ip, echo)) {
    if (take_echo) take_echo(echo);
  } else if (frame.snapped) {
    ++left_out_[{LeftOut::Kind::snapped, 0}];
  } else if (const auto what = left_out_of(frame, ip)) {
    ++left_out_[*what];
  }
}

CaptureRead read_capture(const std::string& path,
                         const std::function<void(const CapturedPacket&)>& take,
                         const std::function<void(const CapturedEcho&)>& take_echo) {
  auto opened = capture::CaptureFile::open(path);
  if (!opened) {
    const std::string how =
        is_compressed(path) ? ": it is compressed; `zcat` it into this command, with - for its name"
                            : "";
    throw CommandFailed{kFileFailed, opened.error() + how};
  }
  capture::CaptureFile& file = opened.value();
  FrameReader reader;
  while (file.next()) {
    const bool snapped = file.header().caplen < file.header().len;
    reader.read({file.number(), file.time_ns(), file.link_type(), file.frame(), snapped}, take,
                take_echo);
  }
  // libpcap's words for a file that ends within a frame.
  const bool cut = file.problem().find("truncated ") != std::string::npos;
  if (!file.problem().empty() && !cut) throw CommandFailed{kFileFailed, file.problem()};
  return {reader.left_out(), reader.foreign_tags(), file.problem()};
}

}  // namespace bulkhead::controlplane
