// Pass 5: grants in the words of an operator, not of the language.
#include <algorithm>
#include <cstdio>

#include "controlplane/policy/compiler.h"
#include "controlplane/policy/observe.h"
#include "controlplane/policy/routes.h"
#include "controlplane/policy/values.h"
#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {

namespace {

std::string join(const std::vector<std::string>& words, const std::string& last = " and ") {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? last : ", ";
    text += words[i];
  }
  return text;
}

std::string prefix_text(const wire::Prefix& prefix) {
  if (prefix.length == wire::kPrefixLengthMax) return wire::to_text(prefix.address);
  return wire::to_text(prefix);
}

std::string hosts_text(const Model& model, const Hosts& hosts, const std::string& zone) {
  std::vector<std::string> words;
  bool routed = false;
  for (std::size_t i = 0; i < hosts.names.size(); ++i) {
    const std::string& name = hosts.names[i];
    words.push_back(name == "any" ? "any host of " + zone : name);
    if (!hosts.items[i].asset) continue;
    const std::string route = route_text(model, model.assets[*hosts.items[i].asset]);
    routed = routed || !route.empty();
    if (!route.empty()) words.back() += " (" + route + ")";
  }
  std::string text = join(words);
  if (routed) return text;
  const bool named_asset = hosts.names.size() == 1 && hosts.prefixes.size() == 1 &&
                           hosts.names[0] != prefix_text(hosts.prefixes[0]) &&
                           hosts.names[0] != "any";
  return named_asset ? text + " (" + prefix_text(hosts.prefixes[0]) + ")" : text;
}

std::string ethertypes_text(const ModelRule& rule) {
  std::vector<std::string> words;
  for (const policy::PortRange& types : rule.ports) {
    words.push_back(wire::ethernet_type_text(types.low));
    if (types.low != types.high) words.back() += " to " + wire::ethernet_type_text(types.high);
  }
  return join(words);
}

std::string ports_text(const ModelRule& rule) {
  if (rule.transport == policy::Transport::icmp) return "ICMP echo";
  if (rule.transport == policy::Transport::ethernet) return ethertypes_text(rule);
  std::vector<std::string> words;
  for (const policy::PortRange& ports : rule.ports) {
    words.push_back(ports.low == ports.high
                        ? std::to_string(ports.low)
                        : std::to_string(ports.low) + " to " + std::to_string(ports.high));
  }
  const std::string transport = rule.transport == policy::Transport::tcp ? "TCP" : "UDP";
  return transport + " port " + join(words);
}

// What the numbers of a constraint are.
enum class Number : std::uint8_t { integer, float32, real };

std::string number_text(std::int64_t value, Number number) {
  if (number == Number::integer) return std::to_string(value);
  char text[48];
  const double shown = number == Number::real ? float64_from_order(value)
                                              : static_cast<double>(float32_from_order(value));
  std::snprintf(text, sizeof(text), "%g", shown);
  return text;
}

std::string constraint_text(const ModelRule& rule, const ModelConstraint& constraint,
                            const protocols::Catalogue& catalogue) {
  const bool typed = constraint.field == catalogue.element_value_field &&
                     rule.value_type != policy::ValueType::plain;
  Number number = Number::integer;
  if (typed && rule.value_type == policy::ValueType::float32) number = Number::float32;
  if (!typed && catalogue.fields[constraint.field].kind == protocols::FieldKind::real) {
    number = Number::real;
  }
  std::vector<std::string> words = constraint.patterns;
  for (const Range& range : constraint.ranges) {
    const std::string low = number_text(range.low, number);
    words.push_back(range.is_point() ? low : low + " to " + number_text(range.high, number));
  }
  std::string text =
      std::string(catalogue.fields[constraint.field].name) + " " + join(words, " or ");
  if (!typed) return text;
  text += " as " + kValueTypeNames[static_cast<std::size_t>(rule.value_type)];
  const bool pairs = rule.value_type != policy::ValueType::int16;
  if (pairs) {
    text += rule.word_order == policy::WordOrder::big ? " (high word first)" : " (low word first)";
  }
  return text;
}

std::string function_text(const protocols::FunctionInfo& function) {
  std::string code = std::to_string(function.code);
  if (function.sub_code != protocols::kNoSubCode) code += "/" + std::to_string(function.sub_code);
  return std::string(function.name) + " (" + code + ")";
}

// `class read (12 functions)`.
std::string class_text(protocols::AccessClass access, const protocols::Catalogue& catalogue) {
  const auto count = std::count_if(
      catalogue.functions.begin(), catalogue.functions.end(),
      [access](const protocols::FunctionInfo& function) { return function.access == access; });
  return "class " + std::string(protocols::describe(access)) + " (" + std::to_string(count) +
         (count == 1 ? " function)" : " functions)");
}

std::string functions_text(const ModelRule& rule, const protocols::Catalogue& catalogue,
                           Listing listing) {
  std::vector<std::string> words;
  if (listing == Listing::classes) {
    for (const protocols::AccessClass access : rule.classes) {
      words.push_back(class_text(access, catalogue));
    }
  }
  for (const std::uint16_t index : listing == Listing::classes ? rule.named : rule.functions) {
    words.push_back(function_text(catalogue.functions[index]));
  }
  return join(words);
}

std::string inspected_text(const ModelRule& rule, Listing listing) {
  const protocols::Catalogue& catalogue = protocols::registry()[rule.protocol]->catalogue();
  std::string text = functions_text(rule, catalogue, listing);
  std::vector<std::string> limits;
  for (const ModelConstraint& constraint : rule.constraints) {
    limits.push_back(constraint_text(rule, constraint, catalogue));
  }
  text += limits.empty() ? ", with any values" : ", only with " + join(limits);
  if (rule.rate_interval_ns != 0) text += ", at most " + rule.rate_text;
  return text;
}

// Sorted, so that neighbours make a range.
std::string groups_text(const std::vector<wire::IpAddress>& groups) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < groups.size();) {
    std::size_t count = 1;
    while (i + count < groups.size() && groups[i + count].high() == groups[i].high() &&
           groups[i + count].low() == groups[i].low() + count) {
      ++count;
    }
    words.push_back(wire::to_text(groups[i]));
    if (count > 1) words.back() += " to " + wire::to_text(groups[i + count - 1]);
    i += count;
  }
  return join(words);
}

std::string zone_text(const ModelZone& zone) {
  std::string text = "Zone " + zone.name.text + ": port " + std::to_string(zone.port);
  if (zone.vlan.outer != 0) text += ", VLAN " + std::to_string(zone.vlan.outer);
  if (zone.vlan.inner != 0) text += " with inner VLAN " + std::to_string(zone.vlan.inner);
  std::vector<std::string> networks;
  for (const wire::Prefix& prefix : zone.networks) networks.push_back(prefix_text(prefix));
  for (const wire::Prefix& station : zone.stations) networks.push_back(prefix_text(station));
  text += ", " + join(networks);
  if (!zone.groups.empty()) text += ", reached together at " + groups_text(zone.groups);
  if (!zone.target.empty()) text += ", target " + zone.target;
  if (zone.prp) text += ", one LAN of PRP: frames keep their trailers and leave as they came";
  return text + "\n";
}

std::string denial_text(const ModelConduit& conduit) {
  if (conduit.on_deny_text == "drop") return "Everything else is dropped without a word.";
  if (conduit.on_deny_text == "reset") {
    return "Everything else is refused and its session reset at both ends.";
  }
  return "Any other request is answered with its protocol's own refusal and never arrives; its "
         "session goes on. Where that is not possible, the session is reset at both ends.";
}

// Nothing where no answers are judged.
std::string stray_text(const ModelConduit& conduit) {
  const bool judges =
      std::any_of(conduit.rules.begin(), conduit.rules.end(),
                  [](const ModelRule& rule) { return rule.protocol != protocols::kNoProtocol; });
  if (!judges) return "";
  return conduit.reset_on_stray ? "  An answer that does not fit what was asked ends its session.\n"
                                : "  An answer that does not fit what was asked is dropped, and "
                                  "its session goes on.\n";
}

std::string health_text(const policy::HealthBounds& health) {
  std::vector<std::string> bounds;
  if (health.sessions_lost_percent != 0) {
    bounds.push_back("more than " + std::to_string(health.sessions_lost_percent) +
                     " % of the sessions that lived before are lost");
  }
  if (health.refusals_per_s != 0) {
    bounds.push_back("there are more than " + std::to_string(health.refusals_per_s) +
                     " refusals a second above those before");
  }
  return "\nA commit with --health returns before its time if " + join(bounds, " or ") + ".\n";
}

}  // namespace

std::string explain_rule(const Model& model, const ModelConduit& conduit, std::size_t index,
                         Listing listing) {
  const ModelRule& rule = conduit.rules[index];
  const std::string client = hosts_text(model, rule.clients, model.zones[conduit.from].name.text);
  const std::string server = hosts_text(model, rule.servers, model.zones[conduit.to].name.text);
  if (rule.protocol == protocols::kNoProtocol) {
    return client + " may open " + rule.service + " sessions to " + server + " (" +
           ports_text(rule) + "); their content is not inspected";
  }
  const protocols::Catalogue& catalogue = protocols::registry()[rule.protocol]->catalogue();
  return client + " may ask " + server + " over " + std::string(catalogue.title) + " (" +
         ports_text(rule) + ") for " + inspected_text(rule, listing);
}

std::string explain_policy(const Model& model, Listing listing) {
  std::string text = "Site " + model.site + "\n\n";
  for (const ModelZone& zone : model.zones) text += zone_text(zone);
  for (const ModelConduit& conduit : model.conduits) {
    text += "\nConduit " + conduit.name.text + ": hosts of " + model.zones[conduit.from].name.text +
            " open sessions to hosts of " + model.zones[conduit.to].name.text + "\n";
    text += observation_text(conduit, "  ");
    for (std::size_t i = 0; i < conduit.rules.size(); ++i) {
      text += "  Rule " + std::to_string(i + 1) + ": " + explain_rule(model, conduit, i, listing) +
              ".\n";
      if (conduit.rules[i].essential) text += "    Under containment `essential` too.\n";
    }
    text += "  " + denial_text(conduit) + "\n" + stray_text(conduit);
    if (conduit.resume) {
      text += "  Sessions that were open before the data plane started are taken up.\n";
    }
    if (conduit.fail_open) {
      text +=
          "  FAILS OPEN: for a while after a start or takeover, sessions of which nobody knows\n"
          "  where a message begins pass unjudged until they end, whatever they ask for.\n";
    }
    if (conduit.link_follow) {
      text += "  Where one zone's port has no carrier, the other's shows none.\n";
    }
    if (conduit.reassemble) text += "  Fragmented packets are put together and judged whole.\n";
  }
  if (model.health.any()) text += health_text(model.health);
  text += "\nBetween zones that no conduit joins, nothing passes.\n";
  const auto observed =
      std::count_if(model.conduits.begin(), model.conduits.end(),
                    [](const ModelConduit& conduit) { return conduit.observation.any(); });
  if (observed > 0) {
    text += std::to_string(observed) + " of " + std::to_string(model.conduits.size()) +
            " conduits OBSERVE: they refuse nothing.\n";
  }
  if (model.containment_release.empty()) return text;
  return text + "A containment is released by role " + model.containment_release + " alone.\n";
}

}  // namespace bulkhead::controlplane
