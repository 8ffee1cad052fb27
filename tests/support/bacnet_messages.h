// For the tests of the module: messages from the layouts of ANSI/ASHRAE 135.
#pragma once

#include "dataplane/protocols/bacnet/layout.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::bacnet {

using support::join;

constexpr auto kAsk = protocols::Direction::request;
constexpr auto kBack = protocols::Direction::response;
constexpr auto kUdp = protocols::Carrier::udp;

inline const protocols::Protocol& module() { return support::module_of("bacnet"); }

inline support::Message bvlc(std::uint8_t function, const support::Message& rest) {
  const std::size_t length = kBvlcBytes + rest.size();
  return join({{kBvlcType, function, static_cast<std::uint8_t>(length >> 8),
                static_cast<std::uint8_t>(length)},
               rest});
}

inline support::Message apdu(const support::Message& bytes) {
  return bvlc(kOriginalUnicast, join({{1, 4}, bytes}));
}
inline support::Message confirmed(std::uint8_t service, const support::Message& data = {},
                                  std::uint8_t invoke = 1) {
  return apdu(join({{0, 5, invoke, service}, data}));
}
inline support::Message unconfirmed(std::uint8_t service, const support::Message& data = {}) {
  return apdu(join({{0x10, service}, data}));
}
inline support::Message network(std::uint8_t type, const support::Message& data = {}) {
  return bvlc(kOriginalUnicast, join({{1, 0x80, type}, data}));
}

// 20.2.14: context tag 0, type and instance.
inline const support::Message kAnalogOutput7 = {0x0c, 0, 0x40, 0, 7};
inline const support::Message kPresentValue = {0x19, 85};

inline std::string decoded(const support::Message& message, protocols::Direction direction = kAsk) {
  return support::decoded_text(module(), message, {direction, kUdp});
}

// What is asked for, in datagrams.
inline std::vector<support::Row> datagrams(std::vector<support::Row> rows) {
  for (support::Row& row : rows) row.carrier = kUdp;
  return rows;
}

}  // namespace bulkhead::bacnet
