// ICMP errors (RFC 792; RFC 4443, 3) pass only if they quote a packet of a living session that may
// be under way, and go back to the host that sent it (RFC 5927, 4.1).
#include "dataplane/pipeline/icmp_error.h"

#include <optional>

#include "dataplane/flow/splice.h"
#include "dataplane/pipeline/containment.h"
#include "dataplane/pipeline/leaving.h"

namespace bulkhead::pipeline {

namespace {

// Another packet's ICMP header may still stand in the record of one that has none.
bool parse_quote(const flow::Packet& packet, wire::QuotedPacket& quoted) {
  const bool v4 = packet.ip.version == 4;
  if (packet.ip.protocol != (v4 ? wire::kProtocolIcmp : wire::kProtocolIcmpv6)) return false;
  return wire::is_icmp_error(packet.ip.version, packet.icmp.type) &&
         wire::parse_icmp_quote(packet.icmp.body, packet.ip.version, quoted);
}

// The number that the quoted segment's sender gave it; nullopt if it is not under way (RFC 5927,
// 4.1). A SYN stands one below what was acknowledged, a segment without data behind all that left.
std::optional<std::uint32_t> number_under_way(SessionContext& context, const flow::Flow& flow,
                                              std::size_t sender, std::uint32_t quoted) {
  const flow::TcpPhase opening =
      sender == flow::kClient ? flow::TcpPhase::syn_sent : flow::TcpPhase::syn_received;
  const std::uint32_t first = flow.acknowledged_up_to(sender) - (flow.phase == opening ? 1U : 0U);
  const bool under_way = wire::sequence_distance(quoted, first) >= 0 &&
                         wire::sequence_distance(quoted, flow.sent_up_to(sender)) <= 0;
  if (!under_way) return std::nullopt;
  if (!flow.spliced) return quoted;
  return flow::sender_number(context.segments, flow, sender, quoted);
}

// Of a path that is too narrow for a packet: how long it may be. Nothing of any other error.
std::optional<std::uint32_t> path_mtu(const flow::Packet& packet) {
  constexpr std::uint8_t kUnreachable = 3;  // RFC 792; RFC 1191, 4
  constexpr std::uint8_t kMustNotFragment = 4;
  constexpr std::uint8_t kTooBig = 2;  // RFC 4443, 3.2
  const std::uint8_t* message = packet.bytes() + packet.transport_offset;
  if (packet.ip.version == 6) {
    if (packet.icmp.type != kTooBig) return std::nullopt;
    return load_be32(message + 4);
  }
  if (packet.icmp.type != kUnreachable || packet.icmp.code != kMustNotFragment) {
    return std::nullopt;
  }
  return load_be16(message + 6);
}

// Narrower than a host must take (RFC 1122, 3.3.2; RFC 8200, 5): such a path makes a sender cut its
// messages where somebody else wants them cut.
bool is_believable(const flow::Packet& packet, std::uint32_t mtu) {
  constexpr std::uint32_t kMtuMinV4 = 576;
  constexpr std::uint32_t kMtuMinV6 = 1280;
  return mtu >= (packet.ip.version == 4 ? kMtuMinV4 : kMtuMinV6) ||
         planted(Mistake::believe_any_path);
}

// From now on messages are cut to fit the path.
void note_path(flow::Flow& flow, std::size_t sender, const flow::Packet& packet,
               std::uint32_t mtu) {
  flow::TcpSide& receiver = flow.sides[1 - sender];
  const std::uint32_t headers = packet.ip.version == 4 ? 40 : 60;
  const std::uint32_t mss = mtu - headers;
  if (mss < receiver.mss) receiver.mss = static_cast<std::uint16_t>(mss);
}

}  // namespace

void match_icmp_error(SessionContext& context, flow::Packet& packet) {
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

void pass_icmp_error(SessionContext& context, flow::Packet& packet) {
  wire::QuotedPacket quoted;
  flow::Flow& flow = *packet.flow;
  if (is_cut(context, flow)) return refuse(context, packet, Reason::contained);
  const std::size_t sender = packet.from_client ? flow::kServer : flow::kClient;
  const bool comes_back = packet.port == flow.ports[1 - sender];
  const auto mtu = path_mtu(packet);
  if (!parse_quote(packet, quoted) || !comes_back || (mtu && !is_believable(packet, *mtu))) {
    return refuse(context, packet, Reason::icmp_unsolicited);
  }
  if (quoted.protocol == wire::kProtocolTcp) {
    const auto number = number_under_way(context, flow, sender, quoted.sequence);
    if (!number) return refuse(context, packet, Reason::icmp_unsolicited);
    flow::write_quoted_sequence(packet.mbuf, packet.transport_offset,
                                wire::kIcmpHeaderBytes + quoted.sequence_at, *number);
    if (mtu) note_path(flow, sender, packet, *mtu);
  }
  pass(context, packet, Reason::icmp_for_session);
}

}  // namespace bulkhead::pipeline
