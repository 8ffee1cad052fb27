// Mistakes that tests/simulation can plant in what a data plane believes of its peer.
#pragma once

#include <cstdint>

#include "dataplane/base/planted.h"

namespace bulkhead::replication {

enum class Mistake : std::uint8_t {
  none,
  believe_replayed_beacons,  // a frame need not answer one of this data plane's
};

}  // namespace bulkhead::replication
