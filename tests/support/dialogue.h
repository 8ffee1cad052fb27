// The dialogue of tests whose subject is the stream and not Modbus: a request that their policies
// grant, one that they do not, and the answer, told apart by their transactions.
#pragma once

#include "tests/support/plant.h"

namespace bulkhead::support::dialogue {

inline Bytes read(std::uint8_t transaction, std::uint8_t first = 0) {
  return modbus_adu({3, 0, first, 0, 10}, transaction);
}
inline Bytes forbidden(std::uint8_t transaction) {
  return modbus_adu({6, 1, 0, 0, 7}, transaction);
}
inline Bytes answer(std::uint8_t transaction) {
  Bytes pdu = {3, 20};
  pdu.resize(22, transaction);
  return modbus_adu(pdu, transaction);
}
inline std::uint32_t size(const Bytes& bytes) { return static_cast<std::uint32_t>(bytes.size()); }

}  // namespace bulkhead::support::dialogue
