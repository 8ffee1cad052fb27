// The retransmission timer of RFC 6298.
#pragma once

#include <cstdint>

#include "dataplane/base/clock.h"

namespace bulkhead::flow {

// RFC 6298, 2.1: before the first measurement.
constexpr TimeNs kRtoInitialNs = kSecondNs;
// RFC 6298, 2.4 recommends one second, against spurious retransmissions on slow paths. A zone's
// network is not slow and a plant notices a second; deployed stacks use this bound.
constexpr TimeNs kRtoMinNs = 200 * kMillisecondNs;
constexpr TimeNs kRtoMaxNs = 60 * kSecondNs;  // RFC 6298, 2.5

// Plain data, good when all zero.
class RttEstimator {
 public:
  // A round trip of a segment that was sent once (Karn's algorithm is the caller's; RFC 6298, 3).
  void sample(TimeNs round_trip_ns);
  // RFC 6298, 5.5: the timer ran out.
  void back_off();
  // New bytes were acknowledged: the next timer starts from the estimate again.
  void recover() { backoff_ = 0; }
  TimeNs timeout_ns() const;

 private:
  TimeNs smoothed_ns_ = 0;
  TimeNs variation_ns_ = 0;
  std::uint8_t backoff_ = 0;
};

}  // namespace bulkhead::flow
