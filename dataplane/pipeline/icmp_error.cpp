// ICMP errors (RFC 792; RFC 4443, 3) pass only if they quote a packet of a living session and go
// back to the host that sent it.
#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

namespace {

struct Quoted {
  wire::IpAddress source;
  wire::IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;
};

// The quote may be cut behind the first eight bytes of its transport header.
bool parse_quoted(ByteView body, std::uint8_t version, Quoted& quoted) {
  ByteReader reader(body);
  const std::uint8_t first = reader.u8();
  if ((first >> 4) != version) return false;
  if (version == 4) {
    if ((first & 0x0f) != 5) return false;
    reader.skip(8);
    quoted.protocol = reader.u8();
    reader.skip(2);
    const ByteView source = reader.take(4);
    const ByteView destination = reader.take(4);
    if (!reader.ok()) return false;
    quoted.source = wire::IpAddress::from_v4(source.data());
    quoted.destination = wire::IpAddress::from_v4(destination.data());
  } else {
    reader.skip(5);
    quoted.protocol = reader.u8();
    reader.skip(1);
    const ByteView source = reader.take(16);
    const ByteView destination = reader.take(16);
    if (!reader.ok()) return false;
    quoted.source = wire::IpAddress::from_v6(source.data());
    quoted.destination = wire::IpAddress::from_v6(destination.data());
  }
  quoted.source_port = reader.u16();
  quoted.destination_port = reader.u16();
  return reader.ok();
}

bool is_error(const flow::Packet& packet) {
  const std::uint8_t type = packet.icmp.type;
  if (packet.ip.version == 4) {
    return packet.ip.protocol == wire::kProtocolIcmp && (type == 3 || type == 11 || type == 12);
  }
  return packet.ip.protocol == wire::kProtocolIcmpv6 && type >= 1 && type <= 4;
}

}  // namespace

void match_icmp_error(Context& context, flow::Packet& packet) {
  Quoted quoted;
  packet.about_flow = false;
  if (!is_error(packet) || !parse_quoted(packet.icmp.body, packet.ip.version, quoted)) return;
  const bool transport =
      quoted.protocol == wire::kProtocolTcp || quoted.protocol == wire::kProtocolUdp;
  if (!transport || quoted.source != packet.ip.destination) return;
  const flow::OrderedKey ordered =
      flow::make_key(quoted.source, quoted.source_port, quoted.destination, quoted.destination_port,
                     quoted.protocol, packet.ethernet.vlan);
  flow::Flow* flow = context.flows.find(ordered.key);
  if (flow == nullptr || flow->refused) return;
  packet.flow = flow;
  packet.about_flow = true;
  // It travels towards the quoted source: as what the other end would send.
  packet.from_client = flow->client_is_low != ordered.source_is_low;
}

}  // namespace bulkhead::pipeline
