// Reassembles fragmented packets.
#pragma once

#include "dataplane/flow/fragments.h"
#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

// Consumes a parsed fragment. If it completes its packet, the packet is the reassembled one
// afterwards, to be parsed; if it waits for others, or its session is another worker's, the
// packet's buffer is gone. Otherwise returns the reason for refusal.
Reason reassemble(BurstContext& context, flow::Reassembler& reassembler, flow::Packet& packet);

}  // namespace bulkhead::pipeline
