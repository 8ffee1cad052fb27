// Tables as a protobuf message, with protocols, functions and fields by name.
#include "dataplane/artefact/artefact.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/artefact/fields.h"

namespace bulkhead::artefact {

namespace {

template <typename List>
void put_prefixes(const std::vector<wire::Prefix>& prefixes, List* list) {
  for (const wire::Prefix& prefix : prefixes) {
    v1::Prefix* out = list->Add();
    out->set_address(bytes_of(prefix.address));
    out->set_length(prefix.length);
  }
}

void put_zone(const policy::Zone& zone, v1::Zone& out) {
  out.set_name(zone.name);
  out.set_port(zone.port);
  out.set_vlan_outer(zone.vlan.outer);
  out.set_vlan_inner(zone.vlan.inner);
  out.set_prp(zone.prp);
  put_prefixes(zone.networks, out.mutable_networks());
  for (const wire::IpAddress& group : zone.groups) out.add_groups(bytes_of(group));
}

void put_operations(const policy::Rule& rule, v1::Rule& out) {
  if (rule.protocol == protocols::kNoProtocol) return;
  const protocols::Catalogue& catalogue = protocols::registry()[rule.protocol]->catalogue();
  out.set_protocol(std::string(catalogue.name));
  for (std::size_t f = 0; f < catalogue.functions.size(); ++f) {
    if (rule.functions.test(f)) out.add_functions(std::string(catalogue.functions[f].name));
  }
  for (const policy::Constraint& constraint : rule.constraints) {
    v1::Constraint* each = out.add_constraints();
    each->set_field(std::string(catalogue.fields[constraint.field].name));
    for (const Range& range : constraint.ranges) {
      v1::IntegerRange* to = each->add_ranges();
      to->set_low(range.low);
      to->set_high(range.high);
    }
    for (const std::string& pattern : constraint.patterns) each->add_patterns(pattern);
  }
  out.set_value_type(static_cast<v1::ValueType>(rule.value_type));
  out.set_word_order(static_cast<v1::WordOrder>(rule.word_order));
}

void put_rule(const policy::Conduit& conduit, const policy::Rule& rule, v1::Rule& out) {
  out.set_number(rule.number);
  out.set_essential(rule.essential);
  put_prefixes(rule.clients, out.mutable_clients());
  put_prefixes(rule.servers, out.mutable_servers());
  out.set_transport(static_cast<v1::Transport>(rule.transport));
  for (const policy::PortRange& ports : rule.ports) {
    v1::PortRange* range = out.add_ports();
    range->set_low(ports.low);
    range->set_high(ports.high);
  }
  if (rule.budget != policy::kNoBudget) {
    out.set_rate_interval_ns(conduit.budgets[rule.budget].interval_ns());
    out.set_rate_burst(conduit.budgets[rule.budget].burst());
  }
  put_operations(rule, out);
}

void put_conduit(const policy::Conduit& conduit, v1::Conduit& out) {
  out.set_name(conduit.name);
  out.set_from_zone(conduit.from);
  out.set_to_zone(conduit.to);
  out.set_reassemble(conduit.reassemble);
  out.set_reset_on_stray_answer(conduit.reset_on_stray);
  out.set_resume(conduit.resume);
  out.set_fail_open(conduit.fail_open);
  out.set_link_follow(conduit.link_follow);
  out.set_observe_until_s(conduit.observe_until_s);
  out.set_enforce_from_s(conduit.enforce_from_s);
  out.set_enforce_confirm_s(conduit.enforce_confirm_s);
  out.set_on_deny(static_cast<v1::OnDeny>(conduit.on_deny));
  for (const policy::Rule& rule : conduit.rules) put_rule(conduit, rule, *out.add_rules());
}

}  // namespace

v1::CompiledPolicy to_message(const policy::Tables& tables) {
  v1::CompiledPolicy compiled;
  compiled.set_site(tables.site);
  compiled.set_containment_release(tables.containment_release);
  compiled.set_compiler("bulkhead " BULKHEAD_VERSION);
  for (const policy::Zone& zone : tables.zones) put_zone(zone, *compiled.add_zones());
  for (const policy::Binding& binding : tables.bindings) {
    v1::Binding* out = compiled.add_bindings();
    out->set_address(bytes_of(binding.address));
    out->set_mac(bytes_of(binding.mac));
  }
  for (const policy::Conduit& conduit : tables.conduits) {
    put_conduit(conduit, *compiled.add_conduits());
  }
  return compiled;
}

v1::HealthBounds to_message(const policy::HealthBounds& health) {
  v1::HealthBounds message;
  message.set_sessions_lost_percent(health.sessions_lost_percent);
  message.set_refusals_per_s(health.refusals_per_s);
  return message;
}

v1::PolicyArtefact encode(const policy::Tables& tables, const policy::HealthBounds& health) {
  v1::PolicyArtefact artefact;
  artefact.set_format(kFormat);
  v1::CompiledPolicy compiled = to_message(tables);
  if (health.any()) *compiled.mutable_health() = to_message(health);
  artefact.set_policy(compiled.SerializeAsString());
  artefact.set_sha256(sha256(artefact.policy()));
  return artefact;
}

}  // namespace bulkhead::artefact
