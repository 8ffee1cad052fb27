// MAC and IP addresses as plain values. An IPv4 address is held in its IPv4-mapped IPv6 form
// (RFC 4291, 2.5.5.2), so that tables and comparisons know one shape.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>

#include "dataplane/base/bytes.h"

namespace bulkhead::wire {

struct Mac {
  std::array<std::uint8_t, 6> bytes{};

  bool operator==(const Mac&) const = default;
  bool is_group() const { return (bytes[0] & 1) != 0; }
  bool is_zero() const { return *this == Mac{}; }
  std::uint64_t to_integer() const {
    return (static_cast<std::uint64_t>(load_be16(bytes.data())) << 32) |
           load_be32(bytes.data() + 2);
  }
  static Mac from(const std::uint8_t* p) {
    Mac mac;
    std::memcpy(mac.bytes.data(), p, mac.bytes.size());
    return mac;
  }
};

struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const IpAddress&) const = default;

  static IpAddress from_v4(const std::uint8_t* p) {
    IpAddress address;
    address.bytes[10] = 0xff;
    address.bytes[11] = 0xff;
    std::memcpy(address.bytes.data() + 12, p, 4);
    return address;
  }
  static IpAddress from_v6(const std::uint8_t* p) {
    IpAddress address;
    std::memcpy(address.bytes.data(), p, 16);
    return address;
  }
  bool is_v4() const {
    constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(bytes.data(), kMapped.data(), kMapped.size()) == 0;
  }
};

// length counts bits of the 16-byte form: an IPv4 /24 has length 96 + 24.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  bool operator==(const Prefix&) const = default;

  bool contains(const IpAddress& other) const {
    const std::size_t whole = length / 8;
    if (std::memcmp(address.bytes.data(), other.bytes.data(), whole) != 0) return false;
    const unsigned rest = length % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
    return ((address.bytes[whole] ^ other.bytes[whole]) & mask) == 0;
  }
};

constexpr std::uint8_t kPrefixLengthMax = 128;

}  // namespace bulkhead::wire
