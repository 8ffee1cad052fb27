// Time since the machine's start, suspension included: no clock that is set changes it, and it is
// valid for this start alone.
#pragma once

#include "dataplane/base/clock.h"

namespace bulkhead {

inline TimeNs boot_now_ns() { return read_clock(CLOCK_BOOTTIME); }

}  // namespace bulkhead
