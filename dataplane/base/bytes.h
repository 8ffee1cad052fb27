// Checked access to network bytes: a sticky reader for parsing, and stores for building headers.
// Nothing here allocates, throws or copies; views live as long as the bytes they were lent from.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace bulkhead {

using ByteView = std::span<const std::uint8_t>;

// One load and at most one swap each; compilers do not see that in shifts of eight bytes.
inline std::uint16_t load_be16(const std::uint8_t* p) {
  std::uint16_t value = 0;
  std::memcpy(&value, p, sizeof(value));
  return std::endian::native == std::endian::little ? __builtin_bswap16(value) : value;
}

inline std::uint32_t load_be32(const std::uint8_t* p) {
  std::uint32_t value = 0;
  std::memcpy(&value, p, sizeof(value));
  return std::endian::native == std::endian::little ? __builtin_bswap32(value) : value;
}

inline std::uint64_t load_be64(const std::uint8_t* p) {
  std::uint64_t value = 0;
  std::memcpy(&value, p, sizeof(value));
  return std::endian::native == std::endian::little ? __builtin_bswap64(value) : value;
}

inline std::uint16_t load_le16(const std::uint8_t* p) { return __builtin_bswap16(load_be16(p)); }
inline std::uint32_t load_le32(const std::uint8_t* p) { return __builtin_bswap32(load_be32(p)); }
inline std::uint64_t load_le64(const std::uint8_t* p) { return __builtin_bswap64(load_be64(p)); }

inline void store_be16(std::uint8_t* p, std::uint16_t value) {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap16(value);
  std::memcpy(p, &value, sizeof(value));
}

inline void store_be32(std::uint8_t* p, std::uint32_t value) {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap32(value);
  std::memcpy(p, &value, sizeof(value));
}

inline void store_be64(std::uint8_t* p, std::uint64_t value) {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap64(value);
  std::memcpy(p, &value, sizeof(value));
}

inline void store_le16(std::uint8_t* p, std::uint16_t value) {
  store_be16(p, __builtin_bswap16(value));
}
inline void store_le32(std::uint8_t* p, std::uint32_t value) {
  store_be32(p, __builtin_bswap32(value));
}

// Reads integers in order, big-endian where the name does not say otherwise. The first read past
// the end fails the reader for good; that read and all later ones give zero or an empty view, so
// one ok() after straight-line code suffices.
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
  std::uint64_t u64() {
    const std::uint8_t* p = advance(8);
    return p != nullptr ? load_be64(p) : 0U;
  }
  std::uint16_t u16_le() { return __builtin_bswap16(u16()); }
  std::uint32_t u24_le() {
    const std::uint8_t* p = advance(3);
    return p != nullptr ? load_le16(p) | std::uint32_t{p[2]} << 16 : 0U;
  }
  std::uint32_t u32_le() { return __builtin_bswap32(u32()); }
  std::uint64_t u64_le() { return __builtin_bswap64(u64()); }
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
