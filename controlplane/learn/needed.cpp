// Rules that fail on the spanning field alone grant a part of it.
#include "controlplane/learn/needed.h"

#include <algorithm>

#include "dataplane/policy/values.h"

namespace bulkhead::learn {

namespace {

using policy::Rule;
using protocols::Catalogue;
using protocols::Operation;

// Whether it fails on nothing but these fields.
bool fails_only_on(const std::vector<Failure>& failures, std::string_view first,
                   std::string_view second) {
  return std::all_of(failures.begin(), failures.end(), [&](const Failure& failure) {
    return failure.what == first || failure.what == second;
  });
}

std::string_view name_of(const Catalogue& catalogue, std::uint8_t field) {
  return field == protocols::kNoField ? std::string_view() : catalogue.fields[field].name;
}

// Of a field that spans several values, those that are left.
Values left_of(const Range& range, std::uint8_t field, const std::vector<Rule>& rules,
               const Asked& asked, const Catalogue& catalogue) {
  std::vector<Range> left = {range};
  for (const Rule& rule : rules) {
    const std::string_view name = catalogue.fields[field].name;
    const policy::Constraint* constraint = policy::find_constraint(rule, field);
    if (constraint == nullptr || !fails_only_on(failures_of(rule, asked), name, name)) continue;
    left = without(std::move(left), constraint->ranges);
  }
  Values values;
  for (const Range& each : left) values.add(each);
  return values;
}

void add_elements(const Operation& operation, const std::vector<Rule>& rules, const Asked& asked,
                  const Catalogue& catalogue, bool with_values, FieldValues& needed) {
  const std::uint8_t address = catalogue.element_address_field;
  const std::uint8_t value = catalogue.element_value_field;
  std::vector<const Rule*> partial;
  for (const Rule& rule : rules) {
    if (fails_only_on(failures_of(rule, asked), name_of(catalogue, address),
                      name_of(catalogue, value))) {
      partial.push_back(&rule);
    }
  }
  const protocols::Elements& elements = operation.elements;
  for (std::size_t i = 0; i < elements.count; ++i) {
    const bool granted = std::any_of(partial.begin(), partial.end(), [&](const Rule* rule) {
      return policy::element_granted(*rule, catalogue, elements, i);
    });
    if (granted) continue;
    if (address != protocols::kNoField) {
      needed[address].add(
          Range::point(std::int64_t{elements.first} + static_cast<std::int64_t>(i)));
    }
    if (with_values && value != protocols::kNoField) {
      needed[value].add(Range::point(elements.at(i)));
    }
  }
}

}  // namespace

std::vector<Range> without(std::vector<Range> ranges, const std::vector<Range>& others) {
  for (const Range& other : others) {
    std::vector<Range> rest;
    for (const Range& range : ranges) {
      if (other.high < range.low || range.high < other.low) {
        rest.push_back(range);
        continue;
      }
      if (range.low < other.low) rest.push_back({range.low, other.low - 1});
      if (other.high < range.high) rest.push_back({other.high + 1, range.high});
    }
    ranges = std::move(rest);
  }
  return ranges;
}

FieldValues needed_values(const policy::Tables& tables, std::size_t conduit, const Asked& asked,
                          bool with_values) {
  static const std::vector<Rule> kNone;
  const std::vector<Rule>& rules =
      conduit < tables.conduits.size() ? tables.conduits[conduit].rules : kNone;
  const Operation& operation = *asked.operation;
  const Catalogue& catalogue = protocols::registry()[asked.protocol]->catalogue();
  const bool elements = operation.elements.count > 0;
  FieldValues needed;
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    const auto field = static_cast<std::uint8_t>(i);
    const bool of_elements = elements && (field == catalogue.element_address_field ||
                                          field == catalogue.element_value_field);
    if (!operation.has(i) || of_elements || !is_named_by_rules(catalogue, i, with_values)) continue;
    const protocols::FieldValue& value = operation.fields[i];
    if (catalogue.fields[i].kind == protocols::FieldKind::name) {
      needed[field].add(
          std::string(reinterpret_cast<const char*>(value.name.data()), value.name.size()));
    } else if (value.range.is_point()) {
      needed[field].add(value.range);
    } else {
      needed[field] = left_of(value.range, field, rules, asked, catalogue);
    }
  }
  if (elements) add_elements(operation, rules, asked, catalogue, with_values, needed);
  return needed;
}

}  // namespace bulkhead::learn
