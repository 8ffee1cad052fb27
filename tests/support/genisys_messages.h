// Genisys messages from what stands in them: escapes, checksum and terminator are put in.
#pragma once

#include <cstdint>

#include "tests/support/protocol_rows.h"

namespace bulkhead::support {

// 5.1.1.4, bit by bit: what the checksum starts with is not told there.
constexpr std::uint16_t kFromZeros = 0;
constexpr std::uint16_t kFromOnes = 0xffff;

inline std::uint16_t genisys_checksum(const Message& covered, std::uint16_t start) {
  unsigned rest = start;
  for (const std::uint8_t octet : covered) {
    rest ^= octet;
    for (int bit = 0; bit < 8; ++bit) rest = (rest & 1U) != 0 ? rest >> 1 ^ 0xa001U : rest >> 1;
  }
  return static_cast<std::uint16_t>(rest);
}

// 5.1.1.1: header as it is, all else escaped, terminator.
inline Message genisys_framed(const Message& opened) {
  Message bytes = {opened[0]};
  for (std::size_t i = 1; i < opened.size(); ++i) {
    if (opened[i] >= 0xf0) bytes.push_back(0xf0);
    bytes.push_back(opened[i] >= 0xf0 ? static_cast<std::uint8_t>(opened[i] - 0xf0) : opened[i]);
  }
  bytes.push_back(0xf6);
  return bytes;
}

// Header, station and pairs, with their checksum.
inline Message genisys(Message opened, std::uint16_t start = kFromZeros) {
  const std::uint16_t sum = genisys_checksum(opened, start);
  opened.push_back(static_cast<std::uint8_t>(sum));
  opened.push_back(static_cast<std::uint8_t>(sum >> 8));
  return genisys_framed(opened);
}

}  // namespace bulkhead::support
