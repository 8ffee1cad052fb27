// Resolves the workers' indices to names of the policy that they refer to.
#pragma once

#include "bulkhead/v1/telemetry.pb.h"
#include "dataplane/flow/flow.h"
#include "dataplane/pipeline/event.h"
#include "dataplane/pipeline/image.h"

namespace bulkhead::service {

// Names a cell; counts are left to the caller. Indices out of range give empty names.
v1::Counter name_counter(const policy::Tables& tables, const pipeline::CounterKey& key);

v1::Event name_event(const policy::Tables& tables, const pipeline::Event& event);

v1::Flow name_flow(const policy::Tables& tables, const flow::Flow& flow, TimeNs now_ns);

}  // namespace bulkhead::service
