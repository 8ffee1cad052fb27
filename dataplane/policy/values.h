// Looks up values in a rule's constraints, including typed values of one or two registers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "dataplane/base/range.h"
#include "dataplane/policy/tables.h"
#include "dataplane/protocols/catalogue.h"
#include "dataplane/protocols/operation.h"

namespace bulkhead::policy {

// The range that holds the value, or nullptr; `ranges` are sorted and disjoint.
const Range* find_range(const std::vector<Range>& ranges, std::int64_t value);

inline bool contains(const std::vector<Range>& ranges, std::int64_t value) {
  return find_range(ranges, value) != nullptr;
}

// The rule's constraint on a field, or nullptr if it leaves the field free.
const Constraint* find_constraint(const Rule& rule, std::uint8_t field);

// Whether the pattern matches the whole name; `any_case`: ASCII letters in either case.
bool matches(std::string_view pattern, ByteView name, bool any_case);

// Whether a rule's pattern of the field contains the name, or the pattern, `value`: as the protocol
// says (NamePatterns), else by matches().
inline bool contains(const protocols::FieldInfo& field, std::string_view pattern, ByteView value) {
  return field.patterns != nullptr ? field.patterns->contains(pattern, value)
                                   : matches(pattern, value, field.any_case);
}
// The same of another rule's pattern. What it matches, a pattern that contains it matches too: its
// stars are matched by stars alone.
inline bool contains_pattern(const protocols::FieldInfo& field, std::string_view pattern,
                             std::string_view other) {
  return contains(field, pattern,
                  {reinterpret_cast<const std::uint8_t*>(other.data()), other.size()});
}

// Whether a single value of the constraint's field is granted.
bool grants(const Constraint& constraint, const protocols::FieldInfo& field,
            const protocols::FieldValue& value);

// Whether the rule grants element `index` at its address. A 32-bit value takes two registers,
// paired from the start of each granted address range; both must be written by the same operation.
bool element_granted(const Rule& rule, const protocols::Catalogue& catalogue,
                     const protocols::Elements& elements, std::size_t index);

// Whether what an operation writes is one of the elements that the rule names; of a rule that does
// not limit placed values (PlacedValues), any operation's is.
bool names_placed(const Rule& rule, const protocols::PlacedValues& placed,
                  const protocols::Operation& operation);
inline bool names_element(const Rule& rule, const protocols::Catalogue& catalogue,
                          const protocols::Operation& operation) {
  return catalogue.placed_values == nullptr ||
         names_placed(rule, *catalogue.placed_values, operation);
}

// How many addresses an element takes whose value the rule limits: 1 where that is one each.
std::int64_t element_stride(const Rule& rule, const protocols::Catalogue& catalogue);

}  // namespace bulkhead::policy
