// Builds the derived tables and keeps the clocks of rate limits.
#include "dataplane/policy/tables.h"

#include <algorithm>
#include <utility>

#include "dataplane/policy/overlap.h"

namespace bulkhead::policy {

bool RateLimit::fits(TimeNs full_at_ns, TimeNs now_ns, TimeNs& next_ns) const {
  next_ns = std::max(full_at_ns, now_ns) + interval_ns_;
  return next_ns <= now_ns + interval_ns_ * burst_;
}

bool RateLimit::available(TimeNs now_ns) const {
  TimeNs next_ns = 0;
  return fits(full_at_ns_.load(std::memory_order_relaxed), now_ns, next_ns);
}

bool RateLimit::charge(TimeNs now_ns) const {
  TimeNs full_at_ns = full_at_ns_.load(std::memory_order_relaxed);
  TimeNs next_ns = 0;
  do {
    if (!fits(full_at_ns, now_ns, next_ns)) return false;
  } while (!full_at_ns_.compare_exchange_weak(full_at_ns, next_ns, std::memory_order_relaxed));
  return true;
}

void RateLimit::refund() const { full_at_ns_.fetch_sub(interval_ns_, std::memory_order_relaxed); }

namespace {

// One step wide each: a map of single keys.
template <typename Key>
IntervalMap<Key> single_keys(std::vector<std::pair<Key, std::uint16_t>> entries,
                             std::uint16_t none) {
  std::sort(entries.begin(), entries.end());
  IntervalMap<Key> map(Key{}, none);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& [key, value] = entries[i];
    if (i > 0 && entries[i - 1].first == key) continue;  // the first of them stands for all
    map.change(key, value);
    map.change(key + 1, none);
  }
  return map;
}

IntervalMap<AddressKey> map_networks(const std::vector<Zone>& zones) {
  std::vector<OwnedPrefix> networks;
  for (std::size_t i = 0; i < zones.size(); ++i) {
    for (const wire::Prefix& network : zones[i].networks) networks.push_back({network, i});
  }
  return map_owners(std::move(networks), kNoZone);
}

void finish_rule(Rule& rule, std::size_t place) {
  if (rule.number == 0) rule.number = static_cast<std::uint16_t>(place + 1);
  rule.unnamed = 0;
  if (rule.protocol == protocols::kNoProtocol) return;
  const auto fields = protocols::registry()[rule.protocol]->catalogue().fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    rule.unnamed |= std::uint32_t{fields[i].by_name} << i;
  }
  for (const Constraint& each : rule.constraints) rule.unnamed &= ~(1U << each.field);
}

std::vector<Group> list_groups(const std::vector<Zone>& zones) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < zones.size(); ++i) {
    for (const wire::IpAddress& group : zones[i].groups) {
      groups.push_back({group, static_cast<std::uint16_t>(i)});
    }
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.address < b.address; });
  return groups;
}

}  // namespace

std::uint64_t port_key(std::uint16_t port, wire::VlanIds vlan) {
  return std::uint64_t{port} << 32 | std::uint64_t{vlan.outer} << 16 | vlan.inner;
}

std::uint32_t zones_key(std::uint16_t from, std::uint16_t to) {
  return std::uint32_t{from} << 16 | to;
}

void finish(Tables& tables) {
  static_assert(kPortsMax <= 32);
  tables.prp_ports = 0;
  std::vector<std::pair<std::uint64_t, std::uint16_t>> ports;
  for (std::size_t i = 0; i < tables.zones.size(); ++i) {
    ports.emplace_back(port_key(tables.zones[i].port, tables.zones[i].vlan),
                       static_cast<std::uint16_t>(i));
    if (tables.zones[i].prp) tables.prp_ports |= 1U << tables.zones[i].port;
  }
  std::vector<std::pair<std::uint32_t, std::uint16_t>> pairs;
  tables.observed.clear();
  for (std::size_t i = 0; i < tables.conduits.size(); ++i) {
    Conduit& conduit = tables.conduits[i];
    pairs.emplace_back(zones_key(conduit.from, conduit.to), static_cast<std::uint16_t>(i));
    for (std::size_t r = 0; r < conduit.rules.size(); ++r) finish_rule(conduit.rules[r], r);
    conduit.index.build(conduit.rules);
    if (conduit.observe_until_s != 0) tables.observed.push_back(static_cast<std::uint16_t>(i));
  }
  tables.bindings_by_mac = tables.bindings;
  std::stable_sort(
      tables.bindings_by_mac.begin(), tables.bindings_by_mac.end(),
      [](const Binding& a, const Binding& b) { return a.mac.to_integer() < b.mac.to_integer(); });
  tables.groups = list_groups(tables.zones);
  tables.zone_by_address = map_networks(tables.zones);
  tables.zone_by_port = single_keys(std::move(ports), kNoZone);
  tables.conduit_by_zones = single_keys(std::move(pairs), kNoConduit);
}

Result<Tables, std::string> finished(Tables tables) {
  if (auto problem = validate(tables)) return *std::move(problem);
  finish(tables);
  return tables;
}

}  // namespace bulkhead::policy
