// Reads just the headers that the session key needs; the owner parses again, in full.
#include "dataplane/flow/steering.h"

#include "dataplane/flow/flow_key.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::flow {

std::uint32_t steering_hash(ByteView frame) {
  wire::EthernetHeader ethernet;
  if (!wire::parse_ethernet(frame, ethernet)) return 0;
  wire::IpHeader ip;
  const ByteView packet = frame.subspan(ethernet.payload_offset);
  wire::IpStatus status = wire::IpStatus::malformed;
  if (ethernet.ethertype == wire::kEtherTypeIpv4) status = wire::parse_ipv4(packet, false, ip);
  if (ethernet.ethertype == wire::kEtherTypeIpv6) status = wire::parse_ipv6(packet, ip);
  if (status != wire::IpStatus::ok) return 0;
  const ByteView segment = packet.subspan(ip.payload_offset, ip.payload_length);
  if (ip.protocol == wire::kProtocolTcp || ip.protocol == wire::kProtocolUdp) {
    ByteReader ports(segment);
    const std::uint16_t source = ports.u16();
    const std::uint16_t destination = ports.u16();
    return hash_key(
        make_key(ip.source, source, ip.destination, destination, ip.protocol, ethernet.vlan).key);
  }
  // An ICMP error goes to the owner of the session that it quotes.
  wire::IcmpHeader icmp;
  wire::QuotedPacket quoted;
  const bool quotes = wire::parse_icmp(segment, icmp) &&
                      wire::is_icmp_error(ip.version, icmp.type) &&
                      wire::parse_icmp_quote(icmp.body, ip.version, quoted);
  if (!quotes) return 0;
  return hash_key(make_key(quoted.source, quoted.source_port, quoted.destination,
                           quoted.destination_port, quoted.protocol, ethernet.vlan)
                      .key);
}

}  // namespace bulkhead::flow
