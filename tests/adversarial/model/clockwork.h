// Time moves from event to event; the appliance's timers run in between as its worker would.
#pragma once

#include <algorithm>

#include "tests/adversarial/model/links.h"
#include "tests/adversarial/model/writes.h"

namespace bulkhead::adversary {

constexpr TimeNs kStartNs = 1000 * kSecondNs;
constexpr TimeNs kTimeLimitNs = 300 * kSecondNs;
constexpr std::uint64_t kHandledMax = 100'000;  // frames
// After this long without a byte that arrived a talk that may stall is over.
constexpr TimeNs kStalledNs = 8 * kSecondNs;

// The earliest of what is to come; UINT64_MAX: nothing.
inline TimeNs next_event(const Links& links, const TcpModel (&ends)[2], const Writes (&writes)[2]) {
  TimeNs at_ns = std::min({links.next_ns(), writes[kClient].next_ns(), writes[kServer].next_ns()});
  for (const TcpModel& end : ends) {
    if (end.next_timer() != 0) at_ns = std::min(at_ns, end.next_timer());
  }
  return at_ns;
}

inline bool have_ended(const TcpModel (&ends)[2]) {
  if (ends[kClient].failed() && ends[kServer].failed()) return true;
  return ends[kClient].finished() && ends[kServer].finished();
}

// Moves the clock on, at most up to a time. After each look at the timers `look` says whether a
// frame left: it may arrive before what was awaited, so the clock stops there.
template <typename Look>
void advance(support::Plant& plant, TimeNs& now_ns, TimeNs at_ns, Look look) {
  TimeNs step_ns = 250 * kMicrosecondNs;
  while (now_ns < at_ns) {
    now_ns = std::min(at_ns, now_ns + step_ns);
    plant.be_at(now_ns);
    if (look()) return;
    if (step_ns < 10 * kMillisecondNs) step_ns *= 2;
  }
  plant.be_at(at_ns);
  look();
}

}  // namespace bulkhead::adversary
