// Reads an artefact with trust in none of it.
#include <map>
#include <optional>

#include "dataplane/artefact/artefact.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/artefact/fields.h"

namespace bulkhead::artefact {

namespace {

template <typename List>
bool read_prefixes(const List& list, std::vector<wire::Prefix>& prefixes) {
  if (static_cast<std::size_t>(list.size()) > policy::kPrefixesMax) return false;
  for (const v1::Prefix& item : list) {
    wire::Prefix prefix;
    if (!read_address(item.address(), prefix.address)) return false;
    if (item.length() > wire::kPrefixLengthMax) return false;
    prefix.length = static_cast<std::uint8_t>(item.length());
    prefixes.push_back(prefix);
  }
  return true;
}

std::optional<std::uint16_t> small(std::uint64_t value) {
  if (value > 0xffff) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

bool read_zone(const v1::Zone& item, policy::Zone& zone) {
  const auto port = small(item.port());
  const auto outer = small(item.vlan_outer());
  const auto inner = small(item.vlan_inner());
  if (!port || !outer || !inner) return false;
  zone.name = item.name();
  zone.port = *port;
  zone.vlan = {*outer, *inner};
  zone.prp = item.prp();
  if (static_cast<std::size_t>(item.groups().size()) > policy::kGroupsMax) return false;
  for (const std::string& group : item.groups()) {
    if (!read_address(group, zone.groups.emplace_back())) return false;
  }
  return read_prefixes(item.networks(), zone.networks);
}

bool read_binding(const v1::Binding& item, policy::Binding& binding) {
  return read_mac(item.mac(), binding.mac) && read_address(item.address(), binding.address);
}

std::string read_functions(const v1::Rule& item, policy::Rule& rule) {
  if (item.protocol().empty()) return item.functions().empty() ? "" : "functions of no protocol";
  const auto protocol = protocols::find_protocol(item.protocol());
  if (!protocol) return "unknown protocol";
  rule.protocol = *protocol;
  const auto functions = protocols::registry()[*protocol]->catalogue().functions;
  for (const std::string& name : item.functions()) {
    std::size_t f = 0;
    while (f < functions.size() && functions[f].name != name) ++f;
    if (f == functions.size()) return "unknown function";
    rule.functions.set(f);
  }
  return "";
}

std::string read_constraints(const v1::Rule& item, policy::Rule& rule) {
  if (item.constraints().empty()) return "";
  if (rule.protocol == protocols::kNoProtocol) return "fields of no protocol";
  const auto fields = protocols::registry()[rule.protocol]->catalogue().fields;
  if (static_cast<std::size_t>(item.constraints().size()) > fields.size()) return "fields";
  for (const v1::Constraint& each : item.constraints()) {
    policy::Constraint constraint;
    std::size_t f = 0;
    while (f < fields.size() && fields[f].name != each.field()) ++f;
    if (f == fields.size()) return "unknown field";
    if (static_cast<std::size_t>(each.ranges().size()) > policy::kRangesMax) return "ranges";
    constraint.field = static_cast<std::uint8_t>(f);
    for (const v1::IntegerRange& range : each.ranges()) {
      constraint.ranges.push_back({range.low(), range.high()});
    }
    if (static_cast<std::size_t>(each.patterns().size()) > policy::kPatternsMax) return "patterns";
    constraint.patterns.assign(each.patterns().begin(), each.patterns().end());
    rule.constraints.push_back(std::move(constraint));
  }
  return "";
}

std::string read_rule(const v1::Rule& item, policy::Rule& rule) {
  if (!read_prefixes(item.clients(), rule.clients)) return "clients";
  if (!read_prefixes(item.servers(), rule.servers)) return "servers";
  if (!v1::Transport_IsValid(item.transport()) || !v1::ValueType_IsValid(item.value_type()) ||
      !v1::WordOrder_IsValid(item.word_order())) {
    return "value outside its enumeration";
  }
  rule.transport = static_cast<policy::Transport>(item.transport());
  rule.value_type = static_cast<policy::ValueType>(item.value_type());
  rule.word_order = static_cast<policy::WordOrder>(item.word_order());
  if (static_cast<std::size_t>(item.ports().size()) > policy::kRangesMax) return "ports";
  for (const v1::PortRange& range : item.ports()) {
    const auto low = small(range.low());
    const auto high = small(range.high());
    if (!low || !high) return "ports";
    rule.ports.push_back({*low, *high});
  }
  const auto number = small(item.number());
  if (!number) return "number";
  rule.number = *number;
  rule.essential = item.essential();
  if (std::string error = read_functions(item, rule); !error.empty()) return error;
  return read_constraints(item, rule);
}

// Rules of one number share the rate of the first of them.
void read_budgets(const v1::Conduit& item, policy::Conduit& conduit) {
  std::map<std::uint16_t, std::uint16_t> known;
  for (std::size_t i = 0; i < conduit.rules.size(); ++i) {
    const v1::Rule& each = item.rules(static_cast<int>(i));
    if (each.rate_interval_ns() == 0) continue;
    policy::Rule& rule = conduit.rules[i];
    const auto next = static_cast<std::uint16_t>(conduit.budgets.size());
    const auto [found, added] = known.emplace(rule.number, next);
    if (added || rule.number == 0) {
      conduit.budgets.emplace_back(each.rate_interval_ns(), each.rate_burst());
      found->second = next;
    }
    rule.budget = found->second;
  }
}

std::string read_conduit(const v1::Conduit& item, policy::Conduit& conduit) {
  const auto from = small(item.from_zone());
  const auto to = small(item.to_zone());
  if (!from || !to) return "zones";
  if (!v1::OnDeny_IsValid(item.on_deny())) return "on_deny";
  if (static_cast<std::size_t>(item.rules().size()) > policy::kRulesMax) return "too many rules";
  conduit.name = item.name();
  conduit.from = *from;
  conduit.to = *to;
  conduit.reassemble = item.reassemble();
  conduit.reset_on_stray = item.reset_on_stray_answer();
  conduit.resume = item.resume();
  conduit.fail_open = item.fail_open();
  conduit.link_follow = item.link_follow();
  conduit.observe_until_s = item.observe_until_s();
  conduit.enforce_from_s = item.enforce_from_s();
  conduit.enforce_confirm_s = item.enforce_confirm_s();
  conduit.on_deny = static_cast<policy::OnDeny>(item.on_deny());
  for (const v1::Rule& each : item.rules()) {
    policy::Rule rule;
    const std::string error = read_rule(each, rule);
    if (!error.empty()) return "rule " + std::to_string(conduit.rules.size() + 1) + ": " + error;
    conduit.rules.push_back(std::move(rule));
  }
  read_budgets(item, conduit);
  return "";
}

bool is_bounded(const policy::HealthBounds& health) {
  return health.sessions_lost_percent <= policy::HealthBounds::kPercentMax &&
         health.refusals_per_s <= policy::HealthBounds::kRefusalsMax;
}

std::string read_tables(const v1::CompiledPolicy& compiled, policy::Tables& tables) {
  if (static_cast<std::size_t>(compiled.zones().size()) > policy::kZonesMax ||
      static_cast<std::size_t>(compiled.bindings().size()) > policy::kBindingsMax ||
      static_cast<std::size_t>(compiled.conduits().size()) > policy::kConduitsMax) {
    return "more zones, bindings or conduits than a policy may have";
  }
  if (!is_bounded(from_message(compiled.health()))) return "health";
  tables.site = compiled.site();
  tables.containment_release = compiled.containment_release();
  if (tables.containment_release.size() > policy::kNameBytesMax) return "containment_release";
  for (const v1::Zone& item : compiled.zones()) {
    if (!read_zone(item, tables.zones.emplace_back())) return "zone";
  }
  for (const v1::Binding& item : compiled.bindings()) {
    if (!read_binding(item, tables.bindings.emplace_back())) return "binding";
  }
  for (const v1::Conduit& item : compiled.conduits()) {
    const std::string error = read_conduit(item, tables.conduits.emplace_back());
    if (!error.empty())
      return "conduit " + std::to_string(tables.conduits.size() - 1) + ": " + error;
  }
  return "";
}

}  // namespace

policy::HealthBounds from_message(const v1::HealthBounds& health) {
  return {health.sessions_lost_percent(), health.refusals_per_s()};
}

Result<policy::Tables, std::string> decode(const v1::PolicyArtefact& artefact) {
  if (artefact.format() != kFormat) {
    return "policy format " + std::to_string(artefact.format()) + " is not " +
           std::to_string(kFormat) + ", the one this version reads";
  }
  if (artefact.policy().size() > kPolicyBytesMax) return std::string("the policy is too large");
  const std::string digest = sha256(artefact.policy());
  if (digest != artefact.sha256()) {
    return std::string("the policy is damaged: its SHA-256 is not the one it came with");
  }
  v1::CompiledPolicy compiled;
  if (!compiled.ParseFromString(artefact.policy())) {
    return std::string("the policy is damaged: it cannot be parsed");
  }
  policy::Tables tables;
  if (std::string error = read_tables(compiled, tables); !error.empty()) {
    return "the policy is malformed: " + error;
  }
  tables.digest = to_hex(digest);
  auto finished = policy::finished(std::move(tables));
  if (!finished) return "the policy is malformed: " + finished.error();
  return finished;
}

}  // namespace bulkhead::artefact
