// The capabilities of the process, on every thread.
#pragma once

#include <optional>
#include <string>

#include "dataplane/base/capabilities.h"

namespace bulkhead::daemon {

// Takes all other capabilities from every thread, for good (no_new_privs). Returns what failed.
// Threads that libraries have started are included.
std::optional<std::string> keep_only(Capabilities kept);

// Lets threads have the priorities of base/priority.h without a capability, as the unit's
// LimitRTPRIO and LimitNICE do. False where the limits cannot be raised.
bool allow_priorities();

// What keep_only() must keep for priorities.
inline Capabilities for_priorities() {
  return allow_priorities() ? 0 : capability_bit(CAP_SYS_NICE);
}

}  // namespace bulkhead::daemon
