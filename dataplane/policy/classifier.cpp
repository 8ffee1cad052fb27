// Walks the conduit's rules in order: a first packet is rare, and rules are few.
#include "dataplane/policy/classifier.h"

#include <algorithm>

namespace bulkhead::policy {

namespace {

bool any_contains(const std::vector<wire::Prefix>& prefixes, const wire::IpAddress& address) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const wire::Prefix& prefix) { return prefix.contains(address); });
}

bool names_service(const Rule& rule, const Endpoints& endpoints) {
  if (rule.transport != endpoints.transport) return false;
  if (rule.transport == Transport::icmp) return true;
  return std::any_of(rule.ports.begin(), rule.ports.end(), [&](const PortRange& ports) {
    return ports.low <= endpoints.server_port && endpoints.server_port <= ports.high;
  });
}

bool names_hosts(const Rule& rule, const wire::IpAddress& client, const wire::IpAddress& server) {
  return any_contains(rule.clients, client) && any_contains(rule.servers, server);
}

const Conduit* find_conduit(const Tables& tables, std::uint16_t from, std::uint16_t to) {
  const std::uint16_t index = tables.conduit_by_zones[from * tables.zones.size() + to];
  return index == kNoConduit ? nullptr : &tables.conduits[index];
}

}  // namespace

ZoneLookup find_source_zone(const Tables& tables, std::uint16_t port, wire::VlanIds vlan,
                            const wire::IpAddress& source) {
  ZoneLookup lookup;
  for (std::size_t i = 0; i < tables.zones.size(); ++i) {
    const Zone& zone = tables.zones[i];
    if (zone.port != port || !(zone.vlan == vlan)) continue;
    lookup.zone = static_cast<std::uint16_t>(i);
    lookup.known_source = any_contains(zone.networks, source);
    if (lookup.known_source) break;
  }
  return lookup;
}

std::uint16_t find_zone(const Tables& tables, const wire::IpAddress& address) {
  for (std::size_t i = 0; i < tables.zones.size(); ++i) {
    if (any_contains(tables.zones[i].networks, address)) return static_cast<std::uint16_t>(i);
  }
  return kNoZone;
}

const wire::Mac* find_binding(const Tables& tables, const wire::IpAddress& address) {
  const auto found = std::lower_bound(
      tables.bindings.begin(), tables.bindings.end(), address,
      [](const Binding& binding, const wire::IpAddress& a) { return binding.address < a; });
  if (found == tables.bindings.end() || found->address != address) return nullptr;
  return &found->mac;
}

bool binding_holds(const Tables& tables, const wire::IpAddress& address, const wire::Mac& mac) {
  const wire::Mac* station = find_binding(tables, address);
  return station == nullptr || *station == mac;
}

Classification classify(const Tables& tables, std::uint16_t from_zone, std::uint16_t to_zone,
                        const Endpoints& endpoints) {
  Classification result;
  if (from_zone == to_zone) {
    result.reason = Reason::not_for_another_zone;
    return result;
  }
  if (from_zone == kNoZone || to_zone == kNoZone) return result;
  const Conduit* conduit = find_conduit(tables, from_zone, to_zone);
  if (conduit == nullptr) return result;
  result.conduit = static_cast<std::uint16_t>(conduit - tables.conduits.data());
  result.reason = Reason::no_rule;
  for (std::size_t i = 0; i < conduit->rules.size(); ++i) {
    const Rule& rule = conduit->rules[i];
    if (!names_service(rule, endpoints)) continue;
    if (!names_hosts(rule, endpoints.client, endpoints.server)) continue;
    if (result.rules.none()) {
      result.protocol = rule.protocol;
      result.rule = static_cast<std::uint16_t>(i + 1);
      result.reason = Reason::service_granted;
    }
    // The compiler refuses policies in which one service has two protocols; should a hostile
    // controller send one all the same, the inspected reading wins.
    if (rule.protocol != result.protocol) {
      if (result.protocol != protocols::kNoProtocol) continue;
      result.protocol = rule.protocol;
      result.rule = static_cast<std::uint16_t>(i + 1);
      result.rules = RuleMask{};
    }
    result.rules.set(i);
  }
  return result;
}

bool may_resolve(const Tables& tables, std::uint16_t zone_a, const wire::IpAddress& a,
                 std::uint16_t zone_b, const wire::IpAddress& b) {
  if (zone_a == kNoZone || zone_b == kNoZone || zone_a == zone_b) return false;
  const auto granted = [](const Conduit* conduit, const wire::IpAddress& client,
                          const wire::IpAddress& server) {
    return conduit != nullptr &&
           std::any_of(conduit->rules.begin(), conduit->rules.end(),
                       [&](const Rule& rule) { return names_hosts(rule, client, server); });
  };
  return granted(find_conduit(tables, zone_a, zone_b), a, b) ||
         granted(find_conduit(tables, zone_b, zone_a), b, a);
}

}  // namespace bulkhead::policy
