// Time as the data plane counts it: nanoseconds of a monotonic clock, always passed in by the
// caller, so that tests and replays decide what time it is.
#pragma once

#include <cstdint>
#include <ctime>

namespace bulkhead {

using TimeNs = std::uint64_t;

constexpr TimeNs kMicrosecondNs = 1000;
constexpr TimeNs kMillisecondNs = 1000 * kMicrosecondNs;
constexpr TimeNs kSecondNs = 1000 * kMillisecondNs;

inline TimeNs read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<TimeNs>(now.tv_sec) * kSecondNs + static_cast<TimeNs>(now.tv_nsec);
}

inline TimeNs monotonic_now_ns() { return read_clock(CLOCK_MONOTONIC); }
inline TimeNs wall_now_ns() { return read_clock(CLOCK_REALTIME); }

}  // namespace bulkhead
