// Compressed names only point backwards, and so end.
#include "controlplane/learn/dns_names.h"

#include <array>
#include <charconv>
#include <optional>

namespace bulkhead::learn {

namespace {

constexpr std::size_t kRecordsMax = 64;
constexpr std::size_t kNameBytesMax = 255;  // RFC 1035, 2.3.4
constexpr std::uint16_t kA = 1;
constexpr std::uint16_t kPtr = 12;
constexpr std::uint16_t kAaaa = 28;

// The name at an offset; `end` is the offset behind it. Nothing if it is none.
std::optional<std::string> read_name(ByteView message, std::size_t at, std::size_t& end) {
  std::string name;
  std::size_t before = message.size();  // where a pointer must point behind
  bool jumped = false;
  for (;;) {
    if (at >= message.size()) return std::nullopt;
    const std::uint8_t length = message[at];
    if ((length & 0xc0U) == 0xc0U) {
      if (at + 1 >= message.size()) return std::nullopt;
      const std::size_t to = (std::size_t{length} & 0x3fU) << 8 | message[at + 1];
      if (!jumped) end = at + 2;
      if (to >= std::min(before, at)) return std::nullopt;
      jumped = true;
      before = at = to;
      continue;
    }
    if (length > 63 || at + 1 + length > message.size()) return std::nullopt;
    if (length == 0) {
      if (!jumped) end = at + 1;
      return name;
    }
    if (name.size() + 1 + length > kNameBytesMax) return std::nullopt;
    if (!name.empty()) name += '.';
    name.append(reinterpret_cast<const char*>(message.data()) + at + 1, length);
    at += 1U + length;
  }
}

// 20.0.10.10.in-addr.arpa
std::optional<wire::IpAddress> reverse_address(const std::string& name) {
  constexpr std::string_view kSuffix = ".in-addr.arpa";
  if (!name.ends_with(kSuffix)) return std::nullopt;
  std::array<std::uint8_t, 4> octets{};
  const char* at = name.data();
  const char* stop = name.data() + name.size() - kSuffix.size();
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const auto [next, error] = std::from_chars(at, stop, octets[octets.size() - 1 - i]);
    const bool last = i + 1 == octets.size();
    if (error != std::errc{} || (last ? next != stop : next == stop || *next != '.')) {
      return std::nullopt;
    }
    at = next + 1;
  }
  return wire::IpAddress::from_v4(octets.data());
}

}  // namespace

std::vector<DnsName> dns_names(ByteView message) {
  std::vector<DnsName> names;
  constexpr std::size_t kHeaderBytes = 12;
  if (message.size() < kHeaderBytes || (message[2] & 0x80U) == 0) return names;
  const std::size_t questions = load_be16(message.data() + 4);
  std::size_t records = 0;
  for (std::size_t i = 6; i < kHeaderBytes; i += 2) records += load_be16(message.data() + i);
  std::size_t at = kHeaderBytes;
  for (std::size_t i = 0; i < questions; ++i) {
    if (i == kRecordsMax || !read_name(message, at, at)) return names;
    at += 4;
  }
  for (std::size_t i = 0; i < std::min(records, kRecordsMax); ++i) {
    const auto owner = read_name(message, at, at);
    if (!owner || at + 10 > message.size()) return names;
    const std::uint16_t type = load_be16(message.data() + at);
    const std::size_t length = load_be16(message.data() + at + 8);
    at += 10;
    if (at + length > message.size()) return names;
    const std::uint8_t* data = message.data() + at;
    if (type == kA && length == 4) names.push_back({*owner, wire::IpAddress::from_v4(data)});
    if (type == kAaaa && length == 16) names.push_back({*owner, wire::IpAddress::from_v6(data)});
    if (type == kPtr) {
      std::size_t end = 0;
      const auto address = reverse_address(*owner);
      const auto name = read_name(message, at, end);
      if (address && name) names.push_back({*name, *address});
    }
    at += length;
  }
  return names;
}

}  // namespace bulkhead::learn
