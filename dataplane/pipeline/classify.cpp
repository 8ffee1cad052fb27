// Stage: classify. A packet belongs to a session that some rule grants, under the policy of this
// moment, or it goes no further.
#include <algorithm>

#include "dataplane/flow/tcp_tracker.h"
#include "dataplane/pipeline/containment.h"
#include "dataplane/pipeline/ending.h"
#include "dataplane/pipeline/expectations.h"
#include "dataplane/pipeline/icmp_error.h"
#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/openings.h"
#include "dataplane/pipeline/packet_ends.h"
#include "dataplane/pipeline/places.h"
#include "dataplane/pipeline/protocol_state.h"
#include "dataplane/pipeline/session_macs.h"
#include "dataplane/pipeline/shadow.h"
#include "dataplane/pipeline/stages.h"

namespace bulkhead::pipeline {

Sides sides_of(const Context& context, const flow::Flow& flow, std::uint16_t server_port,
               policy::Transport transport) {
  const wire::IpAddress& opener = flow.reversed ? flow.server() : flow.client();
  const wire::IpAddress& other = flow.reversed ? flow.client() : flow.server();
  Sides sides;
  sides.client_zone = policy::find_zone(context.tables(), opener);
  sides.server_zone = policy::find_destination_zone(context.tables(), sides.client_zone, other);
  sides.endpoints = {opener, other, server_port, transport};
  return sides;
}

void adopt(Context& context, flow::Flow& flow, const Sides& sides,
           const policy::Classification& found) {
  flow.standing = found.standing;
  flow.standing.generation = context.image.generation;
  flow.ports[flow.opener()] = context.tables().zones[sides.client_zone].port;
  flow.ports[1 - flow.opener()] = context.tables().zones[sides.server_zone].port;
  flow.on_deny = context.tables().conduits[found.standing.conduit].on_deny;
  flow.drops_stray = !context.tables().conduits[found.standing.conduit].reset_on_stray;
  flow.whole_only = context.tables().zones[sides.client_zone].prp ||
                    context.tables().zones[sides.server_zone].prp;
  const flow::HostAt opener{sides.endpoints.client, flow.links[flow.opener()].from,
                            flow.ports[flow.opener()]};
  const std::uint16_t host = flow.shares.host != 0
                                 ? flow.shares.host
                                 : flow::Shares::host_id(opener.hash(context.hash_key));
  context.segments.charge_to(flow, {host, flow::Shares::conduit_id(found.standing.conduit)});
  const std::uint32_t slot = context.flows.index_of(flow);
  if (!context.places.has(slot)) {  // it was the peer's
    const std::uint16_t mac_id = flow::Places::mac_id_of(context.hash_key, opener.mac);
    context.places.add(slot, {flow.shares, opener.port, mac_id, false}, context.now_ns);
  }
  for (const std::size_t end : {flow::kClient, flow::kServer}) {
    const wire::Mac* bound = policy::find_binding(
        context.tables(), end == flow.opener() ? sides.endpoints.client : sides.endpoints.server);
    wire::Mac& from = flow.links[end].from;
    if (bound != nullptr) {
      from = *bound;
    } else if (flow.transport != policy::Transport::tcp) {
      from = wire::Mac{};
    }
  }
}

namespace {

using flow::Flow;
using flow::Packet;
using policy::Classification;

bool is_tcp(const Packet& packet) { return packet.ip.protocol == wire::kProtocolTcp; }

bool is_opening_syn(const Packet& packet) {
  return is_tcp(packet) && (packet.tcp.flags & (wire::kTcpSyn | wire::kTcpAck)) == wire::kTcpSyn;
}

bool is_echo_request(const Packet& packet) {
  constexpr std::uint8_t kEchoRequestV4 = 8;
  constexpr std::uint8_t kEchoRequestV6 = 128;
  return packet.icmp.type == (packet.ip.version == 4 ? kEchoRequestV4 : kEchoRequestV6) &&
         packet.icmp.code == 0;
}

policy::Transport transport_of(const Packet& packet) {
  if (is_tcp(packet)) return policy::Transport::tcp;
  if (is_non_ip(packet)) return policy::Transport::ethernet;
  return packet.ip.protocol == wire::kProtocolUdp ? policy::Transport::udp
                                                  : policy::Transport::icmp;
}

Sides sides_of(const Packet& packet, std::uint16_t source_zone, std::uint16_t destination_zone,
               bool from_client) {
  Sides sides;
  const std::uint16_t source_port =
      packet.source_is_low ? packet.key.low_port : packet.key.high_port;
  const std::uint16_t destination_port =
      packet.source_is_low ? packet.key.high_port : packet.key.low_port;
  sides.client_zone = from_client ? source_zone : destination_zone;
  sides.server_zone = from_client ? destination_zone : source_zone;
  sides.endpoints = {from_client ? packet.ip.source : packet.ip.destination,
                     from_client ? packet.ip.destination : packet.ip.source,
                     from_client ? destination_port : source_port, transport_of(packet)};
  return sides;
}

void refuse_opening(Context& context, Packet& packet, const Classification& found) {
  const bool tell =
      found.standing.conduit != policy::kNoConduit &&
      context.tables().conduits[found.standing.conduit].on_deny != policy::OnDeny::drop;
  if (tell && is_opening_syn(packet)) answer_with_reset(context, packet);
  if (context.shadow != nullptr) note_refused_opening(context, packet);
  Verdict verdict;
  verdict.action = tell && is_opening_syn(packet) ? Action::reset : Action::drop;
  verdict.reason = found.reason;
  verdict.standing.conduit = found.standing.conduit;
  verdict.protocol = found.protocol;
  verdict.bytes = packet.mbuf->pkt_len;
  context.observer.on_verdict(verdict, packet);
  rte_pktmbuf_free(packet.mbuf);
  packet.mbuf = nullptr;
}

void open_flow(Context& context, Packet& packet, std::uint16_t source_zone);

// A session that exists is judged anew after a change of policy. A stream whose protocol changed
// stands at no known message boundary and cannot be taken up.
void judge_anew(Context& context, Packet& packet, std::uint16_t source_zone) {
  Flow& flow = *packet.flow;
  const policy::Tables& tables = context.tables();
  const std::uint16_t listens = flow.reversed ? flow.client_port() : flow.server_port();
  Sides sides = sides_of(context, flow, listens, flow.transport);
  Classification found = classify(tables, sides);
  const bool expected = found.reason != Reason::service_granted &&
                        find_expected(context, packet, &flow, found, sides);
  const bool stays = flow.unjudged ? found.standing.conduit != policy::kNoConduit &&
                                         tables.conduits[found.standing.conduit].fail_open
                                   : found.protocol == flow.protocol ||
                                         (flow.protocol != protocols::kNoProtocol &&
                                          (found.protocols >> flow.protocol & 1U) != 0);
  if (found.reason == Reason::service_granted &&
      (stays || flow.transport != policy::Transport::tcp)) {
    if (!stays) {
      context.flows.drop_session(flow);
      flow.protocol = found.protocol;
    }
    adopt(context, flow, sides, found);
    flow.expected = expected;
    return;
  }
  if (!is_tcp(packet)) {
    packet.flow = nullptr;
    forget(context, flow);
    // What is not granted to the host that spoke first may be granted to the one that speaks now.
    if (has_alike_ports(packet)) return open_flow(context, packet, source_zone);
    return refuse_opening(context, packet, found);
  }
  flow.standing = found.standing;
  flow.standing.generation = context.image.generation;
  flow.standing.rule = policy::kNoRule;
  if (flow.refused) return;
  if (context.shadow != nullptr) note_refused_opening(context, packet);
  cut_session(context, packet);
  flow.refused = true;
  refuse(context, packet,
         found.reason == Reason::service_granted ? Reason::flow_refused : found.reason);
}

// False if the packet would open one session too many, and is refused.
bool may_begin(Context& context, Packet& packet, flow::ShareIds ids) {
  const OpeningVerdict verdict = judge_opening(context, opening_of(context, packet, ids));
  if (verdict.opens != Opens::begins) {
    turn_away(context, packet, verdict.opens);
    return false;
  }
  if (verdict.gives_way != flow::Openings::kNone) {
    forget(context, context.flows.slot(verdict.gives_way));
  }
  return true;
}

// A flow for the packet; false if there was no room and the packet is refused.
bool insert_flow(Context& context, Packet& packet, const Sides& sides, const Classification& found,
                 bool from_client) {
  const bool opening = is_tcp(packet) && is_opening_syn(packet);
  if (context.contained != nullptr && cut_opening(context, packet, found)) return false;
  flow::PlaceOwner owner = sender_as_owner(context, packet);
  owner.shares.conduit = flow::Shares::conduit_id(found.standing.conduit);
  owner.one_way = !opening;
  if (opening && !may_begin(context, packet, owner.shares)) return false;
  Flow* flow = insert_for_owner(context, packet.key, owner, nullptr);
  if (flow == nullptr) {
    refuse(context, packet, Reason::flow_table_full);
    return false;
  }
  flow->client_is_low = packet.source_is_low == from_client;
  flow->transport = transport_of(packet);
  flow->protocol = found.protocol;
  flow->protocol_known = (found.protocols & (found.protocols - 1)) == 0;
  flow->created_ns = context.now_ns;
  flow->half_open = opening;
  if (from_client) flow->shares = owner.shares;
  adopt(context, *flow, sides, found);
  packet.flow = flow;
  return true;
}

// After a restart of this process sessions are unknown. Where the conduit does not take them up, a
// reset makes their ends begin anew at once instead of waiting for time-outs.
void meet_midstream(Context& context, Packet& packet, std::uint16_t source_zone,
                    std::uint16_t destination_zone) {
  Reason reason = Reason::tcp_not_a_session_start;
  for (const bool from_client : {true, false}) {
    const Sides sides = sides_of(packet, source_zone, destination_zone, from_client);
    const Classification found = classify(context.tables(), sides);
    if (found.reason != Reason::service_granted) continue;
    const policy::Conduit& conduit = context.tables().conduits[found.standing.conduit];
    const bool inspected = found.protocol != protocols::kNoProtocol;
    // What was known here and is not any more has ended, or was idle too long: what its receivers
    // hold of it is forgotten too.
    const bool forgotten = context.flows.was_known(packet.key);
    if (forgotten && conduit.resume && inspected) reason = Reason::tcp_no_boundary;
    if (!forgotten &&
        ((conduit.resume && inspected) || context.fails_open(found.standing.conduit))) {
      if (!insert_flow(context, packet, sides, found, from_client)) return;
      packet.flow->phase = flow::TcpPhase::resuming;
      packet.flow->resumed = true;
      packet.flow->missed = Flow::kMissedMax;  // what was asked before may be answered yet
      begin_unseen(context, *packet.flow);
      return;
    }
    if (conduit.on_deny != policy::OnDeny::drop) answer_with_reset(context, packet);
    break;
  }
  refuse(context, packet, reason);
}

bool may_open(const Context& context, const Packet& packet) {
  if (is_tcp(packet)) return is_opening_syn(packet) || context.options.accept_midstream;
  if (packet.ip.protocol == wire::kProtocolUdp || is_non_ip(packet)) return true;
  return is_echo_request(packet);
}

void open_flow(Context& context, Packet& packet, std::uint16_t source_zone) {
  const std::uint16_t destination_zone =
      policy::find_destination_zone(context.tables(), source_zone, packet.ip.destination);
  if (!may_open(context, packet)) {
    if (!is_tcp(packet)) return refuse(context, packet, Reason::icmp_unsolicited);
    if (hand_to_owner(context, packet)) return;
    if ((packet.tcp.flags & wire::kTcpRst) != 0) {
      if (consume_proof(context, packet)) return;
      return refuse(context, packet, Reason::tcp_not_a_session_start);
    }
    return meet_midstream(context, packet, source_zone, destination_zone);
  }
  bool from_client = true;
  Sides sides = sides_of(packet, source_zone, destination_zone, from_client);
  Classification found = classify(context.tables(), sides);
  const bool maybe_reply = context.options.accept_midstream && !is_opening_syn(packet) &&
                           !is_non_ip(packet) && (is_tcp(packet) || may_take_up_datagrams(context));
  if (found.reason != Reason::service_granted && (maybe_reply || has_alike_ports(packet))) {
    const Sides turned = sides_of(packet, source_zone, destination_zone, false);
    const Classification other = classify(context.tables(), turned);
    // What nobody grants either way is refused as what it looks like: a datagram begins a session,
    // a segment is of one in the conduit that there is.
    const bool no_conduit = found.standing.conduit == policy::kNoConduit;
    const bool answers =
        maybe_reply && (other.reason == Reason::service_granted || (is_tcp(packet) && no_conduit));
    // Without inspection an answer cannot be distinguished.
    if (answers || (has_alike_ports(packet) && other.protocol != protocols::kNoProtocol)) {
      from_client = false;
      sides = turned;
      found = other;
    }
  }
  const bool expected = found.reason != Reason::service_granted &&
                        find_expected(context, packet, nullptr, found, sides);
  if (expected) {
    from_client = true;
    sides.endpoints = sides_of(packet, source_zone, destination_zone, from_client).endpoints;
  }
  if (found.reason == Reason::service_granted) {
    const bool inserted = insert_flow(context, packet, sides, found, from_client);
    if (inserted) packet.flow->expected = expected;
    return;
  }
  if (hand_to_owner(context, packet)) return;
  packet.flow = find_question(context, packet, source_zone);
  if (packet.flow != nullptr) return;
  if (found.reason == Reason::no_rule && is_non_ip(packet)) {
    found.reason = Reason::ethertype_not_granted;
  }
  refuse_opening(context, packet, found);
}

// The common packet: of a session that this policy has judged, from where its sender belongs. The
// address and the VLAN are the session's own, and so is the zone.
bool is_at_home(const Context& context, const Packet& packet) {
  const Flow* flow = packet.flow;
  if (flow == nullptr || flow->standing.generation != context.image.generation ||
      packet.reassembled || flow->transport == policy::Transport::icmp || is_opening_syn(packet)) {
    return false;
  }
  const std::size_t end =
      flow->client_is_low == packet.source_is_low ? flow::kClient : flow::kServer;
  const flow::Link& link = flow->links[end];
  const bool usual = flow->transport == policy::Transport::tcp
                         ? link.is_in(packet.bytes())
                         : link.from.is_zero() || link.from == packet.ethernet.source;
  return packet.port == flow->ports[end] && usual;
}

// A router may stand before the packet's sender.
bool mac_may_send_from(const Context& context, const Packet& packet) {
  const wire::Mac& mac = packet.ethernet.source;
  const wire::VlanIds vlan = packet.ethernet.vlan;
  if (is_non_ip(packet)) {
    return policy::mac_may_be_at(context.tables(), mac, packet.port, vlan);
  }
  return policy::mac_may_send_from(context.tables(), mac, packet.port, vlan, packet.ip.source,
                                   true);
}

// Whether the packet is of no session yet. What is of one has shown where its station stands.
bool begins(const Packet& packet) {
  return packet.flow == nullptr || packet.flow->phase == flow::TcpPhase::none ||
         packet.flow->phase == flow::TcpPhase::syn_sent;
}

bool speaks_elsewhere(const Context& context, const Packet& packet) {
  return context.macs.speaks_elsewhere(packet.ethernet.source, packet.port, context.now_ns) &&
         policy::find_binding(context.tables(), packet.ip.source) == nullptr;
}

// The hosts of a session stay behind their ports, and bound addresses on their MAC addresses.
bool source_holds(Context& context, Packet& packet, std::uint16_t& zone) {
  const policy::Tables& tables = context.tables();
  const policy::ZoneLookup source =
      policy::find_source_zone(tables, packet.port, packet.ethernet.vlan, packet.ip.source);
  zone = source.zone;
  Reason reason = Reason::granted;
  if (source.zone == policy::kNoZone) {
    reason = Reason::unknown_zone;
  } else if (!source.known_source && !(is_non_ip(packet) && is_expected_from(context, packet))) {
    if (packet.flow == nullptr && is_non_ip(packet) && hand_to_owner(context, packet)) return false;
    // Of stations those are known that some rule names.
    const wire::IpAddress& host = packet.ip.source;
    const bool own_link = host.is_unspecified() || host.is_link_local();
    reason = own_link ? Reason::own_link_only : Reason::spoofed_source;
    if (is_non_ip(packet)) reason = Reason::ethertype_not_granted;
  } else if (!policy::binding_holds(tables, packet.ip.source, packet.ethernet.source)) {
    reason = Reason::binding_mismatch;
  } else if (!mac_may_send_from(context, packet)) {
    reason = Reason::bound_elsewhere;
  } else if (begins(packet) && speaks_elsewhere(context, packet)) {
    reason = Reason::station_elsewhere;
  }
  if (reason == Reason::granted) return true;
  if (context.shadow != nullptr) note_refused_opening(context, packet);
  packet.flow = nullptr;
  refuse(context, packet, reason);
  return false;
}

// Whether a packet may have come in fragments; otherwise it is refused, and leaves nothing behind.
bool may_be_reassembled(Context& context, Packet& packet) {
  Flow& flow = *packet.flow;
  const bool conduit = context.tables().conduits[flow.standing.conduit].reassemble;
  if (conduit && !flow.whole_only) return true;
  refuse(context, packet, conduit ? Reason::prp_not_whole : Reason::fragment);
  const bool unused = flow.packets[flow::kClient] + flow.packets[flow::kServer] == 0;
  if (unused && flow.phase == flow::TcpPhase::none) {
    packet.flow = nullptr;
    forget(context, flow);
  }
  return false;
}

// A SYN with data or in fragments, as no host sends one. False if it goes no further.
bool admit_malformed_syn(Context& context, Packet& packet, std::uint16_t source_zone) {
  const Reason reason = packet.reassembled ? Reason::fragment : Reason::tcp_data_on_syn;
  packet.flow = nullptr;
  if (context.shadow != nullptr) {
    const std::uint16_t destination_zone =
        policy::find_destination_zone(context.tables(), source_zone, packet.ip.destination);
    const Sides sides = sides_of(packet, source_zone, destination_zone, true);
    const Classification found = classify(context.tables(), sides);
    if (opens_all_the_same(context, packet, reason, found)) return true;
  }
  refuse(context, packet, reason);
  return false;
}

// Any other packet. True if it belongs to a session, which may be new, and goes on in it.
bool admit(Context& context, Packet& packet) {
  std::uint16_t zone = policy::kNoZone;
  const bool known = packet.flow != nullptr;
  if (context.shadow != nullptr && !known && follows_refused(context, packet)) return false;
  match_icmp_error(context, packet);
  // Such an error comes from whichever router could not forward (RFC 792), in no zone's networks.
  const bool from_router =
      packet.about_flow && policy::find_zone(context.tables(), packet.ip.source) == policy::kNoZone;
  if (!from_router && !source_holds(context, packet, zone)) return false;
  if (packet.about_flow) {
    const bool current = packet.flow->standing.generation == context.image.generation;
    if (!current) refuse(context, packet, Reason::icmp_unsolicited);
    return false;
  }
  if (is_opening_syn(packet) && (packet.payload_length > 0 || packet.reassembled) &&
      !admit_malformed_syn(context, packet, zone)) {
    return false;
  }
  // An earlier packet of this burst may have opened the session.
  if (packet.flow == nullptr) packet.flow = context.flows.find(packet.key);
  flow::Predecessor predecessor;
  const bool anywhere = planted(Mistake::reopen_anywhere) && packet.flow != nullptr &&
                        packet.flow->phase == flow::TcpPhase::closed;
  if (packet.flow != nullptr && is_opening_syn(packet) &&
      (anywhere || flow::may_reopen(*packet.flow, packet.tcp))) {
    // What ended is not forgotten for a SYN that goes no further.
    const flow::Opening opening = opening_of(context, packet, packet.flow->shares);
    const Opens opens = judge_opening(context, opening).opens;
    if (opens != Opens::begins) {
      turn_away(context, packet, opens);
      return false;
    }
    if (!anywhere) predecessor = flow::predecessor_of(*packet.flow);
    forget(context, *packet.flow);
    packet.flow = nullptr;
  }
  if (packet.flow == nullptr) {
    open_flow(context, packet, zone);
    if (packet.flow != nullptr) {
      packet.flow->predecessor = predecessor;
      note_opening(context, packet);
    }
  } else if (packet.flow->standing.generation != context.image.generation) {
    packet.from_client = packet.flow->client_is_low == packet.source_is_low;
    judge_anew(context, packet, zone);
  }
  if (packet.mbuf == nullptr) return false;
  if (packet.flow->transport == policy::Transport::tcp) follow_macs(context, packet);
  return !packet.reassembled || is_opening_syn(packet) || may_be_reassembled(context, packet);
}

void classify_packet(Context& context, Packet& packet) {
  if (!is_at_home(context, packet) && !admit(context, packet)) return;
  if (context.contained != nullptr && cut_packet(context, packet)) return;
  packet.from_client =
      packet.flow->client_is_low == packet.source_is_low && !is_question(*packet.flow);
  packet.flow->last_seen_ns = context.now_ns;
}

}  // namespace

// A later packet of the burst may belong to a flow that this one ends and opens anew, so the flow
// is looked up again whenever one was erased: erase() leaves no flow that find() would give.
void classify(Context& context) {
  for (Packet& packet : context.burst) {
    if (packet.mbuf == nullptr) continue;
    if (packet.flow != nullptr && !context.still_of(packet)) packet.flow = nullptr;
    classify_packet(context, packet);
  }
}

}  // namespace bulkhead::pipeline
