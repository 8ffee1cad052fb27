// RFC 6298, 2.2 and 2.3, in nanoseconds.
#include "dataplane/flow/rtt.h"

#include <algorithm>

namespace bulkhead::flow {

void RttEstimator::sample(TimeNs round_trip_ns) {
  const TimeNs measured = std::max<TimeNs>(round_trip_ns, 1);
  if (smoothed_ns_ == 0) {
    smoothed_ns_ = measured;
    variation_ns_ = measured / 2;
    return;
  }
  const TimeNs error = measured > smoothed_ns_ ? measured - smoothed_ns_ : smoothed_ns_ - measured;
  variation_ns_ = (3 * variation_ns_ + error) / 4;
  smoothed_ns_ = (7 * smoothed_ns_ + measured) / 8;
}

void RttEstimator::back_off() {
  constexpr std::uint8_t kDoublingsMax = 16;
  if (backoff_ < kDoublingsMax) ++backoff_;
}

TimeNs RttEstimator::timeout_ns() const {
  const TimeNs estimate = smoothed_ns_ == 0 ? kRtoInitialNs : smoothed_ns_ + 4 * variation_ns_;
  return std::min(std::clamp(estimate, kRtoMinNs, kRtoMaxNs) << backoff_, kRtoMaxNs);
}

}  // namespace bulkhead::flow
