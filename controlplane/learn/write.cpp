// Written in the author's language and laid out by the formatter.
#include "controlplane/learn/write.h"

#include "controlplane/learn/words.h"
#include "controlplane/policy/format.h"
#include "dataplane/base/printable.h"
#include "dataplane/wire/text.h"

namespace bulkhead::learn {

namespace {

std::string seen_text(const Seen& seen) {
  if (seen.count == 1) return "once, " + moment_text(seen.first_ns);
  return std::to_string(seen.count) + " times, " + moment_text(seen.first_ns) + " to " +
         moment_text(seen.last_ns);
}

std::string rule_text(const ProposedRule& rule) {
  std::string text;
  for (const std::string& key : rule_keys(rule)) text += (text.empty() ? "" : ", ") + key;
  return rule.review.empty() ? text : text + ", reviewed_by: ";
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
  const auto [outer, inner] = zone.vlan;
  std::string text = "  " + zone.name + ": {port: " + std::to_string(zone.port);
  if (inner != wire::VlanIds::kNoVlan) {
    text += ", vlan: [" + std::to_string(outer) + ", " + std::to_string(inner) + "]";
  } else if (outer != wire::VlanIds::kNoVlan) {
    text += ", vlan: " + std::to_string(outer);
  }
  if (!networks.empty()) {
    text += ", networks: " + (networks.size() == 1 ? "[" + networks[0] + "]" : list_text(networks));
  }
  return text + "}\n";
}

std::string asset_text(const ProposedAsset& asset, const std::vector<ProposedZone>& zones) {
  const char* key = asset.address.is_mac() ? "mac" : asset.is_group ? "group" : "address";
  return "  " + asset.name + ": {zone: " + zones[asset.zone].name + ", " + key + ": " +
         address_text(asset.address) + "}" +
         (asset.said.empty() ? "" : "  # " + asset.by + " says " + printable(asset.said)) + "\n";
}

}  // namespace

std::string proposal_text(const Proposal& proposal, const Origin& origin) {
  std::string text = "# Learned from " + std::to_string(origin.packets) + " packets, " +
                     moment_text(origin.first_ns) + " to " + moment_text(origin.last_ns) +
                     " UTC:\n";
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
      text += comment_text(rule) + "      - {" + rule_text(rule) + "}\n";
    }
  }
  controlplane::Diagnostics diagnostics("proposal");
  return controlplane::format_policy(text, diagnostics).value_or(text);
}

}  // namespace bulkhead::learn
