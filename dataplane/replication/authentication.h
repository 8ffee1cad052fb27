// HMAC-SHA-256 (RFC 2104) for messages between the two appliances of a pair, under their shared
// key, truncated to its first half (RFC 2104, 5).
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/bytes.h"

namespace bulkhead::replication {

constexpr std::size_t kKeyBytes = 32;
using Key = std::array<std::uint8_t, kKeyBytes>;

constexpr std::size_t kTagBytes = 16;
using Tag = std::array<std::uint8_t, kTagBytes>;

Tag authenticate(ByteView bytes, const Key& key);

// In constant time. Precondition: `tag` has kTagBytes bytes.
bool is_authentic(ByteView bytes, ByteView tag, const Key& key);

}  // namespace bulkhead::replication
