// One pass over a name; nothing is copied but what is composed.
#include "dataplane/protocols/opcua/text.h"

#include <array>
#include <string_view>

namespace bulkhead::opcua {

namespace {

// Bytes of the character that begins with `first`; 0 if none does.
std::size_t length_of(std::uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

std::uint32_t value_of(ByteView character) {
  constexpr std::array<std::uint8_t, 5> kFirstBits = {0, 0x7f, 0x1f, 0x0f, 0x07};
  std::uint32_t value = character[0] & kFirstBits[character.size()];
  for (const std::uint8_t byte : character.subspan(1)) value = value << 6 | (byte & 0x3fU);
  return value;
}

bool is_allowed(std::uint32_t value, std::size_t bytes) {
  constexpr std::array<std::uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  const bool control = value < 0x20 || (value >= 0x7f && value < 0xa0);
  return value >= kLeast[bytes] && value <= 0x10ffff && !surrogate && !control;
}

void put_hex(ByteView bytes, std::span<std::uint8_t> to) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    to[2 * i] = static_cast<std::uint8_t>(kDigits[bytes[i] >> 4]);
    to[2 * i + 1] = static_cast<std::uint8_t>(kDigits[bytes[i] & 15]);
  }
}

}  // namespace

bool is_plain_text(ByteView bytes) {
  while (!bytes.empty()) {
    const std::size_t length = length_of(bytes[0]);
    if (length == 0 || length > bytes.size()) return false;
    for (std::size_t i = 1; i < length; ++i) {
      if ((bytes[i] & 0xc0) != 0x80) return false;
    }
    if (!is_allowed(value_of(bytes.first(length)), length)) return false;
    bytes = bytes.subspan(length);
  }
  return true;
}

bool is_index_range(ByteView bytes) {
  bool digit = false;  // the last one was a digit
  bool second = false;
  for (const std::uint8_t byte : bytes) {
    if (byte >= '0' && byte <= '9') {
      digit = true;
      continue;
    }
    if (!digit || (byte != ',' && (byte != ':' || second))) return false;
    digit = false;
    second = byte == ':';
  }
  return digit;
}

ByteView compose_guid(ByteView bytes, protocols::OperationList& operations) {
  constexpr std::size_t kTextBytes = 36;
  constexpr std::array<std::uint8_t, 16> kOrder = {3, 2, 1,  0,  5,  4,  7,  6,
                                                   8, 9, 10, 11, 12, 13, 14, 15};
  if (bytes.size() != kOrder.size()) return {};  // cut short: the reader has failed
  const std::span<std::uint8_t> text = operations.compose(kTextBytes);
  if (text.empty()) return {};
  std::size_t at = 0;
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text[at++] = '-';
    put_hex(bytes.subspan(kOrder[i], 1), text.subspan(at, 2));
    at += 2;
  }
  return text;
}

ByteView compose_hex(ByteView bytes, protocols::OperationList& operations) {
  const std::span<std::uint8_t> text = operations.compose(2 * bytes.size());
  if (!text.empty()) put_hex(bytes, text);
  return text;
}

}  // namespace bulkhead::opcua
