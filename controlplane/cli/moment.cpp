// An age, or a time.
#include "controlplane/cli/moment.h"

#include "controlplane/policy/utc.h"
#include "dataplane/base/duration.h"

namespace bulkhead::controlplane {

std::optional<std::uint64_t> parse_moment(std::string_view text, std::uint64_t now_ns) {
  if (const auto age_ns = parse_duration(text)) return *age_ns < now_ns ? now_ns - *age_ns : 0;
  const auto time_s = parse_utc(text);
  if (!time_s) return std::nullopt;
  return *time_s * kSecondNs;
}

}  // namespace bulkhead::controlplane
