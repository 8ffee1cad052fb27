// Mistakes that tests/differential can plant in the matcher.
#pragma once

#include <cstdint>

#include "dataplane/base/planted.h"

namespace bulkhead::policy {

enum class Mistake : std::uint8_t {
  none,
  unnamed_granted,  // what reaches beyond the hosts needs no rule that names it
};

}  // namespace bulkhead::policy
