// Pass 2: looks up zones, assets and the catalogue's words, and reads addresses and numbers.
#include <algorithm>

#include "controlplane/access/methods.h"
#include "controlplane/policy/health.h"
#include "controlplane/policy/literals.h"
#include "controlplane/policy/model.h"
#include "controlplane/policy/observe.h"
#include "controlplane/policy/resolve_rule.h"

namespace bulkhead::controlplane {

namespace {

class Resolver {
 public:
  Resolver(const PolicyNode& policy, Diagnostics& diagnostics)
      : policy_(policy), diagnostics_(diagnostics) {}

  Model resolve() {
    if (policy_.site) {
      model_.site = policy_.site->text;
      check_name(*policy_.site, "site");
    }
    if (policy_.written_for) resolve_written_for(*policy_.written_for);
    if (policy_.health) resolve_health(*policy_.health);
    if (policy_.containment_release) resolve_release(*policy_.containment_release);
    for (const ZoneNode& zone : policy_.zones) resolve_zone(zone);
    for (const AssetNode& asset : policy_.assets) resolve_asset(asset);
    for (std::size_t i = 0; i < policy_.assets.size(); ++i) resolve_behind(policy_.assets[i], i);
    for (const ConduitNode& conduit : policy_.conduits) resolve_conduit(conduit);
    return std::move(model_);
  }

 private:
  void check_name(const Word& name, const std::string& what) {
    if (!is_clean_name(name.text)) {
      diagnostics_.error(name.at, what + " name `" + name.text +
                                      "`: use 1 to 64 letters, digits, `-`, `_` or `.`");
    }
  }

  std::optional<std::int64_t> integer(const Word& word, const std::string& what, Range limits) {
    const auto value = read_integer(word.text);
    if (value && limits.contains(*value)) return value;
    diagnostics_.error(word.at, what + " must be a number from " + std::to_string(limits.low) +
                                    " to " + std::to_string(limits.high) + ", not `" + word.text +
                                    "`" + leading_zero_hint(word.text));
    return std::nullopt;
  }

  void resolve_health(const HealthNode& node) {
    const auto bound = [this](const std::string& name, const std::optional<Word>& word) {
      const std::string wrong =
          word ? read_health_bound(name, word->text, model_.health) : std::string();
      if (!wrong.empty()) diagnostics_.error(word->at, wrong);
    };
    bound("sessions_lost", node.sessions_lost);
    bound("refusals", node.refusals);
    if (node.sessions_lost || node.refusals) return;
    diagnostics_.error(node.at,
                       "health states no bound, such as {sessions_lost: 20%, refusals: 100/s}");
  }

  void resolve_zone(const ZoneNode& node) {
    ModelZone zone;
    zone.name = node.name;
    check_name(node.name, "zone");
    if (node.target) {
      static const std::vector<std::string> kLevels = {"SL0", "SL1", "SL2", "SL3", "SL4"};
      zone.target = node.target->text;
      if (std::find(kLevels.begin(), kLevels.end(), zone.target) == kLevels.end()) {
        diagnostics_.error(node.target->at, "target must be a security level, SL0 to SL4, not `" +
                                                zone.target + "`");
      }
    }
    if (node.port) {
      const auto port = integer(*node.port, "port", {0, policy::kPortsMax - 1});
      zone.port = static_cast<std::uint16_t>(port.value_or(0));
    }
    if (node.vlan.size() > 2) {
      diagnostics_.error(node.vlan[2].at, "vlan has at most two tags: [outer, inner]");
    }
    for (std::size_t i = 0; i < node.vlan.size() && i < 2; ++i) {
      const auto vlan = integer(node.vlan[i], "vlan", {1, 4094});
      (i == 0 ? zone.vlan.outer : zone.vlan.inner) = static_cast<std::uint16_t>(vlan.value_or(0));
    }
    zone.prp = resolve_choice(node.prp, "prp", "false", "true");
    for (const Word& word : node.networks) {
      std::string problem;
      const auto network = read_network(word.text, problem);
      if (network) {
        zone.networks.push_back(*network);
      } else {
        diagnostics_.error(word.at, "network `" + word.text + "` " +
                                        (problem.empty() ? "is not ADDRESS/BITS, such as "
                                                           "10.20.0.0/24 or 2001:db8::/64"
                                                         : problem));
      }
    }
    zones_.emplace(zone.name.text, model_.zones.size());
    model_.zones.push_back(std::move(zone));
  }

  std::optional<std::size_t> find_zone(const Word& word) {
    if (const auto found = zones_.find(word.text); found != zones_.end()) return found->second;
    std::vector<std::string> known;
    for (const ModelZone& zone : model_.zones) known.push_back(zone.name.text);
    diagnostics_.error(word.at, "unknown zone " + word.text + did_you_mean(word.text, known));
    return std::nullopt;
  }

  void resolve_asset(const AssetNode& node) {
    ModelAsset asset;
    asset.name = node.name;
    check_name(node.name, "asset");
    if (node.name.text == kAnyHost) {
      diagnostics_.error(node.name.at, "no asset can be called any: it names all hosts of a zone");
    }
    if (node.zone) asset.zone = find_zone(*node.zone).value_or(0);
    for (const Word& word : node.addresses) {
      if (const auto address = read_address(word.text)) {
        asset.addresses.push_back(*address);
      } else {
        diagnostics_.error(word.at, "`" + word.text + "` is not an IPv4 or IPv6 address");
      }
    }
    for (const Word& word : node.groups) resolve_group(word, asset);
    if (node.mac) {
      asset.mac = read_mac(node.mac->text, node.addresses.empty());
      if (!asset.mac) {
        diagnostics_.error(node.mac->at, "`" + node.mac->text +
                                             "` is not the MAC address of one station, such as "
                                             "\"02:00:00:00:00:20\"");
      } else if (node.addresses.empty() && asset.zone < model_.zones.size()) {
        add_station(wire::IpAddress::from_mac(*asset.mac), asset.zone);
      }
    }
    assets_.emplace(asset.name.text, model_.assets.size());
    model_.assets.push_back(std::move(asset));
  }

  void resolve_written_for(const Word& word) {
    model_.knows_classes = word.text == "0.2";
    if (model_.knows_classes || word.text == "0.1") return;
    diagnostics_.error(word.at, "written_for must be 0.1 or 0.2, not `" + word.text + "`");
  }

  // Whom it stands behind may be named before or after it.
  void resolve_behind(const AssetNode& node, std::size_t index) {
    ModelAsset& asset = model_.assets[index];
    for (const RouteNode& each : node.route) {
      if (each.value) asset.route.push_back({each.key, *each.value});
    }
    if (!node.behind) return;
    const auto found = assets_.find(node.behind->text);
    if (found == assets_.end()) {
      std::vector<std::string> known;
      for (const ModelAsset& other : model_.assets) known.push_back(other.name.text);
      diagnostics_.error(node.behind->at, "unknown asset " + node.behind->text +
                                              did_you_mean(node.behind->text, known));
      return;
    }
    if (policy_.assets[found->second].behind || found->second == index) {
      diagnostics_.error(node.behind->at,
                         "asset " + node.name.text + " stands behind " + node.behind->text +
                             ", which has no address of its own: name the one that has, and the "
                             "whole way in `route`");
      return;
    }
    asset.behind = found->second;
    asset.zone = model_.assets[found->second].zone;
  }

  void resolve_group(const Word& word, ModelAsset& asset) {
    const std::vector<wire::IpAddress> groups = read_groups(word.text);
    if (groups.empty()) {
      diagnostics_.error(word.at, "`" + word.text +
                                      "` is no group: it is a multicast address, such as "
                                      "239.255.0.1, at most 1024 of them together, such as "
                                      "239.192.1.0/27, or a broadcast, such as 255.255.255.255");
    }
    for (const wire::IpAddress& group : groups) {
      asset.groups.push_back(group);
      if (asset.zone < model_.zones.size()) add_group(group, asset.zone);
    }
  }

  void add_group(const wire::IpAddress& group, std::size_t zone) {
    std::vector<wire::IpAddress>& known = model_.zones[zone].groups;
    const auto place = std::lower_bound(known.begin(), known.end(), group);
    if (place == known.end() || *place != group) known.insert(place, group);
  }

  void add_station(const wire::IpAddress& station, std::size_t zone) {
    if (station.mac().is_group()) return add_group(station, zone);
    std::vector<wire::Prefix>& known = model_.zones[zone].stations;
    const wire::Prefix prefix = host_prefix(station);
    if (std::find(known.begin(), known.end(), prefix) == known.end()) known.push_back(prefix);
  }

  void resolve_on_deny(const Word& word, ModelConduit& conduit) {
    conduit.on_deny_text = word.text;
    if (word.text == "drop") return;
    if (word.text == "reset") {
      conduit.on_deny = policy::OnDeny::reset;
    } else if (word.text == "reject") {
      conduit.on_deny = policy::OnDeny::reject;
    } else {
      diagnostics_.error(word.at, "on_deny must be drop, reset or reject, not `" + word.text + "`" +
                                      did_you_mean(word.text, {"drop", "reset", "reject"}));
    }
  }

  // Somebody who may only look must not be the one whom everybody waits for.
  void resolve_release(const Word& word) {
    std::vector<std::string> names;
    for (const Role role : kRoles) {
      if (methods::kMayRelease.has(role)) names.emplace_back(name_of(role));
    }
    model_.containment_release = word.text;
    if (std::find(names.begin(), names.end(), word.text) != names.end()) return;
    diagnostics_.error(word.at, "release must be a role that may release a containment (" +
                                    methods::kMayRelease.text() + "), not `" + word.text + "`" +
                                    did_you_mean(word.text, names));
  }

  // One of two words; true for the second, which is not the default.
  bool resolve_choice(const std::optional<Word>& word, const std::string& key,
                      const std::string& usual, const std::string& other) {
    if (!word || word->text == usual) return false;
    if (word->text == other) return true;
    diagnostics_.error(word->at, key + " must be " + usual + " or " + other + ", not `" +
                                     word->text + "`" + did_you_mean(word->text, {usual, other}));
    return false;
  }

  void resolve_conduit(const ConduitNode& node) {
    ModelConduit conduit;
    conduit.name = node.name;
    conduit.on_deny_text = "drop";
    check_name(node.name, "conduit");
    std::optional<std::size_t> from;
    std::optional<std::size_t> to;
    if (node.from) from = find_zone(*node.from);
    if (node.to) to = find_zone(*node.to);
    if (node.on_deny) resolve_on_deny(*node.on_deny, conduit);
    conduit.observation = resolve_observation(node, diagnostics_);
    conduit.reset_on_stray =
        resolve_choice(node.on_stray_answer, "on_stray_answer", "drop", "reset");
    conduit.reassemble = resolve_choice(node.fragments, "fragments", "drop", "reassemble");
    conduit.resume = resolve_choice(node.midstream, "midstream", "refuse", "resume");
    conduit.fail_open = resolve_choice(node.fail, "fail", "closed", "open");
    conduit.link_follow = resolve_choice(node.link, "link", "alone", "follow");
    if (from && to) {
      conduit.from = *from;
      conduit.to = *to;
      if (*from == *to) {
        diagnostics_.error(node.to->at, "conduit " + node.name.text + " leads from zone " +
                                            node.from->text + " into itself");
      }
    }
    if (node.rules.size() > policy::kRulesMax) {
      diagnostics_.error(node.rules[policy::kRulesMax].at,
                         "a conduit has at most " + std::to_string(policy::kRulesMax) + " rules");
    }
    const RuleScope scope{model_, assets_, from && to ? &conduit : nullptr};
    for (const RuleNode& rule : node.rules) {
      conduit.rules.push_back(resolve_rule(rule, scope, diagnostics_));
    }
    for (const ModelRule& rule : conduit.rules) {
      if (rule.transport != policy::Transport::ethernet) continue;
      for (const wire::Prefix& one : rule.clients.prefixes) add_station(one.address, conduit.from);
      for (const wire::Prefix& one : rule.servers.prefixes) add_station(one.address, conduit.to);
    }
    model_.conduits.push_back(std::move(conduit));
  }

  const PolicyNode& policy_;
  Diagnostics& diagnostics_;
  Model model_;
  Places zones_;
  Places assets_;
};

}  // namespace

Model resolve_policy(const PolicyNode& policy, Diagnostics& diagnostics) {
  return Resolver(policy, diagnostics).resolve();
}

}  // namespace bulkhead::controlplane
