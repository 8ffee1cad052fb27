// Every question is a look-up in maps that finish() made: no answer takes longer for more zones,
// conduits or rules than its search does.
#include "dataplane/policy/classifier.h"

#include <algorithm>
#include <array>

#include "dataplane/policy/containment.h"

namespace bulkhead::policy {

const Conduit* find_conduit(const Tables& tables, std::uint16_t from, std::uint16_t to) {
  const std::uint16_t index = tables.conduit_by_zones.find(zones_key(from, to));
  return index == kNoConduit ? nullptr : &tables.conduits[index];
}

std::uint16_t find_zone(const Tables& tables, const wire::IpAddress& address) {
  return tables.zone_by_address.find(AddressKey::of(address));
}

ZoneLookup find_source_zone(const Tables& tables, std::uint16_t port, wire::VlanIds vlan,
                            const wire::IpAddress& source) {
  const std::uint16_t home = find_zone(tables, source);
  if (home != kNoZone && tables.zones[home].port == port && tables.zones[home].vlan == vlan) {
    return {home, true};
  }
  return {tables.zone_by_port.find(port_key(port, vlan)), false};
}

namespace {

auto groups_of(const Tables& tables, const wire::IpAddress& address) {
  struct Order {
    bool operator()(const Group& a, const wire::IpAddress& b) const { return a.address < b; }
    bool operator()(const wire::IpAddress& a, const Group& b) const { return a < b.address; }
  };
  return std::equal_range(tables.groups.begin(), tables.groups.end(), address, Order{});
}

}  // namespace

bool is_group(const Tables& tables, const wire::IpAddress& address) {
  const auto [first, last] = groups_of(tables, address);
  return first != last;
}

bool has_group(const Tables& tables, std::uint16_t zone, const wire::IpAddress& address) {
  const auto [first, last] = groups_of(tables, address);
  return std::any_of(first, last, [&](const Group& group) { return group.zone == zone; });
}

std::uint16_t find_destination_zone(const Tables& tables, std::uint16_t from_zone,
                                    const wire::IpAddress& address) {
  const auto [first, last] = groups_of(tables, address);
  if (first == last) return find_zone(tables, address);
  const auto joined = std::find_if(first, last, [&](const Group& group) {
    return find_conduit(tables, from_zone, group.zone) != nullptr;
  });
  return joined != last ? joined->zone : first->zone;
}

const wire::Mac* find_binding(const Tables& tables, const wire::IpAddress& address) {
  const auto found = std::lower_bound(
      tables.bindings.begin(), tables.bindings.end(), address,
      [](const Binding& binding, const wire::IpAddress& a) { return binding.address < a; });
  if (found == tables.bindings.end() || found->address != address) return nullptr;
  return &found->mac;
}

namespace {

// The narrowest of the zone's networks that holds the address.
const wire::Prefix* network_of(const Zone& zone, const wire::IpAddress& address) {
  const wire::Prefix* found = nullptr;
  for (const wire::Prefix& network : zone.networks) {
    if (!network.contains(address)) continue;
    if (found == nullptr || network.length > found->length) found = &network;
  }
  return found;
}

auto stations_of(const Tables& tables, const wire::Mac& mac) {
  struct Order {
    bool operator()(const Binding& a, const wire::Mac& b) const {
      return a.mac.to_integer() < b.to_integer();
    }
    bool operator()(const wire::Mac& a, const Binding& b) const {
      return a.to_integer() < b.mac.to_integer();
    }
  };
  return std::equal_range(tables.bindings_by_mac.begin(), tables.bindings_by_mac.end(), mac,
                          Order{});
}

bool is_behind(const Tables& tables, std::uint16_t zone, std::uint16_t port, wire::VlanIds vlan) {
  return zone != kNoZone && tables.zones[zone].port == port && tables.zones[zone].vlan == vlan;
}

}  // namespace

namespace {

// RFC 4291, appendix A: the MAC address that a link-local address is formed of; zero if it is not.
wire::Mac formed_of(const wire::IpAddress& address) {
  constexpr std::array<std::uint8_t, 8> kLinkLocal = {0xfe, 0x80};
  const auto& bytes = address.bytes;
  const bool formed = std::equal(kLinkLocal.begin(), kLinkLocal.end(), bytes.begin()) &&
                      bytes[11] == 0xff && bytes[12] == 0xfe;
  if (!formed) return {};
  return {{static_cast<std::uint8_t>(bytes[8] ^ 2), bytes[9], bytes[10], bytes[13], bytes[14],
           bytes[15]}};
}

}  // namespace

bool binding_holds(const Tables& tables, const wire::IpAddress& address, const wire::Mac& mac) {
  if (const wire::Mac* bound = find_binding(tables, address)) return *bound == mac;
  const wire::Mac own = formed_of(address);
  if (own.is_zero() || own == mac) return true;
  const auto [first, last] = stations_of(tables, own);
  return first == last;
}

bool mac_may_be_at(const Tables& tables, const wire::Mac& mac, std::uint16_t port,
                   wire::VlanIds vlan) {
  const auto [first, last] = stations_of(tables, mac);
  return first == last || std::any_of(first, last, [&](const Binding& binding) {
           return is_behind(tables, find_zone(tables, binding.address), port, vlan);
         });
}

namespace {

// Of an asset whose addresses are all of one family: an address of the other, in its own zone, that
// nobody is bound to. A host has both, and who wrote the policy may know of one.
bool is_of_other_family(const Tables& tables, const wire::Mac& mac, std::uint16_t port,
                        wire::VlanIds vlan, const wire::IpAddress& address) {
  const auto [first, last] = stations_of(tables, mac);
  const bool listed = std::any_of(first, last, [&](const Binding& binding) {
    return binding.address.is_v4() == address.is_v4();
  });
  if (listed || find_binding(tables, address) != nullptr) return false;
  const std::uint16_t home = find_zone(tables, address);
  return std::any_of(first, last, [&](const Binding& binding) {
    const std::uint16_t zone = find_zone(tables, binding.address);
    return zone == home && is_behind(tables, zone, port, vlan);
  });
}

}  // namespace

bool mac_may_send_from(const Tables& tables, const wire::Mac& mac, std::uint16_t port,
                       wire::VlanIds vlan, const wire::IpAddress& address, bool forwards) {
  auto [each, end] = stations_of(tables, mac);
  if (each == end) return true;
  if (formed_of(address) == mac) return mac_may_be_at(tables, mac, port, vlan);
  if (is_of_other_family(tables, mac, port, vlan, address)) return true;
  const std::uint16_t home = find_zone(tables, address);
  bool may_forward = false;
  for (; each != end; ++each) {
    const std::uint16_t zone = find_zone(tables, each->address);
    if (!is_behind(tables, zone, port, vlan)) continue;
    if (each->address == address) return true;
    if (!forwards || each->address.is_v4() != address.is_v4()) continue;
    if (home != zone) {
      may_forward = true;
      continue;
    }
    const wire::Prefix* own = network_of(tables.zones[zone], each->address);
    if (own != nullptr && own->contains(address)) return false;
    may_forward = true;
  }
  return may_forward;
}

protocols::ProtocolSet protocols_sharing(const Conduit& conduit, RuleCell cell) {
  protocols::ProtocolSet found = 0;
  conduit.index.each_inspecting(cell, [&](std::size_t i) {
    const std::uint8_t protocol = conduit.rules[i].protocol;
    if (protocols::modules()[protocol].shared_port != nullptr)
      found |= protocols::ProtocolSet{1} << protocol;
    return true;
  });
  return found;
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
  Standing& standing = result.standing;
  standing.conduit = static_cast<std::uint16_t>(conduit - tables.conduits.data());
  result.reason = Reason::no_rule;
  standing.cell = conduit->index.locate(endpoints);
  standing.rule = conduit->index.first_rule(standing.cell);
  if (standing.rule == kNoRule) return result;
  // The compiler refuses policies in which one service has two protocols; should a hostile
  // controller send one all the same, an inspected reading wins: the first.
  const Rule& first = conduit->rules[standing.rule - 1U];
  result.protocol = first.protocol;
  standing.rule = first.number;
  if (result.protocol != protocols::kNoProtocol) {
    result.protocols = protocols::ProtocolSet{1} << result.protocol;
    if (protocols::modules()[result.protocol].shared_port != nullptr) {
      result.protocols = protocols_sharing(*conduit, standing.cell);
    }
  }
  result.reason = Reason::service_granted;
  return result;
}

bool may_resolve(const Tables& tables, std::uint16_t zone_a, const wire::IpAddress& a,
                 std::uint16_t zone_b, const wire::IpAddress& b, const Containment* contained) {
  if (zone_a == kNoZone || zone_b == kNoZone || zone_a == zone_b) return false;
  const auto isolated = [&](const Conduit* conduit) {
    const auto place = static_cast<std::uint16_t>(conduit - tables.conduits.data());
    return contained != nullptr && contained->of(place).isolates();
  };
  const auto granted = [&](const Conduit* conduit, const wire::IpAddress& client,
                           const wire::IpAddress& server) {
    return conduit != nullptr && !isolated(conduit) && conduit->index.joins(client, server);
  };
  return granted(find_conduit(tables, zone_a, zone_b), a, b) ||
         granted(find_conduit(tables, zone_b, zone_a), b, a);
}

}  // namespace bulkhead::policy
