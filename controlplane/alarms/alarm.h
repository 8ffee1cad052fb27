// The closed list of alarms, from alarms.def.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

enum class AlarmKind : std::uint8_t {
#define BULKHEAD_ALARM(name, severity, raise_s, clear_s, text, first) name,
#include "controlplane/alarms/alarms.def"
#undef BULKHEAD_ALARM
};

enum class AlarmSeverity : std::uint8_t { warning, critical };

constexpr std::string_view name_of(AlarmSeverity severity) {
  return severity == AlarmSeverity::critical ? "critical" : "warning";
}

struct AlarmInfo {
  std::string_view name;
  AlarmSeverity severity{};
  TimeNs raise_after_ns = 0;  // its condition holds so long before it is raised
  TimeNs clear_after_ns = 0;  // and is absent so long before it is cleared
  std::string_view text;
  std::string_view first;  // what to do first
};

inline constexpr std::array kAlarms = {
#define BULKHEAD_ALARM(name, severity, raise_s, clear_s, text, first) \
  AlarmInfo{#name, AlarmSeverity::severity, raise_s * kSecondNs, clear_s * kSecondNs, text, first},
#include "controlplane/alarms/alarms.def"
#undef BULKHEAD_ALARM
};

constexpr const AlarmInfo& describe(AlarmKind kind) {
  return kAlarms[static_cast<std::size_t>(kind)];
}

}  // namespace bulkhead::controlplane
