// A failure is forgotten a minute after the address's last one.
#include "controlplane/api/failed_logins.h"

#include <algorithm>

namespace bulkhead::controlplane {

void FailedLogins::make_room() {
  const auto oldest =
      std::min_element(of_address_.begin(), of_address_.end(),
                       [](const auto& a, const auto& b) { return a.second.last < b.second.last; });
  if (oldest != of_address_.end()) of_address_.erase(oldest);
}

void FailedLogins::add(const std::string& address, Clock::time_point now) {
  const auto known = of_address_.find(address);
  if (known == of_address_.end() && of_address_.size() >= kAddressesMax) make_room();
  Failures& failures = of_address_[address];
  if (now - failures.last > kPeriod) failures.count = 0;
  ++failures.count;
  failures.last = now;
  ++unreported_count_;
  if (unreported_.size() < kAddressesMax || unreported_.count(address) != 0) ++unreported_[address];
  pass_time(now);
}

FailedLogins::Clock::duration FailedLogins::delay_of(const std::string& address,
                                                     Clock::time_point now) const {
  const auto found = of_address_.find(address);
  if (found == of_address_.end() || now - found->second.last > kPeriod) return {};
  const std::size_t count = found->second.count;
  if (count <= kFree) return {};
  return std::min<Clock::duration>(kDelayMax, kStep * (count - kFree));
}

void FailedLogins::pass_time(Clock::time_point now) {
  if (unreported_count_ == 0 || now < reports_again_) return;
  reports_again_ = now + kPeriod;
  const auto most =
      std::max_element(unreported_.begin(), unreported_.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  report_(std::to_string(unreported_count_) +
          (unreported_count_ == 1 ? " connection" : " connections") +
          " without a certificate that counts here, most from " + most->first + " (" +
          std::to_string(most->second) + ")");
  unreported_.clear();
  unreported_count_ = 0;
}

}  // namespace bulkhead::controlplane
