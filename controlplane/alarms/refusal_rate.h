// Whether far more is refused than usually. Pure.
#pragma once

#include <cstdint>

#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

class RefusalRate {
 public:
  // A jump is so many a second at least, and so many times the usual rate; it is over below a half
  // and a third of that.
  static constexpr double kLeast = 10;
  static constexpr double kTimes = 10;

  // `refused` counts up since the data plane began; less than before: it began anew. True if it is
  // a jump, given whether one stands already.
  bool step(std::uint64_t refused, TimeNs now_ns, bool stands);
  double recent() const { return recent_; }  // a second, over about five seconds
  double usual() const { return usual_; }    // a second, over about ten minutes

 private:
  std::uint64_t refused_ = 0;
  TimeNs looked_ns_ = 0;  // 0: never
  TimeNs learned_ns_ = 0;
  double recent_ = 0;
  double usual_ = 0;
};

}  // namespace bulkhead::controlplane
