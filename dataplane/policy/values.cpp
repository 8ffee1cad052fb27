// Typed values: int16, and 32-bit ones over two registers in either word order.
#include "dataplane/policy/values.h"

#include <algorithm>
#include <optional>

namespace bulkhead::policy {

const Range* find_range(const std::vector<Range>& ranges, std::int64_t value) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), value,
                                      [](std::int64_t v, const Range& r) { return v < r.low; });
  if (after == ranges.begin()) return nullptr;
  const Range& before = *std::prev(after);
  return before.contains(value) ? &before : nullptr;
}

const Constraint* find_constraint(const Rule& rule, std::uint8_t field) {
  for (const Constraint& constraint : rule.constraints) {
    if (constraint.field == field) return &constraint;
  }
  return nullptr;
}

namespace {

std::optional<std::int64_t> from_pair(const Rule& rule, std::uint16_t first, std::uint16_t second) {
  const bool big = rule.word_order == WordOrder::big;
  const std::uint32_t bits =
      (static_cast<std::uint32_t>(big ? first : second) << 16) | (big ? second : first);
  if (rule.value_type == ValueType::float32) return float32_order(bits);
  if (rule.value_type == ValueType::int32) return static_cast<std::int32_t>(bits);
  return bits;
}

// Where the pair that holds `address` begins, counted from the start of its granted range.
std::optional<std::int64_t> typed_value(const Rule& rule, const protocols::Elements& elements,
                                        std::size_t index, const Range& granted) {
  if (elements.width_bits != 16) return std::nullopt;
  const std::uint16_t own = elements.at(index);
  if (rule.value_type == ValueType::int16) return static_cast<std::int16_t>(own);
  const std::int64_t address = std::int64_t{elements.first} + static_cast<std::int64_t>(index);
  const bool second = ((address - granted.low) & 1) != 0;
  if (second ? index == 0 : index + 1 >= elements.count) return std::nullopt;
  if (!second && address + 1 > granted.high) return std::nullopt;
  const std::size_t first = second ? index - 1 : index;
  return from_pair(rule, elements.at(first), elements.at(first + 1));
}

}  // namespace

bool element_granted(const Rule& rule, const protocols::Catalogue& catalogue,
                     const protocols::Elements& elements, std::size_t index) {
  const std::int64_t address = std::int64_t{elements.first} + static_cast<std::int64_t>(index);
  Range granted{0, INT64_MAX};
  if (const Constraint* addresses = find_constraint(rule, catalogue.element_address_field)) {
    const Range* range = find_range(addresses->ranges, address);
    if (range == nullptr) return false;
    granted = *range;
  }
  const Constraint* values = find_constraint(rule, catalogue.element_value_field);
  if (values == nullptr) return true;
  if (rule.value_type == ValueType::plain) return contains(values->ranges, elements.at(index));
  const std::optional<std::int64_t> value = typed_value(rule, elements, index, granted);
  return value && contains(values->ranges, *value);
}

}  // namespace bulkhead::policy
