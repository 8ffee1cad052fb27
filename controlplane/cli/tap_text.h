// What `status` says of ports that only listen.
#pragma once

#include "bulkhead/v1/telemetry.pb.h"

namespace bulkhead::controlplane {

// It has tap ports and no others.
bool only_listens(const v1::DataplaneStatus& dataplane);

// A line for each tap port, and one of what they heard; none without.
void print_taps(const v1::DataplaneStatus& dataplane);

}  // namespace bulkhead::controlplane
