// Expectations in the stages (protocols/expectation.h): opens, finds, polices and ends them.
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

// What the granted message in `context.parsed` does to a relation; `step` is a new one. A fault if
// it asks for one that cannot be kept: nothing changes before make_step(). Precondition: its
// protocol has expectations.
protocols::Fault follow_relation(Context& context, const flow::Packet& packet,
                                 protocols::RelationStep& step);
// Does so, once the module has accepted the message.
void make_step(Context& context, const flow::Packet& packet, const protocols::RelationStep& step,
               std::uint16_t rule);

// Ends relations whose time is over: checks some slots of the table, from `next` on.
void expire_relations(Context& context, std::uint32_t& next);

}  // namespace bulkhead::pipeline
