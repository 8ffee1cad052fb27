// Logical link control (IEEE 802.2): content of a frame whose type field is a length.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"

namespace bulkhead::wire {

constexpr std::uint16_t kEtherTypeMin = 0x0600;  // IEEE 802.3, 3.2.6: less is a length
constexpr std::uint16_t kSapMax = 0xff;
constexpr std::uint16_t kLengthBytes = 2;

struct Lpdu {
  std::uint8_t sap = 0;  // of both ends
  ByteView bytes;        // the length field, and as many bytes from the access points on
};

// `bytes` begins with the length. False if it is truncated, addresses a group of access points, or
// the two access points differ.
inline bool parse_lpdu(ByteView bytes, Lpdu& lpdu) {
  constexpr std::size_t kHeaderBytes = 3;
  constexpr std::uint8_t kGroup = 1;     // 802.2, 3.3.1.1
  constexpr std::uint8_t kResponse = 1;  // 3.3.1.2
  if (bytes.size() < kLengthBytes + kHeaderBytes) return false;
  const std::size_t length = load_be16(bytes.data());
  if (length < kHeaderBytes || length >= kEtherTypeMin || kLengthBytes + length > bytes.size()) {
    return false;
  }
  lpdu.sap = bytes[kLengthBytes];
  lpdu.bytes = bytes.first(kLengthBytes + length);
  return (lpdu.sap & kGroup) == 0 && (bytes[kLengthBytes + 1] & ~kResponse) == lpdu.sap;
}

}  // namespace bulkhead::wire
