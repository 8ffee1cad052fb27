// Mistakes that tests can plant in the matcher.
#pragma once

#include <cstdint>

#include "dataplane/base/planted.h"

namespace bulkhead::policy {

enum class Mistake : std::uint8_t {
  none,
  unnamed_granted,     // a field that must be named need not be
  everything_granted,  // every operation between hosts that some rule names
  nothing_granted,
};

}  // namespace bulkhead::policy
