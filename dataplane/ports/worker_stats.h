// What a worker publishes of itself.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/base/clock.h"
#include "dataplane/base/time_buckets.h"
#include "dataplane/pipeline/stats.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::ports {

// Written by the worker, read by anyone.
struct WorkerStats {
  // Of pipeline::kStatistics, as of the last publication.
  std::array<std::atomic<std::uint64_t>, pipeline::kStatistics.size()> statistics{};
  // Frames by the time from the receive of their burst until what left at once had left, and the
  // sum of those times.
  std::array<std::atomic<std::uint64_t>, kTimeBuckets> time_inside{};
  std::atomic<std::uint64_t> time_inside_ns{0};
  std::atomic<TimeNs> turned_ns{0};         // start of its latest turn
  std::atomic<std::int32_t> cpu_clock{-1};  // its CPU-time clock; -1: it has not started
  std::atomic<std::int32_t> thread{0};      // its number, as the kernel has it
  std::array<std::atomic<std::uint64_t>, policy::kPortsMax> transmit_lost{};
  // Refused because of offloads, by the port of arrival.
  std::array<std::atomic<std::uint64_t>, policy::kPortsMax> partial_checksums{};
  std::array<std::atomic<std::uint64_t>, policy::kPortsMax> longer_than_mtu{};
  // Frames with a PRP trailer, by the port of arrival.
  std::array<std::atomic<std::uint64_t>, policy::kPortsMax> prp_trailers{};
};

}  // namespace bulkhead::ports
