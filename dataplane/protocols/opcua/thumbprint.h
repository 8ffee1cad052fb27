// How certificates are named: by the SHA-1 of their DER form (6, 6.7.2.3), which proves nothing but
// is what people compare.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/bytes.h"

namespace bulkhead::opcua {

constexpr std::size_t kThumbprintBytes = 20;
using Thumbprint = std::array<std::uint8_t, kThumbprintBytes>;

// FIPS 180-4, 6.1.
Thumbprint sha1(ByteView bytes);

// The first certificate of a chain: the sender's own. All bytes where they are no element of DER.
ByteView first_certificate(ByteView chain);

}  // namespace bulkhead::opcua
