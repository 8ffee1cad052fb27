// What sessions open beside themselves. All that one host opened to another stands in an entry of
// the flow table that no packet names; it is judged anew, opening by opening, after a change of
// policy.
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

// Both hosts may have opened something to the other.
template <typename Visit>
bool visit_opened(Context& context, const Packet& packet, std::uint16_t port, Visit visit) {
  for (const std::uint32_t opened_by : {kLowOpened, kHighOpened}) {
    Flow* opened = context.flows.find(key_of(packet.key, port, opened_by));
    if (opened != nullptr && renew(context, *opened) && visit(*opened)) return true;
  }
  return false;
}

// The entry of what the session's client opened; a fresh one if there was none, nullptr if there is
// no room.
Flow* entry_beside(Context& context, const Flow& session, std::uint16_t port, bool make) {
  const flow::FlowKey key =
      key_of(session.key, port, session.client_is_low ? kLowOpened : kHighOpened);
  Flow* opened = context.flows.find(key);
  if (opened != nullptr && !renew(context, *opened)) opened = nullptr;
  if (opened != nullptr || !make) return opened;
  opened = context.flows.insert(key);
  if (opened == nullptr) return nullptr;
  opened->client_is_low = session.client_is_low;
  opened->transport = policy::Transport::udp;
  opened->protocol = session.protocol;
  opened->created_ns = context.now_ns;
  if (context.flows.deepen_session(*opened)) return opened;
  context.flows.erase(*opened);
  return nullptr;
}

}  // namespace

std::uint16_t find_opener(Context& context, const Packet& packet, Classification& found) {
  if (packet.ip.protocol != wire::kProtocolUdp) return 0;
  std::uint16_t related_to = 0;
  for (const protocols::RelatedPort& related : protocols::related_ports()) {
    if (related.port != destination_port(packet)) continue;
    visit_opened(context, packet, related.port, [&](const Flow& opened) {
      if (opened.protocol != related.protocol) return false;
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
  const Flow& session = *packet.flow;
  const protocols::RelatedTraffic* related = context.protocol_of(session).related();
  const protocols::Direction direction = direction_of(packet);
  if (related == nullptr || session.transport != policy::Transport::tcp ||
      !related->concerns(message, direction)) {
    return protocols::Fault::none;
  }
  const bool asks = direction == protocols::Direction::request;
  Flow* opened = entry_beside(context, session, related->port(), asks);
  // Judging the others anew took the list of operations, which the message's verdict speaks of.
  context.protocol_of(session).decode(message, direction, context.operations);
  if (opened == nullptr) {
    return asks ? protocols::Fault::too_many_outstanding : protocols::Fault::none;
  }
  if (asks) {
    opened->generation = session.generation;
    opened->conduit = session.conduit;
    opened->cell = session.cell;
    opened->ports = session.ports;
    opened->on_deny = session.on_deny;
    opened->stations = session.stations;
    opened->related_to = session.server_port();
    opened->rule = rule;
  }
  opened->last_seen_ns = context.now_ns;
  opened->expires_ns = context.now_ns + context.limits().datagram_ns;
  context.flows.touch(*opened);
  return related->note(context.flows.session(*opened), message, direction, context.now_ms());
}

bool judge_related(Context& context, const Packet& packet, ByteView message, Verdict& verdict) {
  const Flow& flow = *packet.flow;
  const protocols::Protocol& protocol = context.protocol_of(flow);
  const protocols::RelatedTraffic* related = protocol.related();
  if (related == nullptr || flow.transport != policy::Transport::udp ||
      destination_port(packet) != related->port()) {
    return false;
  }
  const bool covered = visit_opened(context, packet, related->port(), [&](Flow& opened) {
    const auto direction = opened.client_is_low == packet.source_is_low
                               ? protocols::Direction::request
                               : protocols::Direction::response;
    context.flows.touch(opened);
    const protocols::Fault fault =
        related->admit(context.flows.session(opened), message, direction, context.now_ms());
    if (fault == protocols::Fault::not_started) return false;
    verdict.fault = fault;
    verdict.reason = fault == protocols::Fault::none ? Reason::granted : Reason::protocol_fault;
    verdict.conduit = opened.conduit;
    verdict.rule = opened.rule;
    opened.last_seen_ns = context.now_ns;
    opened.expires_ns = context.now_ns + context.limits().datagram_ns;
    return true;
  });
  if (!covered) return false;
  // What it is, for those who are told.
  if (protocol.decode(message, verdict.direction, context.operations) == protocols::Fault::none &&
      context.operations.size() > 0) {
    verdict.operation = context.operations.begin();
    verdict.function = verdict.operation->function;
  }
  return true;
}

}  // namespace bulkhead::pipeline
