// Mistakes that can be planted to show that the tests find them. Only tests/adversarial is built
// with BULKHEAD_PLANTS; everywhere else planted() is false at compile time and costs nothing.
#pragma once

#include <cstdint>

namespace bulkhead::pipeline {

enum class Mistake : std::uint8_t {
  none,
  release_early,       // held bytes leave before their message is whole
  overlaps_unchecked,  // a retransmission may differ from what was released
  forget_delta,        // acknowledgements are not translated behind a splice
  drop_resend,         // owned bytes are never sent again
  never_acknowledge_on_hold,
  judge_first_only,  // later messages of a segment pass with the first one's verdict
};

#ifdef BULKHEAD_PLANTS
inline Mistake planted_mistake = Mistake::none;
inline bool planted(Mistake mistake) { return planted_mistake == mistake; }
#else
constexpr bool planted(Mistake /*mistake*/) { return false; }
#endif

}  // namespace bulkhead::pipeline
