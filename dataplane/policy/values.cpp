// Typed values: int16, 32-bit ones over two registers in either word order, and those whose type
// the writer names.
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

std::uint8_t fold(std::uint8_t byte, bool any_case) {
  const bool upper = any_case && byte >= 'A' && byte <= 'Z';
  return upper ? static_cast<std::uint8_t>(byte + ('a' - 'A')) : byte;
}

}  // namespace

// After a mismatch the latest star takes one byte more; those before it need never be tried again.
bool matches(std::string_view pattern, ByteView name, bool any_case) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t taken = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = n;
    } else if (p < pattern.size() &&
               fold(static_cast<std::uint8_t>(pattern[p]), any_case) == fold(name[n], any_case)) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool grants(const Constraint& constraint, const protocols::FieldInfo& field,
            const protocols::FieldValue& value) {
  if (field.kind != protocols::FieldKind::name) return contains(constraint.ranges, value.range.low);
  return std::any_of(
      constraint.patterns.begin(), constraint.patterns.end(),
      [&](const std::string& pattern) { return contains(field, pattern, value.name); });
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
  const auto word = [&](std::size_t i) { return static_cast<std::uint16_t>(elements.at(i)); };
  if (!protocols::is_word(elements.encoding)) return std::nullopt;
  const std::uint16_t own = word(index);
  if (rule.value_type == ValueType::int16) return static_cast<std::int16_t>(own);
  const std::int64_t address = std::int64_t{elements.first} + static_cast<std::int64_t>(index);
  const bool second = ((address - granted.low) & 1) != 0;
  if (second ? index == 0 : index + 1 >= elements.count) return std::nullopt;
  if (!second && address + 1 > granted.high) return std::nullopt;
  const std::size_t first = second ? index - 1 : index;
  return from_pair(rule, word(first), word(first + 1));
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

bool names_placed(const Rule& rule, const protocols::PlacedValues& placed,
                  const protocols::Operation& operation) {
  if (find_constraint(rule, placed.value) == nullptr) return true;
  const Constraint* types = find_constraint(rule, placed.type);
  const bool of_one_type =
      types != nullptr && types->ranges.size() == 1 && types->ranges[0].is_point();
  if (!of_one_type || !operation.has(placed.type) || !operation.has(placed.address)) return false;
  const Range& written = operation.fields[placed.address].range;
  const std::int64_t places = placed.places(operation.fields[placed.type].range.low);
  if (places == 0 || written.high - written.low + 1 != places) return false;
  const Constraint* addresses = find_constraint(rule, placed.address);
  if (addresses == nullptr) return places == 1;
  const Range* range = find_range(addresses->ranges, written.low);
  return range != nullptr && range->contains(written) && (written.low - range->low) % places == 0;
}

std::int64_t element_stride(const Rule& rule, const protocols::Catalogue& catalogue) {
  const bool pairs = rule.value_type != ValueType::plain && rule.value_type != ValueType::int16;
  if (pairs) return 2;
  const protocols::PlacedValues* placed = catalogue.placed_values;
  if (placed == nullptr || find_constraint(rule, placed->value) == nullptr) return 1;
  const Constraint* types = find_constraint(rule, placed->type);
  return types == nullptr ? 1 : std::max<std::int64_t>(1, placed->places(types->ranges[0].low));
}

}  // namespace bulkhead::policy
