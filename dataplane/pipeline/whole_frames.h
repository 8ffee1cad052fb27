// TCP in PRP zones, where a segment leaves unchanged or is refused whole.
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

// Judges the messages of `segment`, the packet's bytes after those released; it leaves unchanged or
// is refused whole.
void accept_whole_frame(Context& context, flow::Packet& packet, const flow::Segment& segment);
// Forwards a retransmission unchanged if it begins and ends where released segments do.
// Precondition: its bytes equal those released.
void pass_whole_again(SessionContext& context, flow::Packet& packet);
// Accepts acknowledgements of bytes that arrived over the other LAN.
void catch_up_with_other_lan(SessionContext& context, const flow::Packet& packet);

}  // namespace bulkhead::pipeline
