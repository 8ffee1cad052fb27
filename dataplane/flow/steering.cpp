// Reads just the fields that name a session; the owner parses again, in full. Both ends are hashed
// alone and added, so that the direction does not matter.
#include "dataplane/flow/steering.h"

#include <rte_hash_crc.h>

#include <array>

#include "dataplane/protocols/registry.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::flow {

namespace {

std::uint32_t hash_end(std::uint64_t high, std::uint64_t low, std::uint16_t port) {
  if (high == 0) return rte_hash_crc_8byte(low << 16 | port, 0);
  return rte_hash_crc_8byte(low, rte_hash_crc_8byte(high, port));
}

std::uint32_t hash_session(std::uint32_t ends, std::uint8_t protocol, wire::VlanIds vlan) {
  // VLAN identifiers have 12 bits.
  return rte_hash_crc_8byte(std::uint64_t{ends} << 32 | std::uint64_t{vlan.outer} << 20 |
                                std::uint64_t{vlan.inner} << 8 | protocol,
                            0);
}

// Services whose packets have one owner in each VLAN (protocols::Expectations::shared_services).
struct SharedPorts {
  std::array<std::uint16_t, 64> udp{};
  std::array<std::uint16_t, 64> tcp{};
  std::size_t udp_count = 0;
  std::size_t tcp_count = 0;

  SharedPorts() {
    for (const protocols::SharedService& service : protocols::shared_services()) {
      if (service.carrier == protocols::Carrier::udp) udp[udp_count++] = service.port;
      if (service.carrier == protocols::Carrier::tcp) tcp[tcp_count++] = service.port;
    }
  }
};
const SharedPorts kSharedPorts;

bool are_shared(std::uint8_t protocol, std::uint16_t one, std::uint16_t other) {
  const bool tcp = protocol == wire::kProtocolTcp;
  const auto& ports = tcp ? kSharedPorts.tcp : kSharedPorts.udp;
  const std::size_t count = tcp ? kSharedPorts.tcp_count : kSharedPorts.udp_count;
  for (std::size_t i = 0; i < count; ++i) {
    if (one == ports[i] || other == ports[i]) return true;
  }
  return false;
}

std::uint32_t hash_between(const wire::IpAddress& one, std::uint16_t one_port,
                           const wire::IpAddress& other, std::uint16_t other_port,
                           std::uint8_t protocol, wire::VlanIds vlan) {
  if (are_shared(protocol, one_port, other_port)) return hash_session(0, 0, vlan);
  return hash_session(
      hash_end(one.high(), one.low(), one_port) + hash_end(other.high(), other.low(), other_port),
      protocol, vlan);
}

bool has_ports(std::uint8_t protocol) {
  return protocol == wire::kProtocolTcp || protocol == wire::kProtocolUdp;
}

// The usual frame: no tag, IPv4 without options, not a fragment, with ports.
bool hash_usual(ByteView frame, std::uint32_t& hash) {
  constexpr std::size_t kIp = 14;
  constexpr std::size_t kPorts = kIp + wire::kIpv4HeaderBytes;
  constexpr std::uint64_t kMapped = std::uint64_t{0xffff} << 32;  // see wire::IpAddress
  constexpr std::uint8_t kNoOptions = 0x45;
  constexpr std::uint16_t kFragment = 0x3fff;
  if (frame.size() < kPorts + 4) return false;
  const std::uint8_t* p = frame.data();
  if (load_be16(p + 12) != wire::kEtherTypeIpv4 || p[kIp] != kNoOptions ||
      (load_be16(p + kIp + 6) & kFragment) != 0 || !has_ports(p[kIp + 9])) {
    return false;
  }
  const std::uint8_t protocol = p[kIp + 9];
  const std::uint16_t one_port = load_be16(p + kPorts);
  const std::uint16_t other_port = load_be16(p + kPorts + 2);
  const bool shared = are_shared(protocol, one_port, other_port);
  const std::uint32_t ends = hash_end(0, kMapped | load_be32(p + kIp + 12), one_port) +
                             hash_end(0, kMapped | load_be32(p + kIp + 16), other_port);
  hash = shared ? hash_session(0, 0, {}) : hash_session(ends, protocol, {});
  return true;
}

}  // namespace

std::uint32_t steering_hash(ByteView frame) {
  std::uint32_t hash = 0;
  if (hash_usual(frame, hash)) return hash;
  wire::EthernetHeader ethernet;
  if (!wire::parse_ethernet(frame, ethernet)) return 0;
  wire::IpHeader ip;
  const ByteView packet = frame.subspan(ethernet.payload_offset);
  wire::IpStatus status = wire::IpStatus::malformed;
  if (ethernet.ethertype == wire::kEtherTypeIpv4) status = wire::parse_ipv4(packet, false, ip);
  if (ethernet.ethertype == wire::kEtherTypeIpv6) status = wire::parse_ipv6(packet, ip);
  if (status != wire::IpStatus::ok) return 0;
  const ByteView segment = packet.subspan(ip.payload_offset, ip.payload_length);
  if (has_ports(ip.protocol)) {
    ByteReader ports(segment);
    const std::uint16_t source = ports.u16();
    const std::uint16_t destination = ports.u16();
    return hash_between(ip.source, source, ip.destination, destination, ip.protocol, ethernet.vlan);
  }
  // An ICMP error goes to the owner of the session that it quotes.
  wire::IcmpHeader icmp;
  wire::QuotedPacket quoted;
  const bool quotes = wire::parse_icmp(segment, icmp) &&
                      wire::is_icmp_error(ip.version, icmp.type) &&
                      wire::parse_icmp_quote(icmp.body, ip.version, quoted);
  if (!quotes) return 0;
  return hash_between(quoted.source, quoted.source_port, quoted.destination,
                      quoted.destination_port, quoted.protocol, ethernet.vlan);
}

}  // namespace bulkhead::flow
