// A deadline beyond the wheel's turn waits in its slot for several turns.
#include "dataplane/flow/timer_wheel.h"

#include <algorithm>

namespace bulkhead::flow {

TimerWheel::TimerWheel(std::uint32_t timers) : links_(timers), heads_(kSlots, kNone) {}

void TimerWheel::arm(std::uint32_t timer, TimeNs deadline_ns) {
  disarm(timer);
  // A slot behind the hand would wait for a whole turn.
  const std::uint64_t tick = std::max<std::uint64_t>(deadline_ns / kTickNs, tick_);
  const auto slot = static_cast<std::uint32_t>(tick % kSlots);
  std::uint32_t& head = heads_[slot];
  links_[timer] = {deadline_ns, slot, head, kNone};
  if (head != kNone) links_[head].previous = timer;
  head = timer;
  ++armed_;
}

void TimerWheel::disarm(std::uint32_t timer) {
  Link& link = links_[timer];
  if (link.slot == kNone) return;
  if (cursor_ == timer) cursor_ = link.next;
  if (link.next != kNone) links_[link.next].previous = link.previous;
  (link.previous != kNone ? links_[link.previous].next : heads_[link.slot]) = link.next;
  link = Link{};
  --armed_;
}

}  // namespace bulkhead::flow
