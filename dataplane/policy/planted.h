// Mistakes that tests/differential can plant in the matcher.
#pragma once

#include <cstdint>

#include "dataplane/base/planted.h"

namespace bulkhead::policy {

enum class Mistake : std::uint8_t {
  none,
  unnamed_granted,  // a field that must be named need not be
};

}  // namespace bulkhead::policy
