// Logical link control (IEEE 802.2): what a frame carries whose type field is a length.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"

namespace bulkhead::wire {

constexpr std::uint16_t kEtherTypeMin = 0x0600;  // IEEE 802.3, 3.2.6: less is a length
constexpr std::uint16_t kSapMax = 0xff;

struct Lpdu {
  std::uint8_t sap = 0;  // of both ends
  ByteView bytes;        // from the access points to the end that the length says
};

// False if it is truncated, is for a group of access points, or goes from one to another.
inline bool parse_lpdu(ByteView rest, std::uint16_t length, Lpdu& lpdu) {
  constexpr std::size_t kHeaderBytes = 3;
  constexpr std::uint8_t kGroup = 1;     // 802.2, 3.3.1.1
  constexpr std::uint8_t kResponse = 1;  // 3.3.1.2
  if (length < kHeaderBytes || length >= kEtherTypeMin || length > rest.size()) return false;
  lpdu.sap = rest[0];
  lpdu.bytes = rest.first(length);
  return (rest[0] & kGroup) == 0 && (rest[1] & ~kResponse) == rest[0];
}

}  // namespace bulkhead::wire
