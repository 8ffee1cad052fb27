// Pass 4: the model as flat tables, and the driver of all passes.
#include <algorithm>

#include "controlplane/policy/compiler.h"
#include "controlplane/policy/routes.h"

namespace bulkhead::controlplane {

namespace {

std::string bytes_of(const wire::IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()};
}

template <typename List>
void put_prefixes(const std::vector<wire::Prefix>& prefixes, List* list) {
  for (const wire::Prefix& prefix : prefixes) {
    v1::Prefix* out = list->Add();
    out->set_address(bytes_of(prefix.address));
    out->set_length(prefix.length);
  }
}

void put_bindings(const Model& model, v1::CompiledPolicy& compiled) {
  std::vector<std::pair<wire::IpAddress, wire::Mac>> bindings;
  for (const ModelAsset& asset : model.assets) {
    if (!asset.mac) continue;
    for (const wire::IpAddress& address : asset.addresses) {
      bindings.emplace_back(address, *asset.mac);
    }
  }
  std::sort(bindings.begin(), bindings.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [address, mac] : bindings) {
    v1::Binding* out = compiled.add_bindings();
    out->set_address(bytes_of(address));
    out->set_mac(std::string(reinterpret_cast<const char*>(mac.bytes.data()), mac.bytes.size()));
  }
}

void put_rule(const ModelRule& rule, const RulePart& part, std::size_t number, v1::Rule* out) {
  out->set_number(static_cast<std::uint32_t>(number));
  put_prefixes(part.clients, out->mutable_clients());
  put_prefixes(part.servers, out->mutable_servers());
  out->set_transport(static_cast<v1::Transport>(rule.transport));
  for (const policy::PortRange& ports : rule.ports) {
    v1::PortRange* range = out->add_ports();
    range->set_low(ports.low);
    range->set_high(ports.high);
  }
  out->set_rate_interval_ns(rule.rate_interval_ns);
  out->set_rate_burst(rule.rate_interval_ns != 0 ? rule.rate_burst : 0);
  if (rule.protocol == protocols::kNoProtocol) return;
  const protocols::Catalogue& catalogue = protocols::registry()[rule.protocol]->catalogue();
  out->set_protocol(std::string(catalogue.name));
  for (const std::uint16_t function : part.functions) {
    out->add_functions(std::string(catalogue.functions[function].name));
  }
  for (const ModelConstraint& constraint : part.constraints) {
    v1::Constraint* each = out->add_constraints();
    each->set_field(std::string(catalogue.fields[constraint.field].name));
    for (const Range& range : constraint.ranges) {
      v1::IntegerRange* to = each->add_ranges();
      to->set_low(range.low);
      to->set_high(range.high);
    }
    for (const std::string& pattern : constraint.patterns) each->add_patterns(pattern);
  }
  out->set_value_type(static_cast<v1::ValueType>(rule.value_type));
  out->set_word_order(static_cast<v1::WordOrder>(rule.word_order));
}

}  // namespace

v1::CompiledPolicy lower_policy(const Model& model) {
  v1::CompiledPolicy compiled;
  compiled.set_site(model.site);
  compiled.set_compiler("bulkhead " BULKHEAD_VERSION);
  for (const ModelZone& zone : model.zones) {
    v1::Zone* out = compiled.add_zones();
    out->set_name(zone.name.text);
    out->set_port(zone.port);
    out->set_vlan_outer(zone.vlan.outer);
    out->set_vlan_inner(zone.vlan.inner);
    out->set_prp(zone.prp);
    put_prefixes(zone.networks, out->mutable_networks());
    put_prefixes(zone.stations, out->mutable_networks());
    for (const wire::IpAddress& group : zone.groups) out->add_groups(bytes_of(group));
  }
  put_bindings(model, compiled);
  for (const ModelConduit& conduit : model.conduits) {
    v1::Conduit* out = compiled.add_conduits();
    out->set_name(conduit.name.text);
    out->set_from_zone(static_cast<std::uint32_t>(conduit.from));
    out->set_to_zone(static_cast<std::uint32_t>(conduit.to));
    out->set_reassemble(conduit.reassemble);
    out->set_reset_on_stray_answer(conduit.reset_on_stray);
    out->set_resume(conduit.resume);
    out->set_fail_open(conduit.fail_open);
    out->set_link_follow(conduit.link_follow);
    out->set_on_deny(static_cast<v1::OnDeny>(conduit.on_deny));
    for (std::size_t i = 0; i < conduit.rules.size(); ++i) {
      for (const RulePart& part : split_by_route(model, conduit, conduit.rules[i], nullptr)) {
        put_rule(conduit.rules[i], part, i + 1, out->add_rules());
      }
    }
  }
  return compiled;
}

Compilation compile_policy(const std::string& text, const std::string& file) {
  Compilation result{Diagnostics(file), std::nullopt, std::nullopt};
  const PolicyNode parsed = parse_policy(text, result.diagnostics);
  Model model = resolve_policy(parsed, result.diagnostics);
  check_policy(model, result.diagnostics);
  if (result.diagnostics.errors() == 0) {
    result.compiled = lower_policy(model);
    result.model = std::move(model);
  }
  result.diagnostics.sort_by_position();
  return result;
}

}  // namespace bulkhead::controlplane
