// ICMP errors (RFC 792; RFC 4443, 3) pass only if they quote a packet of a living session that may
// be under way, and go back to the host that sent it (RFC 5927, 4.1).
#include "dataplane/flow/carry.h"
#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

namespace {

// Another packet's ICMP header may still stand in the record of one that has none.
bool parse_quote(const flow::Packet& packet, wire::QuotedPacket& quoted) {
  const bool v4 = packet.ip.version == 4;
  if (packet.ip.protocol != (v4 ? wire::kProtocolIcmp : wire::kProtocolIcmpv6)) return false;
  return wire::is_icmp_error(packet.ip.version, packet.icmp.type) &&
         wire::parse_icmp_quote(packet.icmp.body, packet.ip.version, quoted);
}

// The number that the quoted segment's sender gave it; nullopt if it cannot be under way. A SYN and
// a keep-alive stand one below what was acknowledged.
std::optional<std::uint32_t> number_under_way(Context& context, const flow::Flow& flow,
                                              std::size_t sender, std::uint32_t quoted) {
  const bool under_way =
      wire::sequence_distance(quoted, flow.acknowledged_up_to(sender) - 1) >= 0 &&
      wire::sequence_distance(quoted, flow.sent_up_to(sender)) <= 0;
  if (!under_way) return std::nullopt;
  if (!flow.carried) return quoted;
  return flow::sender_number(context.segments, flow, sender, quoted);
}

}  // namespace

void match_icmp_error(Context& context, flow::Packet& packet) {
  wire::QuotedPacket quoted;
  packet.about_flow = false;
  if (!parse_quote(packet, quoted) || quoted.source != packet.ip.destination) return;
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

void pass_icmp_error(Context& context, flow::Packet& packet) {
  wire::QuotedPacket quoted;
  if (!parse_quote(packet, quoted)) return refuse(context, packet, Reason::icmp_unsolicited);
  if (quoted.protocol == wire::kProtocolTcp) {
    const std::size_t sender = packet.from_client ? flow::kServer : flow::kClient;
    const auto number = number_under_way(context, *packet.flow, sender, quoted.sequence);
    if (!number) return refuse(context, packet, Reason::icmp_unsolicited);
    flow::write_quoted_sequence(packet.mbuf, packet.transport_offset,
                                wire::kIcmpHeaderBytes + quoted.sequence_at, *number);
  }
  pass(context, packet, Reason::icmp_for_session);
}

}  // namespace bulkhead::pipeline
