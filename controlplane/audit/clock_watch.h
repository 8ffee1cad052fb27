// Notices that the wall clock was set: it is compared with the boot clock, which nobody sets. What
// a time service corrects slowly counts once it adds up. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "controlplane/audit/record.h"

namespace bulkhead::audit {

class ClockWatch {
 public:
  static constexpr std::int64_t kStepNs = static_cast<std::int64_t>(kSecondNs);

  // By how much the wall clock was set since the first look or the last step, once that is kStepNs
  // or more: positive if forward. Looks of different boots cannot be compared: the first of a boot
  // begins anew.
  std::optional<std::int64_t> look(const Stamp& now) {
    const auto offset = static_cast<std::int64_t>(now.wall_ns - now.boot_ns);
    if (boot_ != now.boot) {
      boot_ = now.boot;
      offset_ = offset;
      return std::nullopt;
    }
    const std::int64_t step = offset - offset_;
    if (step > -kStepNs && step < kStepNs) return std::nullopt;
    offset_ = offset;
    return step;
  }

 private:
  std::string boot_;
  std::int64_t offset_ = 0;  // of wall time from boot time
};

}  // namespace bulkhead::audit
