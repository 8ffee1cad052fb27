// ICMP errors about sessions.
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

// Finds the flow of an ICMP error that quotes a packet of a living session.
void match_icmp_error(SessionContext& context, flow::Packet& packet);
// Forwards such an error if it quotes bytes in flight, in its receiver's numbers.
void pass_icmp_error(SessionContext& context, flow::Packet& packet);

}  // namespace bulkhead::pipeline
