// Waits for what other threads do.
#pragma once

#include <chrono>
#include <thread>

namespace bulkhead::support {

// Whether the condition holds before the time is over.
template <typename Condition>
bool becomes(Condition condition, int milliseconds = 10'000) {
  for (int i = 0; i < milliseconds / 10; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace bulkhead::support
