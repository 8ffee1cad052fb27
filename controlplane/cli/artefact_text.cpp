// Nothing is left out: what is not known by name is written as its number.
#include "controlplane/cli/artefact_text.h"

#include "controlplane/cli/operation_json.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/artefact/fields.h"
#include "dataplane/base/range.h"
#include "dataplane/protocols/registry.h"
#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {

namespace {

wire::IpAddress address_of(const std::string& bytes) {
  wire::IpAddress address;
  artefact::read_address(bytes, address);
  return address;
}

template <typename List>
Json prefixes_json(const List& list) {
  Json json = Json::array();
  for (const v1::Prefix& each : list) {
    wire::Prefix prefix;
    prefix.address = address_of(each.address());
    prefix.length = static_cast<std::uint8_t>(std::min(each.length(), 255U));
    json.push_back(wire::to_text(prefix));
  }
  return json;
}

bool is_real(const std::string& protocol, const std::string& field) {
  const auto known = protocols::find_protocol(protocol);
  if (!known) return false;
  for (const protocols::FieldInfo& info : protocols::registry()[*known]->catalogue().fields) {
    if (info.name == field) return info.kind == protocols::FieldKind::real;
  }
  return false;
}

Json where_json(const v1::Rule& rule) {
  Json json = Json::object();
  for (const v1::Constraint& each : rule.constraints()) {
    Json values = Json::array();
    const bool real = is_real(rule.protocol(), each.field());
    for (const v1::IntegerRange& range : each.ranges()) {
      values.push_back(real ? Json{real_json(float64_from_order(range.low())),
                                   real_json(float64_from_order(range.high()))}
                            : Json{range.low(), range.high()});
    }
    for (const std::string& pattern : each.patterns()) values.push_back(json_text(pattern));
    json[each.field()] = std::move(values);
  }
  return json;
}

std::string zone_name(const v1::CompiledPolicy& policy, std::uint32_t zone) {
  const bool known = zone < static_cast<std::uint32_t>(policy.zones_size());
  return known ? policy.zones(static_cast<int>(zone)).name() : "zone " + std::to_string(zone);
}

Json rule_json(const v1::CompiledPolicy& policy, const v1::Conduit& conduit, int at) {
  constexpr const char* kOnDeny[] = {"drop", "reset", "reject"};
  const v1::Rule& rule = conduit.rules(at);
  const auto on_deny = static_cast<std::size_t>(conduit.on_deny());
  Json json = {{"conduit", conduit.name()},
               {"from", zone_name(policy, conduit.from_zone())},
               {"to", zone_name(policy, conduit.to_zone())},
               {"on_deny", on_deny < std::size(kOnDeny) ? kOnDeny[on_deny] : "unknown"},
               {"on_stray_answer", conduit.reset_on_stray_answer() ? "reset" : "drop"},
               {"reassemble", conduit.reassemble()},
               {"resume", conduit.resume()},
               {"fail_open", conduit.fail_open()},
               {"rule", rule.number() == 0 ? static_cast<std::uint32_t>(at + 1) : rule.number()},
               {"clients", prefixes_json(rule.clients())},
               {"servers", prefixes_json(rule.servers())},
               {"transport", v1::Transport_Name(rule.transport())}};
  for (const v1::PortRange& range : rule.ports()) {
    json["ports"].push_back({range.low(), range.high()});
  }
  if (!rule.protocol().empty()) {
    json["protocol"] = rule.protocol();
    json["functions"] = Json::array();
    for (const std::string& function : rule.functions()) json["functions"].push_back(function);
    json["where"] = where_json(rule);
  }
  if (rule.value_type() != v1::VALUE_TYPE_PLAIN) {
    json["value_type"] = v1::ValueType_Name(rule.value_type());
    json["word_order"] = v1::WordOrder_Name(rule.word_order());
  }
  if (rule.rate_interval_ns() != 0) {
    json["rate_interval_ns"] = rule.rate_interval_ns();
    json["rate_burst"] = rule.rate_burst();
  }
  return json;
}

}  // namespace

std::vector<Json> artefact_json(const v1::CompiledPolicy& policy) {
  std::vector<Json> lines;
  lines.push_back({{"site", policy.site()}, {"compiler", policy.compiler()}});
  if (policy.has_health()) {
    lines.push_back({{"health",
                      {{"sessions_lost_percent", policy.health().sessions_lost_percent()},
                       {"refusals_per_s", policy.health().refusals_per_s()}}}});
  }
  for (const v1::Zone& zone : policy.zones()) {
    Json line = {{"zone", zone.name()},
                 {"port", zone.port()},
                 {"vlan", {zone.vlan_outer(), zone.vlan_inner()}},
                 {"networks", prefixes_json(zone.networks())}};
    for (const std::string& group : zone.groups()) {
      line["groups"].push_back(wire::to_text(address_of(group)));
    }
    lines.push_back(std::move(line));
  }
  for (const v1::Binding& binding : policy.bindings()) {
    lines.push_back({{"address", wire::to_text(address_of(binding.address()))},
                     {"mac", artefact::to_hex(binding.mac())}});
  }
  for (const v1::Conduit& conduit : policy.conduits()) {
    for (int i = 0; i < conduit.rules_size(); ++i) {
      lines.push_back(rule_json(policy, conduit, i));
    }
  }
  return lines;
}

std::string artefact_text(const v1::CompiledPolicy& policy) {
  std::string text;
  for (const Json& line : artefact_json(policy)) {
    std::string words;
    for (const auto& [key, value] : line.items()) {
      const bool unsaid = value.is_boolean() && !value.get<bool>();
      if (unsaid || value.empty()) continue;
      words += (words.empty() ? "" : "  ") + key + " " +
               (value.is_string() ? value.get<std::string>()
                                  : value.dump(-1, ' ', true, Json::error_handler_t::replace));
    }
    text += words + "\n";
  }
  return text;
}

}  // namespace bulkhead::controlplane
