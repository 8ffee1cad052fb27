// Values are written over those of the sample; the longer name comes with its lengths.
#include "dataplane/selftest/message.h"

#include <algorithm>

#include "dataplane/protocols/registry.h"

namespace bulkhead::selftest {

namespace {

using protocols::SampleField;
using protocols::SampleLength;

std::uint8_t digit(char c) {
  return static_cast<std::uint8_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

std::int64_t largest(const SampleField& field) {
  if (field.max != 0) return field.max;
  return (std::int64_t{1} << (8 * field.octets - field.shift)) - 1;
}

bool is_granted(const policy::Constraint& constraint, std::int64_t number) {
  return std::ranges::any_of(constraint.ranges, [number](const Range& range) {
    return range.low <= number && number <= range.high;
  });
}

const policy::Constraint* constraint_on(const policy::Rule& rule, std::uint8_t field) {
  const auto found = std::ranges::find(rule.constraints, field, &policy::Constraint::field);
  return found == rule.constraints.end() ? nullptr : &*found;
}

// The pattern as a name: a star stands for nothing. Of a star alone nothing is left.
std::string name_like(std::string pattern) {
  std::erase(pattern, '*');
  return pattern;
}

std::uint64_t read(const std::uint8_t* from, std::uint8_t octets, bool little) {
  std::uint64_t number = 0;
  for (std::uint8_t i = 0; i < octets; ++i) {
    number = number << 8 | from[little ? octets - 1 - i : i];
  }
  return number;
}

void write(std::uint8_t* to, std::uint8_t octets, bool little, std::uint64_t number) {
  for (std::uint8_t i = 0; i < octets; ++i) {
    to[little ? i : octets - 1 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
}

// The bits of the place that are not the field's stay. Of an integer whose `max` is said, those
// above it are another field's.
void write_number(std::vector<std::uint8_t>& bytes, const SampleField& field, std::int64_t number) {
  std::uint8_t* const place = bytes.data() + field.at;
  std::uint64_t mask = ~std::uint64_t{0} << field.shift;
  if (field.max != 0 && (field.max & (field.max + 1)) == 0) {
    mask = static_cast<std::uint64_t>(field.max) << field.shift;
  }
  const std::uint64_t before = read(place, field.octets, field.little);
  write(place, field.octets, field.little,
        (before & ~mask) | (static_cast<std::uint64_t>(number) << field.shift & mask));
}

// False if a length does not hold it.
bool write_name(std::vector<std::uint8_t>& bytes, const SampleField& field,
                const std::string& text) {
  constexpr std::uint64_t kShortFormMax = 127;
  const std::size_t before = field.text.size();
  for (const SampleLength& each : field.lengths) {
    std::uint8_t* const place = bytes.data() + each.at;
    const std::uint64_t length = read(place, each.octets, each.little) + text.size() - before;
    const std::uint64_t most =
        each.octets == 1 ? kShortFormMax : (std::uint64_t{1} << (8 * each.octets)) - 1;
    if (length > most) return false;
    write(place, each.octets, each.little, length);
  }
  const auto at = bytes.begin() + field.at;
  bytes.insert(bytes.erase(at, at + static_cast<std::ptrdiff_t>(before)), text.begin(), text.end());
  return true;
}

}  // namespace

std::vector<std::uint8_t> from_hex(std::string_view hex) {
  std::vector<std::uint8_t> bytes;
  bool high = true;
  for (const char c : hex) {
    if (c == ' ') continue;
    if (high) {
      bytes.push_back(static_cast<std::uint8_t>(digit(c) << 4));
    } else {
      bytes.back() = static_cast<std::uint8_t>(bytes.back() | digit(c));
    }
    high = !high;
  }
  return bytes;
}

Message::Message(std::uint8_t protocol, const protocols::SampleMessage& sample)
    : sample_(sample),
      seal_(protocols::samples_of(protocol).seal),
      catalogue_(&protocols::registry()[protocol]->catalogue()) {
  if (sample.function.empty()) return;
  const auto named = [](auto list, std::string_view name) {
    const auto found = std::ranges::find(list, name, [](const auto& each) { return each.name; });
    return static_cast<std::uint16_t>(found - list.begin());
  };
  function_ = named(catalogue_->functions, sample.function);
  for (const SampleField& field : sample.fields) {
    values_.push_back({&field, static_cast<std::uint8_t>(named(catalogue_->fields, field.name)),
                       field.value, std::string(field.text)});
  }
}

void Message::fit(const policy::Rule& rule) {
  for (Value& value : values_) {
    const policy::Constraint* constraint = constraint_on(rule, value.index);
    if (constraint == nullptr || !value.field->can_change()) continue;
    if (!value.field->lengths.empty() && !constraint->patterns.empty()) {
      const std::string name = name_like(constraint->patterns.front());
      if (!name.empty()) value.text = name;
    }
    if (value.field->octets == 0 || is_granted(*constraint, value.number)) continue;
    const auto fits = [&value](const Range& range) {
      return range.low >= 0 && range.low <= largest(*value.field);
    };
    const auto found = std::ranges::find_if(constraint->ranges, fits);
    if (found != constraint->ranges.end()) value.number = found->low;
  }
}

bool Message::unfit(const std::vector<const policy::Rule*>& rules) {
  for (Value& value : values_) {
    if (value.field->octets == 0) continue;
    std::vector<std::int64_t> candidates = {largest(*value.field), 1, 0};
    const auto constrains = [&](const policy::Rule* rule) {
      return constraint_on(*rule, value.index) != nullptr;
    };
    if (!std::ranges::all_of(rules, constrains)) continue;
    for (const policy::Rule* rule : rules) {
      for (const Range& range : constraint_on(*rule, value.index)->ranges) {
        if (range.low > 0) candidates.push_back(range.low - 1);
        if (range.high < largest(*value.field)) candidates.push_back(range.high + 1);
      }
    }
    const auto is_refused = [&](std::int64_t number) {
      return number <= largest(*value.field) &&
             std::ranges::none_of(rules, [&](const policy::Rule* rule) {
               return is_granted(*constraint_on(*rule, value.index), number);
             });
    };
    const auto found = std::ranges::find_if(candidates, is_refused);
    if (found == candidates.end()) continue;
    value.number = *found;
    return true;
  }
  return false;
}

protocols::Operation Message::operation() const {
  protocols::Operation operation;
  operation.function = function_;
  for (const Value& value : values_) {
    if (catalogue_->fields[value.index].kind == protocols::FieldKind::name) {
      operation.set_name(
          value.index,
          ByteView{reinterpret_cast<const std::uint8_t*>(value.text.data()), value.text.size()});
    } else {
      operation.set(value.index, value.number);
    }
  }
  return operation;
}

// Numbers first, then names from the last one on: what stands before a name does not move with it.
std::optional<std::vector<std::uint8_t>> Message::bytes() const {
  std::vector<std::uint8_t> bytes = from_hex(sample_.hex);
  std::vector<const Value*> names;
  for (const Value& value : values_) {
    if (value.field->octets != 0) write_number(bytes, *value.field, value.number);
    if (!value.field->lengths.empty()) names.push_back(&value);
  }
  std::ranges::sort(names, std::greater{}, [](const Value* value) { return value->field->at; });
  for (const Value* value : names) {
    if (!write_name(bytes, *value->field, value->text)) return std::nullopt;
  }
  if (seal_ != nullptr) seal_(bytes);
  return bytes;
}

}  // namespace bulkhead::selftest
