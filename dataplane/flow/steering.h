// Chooses the worker that owns a packet's session, before anything is judged. Both directions of a
// session hash alike; packets without a session hash to zero. A packet that another worker expects
// is handed to that worker later (expectation_owners.h).
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
