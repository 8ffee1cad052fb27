// Every bound on memory and time of one worker, from limits.def. At a bound new work is refused and
// counted by its reason; what exists goes on.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/base/clock.h"

namespace bulkhead::flow {

struct Limits {
#define BULKHEAD_COUNT(field, name, counts, value, least, largest, text) \
  std::uint32_t field = value;
#define BULKHEAD_TIME(field, name, unit, unit_ns, value, least, largest, text) \
  TimeNs field = TimeNs{value} * (unit_ns);
#include "dataplane/flow/limits.def"
#undef BULKHEAD_COUNT
#undef BULKHEAD_TIME
};

struct LimitInfo {
  std::string_view name;
  std::string_view unit;
  std::uint64_t unit_size = 1;
  std::uint64_t least = 0;
  std::uint64_t largest = 0;
  std::string_view text;
};

inline constexpr std::array kLimits = {
#define BULKHEAD_COUNT(field, name, counts, value, least, largest, text) \
  LimitInfo{name, counts, 1, least, largest, text},
#define BULKHEAD_TIME(field, name, unit, unit_ns, value, least, largest, text) \
  LimitInfo{name, unit, unit_ns, least, largest, text},
#include "dataplane/flow/limits.def"
#undef BULKHEAD_COUNT
#undef BULKHEAD_TIME
};

// The limit in its own unit, by its place in kLimits.
inline std::uint64_t limit_value(const Limits& limits, std::size_t index) {
  const std::array values = {
#define BULKHEAD_COUNT(field, name, counts, value, least, largest, text) \
  static_cast<std::uint64_t>(limits.field),
#define BULKHEAD_TIME(field, name, unit, unit_ns, value, least, largest, text) \
  static_cast<std::uint64_t>(limits.field / (unit_ns)),
#include "dataplane/flow/limits.def"
#undef BULKHEAD_COUNT
#undef BULKHEAD_TIME
  };
  return values[index];
}

inline void set_limit(Limits& limits, std::size_t index, std::uint64_t value_in_units) {
  std::size_t i = 0;
#define BULKHEAD_COUNT(field, name, counts, value, least, largest, text) \
  if (i++ == index) limits.field = static_cast<std::uint32_t>(value_in_units);
#define BULKHEAD_TIME(field, name, unit, unit_ns, value, least, largest, text) \
  if (i++ == index) limits.field = value_in_units * (unit_ns);
#include "dataplane/flow/limits.def"
#undef BULKHEAD_COUNT
#undef BULKHEAD_TIME
}

}  // namespace bulkhead::flow
