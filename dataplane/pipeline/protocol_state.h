// What becomes of a session's protocol state where some of its messages are not seen.
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

// Notes in the protocol's state that the session's beginning was not seen.
inline void begin_unseen(SessionContext& context, flow::Flow& flow) {
  if (flow.protocol == protocols::kNoProtocol) return;
  context.protocol_of(flow).begin_unseen(context.flows.session(flow));
}

// The session's handles are unknown from now on: messages that define some were not seen, or did
// not leave.
inline void forget_names(SessionContext& context, flow::Flow& flow) {
  context.flows.names().drop(context.flows.index_of(flow));
}

}  // namespace bulkhead::pipeline
