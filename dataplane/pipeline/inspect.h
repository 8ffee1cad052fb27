// Inspects a packet of a session, by its transport.
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

void inspect_tcp(Context& context, flow::Packet& packet);
void inspect_datagram(Context& context, flow::Packet& packet);

}  // namespace bulkhead::pipeline
