// Data units of the ISO transport protocol on TCP, for the tests of protocols that stand on it.
#pragma once

#include "tests/support/protocol_rows.h"

namespace bulkhead::support {

// RFC 1006: a TPKT with one DT TPDU.
inline Message data_unit(const Message& user, std::uint8_t end = 0x80) {
  const std::size_t length = 7 + user.size();
  return join({{3, 0, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length), 2,
                0xf0, end},
               user});
}

}  // namespace bulkhead::support
