// Gives memory back that a crowd of clients or a large policy took and nobody needs any more.
#pragma once

#include <cstddef>

#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

// What the process has in memory now.
std::size_t resident_bytes();

class MemoryKeeper {
 public:
  // Now and then; looks only so often.
  void turn(TimeNs now_ns);

 private:
  std::size_t least_bytes_ = 0;  // that were ever resident
  std::size_t used_bytes_ = 0;   // when some was given back last: what is free since can be
  TimeNs looked_ns_ = 0;
};

}  // namespace bulkhead::controlplane
