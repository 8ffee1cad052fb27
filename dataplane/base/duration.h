// Durations as people write and read them.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/clock.h"

namespace bulkhead {

// "90s", "10m", "2h" or "7d": a whole number and a unit. Nothing for any other text, and for more
// than 64 bits of nanoseconds hold.
inline std::optional<TimeNs> parse_duration(std::string_view text) {
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop + 1 != text.data() + text.size()) return std::nullopt;
  const std::uint64_t unit_s = *stop == 's'   ? 1
                               : *stop == 'm' ? 60
                               : *stop == 'h' ? 3600
                               : *stop == 'd' ? 86400
                                              : 0;
  constexpr std::uint64_t kSecondsMax = UINT64_MAX / kSecondNs;
  if (unit_s == 0 || number > kSecondsMax / unit_s) return std::nullopt;
  return number * unit_s * kSecondNs;
}

// "4.2s", "10m00s", "26h05m".
inline std::string duration_text(std::uint64_t ms) {
  const std::uint64_t seconds = ms / 1000;
  const auto of = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  char text[48];
  if (seconds < 60) {
    std::snprintf(text, sizeof(text), "%llu.%llus", of(seconds), of(ms % 1000 / 100));
  } else if (seconds < 3600) {
    std::snprintf(text, sizeof(text), "%llum%02llus", of(seconds / 60), of(seconds % 60));
  } else {
    std::snprintf(text, sizeof(text), "%lluh%02llum", of(seconds / 3600), of(seconds / 60 % 60));
  }
  return text;
}

}  // namespace bulkhead
