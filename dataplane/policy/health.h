// What a policy that awaits confirmation may cost before it returns by itself. The agent judges it;
// nothing on the packet path does.
#pragma once

#include <cstdint>
#include <string>

namespace bulkhead::policy {

// 0: no bound.
struct HealthBounds {
  static constexpr std::uint32_t kPercentMax = 99;
  static constexpr std::uint32_t kRefusalsMax = 999'999;  // a second

  std::uint32_t sessions_lost_percent = 0;  // of the sessions that lived before
  std::uint32_t refusals_per_s = 0;         // above those of the time before

  bool any() const { return sessions_lost_percent != 0 || refusals_per_s != 0; }
  bool operator==(const HealthBounds&) const = default;
};

// `sessions_lost=20%,refusals=100/s`, as it is written on the command line.
inline std::string to_text(const HealthBounds& bounds) {
  std::string text;
  if (bounds.sessions_lost_percent != 0) {
    text = "sessions_lost=" + std::to_string(bounds.sessions_lost_percent) + "%";
  }
  if (bounds.refusals_per_s == 0) return text;
  return text + (text.empty() ? "" : ",") + "refusals=" + std::to_string(bounds.refusals_per_s) +
         "/s";
}

}  // namespace bulkhead::policy
