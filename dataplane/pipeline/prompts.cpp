// A prompt has only numbers that both ends have named themselves.
#include "dataplane/pipeline/prompts.h"

#include <utility>

#include "dataplane/flow/session_headers.h"

namespace bulkhead::pipeline {

using flow::Flow;

namespace {

// A plain service has no boundaries that are asked for, and in PRP zones nothing is injected.
bool may_be_probed(const Context& context, const Flow& flow) {
  const std::uint32_t prp = context.tables().prp_ports;
  const bool whole_only =
      ((prp >> flow.ports[flow::kClient] | prp >> flow.ports[flow::kServer]) & 1) != 0;
  const bool inspected = flow.protocol != protocols::kNoProtocol && !flow.unjudged;
  const bool known = flow.sides[flow::kClient].known && flow.sides[flow::kServer].known;
  return context.image.generation != kNoPolicy && flow.phase == flow::TcpPhase::resuming &&
         !flow.resumed && !flow.refused && inspected && !whole_only && !known &&
         flow.links[flow::kClient].is_known() && flow.links[flow::kServer].is_known();
}

}  // namespace

void Probes::run(Context& context) {
  constexpr TimeNs kPeriodNs = kMillisecondNs;
  constexpr std::uint32_t kSessionsPerPeriod = 256;
  if (is_done() || !context.is_settled() || context.now_ns - ran_ns_ < kPeriodNs) return;
  ran_ns_ = context.now_ns;
  const std::uint32_t end = context.flows.capacity();
  for (std::uint32_t sessions = 0; sessions < kSessionsPerPeriod; ++sessions) {
    const std::uint32_t slot = context.flows.next_in_use(next_, end);
    if (slot == end) {
      buffers_ = nullptr;
      return;
    }
    next_ = slot + 1;
    Flow& flow = context.flows.slot(slot);
    if (!may_be_probed(context, flow)) continue;
    for (const std::size_t speaker : {flow::kClient, flow::kServer}) {
      const flow::SessionHeaders headers(flow, speaker);
      send_probe(context, {flow, speaker}, headers.pattern(buffers_));
    }
  }
}

void prompt(Context& context, const Speaker& speaker, rte_mempool* buffers) {
  constexpr int kDuplicates = 3;  // RFC 5681, 3.2
  Flow& flow = speaker.flow;
  flow::TcpSide& side = speaker.side();
  const bool more = std::exchange(side.sent_unseen, false);
  if (flow.refused || flow.whole_only || flow.resumed) return;
  // What a spliced session owes has a timer, which expires at a takeover.
  if (!flow.spliced) {
    for (std::uint32_t i = side.retained_first; i != flow::kNoSegment;
         i = context.segments[i].next) {
      send_again(context, speaker, i);
    }
  }
  if (!more || !flow.links[speaker.other()].is_known()) return;
  const flow::SessionHeaders headers(flow, speaker.other());
  for (int i = 0; i < kDuplicates; ++i) {
    send_pure_ack(context, {flow, speaker.other()}, headers.pattern(buffers));
  }
}

}  // namespace bulkhead::pipeline
