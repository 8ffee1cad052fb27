// Whether a heartbeat came soon after it was sent, by the sender's clock. Plain arithmetic, no
// clock.
//
// An echo proves that a heartbeat is new, but a peer that hears nothing cannot echo, and yet it may
// forward. Its clock distinguishes its heartbeats from recorded ones: the shortest delay of those
// so far gives the offset between the two clocks, and one that was kept back exceeds it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "dataplane/base/clock.h"

namespace bulkhead::failover {

class Lateness {
 public:
  // How far two monotonic clocks may drift apart: time services correct them at up to a twelfth
  // (chrony's maxslewrate) until an error is gone, and crystals by less than a thousandth.
  static constexpr TimeNs kCorrectionShare = 10;
  static constexpr TimeNs kCorrectionMaxNs = kSecondNs;
  static constexpr TimeNs kCrystalShare = 1000;

  // The sender is another one now.
  void forget() { known_ = false; }

  // True if the heartbeat, sent at `sent_ns` of the peer's clock, came within `late_ns`; then
  // others are measured by it. `after_ns` is a time of our clock before which it was not sent.
  bool accept(TimeNs sent_ns, TimeNs now_ns, std::optional<TimeNs> after_ns, TimeNs late_ns) {
    const std::int64_t way = between(sent_ns, now_ns);
    if (!known_) {
      known_ = true;
      shortest_ = way;
      at_ns_ = now_ns;
      return true;
    }
    if (after_ns) shortest_ = std::max(shortest_, between(sent_ns, *after_ns));
    const std::int64_t apart = shortest_ + apart_ns(now_ns - at_ns_);
    if (way > apart + static_cast<std::int64_t>(late_ns)) return false;
    shortest_ = std::min(way, apart);
    at_ns_ = now_ns;
    return true;
  }

 private:
  static std::int64_t between(TimeNs sent_ns, TimeNs now_ns) {
    return static_cast<std::int64_t>(now_ns - sent_ns);
  }
  static std::int64_t apart_ns(TimeNs passed_ns) {
    return static_cast<std::int64_t>(std::min(passed_ns / kCorrectionShare, kCorrectionMaxNs) +
                                     passed_ns / kCrystalShare);
  }

  bool known_ = false;
  std::int64_t shortest_ = 0;  // from the peer's clock to ours
  TimeNs at_ns_ = 0;           // when that was last measured
};

}  // namespace bulkhead::failover
