// Found on the walk over idle time-outs, within a second.
#include "dataplane/pipeline/left_sessions.h"

#include "dataplane/flow/session_headers.h"
#include "dataplane/pipeline/ending.h"
#include "dataplane/pipeline/places.h"
#include "dataplane/policy/classifier.h"
#include "dataplane/policy/observed.h"

namespace bulkhead::pipeline {

bool forget_if_observed(Context& context, flow::Flow& flow, rte_mempool* buffers) {
  const policy::Tables& tables = context.tables();
  const std::uint16_t zone = policy::find_zone(tables, flow.client());
  const std::uint16_t other = policy::find_destination_zone(tables, zone, flow.server());
  const policy::ObservedAt at{context.wall_s, context.contained};
  if (!policy::observes_between(tables, zone, other, at)) return false;
  context.flows.touch(flow);
  const bool known = flow.links[flow::kClient].is_known();
  if (flow.spliced && known && buffers != nullptr) {
    const flow::SessionHeaders headers(flow, flow::kClient);
    flow.draining = false;
    close_session(context, {flow, flow::kClient}, headers.pattern(buffers));
  }
  forget(context, flow);
  return true;
}

}  // namespace bulkhead::pipeline
