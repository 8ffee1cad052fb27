// Picks the rules whose single-valued fields hold, then covers the one field that may be a range,
// or the elements, from what those rules grant.
#include "dataplane/policy/matcher.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include "dataplane/policy/planted.h"
#include "dataplane/policy/values.h"

namespace bulkhead::policy {

namespace {

using protocols::kNoField;
using protocols::Operation;

// Rules whose fixed fields hold, by place in the conduit's list: those that cost nothing from the
// front, those with a budget from the back. Not initialised: it is large, and what is read was
// written.
class Candidates {
 public:
  void add(std::size_t rule, bool limited) {
    const auto place = static_cast<std::uint16_t>(rule);
    if (limited) {
      rules_[kRulesMax - ++limited_] = place;
    } else {
      rules_[free_++] = place;
    }
  }
  bool none() const { return free_ + limited_ == 0; }
  std::span<const std::uint16_t> free() const { return {rules_.data(), free_}; }
  // The last of the list first.
  std::span<const std::uint16_t> limited() const {
    return {rules_.data() + kRulesMax - limited_, limited_};
  }
  // The first of the list.
  std::uint16_t first() const {
    if (limited_ == 0) return rules_[0];
    const std::uint16_t limited = rules_[kRulesMax - 1];
    return free_ == 0 ? limited : std::min(rules_[0], limited);
  }

 private:
  std::size_t free_ = 0;
  std::size_t limited_ = 0;
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
  const bool unnamed = (query.operation.present & rule.unnamed) != 0;
  if (unnamed && !planted(Mistake::unnamed_granted)) return false;
  if (!names_element(rule, query.catalogue, query.operation)) return false;
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

// Which rules may be used, and which were: what those cost, and the first of them.
struct Cover {
  const Query& query;
  const Candidates& candidates;
  TimeNs now_ns;
  bool whatever_it_costs = false;  // rules whose budget is used up too
  Charges charges;
  std::uint16_t first_rule = kNoRule;
  bool used_up = false;  // a rule was used that cannot be charged

  bool affordable(const Rule& rule) const {
    return whatever_it_costs || charges.has(rule.budget) ||
           query.conduit.budgets[rule.budget].available(now_ns);
  }
  void use(const Rule& rule) {
    if (first_rule == kNoRule) first_rule = rule.number;
    if (rule.budget == kNoBudget) return;
    if (!whatever_it_costs) {
      used_up = !charges.add(rule.budget) || used_up;
    } else if (!used_up && !query.conduit.budgets[rule.budget].available(now_ns)) {
      used_up = true;
      first_rule = rule.number;
    }
  }

  // Of the rules that may be used and for which `reach` gives more than `none`, the one that gives
  // most of those that cost nothing, else of the others.
  template <typename Reach>
  const Rule* best(std::int64_t none, std::int64_t enough, Reach reach, std::int64_t& most) const {
    const Rule* found = nullptr;
    most = none;
    for (const std::uint16_t place : candidates.free()) {
      const Rule& rule = query.conduit.rules[place];
      const std::int64_t reached = reach(rule);
      if (reached > most) {
        most = reached;
        found = &rule;
      }
      if (most >= enough) return found;
    }
    if (found != nullptr) return found;
    const auto limited = candidates.limited();
    for (auto place = limited.rbegin(); place != limited.rend(); ++place) {
      const Rule& rule = query.conduit.rules[*place];
      if (!affordable(rule)) continue;
      const std::int64_t reached = reach(rule);
      if (reached > most) {
        most = reached;
        found = &rule;
      }
      if (most >= enough) return found;
    }
    return found;
  }

  // Extends the covered part, rule by rule, until the end is reached or nothing adds to it.
  bool covers_range() {
    const Range& wanted = query.operation.fields[query.ranged_field].range;
    for (std::int64_t next = wanted.low; next <= wanted.high;) {
      const auto reach = [&](const Rule& rule) {
        return covered_up_to(rule, query.ranged_field, next, wanted.high);
      };
      std::int64_t reached = 0;
      const Rule* rule = best(next - 1, wanted.high, reach, reached);
      if (rule == nullptr) return false;
      use(*rule);
      next = reached + 1;
    }
    return true;
  }

  bool covers_elements() {
    for (std::size_t i = 0; i < query.operation.elements.count; ++i) {
      const auto reach = [&](const Rule& rule) {
        return std::int64_t{element_granted(rule, query.catalogue, query.operation.elements, i)};
      };
      std::int64_t reached = 0;
      const Rule* rule = best(0, 1, reach, reached);
      if (rule == nullptr) return false;
      use(*rule);
    }
    return true;
  }

  bool covers() {
    if (query.operation.elements.count > 0) return covers_elements();
    if (query.ranged_field != kNoField) return covers_range();
    std::int64_t reached = 0;
    const Rule* rule = best(0, 1, [](const Rule&) { return std::int64_t{1}; }, reached);
    if (rule != nullptr) use(*rule);
    return rule != nullptr;
  }
};

// Every element's address is granted by some rule, so what is not granted is a value.
bool element_addresses_covered(const Query& query, const Candidates& candidates) {
  const protocols::Elements& elements = query.operation.elements;
  for (std::size_t i = 0; i < elements.count; ++i) {
    const auto address = static_cast<std::int64_t>(elements.first + i);
    const auto grants_address = [&](std::uint16_t rule) {
      const Constraint* constraint =
          find_constraint(query.conduit.rules[rule], query.catalogue.element_address_field);
      return constraint == nullptr || contains(constraint->ranges, address);
    };
    const auto free = candidates.free();
    const auto limited = candidates.limited();
    if (std::none_of(free.begin(), free.end(), grants_address) &&
        std::none_of(limited.begin(), limited.end(), grants_address)) {
      return false;
    }
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

bool Charges::has(std::uint16_t budget) const {
  return std::find(budgets_.begin(), budgets_.begin() + count_, budget) !=
         budgets_.begin() + count_;
}

bool Charges::add(std::uint16_t budget) {
  if (has(budget)) return true;
  if (count_ == budgets_.size()) return false;
  budgets_[count_++] = budget;
  return true;
}

bool Charges::charge(const Conduit& conduit, TimeNs now_ns) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (conduit.budgets[budgets_[i]].charge(now_ns)) continue;
    while (i > 0) conduit.budgets[budgets_[--i]].refund();
    return false;
  }
  return true;
}

void Charges::refund(const Conduit& conduit) const {
  for (std::size_t i = 0; i < count_; ++i) conduit.budgets[budgets_[i]].refund();
}

Decision judge(const Conduit& conduit, RuleCell cell, std::uint8_t protocol,
               const Operation& operation, TimeNs now_ns, Charges& charges, Grants grants) {
  Decision decision;
  if (planted(Mistake::nothing_granted)) return decision;
  if (planted(Mistake::everything_granted)) decision.reason = Reason::granted;
  if (is_allowed(decision.reason)) return decision;
  Query query{conduit, protocols::registry()[protocol]->catalogue(), operation, kNoField};
  query.ranged_field = find_ranged_field(operation);
  Candidates candidates;
  conduit.index.each(cell, protocol, operation.function, [&](std::size_t i) {
    const Rule& rule = conduit.rules[i];
    if (grants == Grants::essential && !rule.essential) return true;
    if (decision.rule == kNoRule) decision.rule = rule.number;
    if (fixed_fields_hold(query, rule)) candidates.add(i, rule.budget != kNoBudget);
    return true;
  });
  if (decision.rule == kNoRule) return decision;
  decision.reason = Reason::values_not_granted;
  decision.denied_part = protocols::DeniedPart::address;
  if (candidates.none()) return decision;
  Cover cover{query, candidates, now_ns, false, charges};
  if (cover.covers() && !cover.used_up) {
    charges = cover.charges;
    return {Reason::granted, protocols::DeniedPart::function, cover.first_rule};
  }
  Cover without_rates{query, candidates, now_ns, true, {}};
  if (!candidates.limited().empty() && without_rates.covers()) {
    return {Reason::rate_exceeded, protocols::DeniedPart::function, without_rates.first_rule};
  }
  decision.rule = conduit.rules[candidates.first()].number;
  if (operation.elements.count > 0 && element_addresses_covered(query, candidates)) {
    decision.denied_part = protocols::DeniedPart::value;
  }
  return decision;
}

}  // namespace bulkhead::policy
