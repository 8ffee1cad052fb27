// APDUs of IEC 60870-5-104 for tests: one object at address 513 of station 3 where nothing else is
// said.
#pragma once

#include "tests/support/protocol_rows.h"

namespace bulkhead::support {

struct At {
  std::uint16_t send = 0;
  std::uint16_t receive = 0;
};

// 104, 5.1: an I frame.
inline Message information(const Message& asdu, At at = {}) {
  return join(
      {{0x68, static_cast<std::uint8_t>(4 + asdu.size()), static_cast<std::uint8_t>(at.send << 1),
        static_cast<std::uint8_t>(at.send >> 7), static_cast<std::uint8_t>(at.receive << 1),
        static_cast<std::uint8_t>(at.receive >> 7)},
       asdu});
}

// 101, 7.2: one object at address 1 + 2 * 256 of station 3.
inline Message one(std::uint8_t type, std::uint8_t cause, const Message& element, At at = {}) {
  return information(join({{type, 1, cause, 0, 3, 0, 1, 2, 0}, element}), at);
}

// 101, 7.3.4: what is of the station has the address 0.
inline Message of_station(std::uint8_t type, std::uint8_t cause, const Message& element,
                          At at = {}) {
  return information(join({{type, 1, cause, 0, 3, 0, 0, 0, 0}, element}), at);
}

inline Message control(std::uint8_t octet) { return {0x68, 4, octet, 0, 0, 0}; }

inline Message supervisory(std::uint16_t receive) {
  return {0x68,
          4,
          1,
          0,
          static_cast<std::uint8_t>(receive << 1),
          static_cast<std::uint8_t>(receive >> 7)};
}

}  // namespace bulkhead::support
