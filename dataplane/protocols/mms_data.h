// Data of MMS (ISO 9506-2, 14.4.2), which GOOSE publishes too.
#pragma once

#include <optional>

#include "dataplane/protocols/ber.h"

namespace bulkhead::protocols {

// False if it is not well-formed, or nested deeper than ber::kDepthMax. `number` is what it is, or
// what the first component of a structure is, if that is a number that a double holds exactly.
bool read_mms_data(const ber::Element& data, std::optional<double>& number);

}  // namespace bulkhead::protocols
