// How sessions end on the firewall's word: what was granted is delivered first, then both ends are
// told, unless the conduit says nothing to anyone.
#pragma once

#include "dataplane/flow/tcp_tracker.h"
#include "dataplane/pipeline/deliver.h"

namespace bulkhead::pipeline {

// What the end of a session by refusal is to its ends.
inline Action ending_action(const flow::Flow& flow) {
  return flow.on_deny == policy::OnDeny::drop ? Action::drop : Action::reset;
}

// Sets when the session is forgotten if nobody speaks in it any more.
void renew(const Context& context, flow::Flow& flow);

// Something that the speaker sent is refused and the session with it. What is held is dropped, what
// was granted is carried to its receivers, and each end gets its reset when it has all of it.
// Precondition: the session keeps a frame of the speaker or its answer (see pattern_from).
void refuse_session(Context& context, const Speaker& speaker);

// Ends the session now. What is still owed is given up. `pattern` is a frame from the speaker.
void close_session(Context& context, const Speaker& speaker, const flow::Pattern& pattern);

// A packet of a session that is refused.
void take_in_refused(Context& context, flow::Packet& packet, const flow::TcpSegmentInfo& info);

}  // namespace bulkhead::pipeline
