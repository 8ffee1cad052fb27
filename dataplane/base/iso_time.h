// Moments as text.
#pragma once

#include <cstdio>
#include <ctime>
#include <string>

#include "dataplane/base/clock.h"

namespace bulkhead {

// Nanoseconds since the epoch in UTC, ISO 8601 with milliseconds.
inline std::string iso_time(TimeNs wall_ns) {
  const auto seconds = static_cast<time_t>(wall_ns / kSecondNs);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%FT%T", &parts);
  char fraction[8];
  std::snprintf(fraction, sizeof(fraction), ".%03uZ",
                static_cast<unsigned>(wall_ns / kMillisecondNs % 1000));
  return std::string(text) + fraction;
}

}  // namespace bulkhead
