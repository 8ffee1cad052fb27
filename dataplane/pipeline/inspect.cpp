// Stage: inspect. Hands each packet of a granted session to its transport; order is kept, so that a
// request and its response in one burst meet in that order.
#include "dataplane/pipeline/inspect.h"

#include <rte_prefetch.h>

#include "dataplane/pipeline/icmp_error.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/stages.h"

namespace bulkhead::pipeline {

namespace {

// What the packet acknowledges will be given back: its node and its buffer are far from the cache.
void prefetch_acknowledged(const Context& context, const flow::Packet& packet, bool buffer) {
  if (packet.mbuf == nullptr || packet.flow == nullptr) return;
  const std::size_t other = packet.from_client ? flow::kServer : flow::kClient;
  const std::uint32_t first = packet.flow->sides[other].retained_first;
  if (first == flow::kNoSegment) return;
  const flow::Segment& segment = context.segments[first];
  if (!buffer) return rte_prefetch0(&segment);
  if (segment.mbuf != nullptr) rte_prefetch0(segment.mbuf);
}

}  // namespace

void inspect(Context& context) {
  constexpr std::size_t kAhead = 4;
  bool any_inspected = false;
  for (const flow::Packet& packet : context.burst) {
    if (packet.mbuf == nullptr || packet.flow == nullptr) continue;
    if (packet.flow->protocol != protocols::kNoProtocol) {
      any_inspected = true;
      prefetch_acknowledged(context, packet, false);
      context.flows.prefetch_session(*packet.flow);
      prefetch_verdict(context, packet);
    }
    context.observer.expect(packet);
  }
  for (std::size_t i = 0; i < context.burst.size(); ++i) {
    flow::Packet& packet = context.burst[i];
    if (any_inspected && i + kAhead < context.burst.size()) {
      prefetch_acknowledged(context, context.burst[i + kAhead], true);
    }
    if (packet.mbuf == nullptr) continue;
    if (packet.about_flow) {
      packet.flow = nullptr;
      match_icmp_error(context, packet);
    }
    flow::Flow* flow = packet.flow;
    const bool stands =
        flow != nullptr && (packet.about_flow ? flow->in_use : context.still_of(packet));
    if (!stands) {
      packet.flow = nullptr;
      refuse(context, packet, Reason::flow_refused);
    } else if (packet.about_flow) {
      pass_icmp_error(context, packet);
    } else if (flow->transport == policy::Transport::tcp) {
      // An earlier packet of the burst may have reversed it.
      if (flow->reversed) packet.from_client = flow->client_is_low == packet.source_is_low;
      inspect_tcp(context, packet);
    } else {
      inspect_datagram(context, packet);
    }
  }
}

}  // namespace bulkhead::pipeline
