// What the other end's TCP has acknowledged.
#pragma once

#include <cstdint>

namespace bulkhead::siem {

// Bytes of data on this socket since it was connected, the last bytes of a closed one too; 0 if the
// kernel does not say.
std::uint64_t acknowledged_bytes(int socket);

}  // namespace bulkhead::siem
