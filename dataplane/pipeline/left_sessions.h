// Sessions of a conduit that has begun to observe: their frames do not come here any more.
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

// Forgets the flow if a conduit between its hosts observes; true if it did. One whose ends count
// their bytes differently, since messages were taken out or bytes are owed, cannot go on without
// the firewall: both ends are reset. `buffers`: for frames made here.
bool forget_if_observed(Context& context, flow::Flow& flow, rte_mempool* buffers);

}  // namespace bulkhead::pipeline
