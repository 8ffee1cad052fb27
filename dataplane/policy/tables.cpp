// Builds the derived tables and keeps the clocks of rate limits.
#include "dataplane/policy/tables.h"

#include <algorithm>
#include <utility>

namespace bulkhead::policy {

bool RateLimit::take(TimeNs now_ns) const {
  if (interval_ns_ == 0) return true;
  const TimeNs depth_ns = interval_ns_ * burst_;
  TimeNs full_at = full_at_ns_.load(std::memory_order_relaxed);
  for (;;) {
    const TimeNs from = full_at > now_ns ? full_at : now_ns;
    if (from + interval_ns_ > now_ns + depth_ns) return false;
    if (full_at_ns_.compare_exchange_weak(full_at, from + interval_ns_,
                                          std::memory_order_relaxed)) {
      return true;
    }
  }
}

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

// The networks of a zone may lie in one another, those of two zones do not.
IntervalMap<AddressKey> map_networks(const std::vector<Zone>& zones) {
  std::vector<std::pair<wire::Prefix, std::uint16_t>> networks;
  for (std::size_t i = 0; i < zones.size(); ++i) {
    for (const wire::Prefix& network : zones[i].networks) {
      networks.emplace_back(network, static_cast<std::uint16_t>(i));
    }
  }
  std::sort(networks.begin(), networks.end(), [](const auto& a, const auto& b) {
    const auto order = a.first.address <=> b.first.address;
    return order != 0 ? order < 0 : a.first.length < b.first.length;
  });
  IntervalMap<AddressKey> map(AddressKey{}, kNoZone);
  AddressKey end;
  for (const auto& [network, zone] : networks) {
    const AddressKey first = AddressKey::first_of(network);
    if (first < end) continue;  // inside the one before, which is the same zone's
    map.change(first, zone);
    end = AddressKey::behind(network);
    if (end.is_zero()) break;  // it reaches to the last address
    map.change(end, kNoZone);
  }
  return map;
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
  std::vector<std::pair<std::uint64_t, std::uint16_t>> ports;
  for (std::size_t i = 0; i < tables.zones.size(); ++i) {
    ports.emplace_back(port_key(tables.zones[i].port, tables.zones[i].vlan),
                       static_cast<std::uint16_t>(i));
  }
  std::vector<std::pair<std::uint32_t, std::uint16_t>> pairs;
  for (std::size_t i = 0; i < tables.conduits.size(); ++i) {
    Conduit& conduit = tables.conduits[i];
    pairs.emplace_back(zones_key(conduit.from, conduit.to), static_cast<std::uint16_t>(i));
    conduit.index.build(conduit.rules);
  }
  tables.groups = list_groups(tables.zones);
  tables.zone_by_address = map_networks(tables.zones);
  tables.zone_by_port = single_keys(std::move(ports), kNoZone);
  tables.conduit_by_zones = single_keys(std::move(pairs), kNoConduit);
}

}  // namespace bulkhead::policy
