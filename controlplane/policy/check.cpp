// Pass 3: parts that contradict each other, or that a bridge cannot do.
#include <algorithm>
#include <map>
#include <set>

#include "controlplane/policy/model.h"
#include "controlplane/policy/observe.h"
#include "controlplane/policy/routes.h"
#include "dataplane/policy/overlap.h"
#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {

namespace {

bool overlap(const wire::Prefix& a, const wire::Prefix& b) {
  return a.length <= b.length ? a.contains(b.address) : b.contains(a.address);
}

bool overlap(const std::vector<wire::Prefix>& a, const std::vector<wire::Prefix>& b) {
  return std::any_of(a.begin(), a.end(), [&](const wire::Prefix& x) {
    return std::any_of(b.begin(), b.end(), [&](const wire::Prefix& y) { return overlap(x, y); });
  });
}

void check_zones(const Model& model, Diagnostics& diagnostics) {
  if (model.zones.size() > policy::kZonesMax) {
    diagnostics.error(model.zones[policy::kZonesMax].name.at,
                      "a policy has at most " + std::to_string(policy::kZonesMax) + " zones");
  }
  std::vector<policy::OwnedPrefix> networks;
  for (std::size_t i = 0; i < model.zones.size(); ++i) {
    for (const wire::Prefix& network : model.zones[i].networks) networks.push_back({network, i});
  }
  for (const policy::Overlap& overlap : policy::find_overlaps(std::move(networks))) {
    const ModelZone& inner = model.zones[overlap.inner.owner];
    const ModelZone& outer = model.zones[overlap.outer.owner];
    if (overlap.is_same()) {
      diagnostics.error(inner.name.at, "zone " + inner.name.text + " has network " +
                                           wire::to_text(overlap.inner.prefix) + ", as zone " +
                                           outer.name.text + " does");
    } else {
      diagnostics.warning(inner.name.at, "network " + wire::to_text(overlap.inner.prefix) +
                                             " of zone " + inner.name.text + " lies in " +
                                             wire::to_text(overlap.outer.prefix) + " of zone " +
                                             outer.name.text + ": its hosts are in zone " +
                                             inner.name.text);
    }
  }
}

// A station is in one zone: frames to it go there.
void check_stations(const Model& model, Diagnostics& diagnostics) {
  std::map<wire::IpAddress, std::size_t> homes;
  for (std::size_t i = 0; i < model.zones.size(); ++i) {
    const ModelZone& zone = model.zones[i];
    if (zone.networks.empty() && zone.stations.empty() && zone.groups.empty()) {
      diagnostics.error(zone.name.at, "zone " + zone.name.text +
                                          " has no hosts: give it networks, or assets with a mac");
    }
    for (const wire::Prefix& station : zone.stations) {
      const auto [home, added] = homes.emplace(station.address, i);
      if (added) continue;
      diagnostics.error(zone.name.at, "station " + wire::to_text(station.address) + " is in zone " +
                                          model.zones[home->second].name.text + " and in zone " +
                                          zone.name.text);
    }
  }
}

void check_assets(const Model& model, Diagnostics& diagnostics) {
  std::set<wire::IpAddress> seen;
  std::vector<policy::OwnedPrefix> networks;
  for (std::size_t i = 0; i < model.zones.size(); ++i) {
    for (const wire::Prefix& network : model.zones[i].networks) networks.push_back({network, i});
  }
  const auto homes = policy::map_owners(std::move(networks), policy::kNoZone);
  for (const ModelAsset& asset : model.assets) {
    if (asset.zone >= model.zones.size()) continue;
    const ModelZone& zone = model.zones[asset.zone];
    for (const wire::IpAddress& address : asset.addresses) {
      const std::size_t home = homes.find(policy::AddressKey::of(address));
      if (home == policy::kNoZone) {
        diagnostics.error(asset.name.at,
                          "asset " + asset.name.text + ": address " + wire::to_text(address) +
                              " is not inside the networks of zone " + zone.name.text);
      } else if (home != asset.zone) {
        diagnostics.error(asset.name.at,
                          "asset " + asset.name.text + ": address " + wire::to_text(address) +
                              " is in a network of zone " + model.zones[home].name.text + ": add " +
                              wire::to_text(wire::Prefix{address, wire::kPrefixLengthMax}) +
                              " to the networks of zone " + zone.name.text + " if it stands there");
      }
      if (!seen.insert(address).second) {
        diagnostics.error(asset.name.at, "asset " + asset.name.text + ": address " +
                                             wire::to_text(address) +
                                             " belongs to another asset already");
      }
    }
  }
}

// The conduits that lead from one zone to zones with the same group: at most one may.
void check_ways_to_group(const Model& model, const wire::IpAddress& group,
                         const std::set<std::size_t>& zones,
                         const std::vector<const ModelConduit*>& leaving,
                         Diagnostics& diagnostics) {
  const ModelConduit* first = nullptr;
  for (const ModelConduit* conduit : leaving) {
    if (!zones.contains(conduit->to)) continue;
    if (first != nullptr) {
      diagnostics.error(
          conduit->name.at,
          "group " + wire::to_text(group) + " is in zone " + model.zones[first->to].name.text +
              " and in zone " + model.zones[conduit->to].name.text + ", and conduits " +
              first->name.text + " and " + conduit->name.text + " lead to both from zone " +
              model.zones[conduit->from].name.text + ": a datagram goes into one");
    }
    first = conduit;
  }
}

// A datagram to many goes into one zone.
void check_groups(const Model& model, Diagnostics& diagnostics) {
  std::map<wire::IpAddress, std::set<std::size_t>> homes;
  for (std::size_t i = 0; i < model.zones.size(); ++i) {
    const ModelZone& zone = model.zones[i];
    if (zone.groups.size() > policy::kGroupsMax) {
      diagnostics.error(zone.name.at, "zone " + zone.name.text + " has more than " +
                                          std::to_string(policy::kGroupsMax) + " groups");
    }
    for (const wire::IpAddress& group : zone.groups) homes[group].insert(i);
  }
  for (const ModelAsset& asset : model.assets) {
    for (const wire::IpAddress& address : asset.addresses) {
      if (!homes.contains(address)) continue;
      diagnostics.error(asset.name.at, "asset " + asset.name.text + ": address " +
                                           wire::to_text(address) + " is that of a group");
    }
  }
  std::map<std::size_t, std::vector<const ModelConduit*>> leaving;
  for (const ModelConduit& conduit : model.conduits) leaving[conduit.from].push_back(&conduit);
  for (const auto& [group, zones] : homes) {
    if (zones.size() < 2) continue;
    for (const auto& [from, conduits] : leaving) {
      check_ways_to_group(model, group, zones, conduits, diagnostics);
    }
  }
}

bool ports_overlap(const ModelRule& a, const ModelRule& b) {
  for (const policy::PortRange& x : a.ports) {
    for (const policy::PortRange& y : b.ports) {
      if (x.low <= y.high && y.low <= x.high) return true;
    }
  }
  return false;
}

bool shares_port(const ModelRule& rule) {
  return rule.protocol != protocols::kNoProtocol &&
         protocols::modules()[rule.protocol].shared_port != nullptr;
}

// One session can be read in one way only.
void check_protocols(const ModelConduit& conduit, Diagnostics& diagnostics) {
  for (std::size_t i = 0; i < conduit.rules.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const ModelRule& a = conduit.rules[i];
      const ModelRule& b = conduit.rules[j];
      if (a.protocol == b.protocol || a.transport != b.transport || !ports_overlap(a, b)) continue;
      if (shares_port(a) && shares_port(b)) continue;  // the sessions' content tells
      if (!overlap(a.clients.prefixes, b.clients.prefixes)) continue;
      if (!overlap(a.servers.prefixes, b.servers.prefixes)) continue;
      diagnostics.error(a.at, "rule " + std::to_string(i + 1) + " and rule " +
                                  std::to_string(j + 1) + " of conduit " + conduit.name.text +
                                  " read the same sessions as different protocols: give them "
                                  "different hosts or ports");
    }
  }
}

// IEC 62443-3-3, SR 5.2 RE 3 (fail close): of zones whose target is SL 3 or more.
void check_failing(const Model& model, const ModelConduit& conduit, Diagnostics& diagnostics) {
  if (!conduit.fail_open) return;
  for (const std::size_t end : {conduit.from, conduit.to}) {
    const ModelZone& zone = model.zones[end];
    if (zone.target < "SL3") continue;
    diagnostics.warning(conduit.name.at, "conduit " + conduit.name.text + " fails open, but zone " +
                                             zone.name.text + " has the target " + zone.target +
                                             ", which asks for fail: closed (SR 5.2 RE 3)");
  }
}

// What a zone with PRP asks of its conduits: there nothing is put together, cut or put in.
void check_prp(const Model& model, const ModelConduit& conduit, Diagnostics& diagnostics) {
  const ModelZone& from = model.zones[conduit.from];
  const ModelZone& to = model.zones[conduit.to];
  if (!from.prp && !to.prp) return;
  const ModelZone& zone = from.prp ? from : to;
  const std::string which =
      "conduit " + conduit.name.text + ": zone " + zone.name.text + " has prp: true, where ";
  if (conduit.reassemble) {
    diagnostics.error(conduit.name.at,
                      which + "frames leave as they came: fragments cannot be put together");
  }
  if (conduit.on_deny == policy::OnDeny::reject) {
    diagnostics.warning(conduit.name.at, which +
                                             "nothing is put into a session: on_deny: reject "
                                             "resets it, as on_deny: reset does");
  }
  if (from.prp != to.prp) {
    const ModelZone& other = from.prp ? to : from;
    diagnostics.warning(conduit.name.at, "conduit " + conduit.name.text + ": zone " +
                                             zone.name.text + " has prp: true and zone " +
                                             other.name.text +
                                             " has not, but they are one Ethernet");
  }
}

void check_ways(const Model& model, const ModelConduit& conduit, Diagnostics& diagnostics) {
  std::size_t parts = 0;
  for (const ModelRule& rule : conduit.rules) {
    const std::vector<RulePart> split = split_by_route(model, conduit, rule, &diagnostics);
    parts += split.size();
    for (const RulePart& part : split) {
      if (part.clients.size() <= policy::kPrefixesMax &&
          part.servers.size() <= policy::kPrefixesMax)
        continue;
      diagnostics.error(rule.at, "the rule names more than " +
                                     std::to_string(policy::kPrefixesMax) +
                                     " networks, gateways among them taken out");
    }
  }
  if (parts > policy::kRulesMax) {
    diagnostics.error(conduit.name.at, "conduit " + conduit.name.text + " has " +
                                           std::to_string(parts) +
                                           " rules, each way to an asset counted: at most " +
                                           std::to_string(policy::kRulesMax));
  }
}

void check_conduits(const Model& model, std::uint64_t now_s, Diagnostics& diagnostics) {
  if (model.conduits.size() > policy::kConduitsMax) {
    diagnostics.error(model.conduits[policy::kConduitsMax].name.at,
                      "a policy has at most " + std::to_string(policy::kConduitsMax) + " conduits");
  }
  std::set<std::pair<std::size_t, std::size_t>> seen;
  for (const ModelConduit& conduit : model.conduits) {
    const ModelZone& from = model.zones[conduit.from];
    const ModelZone& to = model.zones[conduit.to];
    if (!seen.insert({conduit.from, conduit.to}).second) {
      diagnostics.error(conduit.name.at, "another conduit leads from " + from.name.text + " to " +
                                             to.name.text + " already: put the rules in one");
    }
    if (from.port == to.port) {
      diagnostics.error(conduit.name.at, "zones " + from.name.text + " and " + to.name.text +
                                             " share port " + std::to_string(from.port) +
                                             ": nothing stands between them");
    }
    if (!(from.vlan == to.vlan)) {
      diagnostics.error(conduit.name.at,
                        "zones " + from.name.text + " and " + to.name.text +
                            " have different vlan tags: bulkhead bridges, it does not re-tag");
    }
    if (conduit.rules.empty() && !conduit.observation.any()) {
      diagnostics.warning(conduit.name.at, "conduit " + conduit.name.text +
                                               " has no rules: nothing passes through it");
    }
    check_observation(model, conduit, now_s, diagnostics);
    check_failing(model, conduit, diagnostics);
    check_prp(model, conduit, diagnostics);
    check_ways(model, conduit, diagnostics);
    check_protocols(conduit, diagnostics);
  }
}

}  // namespace

void check_policy(const Model& model, std::uint64_t now_s, Diagnostics& diagnostics) {
  const bool resolved = diagnostics.errors() == 0;
  check_zones(model, diagnostics);
  check_stations(model, diagnostics);
  // A reference to something that could not be read would only be reported twice.
  if (!resolved) return;
  check_assets(model, diagnostics);
  check_groups(model, diagnostics);
  check_routes(model, diagnostics);
  check_conduits(model, now_s, diagnostics);
}

}  // namespace bulkhead::controlplane
