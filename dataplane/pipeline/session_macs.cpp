// A frame's addresses are believed where its host is known to stand there.
#include "dataplane/pipeline/session_macs.h"

#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/planted.h"

namespace bulkhead::pipeline {

using flow::Flow;

namespace {

// Whether an address that one end puts into a frame is one of the other's: that speaks from it
// itself, or is bound to it, or was announced so in its zone (ARP or neighbour discovery).
bool is_address_of(const Context& context, const Flow& flow, std::size_t end,
                   const wire::Mac& mac) {
  if (flow.links[end].from == mac) return true;
  const wire::IpAddress& host = end == flow::kClient ? flow.client() : flow.server();
  if (const wire::Mac* bound = policy::find_binding(context.tables(), host)) {
    return *bound == mac;
  }
  return context.macs.is_announced(host, mac, flow.ports[end], context.now_ns);
}

}  // namespace

void follow_macs(const Context& context, flow::Packet& packet) {
  Flow& flow = *packet.flow;
  const std::size_t end =
      flow.client_is_low == packet.source_is_low ? flow::kClient : flow::kServer;
  flow::Link& link = flow.links[end];
  const flow::Link seen{packet.ethernet.destination, packet.ethernet.source};
  const bool opening =
      (packet.tcp.flags & wire::kTcpSyn) != 0 &&
      (flow.phase == flow::TcpPhase::none || flow.phase == flow::TcpPhase::syn_sent);
  if (opening || !link.is_known()) {
    link = seen;
    // What is for a station on the sender's side goes no further; see pass().
    const bool stays = context.macs.stands_at(seen.to, packet.port, context.now_ns);
    const auto own = mac_of_host(context, packet.ip.destination, flow.ports[1 - end]);
    if (own && !stays) link.to = *own;
  }
  const bool moved =
      seen.from == flow.links[1 - end].to ||
      context.macs.is_announced(packet.ip.source, seen.from, packet.port, context.now_ns);
  if (moved) {
    link.from = seen.from;
    flow.learned[end] = 0;
  }
  if (is_address_of(context, flow, 1 - end, seen.to)) link.to = seen.to;
  packet.ethernet.source = link.from;
  packet.ethernet.destination = link.to;
  if (!planted(Mistake::keep_addresses)) link.write(packet.bytes());
}

}  // namespace bulkhead::pipeline
