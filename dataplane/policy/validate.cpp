// Checks every field of compiled tables against its limits and against the others. The data plane
// does not trust its controller: what a hostile one sends must end here, in words.
#include <algorithm>
#include <set>
#include <string_view>

#include "dataplane/policy/observed.h"
#include "dataplane/policy/overlap.h"
#include "dataplane/policy/tables.h"
#include "dataplane/wire/llc.h"

namespace bulkhead::policy {

namespace {

using Problem = std::optional<std::string>;

Problem problem(const std::string& where, const std::string& what) { return where + ": " + what; }

Problem check_name(const std::string& where, const std::string& name) {
  if (name.empty() || name.size() > kNameBytesMax) return problem(where, "name length");
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '\\';
  });
  return printable ? Problem{} : problem(where, "a name has a character that names cannot have");
}

Problem check_prefixes(const std::string& where, const std::vector<wire::Prefix>& prefixes) {
  if (prefixes.empty()) return problem(where, "no addresses");
  if (prefixes.size() > kPrefixesMax) return problem(where, "too many addresses");
  for (const wire::Prefix& prefix : prefixes) {
    if (prefix.length > wire::kPrefixLengthMax) return problem(where, "prefix length");
    if (prefix.address.is_v4() && prefix.length < 96) return problem(where, "prefix length");
    for (std::size_t bit = prefix.length; bit < wire::kPrefixLengthMax; ++bit) {
      if ((prefix.address.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) {
        return problem(where, "a network has host bits set");
      }
    }
  }
  return {};
}

Problem check_groups(const std::string& where, const Zone& zone) {
  if (zone.groups.size() > kGroupsMax) return problem(where, "too many groups");
  for (std::size_t i = 0; i < zone.groups.size(); ++i) {
    const wire::IpAddress& group = zone.groups[i];
    const bool many =
        group.is_mac() ? group.mac().is_group() : group.is_multicast() || group.may_be_broadcast();
    if (!many) return problem(where, "a group has the address of one");
    if (i > 0 && !(zone.groups[i - 1] < zone.groups[i])) {
      return problem(where, "groups not sorted, or one stands twice");
    }
  }
  return {};
}

Problem check_zones(const Tables& tables) {
  if (tables.zones.size() > kZonesMax) return problem("zones", "too many");
  std::set<std::string_view> names;
  std::vector<OwnedPrefix> networks;
  for (std::size_t i = 0; i < tables.zones.size(); ++i) {
    const Zone& zone = tables.zones[i];
    const std::string where = "zone " + std::to_string(i);
    if (Problem p = check_name(where, zone.name)) return p;
    if (zone.port >= kPortsMax) return problem(where, "port out of range");
    if (zone.vlan.outer > 4094 || zone.vlan.inner > 4094) return problem(where, "VLAN identifier");
    if (zone.vlan.inner != 0 && zone.vlan.outer == 0) return problem(where, "inner VLAN alone");
    const bool hosts = !zone.networks.empty() || zone.groups.empty();
    if (Problem p = hosts ? check_prefixes(where, zone.networks) : Problem{}) return p;
    if (Problem p = check_groups(where, zone)) return p;
    if (!names.insert(zone.name).second) return problem(where, "its name stands twice");
    for (const wire::Prefix& network : zone.networks) networks.push_back({network, i});
  }
  for (const Overlap& overlap : find_overlaps(std::move(networks))) {
    if (!overlap.is_same()) continue;
    return problem("zone " + std::to_string(overlap.inner.owner),
                   "another zone has the same network");
  }
  return {};
}

Problem check_bindings(const Tables& tables) {
  if (tables.bindings.size() > kBindingsMax) return problem("bindings", "too many");
  for (std::size_t i = 0; i < tables.bindings.size(); ++i) {
    const Binding& binding = tables.bindings[i];
    if (binding.mac.is_group() || binding.mac.is_zero()) return problem("bindings", "MAC address");
    if (i > 0 && !(tables.bindings[i - 1].address < binding.address)) {
      return problem("bindings", "not sorted by address, or one stands twice");
    }
  }
  return {};
}

Problem check_patterns(const std::string& where, const protocols::FieldInfo& field,
                       const std::vector<std::string>& patterns) {
  if (patterns.empty() || patterns.size() > kPatternsMax) {
    return problem(where, "number of patterns");
  }
  for (const std::string& pattern : patterns) {
    if (pattern.empty() || pattern.size() > kPatternBytesMax)
      return problem(where, "pattern length");
    if (field.patterns != nullptr && !field.patterns->check(pattern).is_none()) {
      return problem(where, "a pattern is not " + std::string(field.patterns->name));
    }
  }
  return {};
}

// The closed range that a field's wire form can take, widened for typed values.
Range field_limits(const Rule& rule, const protocols::Catalogue& catalogue, std::uint8_t field) {
  if (field == catalogue.element_value_field && rule.value_type != ValueType::plain) {
    return {INT32_MIN, UINT32_MAX};
  }
  if (catalogue.fields[field].kind == protocols::FieldKind::real) return {-INT64_MAX, INT64_MAX};
  const unsigned width = catalogue.fields[field].width_bits;
  return {0, width >= 63 ? INT64_MAX : (std::int64_t{1} << width) - 1};
}

Problem check_constraints(const std::string& where, const Rule& rule,
                          const protocols::Catalogue& catalogue) {
  std::uint64_t seen = 0;
  for (const Constraint& constraint : rule.constraints) {
    if (constraint.field >= catalogue.fields.size()) return problem(where, "unknown field");
    if ((seen >> constraint.field & 1) != 0) return problem(where, "a field stands twice");
    seen |= std::uint64_t{1} << constraint.field;
    const protocols::FieldInfo& field = catalogue.fields[constraint.field];
    if (field.kind == protocols::FieldKind::name) {
      if (!constraint.ranges.empty()) return problem(where, "ranges of a name");
      if (Problem p = check_patterns(where, field, constraint.patterns)) return p;
      continue;
    }
    if (!constraint.patterns.empty()) return problem(where, "patterns of a number");
    if (constraint.ranges.empty() || constraint.ranges.size() > kRangesMax) {
      return problem(where, "number of ranges");
    }
    const Range limits = field_limits(rule, catalogue, constraint.field);
    for (std::size_t i = 0; i < constraint.ranges.size(); ++i) {
      const Range& range = constraint.ranges[i];
      if (!range.valid() || !limits.contains(range)) return problem(where, "range out of bounds");
      if (i > 0 && constraint.ranges[i - 1].high >= range.low - 1) {
        return problem(where, "ranges not sorted and disjoint");
      }
    }
  }
  const bool typed = rule.value_type != ValueType::plain;
  if (typed && catalogue.element_value_field == protocols::kNoField) {
    return problem(where, "typed values in a protocol without elements");
  }
  const bool pairs = typed && rule.value_type != ValueType::int16;
  const bool addressed = (seen >> (catalogue.element_address_field & 63) & 1) != 0;
  return pairs && !addressed ? problem(where, "32-bit values without addresses") : Problem{};
}

Problem check_inspection(const std::string& where, const Rule& rule) {
  if (rule.protocol == protocols::kNoProtocol) {
    const bool bare =
        rule.functions.none() && rule.constraints.empty() && rule.value_type == ValueType::plain;
    return bare ? Problem{} : problem(where, "functions or fields without a protocol");
  }
  const auto modules = protocols::registry();
  if (rule.protocol >= modules.size()) return problem(where, "unknown protocol");
  const protocols::Catalogue& catalogue = modules[rule.protocol]->catalogue();
  if (rule.transport == Transport::icmp) return problem(where, "an ICMP rule names a protocol");
  if (rule.functions.none()) return problem(where, "no functions");
  for (std::size_t f = catalogue.functions.size(); f < kFunctionsMax; ++f) {
    if (rule.functions.test(f)) return problem(where, "unknown function");
  }
  return check_constraints(where, rule, catalogue);
}

// Stations stand in rules for Ethernet, one by one, and in no others.
bool ends_fit(const Rule& rule) {
  const auto fits = [&rule](const wire::Prefix& prefix) {
    const bool is_mac = prefix.address.is_mac();
    if (rule.transport != Transport::ethernet) return !is_mac;
    return is_mac && prefix.length == wire::kPrefixLengthMax;
  };
  return std::all_of(rule.clients.begin(), rule.clients.end(), fits) &&
         std::all_of(rule.servers.begin(), rule.servers.end(), fits);
}

Problem check_rule(const std::string& where, const Rule& rule) {
  if (Problem p = check_prefixes(where + " clients", rule.clients)) return p;
  if (Problem p = check_prefixes(where + " servers", rule.servers)) return p;
  if (rule.transport > Transport::ethernet || rule.value_type > ValueType::float32 ||
      rule.word_order > WordOrder::little) {
    return problem(where, "value outside its enumeration");
  }
  if (!ends_fit(rule)) return problem(where, "its ends are not of its transport");
  if (rule.ports.empty() != (rule.transport == Transport::icmp)) return problem(where, "ports");
  if (rule.ports.size() > kRangesMax) return problem(where, "too many ports");
  for (const PortRange& ports : rule.ports) {
    const bool carried = rule.transport != Transport::ethernet ||
                         ports.low >= wire::kEtherTypeMin || ports.high <= wire::kSapMax;
    if (ports.low == 0 || ports.low > ports.high || !carried) return problem(where, "port range");
  }
  if (rule.number > kRulesMax) return problem(where, "number");
  return check_inspection(where, rule);
}

Problem check_budgets(const std::string& where, const Conduit& conduit) {
  constexpr std::uint32_t kBurstMax = 1'000'000;
  constexpr TimeNs kIntervalMaxNs = 24 * 3600 * kSecondNs;
  for (const RateLimit& budget : conduit.budgets) {
    if (budget.burst() == 0 || budget.burst() > kBurstMax || budget.interval_ns() == 0 ||
        budget.interval_ns() > kIntervalMaxNs) {
      return problem(where, "rate");
    }
  }
  const bool known =
      std::all_of(conduit.rules.begin(), conduit.rules.end(), [&conduit](const Rule& rule) {
        return rule.budget == kNoBudget || rule.budget < conduit.budgets.size();
      });
  return known ? Problem{} : problem(where, "a rule has an unknown rate");
}

// Each end of a prefix or port range may begin another set of rules; sets have 16-bit numbers, and
// each needs a bit a rule.
Problem check_index_size(const std::string& where, const Conduit& conduit, std::size_t& bytes) {
  std::size_t clients = 0;
  std::size_t servers = 0;
  std::size_t ports = 0;
  for (const Rule& rule : conduit.rules) {
    clients += 2 * rule.clients.size();
    servers += 2 * rule.servers.size();
    ports += 2 * std::max<std::size_t>(rule.ports.size(), 1);
  }
  constexpr std::size_t kSetsMax = 0xfffe;
  if (clients > kSetsMax || servers > kSetsMax || ports > kSetsMax) {
    return problem(where, "its rules name too many addresses or ports");
  }
  bytes += (clients + servers + ports) * (conduit.rules.size() / 64 + 2) * sizeof(std::uint64_t);
  if (bytes > kIndexBytesMax) return problem(where, "too many rules for too many addresses");
  return {};
}

Problem check_observation(const std::string& where, const Conduit& conduit) {
  constexpr std::uint32_t kConfirmMaxS = 24 * 3600;
  const bool ends = conduit.enforce_from_s <= conduit.observe_until_s &&
                    conduit.enforce_confirm_s <= kConfirmMaxS &&
                    (conduit.enforce_confirm_s == 0 || conduit.enforce_from_s != 0);
  return ends ? Problem{} : problem(where, "the end of its observation");
}

// What enforces must go on to, beside what observes.
Problem check_observed(const Tables& tables) {
  const auto conflict = find_conflict(tables);
  if (!conflict) return {};
  return problem("conduit " + std::to_string(conflict->conduit),
                 conflict->is_zone ? "it observes, and zone " + std::to_string(conflict->other) +
                                         " is on the port and VLAN of one of its zones"
                                   : "the conduit back does not observe for as long");
}

Problem check_conduits(const Tables& tables) {
  if (tables.conduits.size() > kConduitsMax) return problem("conduits", "too many");
  std::set<std::string_view> names;
  std::set<std::uint32_t> pairs;
  std::size_t index_bytes = 0;
  for (std::size_t i = 0; i < tables.conduits.size(); ++i) {
    const Conduit& conduit = tables.conduits[i];
    const std::string where = "conduit " + std::to_string(i);
    if (Problem p = check_name(where, conduit.name)) return p;
    if (conduit.from >= tables.zones.size() || conduit.to >= tables.zones.size() ||
        conduit.from == conduit.to) {
      return problem(where, "zones");
    }
    if (!(tables.zones[conduit.from].vlan == tables.zones[conduit.to].vlan)) {
      return problem(where, "its zones are on different VLANs");
    }
    if (conduit.on_deny > OnDeny::reject) return problem(where, "on_deny");
    if (Problem p = check_observation(where, conduit)) return p;
    if (conduit.rules.size() > kRulesMax) return problem(where, "too many rules");
    if (!names.insert(conduit.name).second) return problem(where, "its name stands twice");
    if (!pairs.insert(zones_key(conduit.from, conduit.to)).second) {
      return problem(where, "another conduit joins the same zones");
    }
    for (std::size_t r = 0; r < conduit.rules.size(); ++r) {
      const std::string rule = where + " rule " + std::to_string(r + 1);
      if (Problem p = check_rule(rule, conduit.rules[r])) return p;
    }
    if (Problem p = check_budgets(where, conduit)) return p;
    if (Problem p = check_index_size(where, conduit, index_bytes)) return p;
  }
  return {};
}

}  // namespace

std::optional<std::string> validate(const Tables& tables) {
  if (Problem p = check_name("site", tables.site)) return p;
  if (Problem p = check_zones(tables)) return p;
  if (Problem p = check_bindings(tables)) return p;
  if (Problem p = check_conduits(tables)) return p;
  return check_observed(tables);
}

}  // namespace bulkhead::policy
