// A worker's statistics by their names (dataplane/pipeline/stats.def); 0 for one that the data
// plane does not have.
#pragma once

#include <cstdint>
#include <string_view>

#include "bulkhead/v1/telemetry.pb.h"

namespace bulkhead::controlplane {

inline std::uint64_t statistic(const v1::WorkerStatus& worker, std::string_view name) {
  for (const v1::Statistic& each : worker.statistics()) {
    if (each.name() == name) return each.value();
  }
  return 0;
}

// Of all workers together.
inline std::uint64_t statistic(const v1::DataplaneStatus& dataplane, std::string_view name) {
  std::uint64_t sum = 0;
  for (const v1::WorkerStatus& worker : dataplane.workers()) sum += statistic(worker, name);
  return sum;
}

}  // namespace bulkhead::controlplane
