// ICMP errors (RFC 792; RFC 4443, 3) pass only if they quote a packet of a living session and go
// back to the host that sent it.
#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

void match_icmp_error(Context& context, flow::Packet& packet) {
  wire::QuotedPacket quoted;
  packet.about_flow = false;
  const bool quotes = wire::is_icmp_error(packet.ip.version, packet.icmp.type) &&
                      wire::parse_icmp_quote(packet.icmp.body, packet.ip.version, quoted);
  if (!quotes || quoted.source != packet.ip.destination) return;
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
