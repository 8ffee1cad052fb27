// MAC and IP addresses as plain values. An IPv4 address is held in its IPv4-mapped IPv6 form (RFC
// 4291, 2.5.5.2), and the MAC address of a non-IP endpoint as ::fffe and its six bytes (in
// 0000::/8, which RFC 4291, 2.4 reserves), so that tables and comparisons have one shape.
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

  bool operator==(const Mac& other) const { return to_integer() == other.to_integer(); }
  bool is_group() const { return (bytes[0] & 1) != 0; }
  bool is_zero() const { return *this == Mac{}; }
  std::uint64_t to_integer() const {
    // Loaded as it was stored, by four and two: the core waits where a load spans two stores.
    return (static_cast<std::uint64_t>(load_be32(bytes.data())) << 16) |
           load_be16(bytes.data() + 4);
  }
  static Mac from(const std::uint8_t* p) {
    Mac mac;
    std::memcpy(mac.bytes.data(), p, mac.bytes.size());
    return mac;
  }
  static Mac from_integer(std::uint64_t number) {
    Mac mac;
    store_be32(mac.bytes.data(), static_cast<std::uint32_t>(number >> 16));
    store_be16(mac.bytes.data() + 4, static_cast<std::uint16_t>(number));
    return mac;
  }
};

struct IpAddress {
  static constexpr std::uint64_t kMacPrefix = 0xfffe;

  std::array<std::uint8_t, 16> bytes{};

  bool operator==(const IpAddress& other) const {
    return high() == other.high() && low() == other.low();
  }
  std::strong_ordering operator<=>(const IpAddress& other) const {
    const auto order = high() <=> other.high();
    return order != 0 ? order : low() <=> other.low();
  }
  // Its halves as numbers, the first byte most significant.
  std::uint64_t high() const { return load_be64(bytes.data()); }
  std::uint64_t low() const { return load_be64(bytes.data() + 8); }

  static IpAddress from_v4(const std::uint8_t* p) { return from_v4_number(load_be32(p)); }
  static IpAddress from_v4_number(std::uint32_t number) {
    IpAddress address;
    store_be64(address.bytes.data() + 8, std::uint64_t{0xffff} << 32 | number);
    return address;
  }
  static IpAddress from_v6(const std::uint8_t* p) {
    IpAddress address;
    std::memcpy(address.bytes.data(), p, 16);
    return address;
  }
  static IpAddress from_mac(const Mac& mac) {
    IpAddress address;
    store_be64(address.bytes.data() + 8, kMacPrefix << 48 | mac.to_integer());
    return address;
  }
  bool is_mac() const { return high() == 0 && low() >> 48 == kMacPrefix; }
  // Precondition: is_mac().
  Mac mac() const { return Mac::from(bytes.data() + 10); }
  bool is_v4() const { return high() == 0 && low() >> 32 == 0xffff; }
  // Precondition: is_v4().
  std::uint32_t v4_number() const { return static_cast<std::uint32_t>(low()); }
  // RFC 5771: 224.0.0.0/4; RFC 4291, 2.7: ff00::/8.
  bool is_multicast() const { return is_v4() ? bytes[12] >> 4 == 0xe : bytes[0] == 0xff; }
  // RFC 1122, 3.2.1.3; RFC 4291, 2.5.2: a host that has no address yet.
  bool is_unspecified() const {
    return high() == 0 && (low() == 0 || low() == std::uint64_t{0xffff} << 32);
  }
  // RFC 3927, 2.1; RFC 4291, 2.5.6: good on one link only.
  bool is_link_local() const {
    return is_v4() ? v4_number() >> 16 == 0xa9fe : high() >> 54 == 0xfe80 >> 6;
  }
  // Of a subnet's hosts, or of all: the host part is all ones, two bits at least (RFC 919, 7).
  bool may_be_broadcast() const { return is_v4() && (bytes[15] & 3) == 3; }
};

// The MAC address of a datagram's group: for a multicast address its last bits (RFC 1112, 6.4; RFC
// 2464, 7), else the broadcast address.
inline Mac group_mac(const IpAddress& group) {
  constexpr std::uint64_t kMulticastV4 = 0x01005e000000;
  constexpr std::uint64_t kMulticastV6 = 0x333300000000;
  if (!group.is_multicast()) return Mac::from_integer(0xffffffffffff);
  return Mac::from_integer(group.is_v4() ? kMulticastV4 | (group.low() & 0x7fffff)
                                         : kMulticastV6 | (group.low() & 0xffffffff));
}

// length counts bits of the 16-byte form: an IPv4 /24 has length 96 + 24.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  bool operator==(const Prefix&) const = default;

  bool contains(const IpAddress& other) const {
    const std::uint64_t high = address.high() ^ other.high();
    const std::uint64_t low = address.low() ^ other.low();
    if (length <= 64) return length == 0 || high >> (64 - length) == 0;
    return high == 0 && low >> (128 - length) == 0;
  }
};

constexpr std::uint8_t kPrefixLengthMax = 128;

}  // namespace bulkhead::wire
