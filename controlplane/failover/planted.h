// Mistakes that can be planted in the pair's state machine to show that the simulation finds them.
// Only tests/simulation is built with BULKHEAD_PLANTS; everywhere else planted() is false at
// compile time.
#pragma once

#include <cstdint>

namespace bulkhead::failover {

enum class Mistake : std::uint8_t {
  none,
  skip_readiness_gate,  // takes over by order while flows or policy are not proven equal
  ignore_in_band,       // heartbeats of the zones do not count
  lease_without_echo,   // forwards on although its heartbeats do not arrive
  count_own_stalls,     // time that it did not run counts as silence of the peer
  ignore_better_active,
  forget_prepared,  // takes over without the generation that it had prepared
};

#ifdef BULKHEAD_PLANTS
inline Mistake planted_mistake = Mistake::none;
inline bool planted(Mistake mistake) { return planted_mistake == mistake; }
#else
constexpr bool planted(Mistake /*mistake*/) { return false; }
#endif

}  // namespace bulkhead::failover
