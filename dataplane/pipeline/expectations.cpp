// Relations and their expectations stand in a table of their own, are judged anew after a change of
// policy when a packet asks for them, and say which packets that no rule names pass.
#include "dataplane/pipeline/expectations.h"

#include <optional>
#include <utility>

#include "dataplane/pipeline/admission.h"
#include "dataplane/pipeline/containment.h"
#include "dataplane/pipeline/packet_ends.h"
#include "dataplane/pipeline/relation_ends.h"
#include "dataplane/policy/matcher.h"

namespace bulkhead::pipeline {

namespace {

using flow::Expectation;
using flow::ExpectationKey;
using flow::Flow;
using flow::Packet;
using flow::Relation;
using policy::Classification;
using protocols::Carrier;
using protocols::Covers;
using protocols::Fault;
using protocols::Party;

std::uint16_t source_port(const Packet& packet) {
  return packet.source_is_low ? packet.key.low_port : packet.key.high_port;
}

std::uint16_t destination_port(const Packet& packet) {
  return packet.source_is_low ? packet.key.high_port : packet.key.low_port;
}

// Nothing of ICMP.
std::optional<Carrier> carrier_of(const Packet& packet) {
  if (is_non_ip(packet)) return Carrier::ethernet;
  if (packet.ip.protocol == wire::kProtocolTcp) return Carrier::tcp;
  if (packet.ip.protocol == wire::kProtocolUdp) return Carrier::udp;
  return std::nullopt;
}

// Of messages that travel as the packet does.
ExpectationKey key_of(const Packet& packet, Carrier carrier) {
  ExpectationKey key;
  key.from = packet.ip.source;
  key.to = packet.ip.destination;
  key.port = destination_port(packet);
  key.vlan_outer = packet.key.vlan_outer;
  key.vlan_inner = packet.key.vlan_inner;
  key.carrier = carrier;
  return key;
}

// Of a session in which the packet goes to the server, or comes from there.
ExpectationKey session_key(const Packet& packet, Carrier carrier, bool to_server) {
  ExpectationKey key = key_of(packet, carrier);
  if (!to_server) {
    std::swap(key.from, key.to);
    key.port = source_port(packet);
  }
  key.covers = Covers::session;
  return key;
}

// The rules that name the relation's session.
Classification classify_session(const Context& context, const Relation& relation, Sides& sides) {
  const policy::Tables& tables = context.tables();
  sides.endpoints = {address_of(relation, relation.reversed),
                     address_of(relation, !relation.reversed), relation.service_port,
                     relation.transport};
  sides.client_zone = policy::find_zone(tables, sides.endpoints.client);
  sides.server_zone =
      policy::find_destination_zone(tables, sides.client_zone, sides.endpoints.server);
  return classify(tables, sides);
}

bool names(const Classification& found, std::uint32_t protocol) {
  return found.reason == Reason::service_granted &&
         (found.protocol == protocol || (found.protocols >> protocol & 1U) != 0);
}

// A rate limits how often something is opened, not how long it stands.
bool still_granted(Context& context, Relation& relation, policy::Cut cut) {
  const policy::Conduit& conduit = context.tables().conduits[relation.standing.conduit];
  const auto protocol = static_cast<std::uint8_t>(relation.id.protocol);
  context.operations.clear();
  context.modules[protocol].expectations->describe(relation.request(), context.operations);
  relation.standing.rule = policy::kNoRule;
  for (const protocols::Operation& operation : context.operations) {
    policy::Charges charges;  // nobody is charged
    const policy::Decision decision = policy::judge_contained(
        cut, conduit, relation.standing.cell, protocol, operation, context.now_ns, charges);
    if (decision.reason != Reason::granted && decision.reason != Reason::rate_exceeded)
      return false;
    if (relation.standing.rule == policy::kNoRule) relation.standing.rule = decision.rule;
  }
  return context.operations.size() > 0;
}

// One that the peer opened has not been charged to anybody.
void charge(Context& context, Relation& relation, const Sides& sides) {
  if (relation.shares.host != 0) return;
  const std::size_t opener = relation.reversed ? flow::kServer : flow::kClient;
  const flow::HostAt host{sides.endpoints.client, relation.macs[opener],
                          context.tables().zones[sides.client_zone].port};
  context.expected.charge(relation, {flow::Shares::host_id(host.hash(context.hash_key)),
                                     flow::Shares::conduit_id(relation.standing.conduit)});
}

// Brings a relation under the policy of this moment; false if it is not granted, and is gone.
bool renew(Context& context, Relation& relation) {
  if (relation.standing.generation == context.image.generation) return true;
  Sides sides;
  const Classification found = classify_session(context, relation, sides);
  bool stays = names(found, relation.id.protocol);
  if (stays) {
    relation.standing = found.standing;
    relation.standing.generation = context.image.generation;
    charge(context, relation, sides);
    stays = still_granted(context, relation, policy::Cut{});
  }
  if (!stays) context.expected.remove(relation);
  return stays;
}

// Zone of one end of an expectation: of a group, that of the session's end which is not `other`.
std::uint16_t zone_of(const Context& context, const Relation& relation, Party party,
                      const wire::IpAddress& address, Party other) {
  const policy::Tables& tables = context.tables();
  if (party == Party::client) return policy::find_zone(tables, relation.id.client);
  if (party == Party::server) return policy::find_zone(tables, relation.id.server);
  if (!is_group(address)) return policy::find_zone(tables, address);
  const std::uint16_t zone =
      policy::find_zone(tables, address_of(relation, other == Party::client));
  const bool holds =
      policy::has_group(tables, zone, address) || policy::find_zone(tables, address) == zone;
  return holds ? zone : policy::kNoZone;
}

// What governs packets of an expectation: the rules of its relation's session; where it leads to a
// third host, those that let the same client reach that one at the same service.
bool govern(const Context& context, const Relation& relation, const Expectation& expectation,
            Classification& found, Sides& sides) {
  sides.client_zone =
      zone_of(context, relation, expectation.from, expectation.key.from, expectation.to);
  sides.server_zone =
      zone_of(context, relation, expectation.to, expectation.key.to, expectation.from);
  if (sides.client_zone == policy::kNoZone || sides.server_zone == policy::kNoZone) return false;
  found = Classification{};
  found.reason = Reason::service_granted;
  found.standing = relation.standing;
  found.protocol = static_cast<std::uint8_t>(relation.id.protocol);
  for (const bool to : {false, true}) {
    const Party party = to ? expectation.to : expectation.from;
    const wire::IpAddress& host = to ? expectation.key.to : expectation.key.from;
    if (party != Party::other || is_group(host)) continue;
    const policy::Endpoints third{to ? expectation.key.from : expectation.key.to, host,
                                  relation.service_port, relation.transport};
    const std::uint16_t from_zone = to ? sides.client_zone : sides.server_zone;
    const std::uint16_t to_zone = to ? sides.server_zone : sides.client_zone;
    const Classification other = policy::classify(context.tables(), from_zone, to_zone, third);
    if (!names(other, relation.id.protocol)) return false;
    found.standing = other.standing;
  }
  return true;
}

// Calls `visit` for each protocol that has expectations, until it returns true.
template <typename Visit>
bool each_protocol(const Context& context, Visit visit) {
  for (std::uint8_t i = 0; i < context.modules.size(); ++i) {
    if (context.modules[i].expectations != nullptr && visit(i)) return true;
  }
  return false;
}

// The worker that expects the packet; nothing if none does.
std::optional<std::uint32_t> owner_of(const Context& context, const Packet& packet,
                                      Carrier carrier) {
  std::optional<std::uint32_t> owner;
  const auto look = [&](ExpectationKey key, std::uint8_t protocol) {
    key.protocol = protocol;
    owner = context.expected.owner_of(key);
    return owner.has_value();
  };
  each_protocol(context, [&](std::uint8_t protocol) {
    if (carrier != Carrier::ethernet && (look(session_key(packet, carrier, true), protocol) ||
                                         look(session_key(packet, carrier, false), protocol))) {
      return true;
    }
    if (carrier == Carrier::tcp) return false;
    const auto observed =
        context.modules[protocol].expectations->observe(packet.payload(), carrier);
    if (!observed) return false;
    ExpectationKey key = key_of(packet, carrier);
    key.identifier = observed->identifier;
    return look(key, protocol);
  });
  return owner;
}

// Marks for replication what changes with each message, but once a second at most.
void heard(Context& context, Relation& relation) {
  if (context.now_ns - relation.marked_ns < kSecondNs) return;
  relation.marked_ns = context.now_ns;
  context.expected.touch(relation);
}

}  // namespace

bool hand_to_owner(Context& context, Packet& packet) {
  const auto carrier = carrier_of(packet);
  if (context.options.owners == nullptr || !context.options.owners->any() || !carrier) return false;
  const auto owner = owner_of(context, packet, *carrier);
  if (!owner || *owner == context.options.worker) return false;
  if (!context.output.hand_to(packet.mbuf, *owner)) return false;
  packet.mbuf = nullptr;
  return true;
}

bool is_expected_from(Context& context, const Packet& packet) {
  const auto carrier = carrier_of(packet);
  if (!carrier) return false;
  return context.expected.visit_beside(
      key_of(packet, *carrier), [&](Relation& relation, const Expectation& expectation) {
        Classification found;
        Sides sides;
        return renew(context, relation) && govern(context, relation, expectation, found, sides) &&
               context.tables().zones[sides.client_zone].port == packet.port;
      });
}

bool find_expected(Context& context, const Packet& packet, const Flow* flow, Classification& found,
                   Sides& sides) {
  const auto carrier = carrier_of(packet);
  if (!carrier) return false;
  const wire::IpAddress& client = flow != nullptr ? flow->client() : packet.ip.source;
  const auto take = [&](Relation& relation, const Expectation& expectation) {
    if (has_ended(context, relation) || !renew(context, relation)) return false;
    Classification governs;
    Sides of_expectation;
    if (!govern(context, relation, expectation, governs, of_expectation)) return false;
    if (expectation.key.from != client) {
      std::swap(of_expectation.client_zone, of_expectation.server_zone);
    }
    found = governs;
    sides.client_zone = of_expectation.client_zone;
    sides.server_zone = of_expectation.server_zone;
    return true;
  };
  if (context.expected.visit_beside(key_of(packet, *carrier), take)) return true;
  return flow != nullptr && context.expected.visit_beside(session_key(*flow), take);
}

bool is_expected_session(Context& context, const Flow& flow) {
  return context.expected.visit(session_key(flow),
                                [&](Relation& relation, Expectation& expectation) {
                                  if (has_ended(context, relation) || !renew(context, relation))
                                    return false;
                                  expectation.heard_ns = context.now_ns;
                                  heard(context, relation);
                                  return true;
                                });
}

bool judge_expected(Context& context, const Packet& packet, ByteView message, Verdict& verdict) {
  Flow& flow = *packet.flow;
  if (context.expected.size() == 0 || flow.transport == policy::Transport::tcp) return false;
  const protocols::Module& module = context.module_of(flow);
  const Carrier carrier = policy::carrier_over(flow.transport);
  const auto observed = module.expectations->observe(message, carrier);
  if (!observed) return false;
  ExpectationKey key = key_of(packet, carrier);
  key.identifier = observed->identifier;
  key.protocol = flow.protocol;
  bool covered = false;
  bool passes = false;
  // Of a message to a group, all that opened it have heard.
  context.expected.visit(key, [&](Relation& relation, Expectation& expectation) {
    if (has_ended(context, relation) || !renew(context, relation)) return false;
    covered = true;
    const policy::Cut cut = cut_of_conduit(context, relation.standing.conduit);
    if (!cut.none() && !passes && !still_granted(context, relation, cut)) {
      verdict.direction = expectation.direction;
      verdict.reason = Reason::contained;
      verdict.standing = relation.standing;
      return false;
    }
    const Fault fault = flow::admit(expectation, observed->bytes, context.now_ns);
    heard(context, relation);
    if (passes) return false;
    passes = fault == Fault::none;
    verdict.direction = expectation.direction;
    verdict.fault = fault;
    verdict.reason = passes ? Reason::granted : Reason::protocol_fault;
    verdict.standing = relation.standing;
    return false;
  });
  if (!covered) return false;
  verdict.function = observed->function;
  // What is granted is only counted, but where each verdict is reported with its operation.
  if (passes && context.options.remember_verdicts) return true;
  context.parsed.begin(message, verdict.direction);
  if (module.protocol->parse(context.parsed, context.message_context(flow, verdict.direction),
                             context.operations) == Fault::none &&
      context.operations.size() > 0) {
    verdict.operation = context.operations.begin();
    verdict.function = verdict.operation->function;
  }
  return true;
}

}  // namespace bulkhead::pipeline
