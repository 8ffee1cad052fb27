// Relations (protocols/expectation.h) in the stages: granted messages ask for them, open and end
// them.
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

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
