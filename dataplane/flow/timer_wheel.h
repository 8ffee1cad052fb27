// Timers of flows: a wheel of slots, one timer a flow, no allocation once made.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/base/clock.h"

namespace bulkhead::flow {

// Timers fire late by at most one tick and the pause between calls, never early.
class TimerWheel {
 public:
  static constexpr TimeNs kTickNs = 1 << 18;  // about a quarter of a millisecond

  explicit TimerWheel(std::uint32_t timers);

  // Replaces the timer's deadline.
  void arm(std::uint32_t timer, TimeNs deadline_ns);
  void disarm(std::uint32_t timer);

  bool any_armed() const { return armed_ > 0; }

  // Calls expired(timer) for timers whose time has come, at most `count_max`; they are disarmed
  // before. Timers may be armed and disarmed inside the call.
  template <typename Expired>
  void advance(TimeNs now_ns, std::uint32_t count_max, Expired&& expired) {
    const std::uint64_t now_tick = now_ns / kTickNs;
    if (armed_ == 0 || now_tick > tick_ + kSlots) tick_ = earliest_possible(now_tick);
    while (tick_ <= now_tick) {
      std::uint32_t timer = heads_[tick_ % kSlots];
      cursor_ = kNone;
      while (timer != kNone) {
        cursor_ = links_[timer].next;
        if (links_[timer].deadline_ns <= now_ns) {
          if (count_max-- == 0) return;  // the rest of this slot comes with the next call
          disarm(timer);
          expired(timer);
        }
        timer = cursor_;
      }
      if (tick_ == now_tick) break;  // its later part is still to come
      ++tick_;
    }
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::uint32_t kSlots = 1024;

  struct Link {
    TimeNs deadline_ns = 0;
    std::uint32_t slot = kNone;  // kNone: not armed
    std::uint32_t next = kNone;
    std::uint32_t previous = kNone;
  };

  // After a long pause each slot is looked at once.
  std::uint64_t earliest_possible(std::uint64_t now_tick) const {
    return armed_ == 0 || now_tick < kSlots ? now_tick : now_tick - kSlots + 1;
  }

  std::vector<Link> links_;
  std::vector<std::uint32_t> heads_;
  std::uint64_t tick_ = 0;
  std::uint32_t cursor_ = kNone;  // the next timer of a walk that is under way
  std::uint32_t armed_ = 0;
};

}  // namespace bulkhead::flow
