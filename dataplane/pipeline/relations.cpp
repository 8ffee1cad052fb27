// A relation is asked for, opens with what the answer says, and ends, as its module reads from
// granted messages; or it ends by itself.
#include "dataplane/pipeline/relations.h"

#include <algorithm>
#include <array>

#include "dataplane/pipeline/packet_ends.h"
#include "dataplane/pipeline/relation_ends.h"

namespace bulkhead::pipeline {

namespace {

using flow::Expectation;
using flow::ExpectationKey;
using flow::Flow;
using flow::Packet;
using flow::Relation;
using protocols::Carrier;
using protocols::Covers;
using protocols::Fault;
using protocols::Party;
using protocols::RelationStep;

flow::RelationId id_of(const Flow& session, const protocols::RelationName& name) {
  return {session.client(),       session.server(), session.key.vlan_outer,
          session.key.vlan_inner, session.protocol, name};
}

// The relation beside which a session was itself opened; nullptr if it is gone.
const Relation* relation_above(Context& context, const Flow& session) {
  const Relation* found = nullptr;
  context.expected.visit(session_key(session), [&](const Relation& above, Expectation&) {
    found = &above;
    return true;
  });
  return found;
}

// Of a session that was itself opened beside another, the service is that one's.
void stand_under(const Flow& session, const Relation* above, std::uint16_t rule,
                 Relation& relation) {
  relation.transport = session.transport;
  relation.service_port = session.reversed ? session.client_port() : session.server_port();
  relation.reversed = session.reversed;
  relation.standing = session.standing;
  relation.standing.rule = rule;
  if (above == nullptr) return;
  relation.transport = above->transport;
  relation.service_port = above->service_port;
  relation.reversed = above->reversed;
}

bool asks(const RelationStep& step) {
  return step.kind == RelationStep::Kind::ask ||
         (step.kind == RelationStep::Kind::open && step.asked_bytes > 0);
}

// What stops ask().
Fault may_ask(Context& context, const Flow& session, const RelationStep& step) {
  const Relation* before = context.expected.find(id_of(session, step.name), false);
  const bool replaces = before != nullptr && before->shares == session.shares;
  if (!replaces && !context.expected.has_room(session.shares)) return Fault::too_many_outstanding;
  const bool stands = !session.expected || relation_above(context, session) != nullptr;
  return stands ? Fault::none : Fault::not_started;
}

void ask(Context& context, const Packet& packet, const RelationStep& step, std::uint16_t rule) {
  const Flow& session = *packet.flow;
  const flow::RelationId id = id_of(session, step.name);
  const Relation* above = session.expected ? relation_above(context, session) : nullptr;
  if (Relation* before = context.expected.find(id, false)) context.expected.remove(*before);
  Relation* relation = context.expected.add(id, session.shares);
  if (relation == nullptr) return;  // may_ask() saw that there is room
  stand_under(session, above, rule, *relation);
  relation->macs[sender_of(packet)] = packet.ethernet.source;
  relation->asked_ns = context.now_ns;
  relation->wait_ns = step.wait_ms * kMillisecondNs;
  relation->asked_bytes = std::min(step.asked_bytes, static_cast<std::uint16_t>(step.asked.size()));
  std::copy_n(step.asked.begin(), relation->asked_bytes, relation->asked.begin());
}

// The address of an end; false if it cannot be one.
bool resolve(const Relation& relation, const protocols::Endpoint& endpoint, Carrier carrier,
             wire::IpAddress& address) {
  const bool ethernet = carrier == Carrier::ethernet;
  wire::IpAddress named;
  named.bytes = endpoint.address.bytes;
  if (endpoint.party == Party::other) {
    address = named;
    return !endpoint.address.is_none() && named.is_mac() == ethernet;
  }
  const bool server = endpoint.party == Party::server;
  address = address_of(relation, server);
  if (ethernet && !address.is_mac()) {
    const wire::Mac& mac = relation.macs[server ? flow::kServer : flow::kClient];
    if (mac.is_zero()) return false;
    address = wire::IpAddress::from_mac(mac);
  }
  return address.is_mac() == ethernet && (endpoint.address.is_none() || named == address);
}

bool resolve(const Context& context, const Relation& relation,
             const protocols::Expectation& expectation, Expectation& resolved) {
  resolved = {};
  ExpectationKey& key = resolved.key;
  if (!resolve(relation, expectation.from, expectation.carrier, key.from) ||
      !resolve(relation, expectation.to, expectation.carrier, key.to) || is_group(key.from)) {
    return false;
  }
  const bool session = expectation.covers == Covers::session;
  if (session && (expectation.carrier == Carrier::ethernet || is_group(key.to))) return false;
  if (!session && expectation.carrier == Carrier::tcp) return false;
  key.port = expectation.port;
  key.vlan_outer = relation.id.vlan_outer;
  key.vlan_inner = relation.id.vlan_inner;
  key.carrier = expectation.carrier;
  key.covers = expectation.covers;
  key.identifier = session ? 0 : expectation.identifier;
  key.protocol = relation.id.protocol;
  resolved.direction = expectation.direction;
  resolved.from = expectation.from.party;
  resolved.to = expectation.to.party;
  resolved.bytes_max = expectation.bytes_max;
  resolved.interval_ns = expectation.interval_us * kMicrosecondNs;
  resolved.silence_ns = expectation.silence_ms * kMillisecondNs;
  resolved.full_at_ns = resolved.heard_ns = context.now_ns;
  return true;
}

// The relation that was asked for is open now, with what the answer says; or it is gone.
void open(Context& context, const Packet& packet, Relation& relation) {
  if (Relation* before = context.expected.find(relation.id, true)) {
    context.expected.remove(*before);
  }
  wire::Mac& sender = relation.macs[sender_of(packet)];
  if (sender.is_zero()) sender = packet.ethernet.source;
  const auto protocol = static_cast<std::uint8_t>(relation.id.protocol);
  std::array<protocols::Expectation, protocols::kExpectationsMax> opened;
  std::array<Expectation, protocols::kExpectationsMax> resolved;
  const std::size_t count =
      context.modules[protocol].expectations->open(relation.request(), context.parsed, opened);
  bool opens = count > 0 && count <= opened.size();
  for (std::size_t i = 0; opens && i < count; ++i) {
    opens = resolve(context, relation, opened[i], resolved[i]);
  }
  if (!opens || !context.expected.open(relation, std::span(resolved).first(count))) {
    context.expected.remove(relation);
  }
}

}  // namespace

Fault follow_relation(Context& context, const Packet& packet, RelationStep& step) {
  Flow& session = *packet.flow;
  const Fault fault = context.module_of(session).expectations->follow(
      context.parsed, context.message_context(session, context.parsed.direction()), step);
  return fault == Fault::none && asks(step) ? may_ask(context, session, step) : fault;
}

void make_step(Context& context, const Packet& packet, const RelationStep& step,
               std::uint16_t rule) {
  using Kind = RelationStep::Kind;
  if (step.kind == Kind::none) return;
  if (asks(step)) ask(context, packet, step, rule);
  if (step.kind == Kind::ask) return;
  const flow::RelationId id = id_of(*packet.flow, step.name);
  Relation* relation = context.expected.find(id, false);
  if (step.kind == Kind::open) {
    if (relation != nullptr) open(context, packet, *relation);
    return;
  }
  if (relation != nullptr) context.expected.remove(*relation);
  if (step.kind != Kind::close) return;
  if (Relation* ends = context.expected.find(id, true)) context.expected.remove(*ends);
}

void expire_relations(Context& context, std::uint32_t& next) {
  constexpr std::uint32_t kSlotsPerCall = 64;
  flow::ExpectationTable& table = context.expected;
  if (table.size() == 0) return;
  const std::uint32_t end = table.slots_used();
  for (std::uint32_t i = 0; i < std::min(kSlotsPerCall, end); ++i) {
    if (next >= end) next = 0;
    Relation& relation = table.slot(next++);
    if (relation.in_use && has_ended(context, relation)) table.remove(relation);
  }
}

}  // namespace bulkhead::pipeline
