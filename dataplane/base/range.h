// Closed integer ranges, the one shape in which fields and their limits are compared.
// Every field value, signed or not, fits an int64; a floating-point number is mapped to an int64
// that sorts alike.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>

namespace bulkhead {

struct Range {
  std::int64_t low = 0;
  std::int64_t high = 0;

  static constexpr Range point(std::int64_t value) { return {value, value}; }
  constexpr bool valid() const { return low <= high; }
  constexpr bool is_point() const { return low == high; }
  constexpr bool contains(std::int64_t value) const { return low <= value && value <= high; }
  constexpr bool contains(const Range& other) const {
    return low <= other.low && other.high <= high;
  }
  constexpr bool operator==(const Range&) const = default;
};

// IEEE 754 binary32 bits to an integer of the same order (-0 equals +0). NaN has no order: nothing.
constexpr std::optional<std::int64_t> float32_order(std::uint32_t bits) {
  constexpr std::uint32_t kMagnitudeMask = 0x7fffffffU;
  constexpr std::uint32_t kInfinity = 0x7f800000U;
  const std::uint32_t magnitude = bits & kMagnitudeMask;
  if (magnitude > kInfinity) return std::nullopt;
  const auto ordered = static_cast<std::int64_t>(magnitude);
  return (bits & ~kMagnitudeMask) != 0 ? -ordered : ordered;
}

// The inverse of float32_order, for showing a limit to people.
constexpr float float32_from_order(std::int64_t ordered) {
  const bool negative = ordered < 0;
  const auto magnitude = static_cast<std::uint32_t>(negative ? -ordered : ordered);
  return std::bit_cast<float>(magnitude | (negative ? 0x80000000U : 0U));
}

// The same for binary64, in which every binary32 and every integer up to 2^53 is exact.
constexpr std::optional<std::int64_t> float64_order(double value) {
  constexpr std::uint64_t kMagnitudeMask = 0x7fffffffffffffffULL;
  constexpr std::uint64_t kInfinity = 0x7ff0000000000000ULL;
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const std::uint64_t magnitude = bits & kMagnitudeMask;
  if (magnitude > kInfinity) return std::nullopt;
  const auto ordered = static_cast<std::int64_t>(magnitude);
  return (bits & ~kMagnitudeMask) != 0 ? -ordered : ordered;
}

constexpr double float64_from_order(std::int64_t ordered) {
  const bool negative = ordered < 0;
  const auto magnitude = static_cast<std::uint64_t>(negative ? -ordered : ordered);
  return std::bit_cast<double>(magnitude | (negative ? 0x8000000000000000ULL : 0U));
}

}  // namespace bulkhead
