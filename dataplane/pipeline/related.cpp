// What sessions open beside themselves. All that one host opened to another stands in an entry of
// the flow table that no packet names; it is judged anew, opening by opening, after a change of
// policy. For what a host sends to a group another entry tells who opened that.
#include "dataplane/protocols/related.h"

#include <algorithm>
#include <array>

#include "dataplane/pipeline/admission.h"
#include "dataplane/policy/matcher.h"

namespace bulkhead::pipeline {

namespace {

using flow::Flow;
using flow::Packet;
using policy::Classification;

constexpr std::uint32_t kLowOpened = 1;
constexpr std::uint32_t kHighOpened = 2;
constexpr std::uint32_t kOfGroup = 3;

// The hosts that opened what another sends to a group: the block of such an entry.
struct Openers {
  static constexpr std::size_t kMax = 16;
  std::uint64_t count;
  std::array<wire::IpAddress, kMax> hosts;

  std::span<const wire::IpAddress> known() const {
    return std::span(hosts).first(std::min<std::size_t>(count, kMax));
  }
};

flow::FlowKey key_of(const flow::FlowKey& hosts, std::uint16_t port, std::uint32_t opened_by) {
  flow::FlowKey key = hosts;
  key.low_port = key.high_port = port;
  key.protocol = wire::kProtocolUdp;
  key.opened_by = opened_by;
  return key;
}

std::uint16_t destination_port(const Packet& packet) {
  return packet.source_is_low ? packet.key.high_port : packet.key.low_port;
}

// A rate limits how often something is opened, not how long it stands.
bool still_granted(Context& context, const Flow& opened) {
  const policy::Conduit& conduit = context.tables().conduits[opened.conduit];
  return std::all_of(
      context.operations.begin(), context.operations.end(),
      [&](const protocols::Operation& operation) {
        const policy::Decision decision =
            policy::judge(conduit, opened.cell, opened.protocol, operation, context.now_ns);
        return decision.reason == Reason::granted || decision.reason == Reason::rate_exceeded;
      });
}

// Brings an entry under the policy of this moment; false if nothing of it is left.
bool renew(Context& context, Flow& opened) {
  if (opened.generation == context.image.generation) return true;
  const Sides sides = sides_of(context, opened, opened.related_to, policy::Transport::tcp);
  const Classification found =
      policy::classify(context.tables(), sides.client_zone, sides.server_zone, sides.endpoints);
  const bool stays =
      found.reason == Reason::service_granted &&
      (found.protocol == opened.protocol || (found.protocols >> opened.protocol & 1U) != 0);
  if (!stays) {
    forget(context, opened);
    return false;
  }
  adopt(context, opened, sides, found);
  const protocols::RelatedTraffic& related = *context.protocol_of(opened).related();
  const std::span<std::byte> block = context.flows.session(opened);
  for (std::size_t i = 0; related.opening(block, i, context.operations);) {
    if (still_granted(context, opened)) {
      ++i;
    } else {
      related.end(block, i);
    }
  }
  return true;
}

void stays_for_now(Context& context, Flow& entry) {
  entry.last_seen_ns = context.now_ns;
  entry.expires_ns = context.now_ns + context.limits().datagram_ns;
  context.flows.touch(entry);
}

Openers& openers_of(Context& context, Flow& entry) {
  return *reinterpret_cast<Openers*>(context.flows.session(entry).data());
}

// The key of an entry between two hosts, or a host and a group, in the VLAN of `beside`.
flow::OrderedKey key_between(const wire::IpAddress& one, const wire::IpAddress& other,
                             const flow::FlowKey& beside, std::uint16_t port) {
  return flow::make_key(one, port, other, port, wire::kProtocolUdp,
                        {beside.vlan_outer, beside.vlan_inner});
}

// The entry of what a host opened to another.
Flow* find_opened(Context& context, const wire::IpAddress& client, const wire::IpAddress& server,
                  const flow::FlowKey& beside, std::uint16_t port) {
  flow::OrderedKey ordered = key_between(client, server, beside, port);
  ordered.key.opened_by = ordered.source_is_low ? kLowOpened : kHighOpened;
  return context.flows.find(ordered.key);
}

// All hosts that opened what goes to the group see the datagram.
template <typename Visit>
bool visit_openers(Context& context, const Packet& packet, std::uint16_t port, Visit visit) {
  Flow* entry = context.flows.find(key_of(packet.key, port, kOfGroup));
  if (entry == nullptr) return false;
  bool covered = false;
  for (const wire::IpAddress& host : openers_of(context, *entry).known()) {
    Flow* opened = find_opened(context, host, packet.ip.source, packet.key, port);
    if (opened != nullptr && renew(context, *opened)) covered = visit(*opened) || covered;
  }
  if (covered) stays_for_now(context, *entry);
  return covered;
}

// Either host may have opened something to the other.
template <typename Visit>
bool visit_opened(Context& context, const Packet& packet, std::uint16_t port, Visit visit) {
  if (packet.ip.destination.is_multicast()) return visit_openers(context, packet, port, visit);
  for (const std::uint32_t opened_by : {kLowOpened, kHighOpened}) {
    Flow* opened = context.flows.find(key_of(packet.key, port, opened_by));
    if (opened != nullptr && renew(context, *opened) && visit(*opened)) return true;
  }
  return false;
}

// A fresh entry beside the session; nullptr if there is no room.
Flow* insert_entry(Context& context, const Flow& session, const flow::FlowKey& key) {
  const std::size_t opener = session.opener();
  const std::uint16_t station =
      flow::Places::station_id(context.hash_key, session.links[opener].from);
  Flow* entry =
      take_place(context, key, {session.shares, session.ports[opener], station, false}, &session);
  if (entry == nullptr) return nullptr;
  entry->shares = session.shares;
  entry->transport = policy::Transport::udp;
  entry->protocol = session.protocol;
  entry->created_ns = context.now_ns;
  if (context.flows.deepen_session(*entry)) return entry;
  forget(context, *entry);
  return nullptr;
}

void stand_under(Flow& entry, const Flow& session) {
  entry.generation = session.generation;
  entry.conduit = session.conduit;
  entry.cell = session.cell;
  entry.ports = session.ports;
  entry.on_deny = session.on_deny;
  entry.links = session.links;
  entry.related_to = session.server_port();
}

// Of a full list one gives way of which nothing is open any more. (It stays until then: after a
// takeover the peer may not have told of what it opened yet.)
void add_opener(Context& context, Openers& openers, const Flow& session, std::uint16_t port) {
  const std::span<const wire::IpAddress> known = openers.known();
  if (std::find(known.begin(), known.end(), session.client()) != known.end()) return;
  std::size_t place = known.size();
  for (std::size_t i = 0; place == Openers::kMax && i < Openers::kMax; ++i) {
    if (!find_opened(context, known[i], session.server(), session.key, port)) place = i;
  }
  if (place == Openers::kMax) return;
  openers.hosts[place] = session.client();
  openers.count = std::max<std::uint64_t>(openers.count, place + 1);
}

// The session's client has opened something that its server sends to a group.
void note_group(Context& context, const Flow& session, const wire::IpAddress& group,
                std::uint16_t port) {
  const policy::Tables& tables = context.tables();
  if (!policy::has_group(tables, policy::find_zone(tables, session.client()), group)) return;
  flow::OrderedKey ordered = key_between(session.server(), group, session.key, port);
  ordered.key.opened_by = kOfGroup;
  Flow* entry = context.flows.find(ordered.key);
  if (entry == nullptr) {
    entry = insert_entry(context, session, ordered.key);
    if (entry == nullptr) return;
    entry->client_is_low = !ordered.source_is_low;
  }
  stand_under(*entry, session);
  add_opener(context, openers_of(context, *entry), session, port);
  stays_for_now(context, *entry);
}

// The entry of what the session's client opened; a fresh one if there was none, nullptr if there is
// no room.
Flow* entry_beside(Context& context, const Flow& session, std::uint16_t port, bool make) {
  const flow::FlowKey key =
      key_of(session.key, port, session.client_is_low ? kLowOpened : kHighOpened);
  Flow* opened = context.flows.find(key);
  if (opened != nullptr && !renew(context, *opened)) opened = nullptr;
  if (opened != nullptr || !make) return opened;
  opened = insert_entry(context, session, key);
  if (opened != nullptr) opened->client_is_low = session.client_is_low;
  return opened;
}

}  // namespace

std::uint16_t find_opener(Context& context, const Packet& packet, Classification& found,
                          Sides& sides) {
  if (packet.ip.protocol != wire::kProtocolUdp) return 0;
  std::uint16_t related_to = 0;
  for (const protocols::RelatedPort& related : protocols::related_ports()) {
    if (related.port != destination_port(packet)) continue;
    visit_opened(context, packet, related.port, [&](const Flow& opened) {
      if (opened.protocol != related.protocol || related_to != 0) return false;
      const bool to_many = packet.ip.destination.is_multicast();
      const std::uint16_t zone =
          to_many ? policy::find_zone(context.tables(), opened.client()) : sides.server_zone;
      if (to_many && !policy::has_group(context.tables(), zone, packet.ip.destination)) {
        return false;
      }
      sides.server_zone = zone;
      found.reason = Reason::service_granted;
      found.conduit = opened.conduit;
      found.rule = opened.rule;
      found.protocol = opened.protocol;
      found.protocols = 0;
      found.cell = opened.cell;
      related_to = opened.related_to;
      return true;
    });
  }
  return related_to;
}

protocols::Fault note_related(Context& context, const Packet& packet, ByteView message,
                              std::uint16_t rule) {
  Flow& session = *packet.flow;
  const protocols::RelatedTraffic* related = context.protocol_of(session).related();
  const protocols::Direction direction = direction_of(packet);
  if (related == nullptr || session.transport != policy::Transport::tcp ||
      !related->concerns(message, direction)) {
    return protocols::Fault::none;
  }
  const bool asks = direction == protocols::Direction::request;
  Flow* opened = entry_beside(context, session, related->port(), asks);
  // Judging the others anew has overwritten the operations to which the message's verdict points.
  context.parsed.begin(message, direction);
  context.protocol_of(session).parse(context.parsed, context.message_context(session, direction),
                                     context.operations);
  if (opened == nullptr) {
    return asks ? protocols::Fault::too_many_outstanding : protocols::Fault::none;
  }
  if (asks) {
    stand_under(*opened, session);
    opened->rule = rule;
  } else if (const std::uint32_t group = related->group_of(message);
             group != protocols::RelatedTraffic::kOneHost) {
    note_group(context, session, wire::IpAddress::from_v4_number(group), related->port());
  }
  stays_for_now(context, *opened);
  return related->note(context.flows.session(*opened), message, direction, context.now_ms());
}

bool judge_related(Context& context, const Packet& packet, ByteView message, Verdict& verdict) {
  Flow& flow = *packet.flow;
  const protocols::Protocol& protocol = context.protocol_of(flow);
  const protocols::RelatedTraffic* related = protocol.related();
  if (related == nullptr || flow.transport != policy::Transport::udp ||
      destination_port(packet) != related->port()) {
    return false;
  }
  const wire::IpAddress& to = packet.ip.destination;
  const std::uint32_t group =
      to.is_multicast() ? to.v4_number() : protocols::RelatedTraffic::kOneHost;
  bool passes = false;
  const bool covered = visit_opened(context, packet, related->port(), [&](Flow& opened) {
    const auto direction = packet.ip.source == opened.client() ? protocols::Direction::request
                                                               : protocols::Direction::response;
    context.flows.touch(opened);
    const protocols::Fault fault =
        related->admit(context.flows.session(opened), message, direction, group, context.now_ms());
    if (fault == protocols::Fault::not_started) return false;
    stays_for_now(context, opened);
    if (passes) return true;
    passes = fault == protocols::Fault::none;
    verdict.direction = direction;  // outputs are the opener's, whichever end spoke first
    verdict.fault = fault;
    verdict.reason = fault == protocols::Fault::none ? Reason::granted : Reason::protocol_fault;
    verdict.conduit = opened.conduit;
    verdict.rule = opened.rule;
    return true;
  });
  if (!covered) return false;
  // Its operation, for observers.
  context.parsed.begin(message, verdict.direction);
  if (protocol.parse(context.parsed, context.message_context(flow, verdict.direction),
                     context.operations) == protocols::Fault::none &&
      context.operations.size() > 0) {
    verdict.operation = context.operations.begin();
    verdict.function = verdict.operation->function;
  }
  return true;
}

}  // namespace bulkhead::pipeline
