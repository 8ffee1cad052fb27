// SipHash-2-4 (Aumasson and Bernstein, 2012): a short keyed hash, so that nobody outside can choose
// colliding keys or predict a value.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"

namespace bulkhead::flow {

struct HashKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  // From the system's random numbers.
  static HashKey make();
};

std::uint64_t keyed_hash(const HashKey& key, ByteView bytes);

}  // namespace bulkhead::flow
