// Capabilities of a process (capabilities(7)).
#pragma once

#include <linux/capability.h>

#include <cstdint>

namespace bulkhead {

// A bit for each, at its number.
using Capabilities = std::uint64_t;

constexpr Capabilities capability_bit(int capability) { return Capabilities{1} << capability; }

}  // namespace bulkhead
