// The MAC addresses that all frames of a TCP session have.
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

// A session keeps the addresses that it was opened with, so that its sender cannot have a frame
// that counts as delivered go elsewhere, nor be dropped for where it came from. A host may move to
// another station, as one that stands by for it does, and announces that. Writes them into the
// frame.
void follow_macs(const Context& context, flow::Packet& packet);

}  // namespace bulkhead::pipeline
