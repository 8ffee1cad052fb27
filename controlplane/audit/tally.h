// Bounds how many records one kind of occurrence makes: the first of a minute are recorded one by
// one, the others are counted by name and recorded together when the minute is over. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "controlplane/audit/record.h"

namespace bulkhead::audit {

class Tally {
 public:
  static constexpr TimeNs kPeriodNs = 60 * kSecondNs;
  static constexpr std::size_t kNamesMax = 10;  // the rest is counted as `others`

  explicit Tally(std::uint32_t singles) : singles_(singles) {}

  // Whether it gets a record of its own.
  bool add(TimeNs now_ns, const std::string& name) {
    if (begun_ns_ == 0) begun_ns_ = std::max<TimeNs>(now_ns, 1);
    if (recorded_ < singles_) {
      ++recorded_;
      return true;
    }
    ++counted_;
    const auto mine = std::find_if(names_.begin(), names_.end(),
                                   [&name](const auto& each) { return each.first == name; });
    if (mine != names_.end()) {
      ++mine->second;
    } else if (names_.size() < kNamesMax) {
      names_.emplace_back(name, 1);
    }
    return false;
  }

  struct Sum {
    std::uint64_t count = 0;
    Details details;  // name and count
  };
  // Once the period is over, what was only counted in it.
  std::optional<Sum> turn(TimeNs now_ns) {
    if (begun_ns_ == 0 || now_ns - begun_ns_ < kPeriodNs) return std::nullopt;
    Sum sum{counted_, {}};
    std::uint64_t others = counted_;
    for (const auto& [name, count] : names_) {
      sum.details.emplace_back(name, std::to_string(count));
      others -= count;
    }
    if (others > 0) sum.details.emplace_back("others", std::to_string(others));
    *this = Tally(singles_);
    return sum.count > 0 ? std::optional(std::move(sum)) : std::nullopt;
  }

 private:
  std::uint32_t singles_;
  std::uint32_t recorded_ = 0;
  std::uint64_t counted_ = 0;
  std::vector<std::pair<std::string, std::uint64_t>> names_;
  TimeNs begun_ns_ = 0;  // of the period; 0: nothing has happened since the last one
};

}  // namespace bulkhead::audit
