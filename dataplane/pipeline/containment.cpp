// Sessions under containment.
#include "dataplane/pipeline/containment.h"

#include "dataplane/pipeline/admission.h"
#include "dataplane/pipeline/ending.h"
#include "dataplane/pipeline/leaving.h"

namespace bulkhead::pipeline {

namespace {

bool is_tcp(const flow::Flow& flow) { return flow.transport == policy::Transport::tcp; }

bool is_inspected(const flow::Flow& flow) {
  return flow.protocol != protocols::kNoProtocol && !flow.unjudged;
}

// Of a session that was judged under another policy, and of which no packet has come since.
std::uint16_t conduit_now(const policy::Tables& tables, const flow::Flow& flow) {
  const wire::IpAddress& opener = flow.reversed ? flow.server() : flow.client();
  const wire::IpAddress& other = flow.reversed ? flow.client() : flow.server();
  const std::uint16_t from = policy::find_zone(tables, opener);
  const std::uint16_t to = policy::find_destination_zone(tables, from, other);
  const policy::Conduit* conduit = policy::find_conduit(tables, from, to);
  if (conduit == nullptr) return policy::kNoConduit;
  return static_cast<std::uint16_t>(conduit - tables.conduits.data());
}

}  // namespace

policy::Cut cut_of(const BurstContext& context, const flow::Flow& flow) {
  const bool current = flow.standing.generation == context.image.generation;
  return context.contained->of(current ? flow.standing.conduit
                                       : conduit_now(context.tables(), flow));
}

bool is_cut(const BurstContext& context, const flow::Flow& flow) {
  if (context.contained == nullptr) return false;
  const policy::Cut cut = cut_of(context, flow);
  if (cut.none() || cut.isolates()) return cut.isolates();
  return flow.standing.generation != context.image.generation ||
         policy::cuts_session(cut, context.tables().conduits[flow.standing.conduit],
                              flow.standing.cell, is_inspected(flow));
}

bool cut_opening(Context& context, flow::Packet& packet, const policy::Classification& found) {
  const policy::Cut cut = context.contained->of(found.standing.conduit);
  const policy::Conduit& conduit = context.tables().conduits[found.standing.conduit];
  const bool inspected = found.protocol != protocols::kNoProtocol;
  if (cut.none() || !policy::cuts_session(cut, conduit, found.standing.cell, inspected)) {
    return false;
  }
  const bool is_tcp_packet = packet.ip.protocol == wire::kProtocolTcp;
  const bool tells = is_tcp_packet && !cut.isolates() && conduit.on_deny != policy::OnDeny::drop &&
                     (packet.tcp.flags & wire::kTcpRst) == 0;
  if (tells) answer_with_reset(context, packet);
  Verdict verdict;
  verdict.action = tells ? Action::reset : Action::drop;
  verdict.reason = Reason::contained;
  verdict.standing.conduit = found.standing.conduit;
  verdict.standing.rule = found.standing.rule;
  verdict.protocol = found.protocol;
  verdict.bytes = packet.mbuf->pkt_len;
  context.observer.on_verdict(verdict, packet);
  rte_pktmbuf_free(packet.mbuf);
  packet.mbuf = nullptr;
  return true;
}

bool cut_packet(Context& context, flow::Packet& packet) {
  flow::Flow& flow = *packet.flow;
  if (!is_cut(context, flow)) return false;
  const bool isolates = cut_of(context, flow).isolates();
  // Where both ends have the same port, the packet may be of the other's session, which the judge
  // finds (find_turned); under isolation it refuses all messages of this one.
  const bool turns = is_inspected(flow) && !is_tcp(flow) && !is_question(flow);
  if (isolates && turns && has_alike_ports(packet)) return false;
  packet.from_client = flow.client_is_low == packet.source_is_low && !is_question(flow);
  if (!isolates && is_tcp(flow)) {
    if (flow.refused) return false;
    cut_session(context, packet);
    flow.refused = true;
  }
  refuse(context, packet, Reason::contained);
  return true;
}

}  // namespace bulkhead::pipeline
