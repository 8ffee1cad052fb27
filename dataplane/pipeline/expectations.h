// Expectations in the stages (protocols/expectation.h): finds and polices them.
#pragma once

#include "dataplane/pipeline/admission.h"

namespace bulkhead::pipeline {

// Hands over a packet that has no session here and no rule, if another worker expects it. True if
// its buffer was consumed.
bool hand_to_owner(Context& context, flow::Packet& packet);

// Whether the packet's source is an endpoint of an expectation, and its port that endpoint's.
bool is_expected_from(Context& context, const flow::Packet& packet);

// Whether an expectation may cover the packet, or the session that it belongs to (nullptr: none
// yet). If so, sets `found` to the conduit and rule that govern it, and the zones of `sides` to
// those of the session's client and server, or of the packet's source and destination.
bool find_expected(Context& context, const flow::Packet& packet, const flow::Flow* flow,
                   policy::Classification& found, Sides& sides);

// Whether a session that no rule names is still expected. If so, its silence ends.
bool is_expected_session(Context& context, const flow::Flow& flow);

// Judges a datagram or frame by the expectations between its hosts. False if none covers it.
bool judge_expected(Context& context, const flow::Packet& packet, ByteView message,
                    Verdict& verdict);

}  // namespace bulkhead::pipeline
