// Whether a policy that awaits confirmation costs more than its commit may. Pure: it is given what
// was read of the data plane, about once a second.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "bulkhead/v1/health.pb.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

struct HealthReading {
  TimeNs at_ns = 0;            // of a monotonic clock
  std::uint64_t sessions = 0;  // that live in the watched conduits
  std::uint64_t refusals = 0;  // since the data plane's start
};

class HealthJudge {
 public:
  // Sessions count as lost, and refusals as too many, once they have been for so long: what is
  // refused once may come back at once.
  static constexpr TimeNs kOverNs = 3 * kSecondNs;

  explicit HealthJudge(v1::HealthWatch watch, TimeNs over_ns = kOverNs)
      : watch_(std::move(watch)), over_ns_(over_ns) {}

  // What is out of bounds, in figures. A data plane that has begun anew is judged anew.
  std::optional<std::string> judge(const HealthReading& reading);

 private:
  std::optional<std::string> judge_sessions() const;
  std::optional<std::string> judge_refusals() const;

  v1::HealthWatch watch_;
  TimeNs over_ns_;
  std::deque<HealthReading> readings_;  // of the last over_ns_, and the one before
};

// Refusals in 1,000 seconds between two readings; 0 for those of one time, or a data plane anew.
std::uint64_t refusals_per_ks(const HealthReading& before, const HealthReading& after);

}  // namespace bulkhead::controlplane
