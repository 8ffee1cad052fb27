// For the tests of the module: messages by their PDU.
#pragma once

#include <vector>

#include "dataplane/protocols/modbus/layout.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::modbus {

using Bytes = support::Message;

constexpr auto kAsk = protocols::Direction::request;
constexpr auto kBack = protocols::Direction::response;

inline const protocols::Protocol& module() { return support::module_of("modbus"); }

inline Bytes adu(Bytes pdu, std::uint16_t transaction = 1, std::uint8_t unit = 1) {
  const auto length = static_cast<std::uint16_t>(pdu.size() + 1);
  Bytes message = {
      static_cast<std::uint8_t>(transaction >> 8), static_cast<std::uint8_t>(transaction), 0,   0,
      static_cast<std::uint8_t>(length >> 8),      static_cast<std::uint8_t>(length),      unit};
  for (const std::uint8_t byte : pdu) message.push_back(byte);
  return message;
}

inline std::string decoded(const Bytes& pdu, protocols::Direction direction = kAsk) {
  return support::decoded_text(module(), adu(pdu), direction);
}

}  // namespace bulkhead::modbus
