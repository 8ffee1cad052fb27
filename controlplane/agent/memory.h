// Returns memory to the system after many clients or a large policy.
#pragma once

#include <cstddef>

#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

// Resident memory of the process.
std::size_t resident_bytes();

class MemoryKeeper {
 public:
  // Call it regularly; it acts only at intervals.
  void turn(TimeNs now_ns);

 private:
  std::size_t least_bytes_ = 0;  // lowest ever resident
  std::size_t used_bytes_ = 0;   // when some was given back last: what is free since can be
  TimeNs looked_ns_ = 0;
};

}  // namespace bulkhead::controlplane
