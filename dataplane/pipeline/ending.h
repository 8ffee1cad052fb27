// Ends sessions: granted bytes are delivered first, then both ends are reset, unless the conduit
// drops silently.
#pragma once

#include "dataplane/flow/tcp_tracker.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/speaker.h"

namespace bulkhead::pipeline {

// The action that ends a refused session.
inline Action ending_action(const flow::Flow& flow) {
  return flow.on_deny == policy::OnDeny::drop ? Action::drop : Action::reset;
}

// Sets the session's idle time-out.
void renew(const SessionContext& context, flow::Flow& flow);

// Refuses the session because of something that the speaker sent. Held bytes are dropped, granted
// ones delivered, and each end is reset when it has all of them. Precondition: the session keeps a
// frame of the speaker or its answer (see pattern_from).
void refuse_session(SessionContext& context, const Speaker& speaker);

// Ends the session now, without delivering what is owed. `pattern`: a frame from the speaker.
void close_session(SessionContext& context, const Speaker& speaker, const flow::Pattern& pattern);

// Processes a packet of a refused session.
void process_in_refused(SessionContext& context, flow::Packet& packet,
                        const flow::TcpSegmentInfo& info);

// Ends a session: drops held bytes, resets both ends if the conduit says so, and passes nothing
// more. `packet` lends its headers; its buffer must be intact.
void cut_session(SessionContext& context, const flow::Packet& packet);

// Sends a RST to the sender of a packet of no session.
void answer_with_reset(SessionContext& context, const flow::Packet& packet);

}  // namespace bulkhead::pipeline
