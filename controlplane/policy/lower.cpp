// Pass 4: the model as flat tables, and the driver of all passes.
#include <algorithm>

#include "controlplane/policy/compiler.h"
#include "controlplane/policy/observe.h"
#include "controlplane/policy/routes.h"

namespace bulkhead::controlplane {

namespace {

policy::Zone lower_zone(const ModelZone& zone) {
  policy::Zone lowered{zone.name.text, zone.port, zone.vlan, zone.networks, zone.groups, zone.prp};
  lowered.networks.insert(lowered.networks.end(), zone.stations.begin(), zone.stations.end());
  return lowered;
}

std::vector<policy::Binding> lower_bindings(const Model& model) {
  std::vector<policy::Binding> bindings;
  for (const ModelAsset& asset : model.assets) {
    if (!asset.mac) continue;
    for (const wire::IpAddress& address : asset.addresses) {
      bindings.push_back({address, *asset.mac});
    }
  }
  std::sort(bindings.begin(), bindings.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  return bindings;
}

policy::Rule lower_rule(const ModelRule& rule, const RulePart& part) {
  policy::Rule lowered;
  lowered.clients = part.clients;
  lowered.servers = part.servers;
  lowered.transport = rule.transport;
  lowered.ports = rule.ports;
  lowered.protocol = rule.protocol;
  if (rule.protocol == protocols::kNoProtocol) return lowered;
  for (const std::uint16_t function : part.functions) lowered.functions.set(function);
  for (const ModelConstraint& constraint : part.constraints) {
    lowered.constraints.push_back({constraint.field, constraint.ranges, constraint.patterns});
  }
  lowered.value_type = rule.value_type;
  lowered.word_order = rule.word_order;
  return lowered;
}

// The parts of one of the author's rules have its number, and share its rate.
void lower_rules(const Model& model, const ModelConduit& conduit, policy::Conduit& lowered) {
  for (std::size_t i = 0; i < conduit.rules.size(); ++i) {
    const ModelRule& rule = conduit.rules[i];
    const auto parts = split_by_route(model, conduit, rule, nullptr);
    std::uint16_t budget = policy::kNoBudget;
    if (rule.rate_interval_ns != 0 && !parts.empty()) {
      budget = static_cast<std::uint16_t>(lowered.budgets.size());
      lowered.budgets.emplace_back(rule.rate_interval_ns, rule.rate_burst);
    }
    for (const RulePart& part : parts) {
      policy::Rule& each = lowered.rules.emplace_back(lower_rule(rule, part));
      each.number = static_cast<std::uint16_t>(i + 1);
      each.budget = budget;
      each.essential = rule.essential;
    }
  }
}

policy::Conduit lower_conduit(const Model& model, const ModelConduit& conduit) {
  policy::Conduit lowered;
  lowered.name = conduit.name.text;
  lowered.from = static_cast<std::uint16_t>(conduit.from);
  lowered.to = static_cast<std::uint16_t>(conduit.to);
  lowered.on_deny = conduit.on_deny;
  lowered.reset_on_stray = conduit.reset_on_stray;
  lowered.resume = conduit.resume;
  lowered.fail_open = conduit.fail_open;
  lowered.reassemble = conduit.reassemble;
  lowered.link_follow = conduit.link_follow;
  lowered.observe_until_s = conduit.observation.until_s;
  lowered.enforce_from_s = conduit.observation.enforce_from_s;
  lowered.enforce_confirm_s = conduit.observation.confirm_s;
  lower_rules(model, conduit, lowered);
  return lowered;
}

}  // namespace

policy::Tables lower_policy(const Model& model) {
  policy::Tables tables;
  tables.site = model.site;
  tables.containment_release = model.containment_release;
  for (const ModelZone& zone : model.zones) tables.zones.push_back(lower_zone(zone));
  tables.bindings = lower_bindings(model);
  for (const ModelConduit& conduit : model.conduits) {
    tables.conduits.push_back(lower_conduit(model, conduit));
  }
  return tables;
}

std::uint64_t wall_clock_s() { return wall_now_ns() / kSecondNs; }

Compilation compile_policy(const std::string& text, const std::string& file, std::uint64_t now_s) {
  Compilation result{Diagnostics(file), std::nullopt, std::nullopt, {}};
  const PolicyNode parsed = parse_policy(text, result.diagnostics);
  Model model = resolve_policy(parsed, result.diagnostics);
  check_policy(model, now_s, result.diagnostics);
  if (result.diagnostics.errors() == 0) {
    result.tables = lower_policy(model);
    check_observed_neighbours(model, *result.tables, result.diagnostics);
  }
  if (result.diagnostics.errors() != 0) result.tables.reset();
  if (result.tables) {
    result.health = model.health;
    result.model = std::move(model);
  }
  result.diagnostics.sort_by_position();
  return result;
}

}  // namespace bulkhead::controlplane
