// What a module keeps of a session: a block of plain data that is valid when all zero. It travels
// to the peer as it is, so its layout has a version.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bulkhead::protocols {

// Every session has the usual size of the module that needs most, so each needs at most this.
constexpr std::size_t kSessionBytesUsual = 128;

struct StateLayout {
  // 0: nothing is kept. Any change of what a byte of the block means is another version: a peer
  // that has another takes the session for one whose beginning was not seen.
  std::uint16_t version = 0;
  std::size_t bytes = 0;  // that a session usually needs; at most kSessionBytesUsual
  // What a session needs at most. The larger block begins with what the smaller one held.
  std::size_t bytes_max = 0;
};

}  // namespace bulkhead::protocols
