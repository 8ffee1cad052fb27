// Picks the rules whose single-valued fields hold, then covers the one field that may be a range,
// or the elements, from what those rules grant.
#include "dataplane/policy/matcher.h"

#include <array>
#include <bit>

#include "dataplane/policy/values.h"

namespace bulkhead::policy {

namespace {

using protocols::kNoField;
using protocols::Operation;

// Rules whose fixed fields hold, by place in the conduit's list. Not initialised: it is large, and
// what is read was written.
class Candidates {
 public:
  void add(std::size_t rule) { rules_[count_++] = static_cast<std::uint16_t>(rule); }
  bool none() const { return count_ == 0; }
  const std::uint16_t* begin() const { return rules_.data(); }
  const std::uint16_t* end() const { return rules_.data() + count_; }

 private:
  std::size_t count_ = 0;
  std::array<std::uint16_t, kRulesMax> rules_;
};

struct Query {
  const Conduit& conduit;
  const protocols::Catalogue& catalogue;
  const Operation& operation;
  std::uint8_t ranged_field = kNoField;
};

bool is_element_field(const Query& query, std::uint8_t field) {
  return query.operation.elements.count > 0 && (field == query.catalogue.element_address_field ||
                                                field == query.catalogue.element_value_field);
}

// All but the ranged field and the fields that belong to elements.
bool fixed_fields_hold(const Query& query, const Rule& rule) {
  for (const Constraint& constraint : rule.constraints) {
    if (constraint.field == query.ranged_field || is_element_field(query, constraint.field)) {
      continue;
    }
    if (!query.operation.has(constraint.field)) return false;
    if (!grants(constraint, query.catalogue.fields[constraint.field],
                query.operation.fields[constraint.field])) {
      return false;
    }
  }
  if (query.operation.elements.count > 0) return true;
  return rule.value_type == ValueType::plain ||
         find_constraint(rule, query.catalogue.element_value_field) == nullptr;
}

// How far from `at` upwards the rule grants the ranged field; `at - 1` if it does not grant `at`.
std::int64_t covered_up_to(const Rule& rule, std::uint8_t field, std::int64_t at,
                           std::int64_t high) {
  const Constraint* constraint = find_constraint(rule, field);
  if (constraint == nullptr) return high;
  const Range* range = find_range(constraint->ranges, at);
  return range == nullptr ? at - 1 : range->high;
}

// Extends the covered part, rule by rule, until the end is reached or nothing adds to it.
bool range_covered(const Query& query, const Candidates& candidates) {
  const Range& wanted = query.operation.fields[query.ranged_field].range;
  std::int64_t next = wanted.low;
  while (next <= wanted.high) {
    std::int64_t reached = next - 1;
    for (const std::uint16_t rule : candidates) {
      const std::int64_t up_to =
          covered_up_to(query.conduit.rules[rule], query.ranged_field, next, wanted.high);
      if (up_to > reached) reached = up_to;
      if (reached >= wanted.high) break;
    }
    if (reached < next) return false;
    next = reached + 1;
  }
  return true;
}

bool elements_covered(const Query& query, const Candidates& candidates) {
  for (std::size_t i = 0; i < query.operation.elements.count; ++i) {
    bool covered = false;
    for (const std::uint16_t rule : candidates) {
      covered =
          element_granted(query.conduit.rules[rule], query.catalogue, query.operation.elements, i);
      if (covered) break;
    }
    if (!covered) return false;
  }
  return true;
}

// Every element's address is granted by some rule, so what is not granted is a value.
bool element_addresses_covered(const Query& query, const Candidates& candidates) {
  const protocols::Elements& elements = query.operation.elements;
  for (std::size_t i = 0; i < elements.count; ++i) {
    const auto address = static_cast<std::int64_t>(elements.first + i);
    bool covered = false;
    for (const std::uint16_t rule : candidates) {
      const Constraint* constraint =
          find_constraint(query.conduit.rules[rule], query.catalogue.element_address_field);
      covered = constraint == nullptr || contains(constraint->ranges, address);
      if (covered) break;
    }
    if (!covered) return false;
  }
  return true;
}

std::uint8_t find_ranged_field(const Operation& operation) {
  for (std::uint32_t rest = operation.present; rest != 0; rest &= rest - 1) {
    const auto field = static_cast<std::uint8_t>(std::countr_zero(rest));
    if (!operation.fields[field].range.is_point()) return field;
  }
  return kNoField;
}

}  // namespace

Decision judge(const Conduit& conduit, RuleCell cell, std::uint8_t protocol,
               const Operation& operation, TimeNs now_ns) {
  Decision decision;
  Query query{conduit, protocols::registry()[protocol]->catalogue(), operation, kNoField};
  query.ranged_field = find_ranged_field(operation);
  Candidates candidates;
  conduit.index.each(cell, protocol, operation.function, [&](std::size_t i) {
    if (decision.rule == kNoRule) decision.rule = static_cast<std::uint16_t>(i + 1);
    if (fixed_fields_hold(query, conduit.rules[i])) candidates.add(i);
    return true;
  });
  if (decision.rule == kNoRule) return decision;
  decision.reason = Reason::values_not_granted;
  decision.denial = protocols::Denial::address;
  if (candidates.none()) return decision;
  decision.rule = static_cast<std::uint16_t>(*candidates.begin() + 1);
  const bool elements = operation.elements.count > 0;
  if (elements && !elements_covered(query, candidates)) {
    const bool value = element_addresses_covered(query, candidates);
    if (value) decision.denial = protocols::Denial::value;
    return decision;
  }
  if (!elements && query.ranged_field != kNoField && !range_covered(query, candidates)) {
    return decision;
  }
  const bool in_time = conduit.rules[decision.rule - 1U].rate.take(now_ns);
  decision.reason = in_time ? Reason::granted : Reason::rate_exceeded;
  decision.denial = protocols::Denial::function;
  return decision;
}

}  // namespace bulkhead::policy
