// What sessions open beside themselves, on its way through the stages (protocols/expectation.h).
#pragma once

#include "dataplane/pipeline/admission.h"

namespace bulkhead::pipeline {

// A packet of no session here that is granted, and of no rule: if another worker expects it, that
// one has its buffer now.
bool hand_to_owner(Context& context, flow::Packet& packet);

// Whether the packet's source is an endpoint of an expectation, behind the port of that one's zone.
bool is_expected_from(Context& context, const flow::Packet& packet);

// Whether something that is expected may cover the packet, or the session that it belongs to
// (nullptr: none yet): `found` is then what governs it, and the zones of `sides` are those of the
// session's client and server, or of the packet's source and destination; else nothing changes.
bool find_expected(Context& context, const flow::Packet& packet, const flow::Flow* flow,
                   policy::Classification& found, Sides& sides);

// Whether the session is still expected, of which no rule speaks; it is heard then.
bool is_expected_session(Context& context, const flow::Flow& flow);

// Judges a datagram or frame by what is expected between its hosts. False if nothing covers it.
bool judge_expected(Context& context, const flow::Packet& packet, ByteView message,
                    Verdict& verdict);

// A granted request, or an accepted answer, may ask for a relation, open or close it. Precondition:
// its protocol has expectations.
protocols::Fault follow_relations(Context& context, const flow::Packet& packet, ByteView message,
                                  protocols::Direction direction, std::uint16_t rule);

// Ends those whose time is over: looks at some slots of the table, from `next` on.
void expire_relations(Context& context, std::uint32_t& next);

}  // namespace bulkhead::pipeline
