// Sessions that came from the peer, or were open before this process began.
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

// Processes a packet of a session that is being resumed. True if that establishes the session and
// the packet continues; otherwise it was passed or refused.
bool resume_session(Context& context, flow::Packet& packet);
// The position of the packet's session cannot be determined: passes it unjudged where its conduit
// fails open (true), else resets it.
bool give_up(Context& context, flow::Packet& packet);

}  // namespace bulkhead::pipeline
