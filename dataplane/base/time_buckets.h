// Buckets of a histogram of short times: each bound is twice the one before. Both planes and the
// exporters read them here.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/base/clock.h"

namespace bulkhead {

// Up to 1 us, 2 us, ... 16.4 ms, and what took longer.
inline constexpr std::size_t kTimeBuckets = 16;

// The longest time of a bucket but the last one, which has no bound.
constexpr TimeNs bucket_bound_ns(std::size_t bucket) { return kMicrosecondNs << bucket; }

constexpr std::size_t bucket_of(TimeNs time_ns) {
  const TimeNs whole_us = time_ns == 0 ? 0 : (time_ns - 1) / kMicrosecondNs;
  return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(whole_us)),
                               kTimeBuckets - 1);
}

// Its name among a worker's statistics.
inline constexpr std::string_view kTimeBucketPrefix = "time_inside_";
inline constexpr std::string_view kTimeInsideSum = "time_inside_ns";
inline std::string time_bucket_name(std::size_t bucket) {
  return std::string(kTimeBucketPrefix) +
         (bucket == kTimeBuckets - 1
              ? std::string("longer")
              : std::to_string(bucket_bound_ns(bucket) / kMicrosecondNs) + "us");
}

static_assert(bucket_of(1000) == 0 && bucket_of(1001) == 1 && bucket_of(2000) == 1);
static_assert(bucket_of(2001) == 2 && bucket_of(4000) == 2 && bucket_of(4001) == 3);
static_assert(bucket_of(bucket_bound_ns(14)) == 14 && bucket_of(bucket_bound_ns(14) + 1) == 15);

}  // namespace bulkhead
