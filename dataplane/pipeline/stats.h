// What a worker counts of its own work, from stats.def. Written by the worker alone, which
// publishes copies of it for others.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bulkhead::pipeline {

struct Statistics {
#define BULKHEAD_STATISTIC(name, kind, text) std::uint64_t name = 0;
#include "dataplane/pipeline/stats.def"
#undef BULKHEAD_STATISTIC
};

enum class StatisticKind : std::uint8_t { counter, gauge };

struct StatisticInfo {
  std::string_view name;
  StatisticKind kind;
  std::string_view text;
  std::uint64_t Statistics::* value;
};

inline constexpr std::array kStatistics = {
#define BULKHEAD_STATISTIC(name, kind, text) \
  StatisticInfo{#name, StatisticKind::kind, text, &Statistics::name},
#include "dataplane/pipeline/stats.def"
#undef BULKHEAD_STATISTIC
};

// Its place in kStatistics. For constants: an unknown name does not compile there.
constexpr std::size_t statistic_index(std::uint64_t Statistics::* value) {
  std::size_t i = 0;
  while (kStatistics[i].value != value) ++i;
  return i;
}

}  // namespace bulkhead::pipeline
