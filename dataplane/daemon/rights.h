// The capabilities of the process (capabilities(7)), on every thread.
#pragma once

#include <linux/capability.h>

#include <cstdint>
#include <optional>
#include <string>

namespace bulkhead::daemon {

// A bit for each capability, at its number.
using Capabilities = std::uint64_t;

constexpr Capabilities bit_of(int capability) { return Capabilities{1} << capability; }

// Takes all other capabilities from every thread, for good (no_new_privs). Returns what failed.
// Threads that libraries have started are included.
std::optional<std::string> keep_only(Capabilities kept);

// Lets threads have the priorities of base/priority.h without a capability, as the unit's
// LimitRTPRIO and LimitNICE do. False where the limits cannot be raised.
bool allow_priorities();

// What keep_only() must keep for priorities.
inline Capabilities for_priorities() { return allow_priorities() ? 0 : bit_of(CAP_SYS_NICE); }

}  // namespace bulkhead::daemon
