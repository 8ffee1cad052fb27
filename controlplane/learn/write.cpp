// Written in the author's language and laid out by the formatter.
#include "controlplane/learn/write.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "controlplane/policy/format.h"
#include "dataplane/base/printable.h"
#include "dataplane/policy/tables.h"
#include "dataplane/wire/text.h"

namespace bulkhead::learn {

namespace {

using protocols::Catalogue;
using protocols::FieldInfo;
using protocols::FieldKind;

// UTC, to the second.
std::string time_text(TimeNs at_ns) {
  const auto seconds = static_cast<std::time_t>(at_ns / kSecondNs);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

std::string list_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return words.size() == 1 ? text : "[" + text + "]";
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') out += '\\';
    out += byte;
  }
  return out + "\"";
}

// A pattern that the name matches. What a policy's text cannot hold becomes `*`.
std::string pattern_of(const std::string& name) {
  std::string pattern;
  for (const char each : name) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte >= 0x20 && byte < 0x7f) {
      pattern += each;
    } else if (pattern.empty() || pattern.back() != '*') {
      pattern += '*';
    }
  }
  if (pattern.size() <= policy::kPatternBytesMax) return pattern;
  return pattern.substr(0, policy::kPatternBytesMax - 1) + "*";
}

std::string number_text(std::int64_t value, const FieldInfo& field) {
  if (field.kind != FieldKind::real) return std::to_string(value);
  char text[48];
  std::snprintf(text, sizeof(text), "%.17g", float64_from_order(value));
  return text;
}

std::string range_text(const Range& range, const FieldInfo& field) {
  const std::string low = number_text(range.low, field);
  if (range.is_point()) return low;
  const bool dots = field.kind == FieldKind::real;
  return low + (dots ? ".." : "-") + number_text(range.high, field);
}

std::string values_text(const Values& values, const FieldInfo& field) {
  if (values.any) return field.kind == FieldKind::name ? "\"*\"" : "any";
  std::vector<std::string> words;
  for (const Range& range : values.ranges) words.push_back(range_text(range, field));
  for (const std::string& name : values.names) {
    // No pattern is empty.
    words.push_back(quoted(name.empty() ? "*" : pattern_of(name)));
  }
  return list_text(words);
}

std::string where_text(const ProposedRule& rule, const Catalogue& catalogue) {
  std::string text;
  for (const auto& [field, values] : rule.where) {
    const FieldInfo& info = catalogue.fields[field];
    text += (text.empty() ? "" : ", ") + std::string(info.name) + ": " + values_text(values, info);
  }
  return text.empty() ? "" : ", where: {" + text + "}";
}

std::string place_text(const ProposedRule& rule, const Catalogue& catalogue) {
  constexpr const char* kCarriers[] = {"tcp", "udp", "ethernet"};
  std::string text;
  if (catalogue.ports.empty() || catalogue.ports[0].carrier != rule.carrier) {
    text += std::string(", transport: ") + kCarriers[static_cast<std::size_t>(rule.carrier)];
  }
  const bool usual = std::any_of(catalogue.ports.begin(), catalogue.ports.end(),
                                 [&rule](const protocols::DefaultPort& port) {
                                   return port.carrier == rule.carrier && port.port == rule.port;
                                 });
  return usual ? text : text + ", port: " + std::to_string(rule.port);
}

std::string rule_text(const ProposedRule& rule) {
  const std::string hosts =
      "client: " + list_text(rule.clients) + ", server: " + list_text(rule.servers);
  const std::string review = rule.review.empty() ? "" : ", reviewed_by: ";
  if (rule.protocol == protocols::kNoProtocol) {
    const char* transport = rule.carrier == protocols::Carrier::udp ? "udp/" : "tcp/";
    return "{service: " + std::string(transport) + std::to_string(rule.port) + ", " + hosts +
           review + "}";
  }
  const Catalogue& catalogue = protocols::registry()[rule.protocol]->catalogue();
  std::vector<std::string> words;
  for (const std::uint16_t function : rule.functions) {
    words.emplace_back(catalogue.functions[function].name);
  }
  const std::string functions = list_text(words);
  return "{protocol: " + std::string(catalogue.name) + ", " + hosts +
         ", functions: " + (words.size() == 1 ? "[" + functions + "]" : functions) +
         where_text(rule, catalogue) + place_text(rule, catalogue) + review + "}";
}

std::string seen_text(const Seen& seen) {
  if (seen.count == 1) return "once, " + time_text(seen.first_ns);
  return std::to_string(seen.count) + " times, " + time_text(seen.first_ns) + " to " +
         time_text(seen.last_ns);
}

std::string comment_text(const ProposedRule& rule) {
  std::string text = "      # " + seen_text(rule.seen);
  if (!rule.review.empty()) text += "; " + rule.review + ": look at it";
  if (!rule.widened.empty()) text += "; wider than seen: " + rule.widened;
  return text + "\n";
}

std::string address_text(const wire::IpAddress& address) {
  return quoted(address.is_mac() ? wire::to_text(address.mac()) : wire::to_text(address));
}

std::string zone_text(const ProposedZone& zone) {
  std::vector<std::string> networks;
  for (const wire::Prefix& network : zone.networks) {
    if (!network.address.is_mac()) networks.push_back(quoted(wire::to_text(network)));
  }
  std::string text = "  " + zone.name + ": {port: " + std::to_string(zone.port);
  if (!networks.empty()) {
    text += ", networks: " + (networks.size() == 1 ? "[" + networks[0] + "]" : list_text(networks));
  }
  return text + "}\n";
}

std::string asset_text(const ProposedAsset& asset, const std::vector<ProposedZone>& zones) {
  const char* key = asset.address.is_mac() ? "mac" : asset.is_group ? "group" : "address";
  return "  " + asset.name + ": {zone: " + zones[asset.zone].name + ", " + key + ": " +
         address_text(asset.address) + "}\n";
}

}  // namespace

std::string proposal_text(const Proposal& proposal, const Origin& origin) {
  std::string text = "# Learned from " + std::to_string(origin.packets) + " packets, " +
                     time_text(origin.first_ns) + " to " + time_text(origin.last_ns) + " UTC:\n";
  for (const std::string& file : origin.files) text += "#   " + printable(file) + "\n";
  text += "# Ports of zones are a guess. A rule with an empty reviewed_by does not compile.\n";
  for (const std::string& each : proposal.apart) text += "# " + printable(each) + "\n";
  text += "bulkhead: v1\nsite: " + quoted(origin.site) +
          "\nwritten_for: 0.2\nzones:" + (proposal.zones.empty() ? " {}\n" : "\n");
  for (const ProposedZone& zone : proposal.zones) text += zone_text(zone);
  text += proposal.assets.empty() ? "assets: {}\n" : "assets:\n";
  for (const ProposedAsset& asset : proposal.assets) text += asset_text(asset, proposal.zones);
  text += proposal.conduits.empty() ? "conduits: {}\n" : "conduits:\n";
  for (const ProposedConduit& conduit : proposal.conduits) {
    text += "  " + conduit.name + ":\n    from: " + proposal.zones[conduit.from].name +
            "\n    to: " + proposal.zones[conduit.to].name + "\n    on_deny: reject\n    allow:\n";
    for (const ProposedRule& rule : conduit.rules) {
      text += comment_text(rule) + "      - " + rule_text(rule) + "\n";
    }
  }
  controlplane::Diagnostics diagnostics("proposal");
  return controlplane::format_policy(text, diagnostics).value_or(text);
}

}  // namespace bulkhead::learn
