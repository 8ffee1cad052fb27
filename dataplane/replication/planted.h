// Mistakes that tests/simulation can plant in what a data plane believes of its peer
// and says to it.
#pragma once

#include <cstdint>

#include "dataplane/base/planted.h"

namespace bulkhead::replication {

enum class Mistake : std::uint8_t {
  none,
  believe_replayed_beacons,  // a frame need not answer one of this data plane's
  wait_for_silence,          // says nothing itself until its agent counts as silent
};

}  // namespace bulkhead::replication
