// Declares the bits of values that policy does not see because it judges by number.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "dataplane/protocols/operation.h"

namespace bulkhead::protocols {

constexpr std::size_t kUnreadBytesMax = 16;

// For a value that is no number (a NaN, or an integer that a double does not hold): leaves every
// bit free except those that alone would make it one. `number(octets)`: the number that policy
// reads, or nothing. Longer values are free as they are.
template <typename Number>
void leave_no_number(ByteView bytes, std::string_view reason, const OperationList& operations,
                     Number number) {
  if (!operations.accounts()) return;
  if (bytes.size() > kUnreadBytesMax) return operations.leave_free(bytes, reason);
  std::array<std::uint8_t, kUnreadBytesMax> octets{};
  std::copy(bytes.begin(), bytes.end(), octets.begin());
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    const auto mask = static_cast<std::uint8_t>(1U << bit % 8);
    octets[bit / 8] ^= mask;
    const bool is_number = number(ByteView(octets).first(bytes.size())).has_value();
    octets[bit / 8] ^= mask;
    if (!is_number) operations.leave_free(bytes.subspan(bit / 8, 1), reason, mask);
  }
}

// IEEE 754: minus zero equals zero for every receiver. `octet` holds the sign of a floating-point
// number.
inline void leave_sign_of_zero(ByteView octet, const Operation& operation, std::size_t field,
                               const OperationList& operations) {
  const bool zero = operation.has(field) && operation.fields[field].range == Range::point(0);
  if (zero) operations.leave_free(octet, "the sign of a zero", 0x80);
}

}  // namespace bulkhead::protocols
