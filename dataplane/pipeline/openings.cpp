// A SYN is challenged with an acknowledgement of a number that it did not send. Its sender answers
// with a RST of that number and repeats the SYN (RFC 9293, 3.10.7.3): Linux within some
// milliseconds, lwIP at once, others when their SYN's timer runs out. Nothing is kept for that: the
// number is a keyed hash of what the SYN's headers say and of the time.
#include "dataplane/pipeline/openings.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/pipeline/leaving.h"

namespace bulkhead::pipeline {

namespace {

using flow::Openings;
using flow::Packet;
using flow::Shares;

// An answer comes within one or two of these.
constexpr TimeNs kEpochNs = 8 * kSecondNs;

struct Challenge {
  std::uint32_t number = 0;
  std::uint32_t sequence = 0;
};

Challenge challenge_for(const Context& context, const Packet& packet, TimeNs epoch) {
  std::array<std::uint8_t, 56> bytes{};
  const flow::HostAt sender = sending_host(packet);
  std::memcpy(bytes.data(), sender.address.bytes.data(), 16);
  std::memcpy(bytes.data() + 16, packet.ip.destination.bytes.data(), 16);
  std::memcpy(bytes.data() + 32, sender.mac.bytes.data(), 6);
  store_be16(bytes.data() + 38, sender.port);
  store_be16(bytes.data() + 40, packet.tcp.source_port);
  store_be16(bytes.data() + 42, packet.tcp.destination_port);
  store_be16(bytes.data() + 44, packet.ethernet.vlan.outer);
  store_be16(bytes.data() + 46, packet.ethernet.vlan.inner);
  store_be64(bytes.data() + 48, epoch);
  const std::uint64_t hash = flow::keyed_hash(context.hash_key, bytes);
  return {static_cast<std::uint32_t>(hash), static_cast<std::uint32_t>(hash >> 32)};
}

void send_challenge(Context& context, const Packet& packet) {
  Challenge challenge = challenge_for(context, packet, context.now_ns / kEpochNs);
  // The one that would be right is the next.
  if (challenge.number == packet.tcp.sequence + 1) ++challenge.number;
  flow::TcpNumbers numbers;
  numbers.sequence = challenge.sequence;
  numbers.acknowledgement = challenge.number;
  rte_mbuf* mbuf =
      flow::make_segment(flow::pattern_of(packet).reversed(), numbers, wire::kTcpAck, {});
  if (mbuf != nullptr) context.output.transmit(mbuf, packet.port);
}

std::uint32_t free_of(const Context& context) {
  const std::uint32_t limit = context.limits().half_open;
  return limit - std::min(limit, context.openings.count());
}

// Whether so many are opening that a new one's sender has to show that it is there. A server has
// room for few.
bool is_crowded(const Context& context, const flow::Opening& opening) {
  return free_of(context) <= context.limits().half_open / 2 ||
         context.openings.of_server(opening.server) >= Shares::kLittle;
}

bool has_share(const Context& context, const flow::Opening& opening, std::uint32_t free) {
  const Openings& openings = context.openings;
  const bool port = openings.of_port(opening.port) < Shares::kLittle ||
                    openings.of_port(opening.port) <= std::uint64_t{3} * free;
  const bool conduit = openings.shares().conduit(opening.ids) < Shares::kLittle ||
                       openings.shares().conduit_may_take(opening.ids, free);
  return free > 0 && port && conduit;
}

}  // namespace

flow::Opening opening_of(const Context& context, const Packet& packet, flow::ShareIds ids) {
  flow::Opening opening;
  opening.ids = ids;
  opening.server = Openings::server_id(context.hash_key, packet.ip.destination);
  opening.port = packet.port;
  opening.proven = !context.options.challenge_openings ||
                   context.proofs.holds(sending_host(packet).hash(context.hash_key), packet.port,
                                        context.now_ns);
  return opening;
}

// Where its port or conduit has all that it may have, the oldest of another host's gives way: its
// answer is overdue.
OpeningVerdict judge_opening(const Context& context, const flow::Opening& opening) {
  const Openings& openings = context.openings;
  const std::uint32_t free = free_of(context);
  // A server's queue is not one host's to fill.
  constexpr std::uint32_t kAtOneServer = 4 * Shares::kLittle;
  const std::uint32_t of_host = openings.shares().host(opening.ids);
  const bool host_has_all = of_host >= std::max(free / 3, Shares::kLittle) ||
                            (context.options.challenge_openings && of_host >= kAtOneServer &&
                             openings.of_server(opening.server) >= kAtOneServer);
  if (!opening.proven && (host_has_all || is_crowded(context, opening))) {
    return {Opens::is_challenged};
  }
  if (host_has_all) return {Opens::is_refused};
  if (has_share(context, opening, free)) return {};
  const std::uint32_t oldest = openings.oldest(opening.port);
  if (oldest == Openings::kNone || openings.host_of(oldest) == opening.ids.host) {
    return {Opens::is_refused};
  }
  return {Opens::begins, oldest};
}

void turn_away(Context& context, Packet& packet, Opens opens) {
  packet.flow = nullptr;
  if (opens == Opens::is_refused) return refuse(context, packet, Reason::half_open_limit);
  send_challenge(context, packet);
  refuse(context, packet, Reason::source_unproven);
}

void note_opening(Context& context, const Packet& packet) {
  const flow::Flow& flow = *packet.flow;
  if (!flow.half_open) return;
  flow::Opening opening = opening_of(context, packet, flow.shares);
  opening.replaceable = !flow.predecessor.answered;
  context.openings.add(context.flows.index_of(flow), opening);
}

void note_proofs(Context& context, const flow::Flow& flow) {
  for (const std::size_t end : {flow::kClient, flow::kServer}) {
    const flow::HostAt host{end == flow::kClient ? flow.client() : flow.server(),
                            flow.links[end].from, flow.ports[end]};
    context.proofs.note(host.hash(context.hash_key), host.port, context.now_ns);
  }
}

bool consume_proof(Context& context, Packet& packet) {
  const TimeNs epoch = context.now_ns / kEpochNs;
  for (const TimeNs issued : {epoch, epoch - 1}) {
    const std::uint32_t number = challenge_for(context, packet, issued).number;
    if (packet.tcp.sequence - number > 1) continue;  // see send_challenge()
    context.proofs.note(sending_host(packet).hash(context.hash_key), packet.port, context.now_ns);
    refuse(context, packet, Reason::session_control);
    return true;
  }
  return false;
}

}  // namespace bulkhead::pipeline
