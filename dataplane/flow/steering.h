// Which worker owns a packet's session, decided before anything is judged. Both directions of a
// session give the same number; what has no session gives zero.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"

namespace bulkhead::flow {

std::uint32_t steering_hash(ByteView frame);

}  // namespace bulkhead::flow
