// Two averages that forget at different speeds. What is usual is learned at once in the first
// seconds, and slowly while the alarm stands, so that a long attack does not pass for usual soon.
#include "controlplane/alarms/refusal_rate.h"

#include <algorithm>

namespace bulkhead::controlplane {

namespace {

constexpr double kRecentS = 5;
constexpr double kUsualS = 600;
constexpr double kUsualWhileStandingS = 3600;
constexpr TimeNs kLearnNs = 10 * kSecondNs;

void approach(double& average, double value, double passed_s, double memory_s) {
  average += (value - average) * std::min(1.0, passed_s / memory_s);
}

}  // namespace

bool RefusalRate::step(std::uint64_t refused, TimeNs now_ns, bool stands) {
  const bool anew = looked_ns_ == 0 || refused < refused_ || now_ns <= looked_ns_;
  const double passed_s = anew ? 0 : static_cast<double>(now_ns - looked_ns_) / 1e9;
  const double rate = anew ? 0 : static_cast<double>(refused - refused_) / passed_s;
  refused_ = refused;
  if (anew) {
    looked_ns_ = now_ns;
    return stands;
  }
  learned_ns_ += now_ns - looked_ns_;
  looked_ns_ = now_ns;
  approach(recent_, rate, passed_s, kRecentS);
  const double learned_s = static_cast<double>(learned_ns_) / 1e9;
  approach(usual_, rate, passed_s,
           learned_ns_ <= kLearnNs ? learned_s
           : stands                ? kUsualWhileStandingS
                                   : kUsualS);
  if (learned_ns_ <= kLearnNs) return stands;
  return stands ? recent_ >= std::max(kLeast / 2, usual_ * kTimes / 3)
                : recent_ >= std::max(kLeast, usual_ * kTimes);
}

}  // namespace bulkhead::controlplane
