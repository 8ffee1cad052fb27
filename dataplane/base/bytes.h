// Checked access to network bytes: a sticky reader for parsing, and stores for building headers.
// Nothing here allocates, throws or copies; views live as long as the bytes they were lent from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace bulkhead {

using ByteView = std::span<const std::uint8_t>;

inline std::uint16_t load_be16(const std::uint8_t* p) {
  return static_cast<std::uint16_t>((p[0] << 8) | p[1]);
}

inline std::uint32_t load_be32(const std::uint8_t* p) {
  return (static_cast<std::uint32_t>(load_be16(p)) << 16) | load_be16(p + 2);
}

inline std::uint64_t load_be64(const std::uint8_t* p) {
  return (static_cast<std::uint64_t>(load_be32(p)) << 32) | load_be32(p + 4);
}

inline void store_be16(std::uint8_t* p, std::uint16_t value) {
  p[0] = static_cast<std::uint8_t>(value >> 8);
  p[1] = static_cast<std::uint8_t>(value);
}

inline void store_be32(std::uint8_t* p, std::uint32_t value) {
  store_be16(p, static_cast<std::uint16_t>(value >> 16));
  store_be16(p + 2, static_cast<std::uint16_t>(value));
}

// Reads big-endian integers in order. The first read past the end fails the reader for good; that
// read and all later ones give zero or an empty view, so one ok() after straight-line code
// suffices.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  std::size_t remaining() const { return ok_ ? bytes_.size() - offset_ : 0; }
  std::size_t offset() const { return offset_; }

  std::uint8_t u8() {
    const std::uint8_t* p = advance(1);
    return p != nullptr ? p[0] : std::uint8_t{0};
  }
  std::uint16_t u16() {
    const std::uint8_t* p = advance(2);
    return p != nullptr ? load_be16(p) : std::uint16_t{0};
  }
  std::uint32_t u32() {
    const std::uint8_t* p = advance(4);
    return p != nullptr ? load_be32(p) : 0U;
  }
  ByteView take(std::size_t length) {
    const std::uint8_t* p = advance(length);
    return p != nullptr ? ByteView{p, length} : ByteView{};
  }
  ByteView rest() { return take(remaining()); }
  void skip(std::size_t length) { advance(length); }

 private:
  const std::uint8_t* advance(std::size_t length) {
    if (!ok_ || bytes_.size() - offset_ < length) {
      ok_ = false;
      return nullptr;
    }
    const std::uint8_t* p = bytes_.data() + offset_;
    offset_ += length;
    return p;
  }

  ByteView bytes_;
  std::size_t offset_ = 0;
  bool ok_ = true;
};

}  // namespace bulkhead
