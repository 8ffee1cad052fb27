// Escapes foreign text for terminals, logs and tables: control characters, invalid UTF-8 and
// characters that change how text is displayed. Also decides which names are plain enough to be
// used in certificates.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bulkhead {

namespace printable_detail {

// The scalar value that begins the text, and how many bytes it takes; 0 bytes if that is no UTF-8
// (RFC 3629, 4).
struct Decoded {
  std::uint32_t value = 0;
  std::size_t bytes = 0;
};

inline Decoded decode_utf8(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
  };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return {};
  std::uint32_t value = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kLeast[length] || value > 0x10ffff || surrogate) return {};
  return {value, length};
}

// C0, DEL, C1, line separators and joiners, and characters that change the direction of text or
// have no width (Unicode: Bidi_Control, and the invisible ones next to it).
inline bool steers(std::uint32_t value) {
  return value < 0x20 || (value >= 0x7f && value < 0xa0) || value == 0x61c || value == 0xfeff ||
         (value >= 0x200b && value <= 0x200f) || (value >= 0x2028 && value <= 0x202e) ||
         (value >= 0x2060 && value <= 0x206f) || (value >= 0xe0000 && value <= 0xe007f);
}

inline void append_escape(std::string& out, char kind, std::uint32_t value, int digits) {
  constexpr char kDigits[] = "0123456789abcdef";
  out += '\\';
  out += kind;
  for (int i = digits - 1; i >= 0; --i) out += kDigits[value >> (4 * i) & 15];
}

}  // namespace printable_detail

// `\x1b` for a control character or a byte that is not UTF-8, `\u202e` for greater values; a
// backslash stands for itself.
inline std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [value, bytes] = printable_detail::decode_utf8(text);
    if (bytes == 0) {
      printable_detail::append_escape(out, 'x', static_cast<std::uint8_t>(text[0]), 2);
    } else if (printable_detail::steers(value)) {
      const bool is_short = value < 0x100;
      const bool is_long = value > 0xffff;
      printable_detail::append_escape(out,
                                      is_short  ? 'x'
                                      : is_long ? 'U'
                                                : 'u',
                                      value,
                                      is_short  ? 2
                                      : is_long ? 8
                                                : 4);
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return out;
}

// True if printable() would escape nothing.
inline bool is_printable(std::string_view text) { return printable(text) == text; }

// Names allowed for a certificate and its file.
inline bool is_plain_name(std::string_view name) {
  constexpr std::size_t kBytesMax = 64;  // RFC 5280, ub-common-name
  if (name.empty() || name.size() > kBytesMax) return false;
  const auto is_alphanumeric = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  for (const char c : name) {
    if (!is_alphanumeric(c) && c != '-' && c != '_' && c != '.' && c != '@') return false;
  }
  return is_alphanumeric(name.front()) && name.find("..") == std::string_view::npos;
}

}  // namespace bulkhead
