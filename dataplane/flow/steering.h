// Which worker owns a packet's session, decided before anything is judged. Both directions of a
// session give the same number; what has no session gives zero.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"

namespace bulkhead::flow {

std::uint32_t steering_hash(ByteView frame);

// The owner among `workers` of them.
inline std::uint32_t owner_of(std::uint32_t hash, std::uint32_t workers) {
  return static_cast<std::uint32_t>(std::uint64_t{hash} * workers >> 32);
}

}  // namespace bulkhead::flow
