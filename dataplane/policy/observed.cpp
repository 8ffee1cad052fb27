// By the zone that a frame came from and the address that it is for.
#include "dataplane/policy/observed.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "dataplane/policy/classifier.h"
#include "dataplane/wire/arp.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::policy {

bool observes(const Tables& tables, std::uint16_t conduit, const ObservedAt& at) {
  return conduit < tables.conduits.size() && at.now_s < tables.conduits[conduit].observe_until_s &&
         (at.contained == nullptr || at.contained->of(conduit).none());
}

bool observes_between(const Tables& tables, std::uint16_t zone, std::uint16_t other,
                      const ObservedAt& at) {
  if (zone == kNoZone || other == kNoZone) return false;
  const auto joined = [&](std::uint16_t from, std::uint16_t to) {
    return observes(tables, tables.conduit_by_zones.find(zones_key(from, to)), at);
  };
  return joined(zone, other) || joined(other, zone);
}

namespace {

// Which zones a frame can reach that leaves to a port in a VLAN.
using ZonesByPort = std::map<std::uint64_t, std::vector<std::uint16_t>>;

std::uint64_t place_of(const Zone& zone) { return port_key(zone.port, zone.vlan); }

// When a conduit that observes ends doing so.
struct End {
  std::uint64_t until_s = 0;
  std::uint64_t from_s = 0;
  bool operator==(const End&) const = default;
};

End end_of(const Conduit& conduit) { return {conduit.observe_until_s, conduit.enforce_from_s}; }

// By both directions of zones.
using Ends = std::map<std::uint32_t, End>;

// A pair of zones, one at each end, that no conduit observes until the same time.
std::optional<std::pair<std::uint16_t, std::uint16_t>> find_unobserved(
    const std::vector<std::uint16_t>& near, const std::vector<std::uint16_t>& far,
    const Ends& observed, const End& end) {
  for (const std::uint16_t one : near) {
    for (const std::uint16_t other : far) {
      const auto found = observed.find(zones_key(one, other));
      if (found == observed.end() || found->second != end) return std::pair{one, other};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<ObservedConflict> find_conflict(const Tables& tables) {
  std::map<std::uint32_t, std::uint16_t> by_zones;
  Ends observed;
  for (std::size_t i = 0; i < tables.conduits.size(); ++i) {
    const Conduit& conduit = tables.conduits[i];
    by_zones.emplace(zones_key(conduit.from, conduit.to), static_cast<std::uint16_t>(i));
    if (conduit.observe_until_s == 0) continue;
    observed.emplace(zones_key(conduit.from, conduit.to), end_of(conduit));
    observed.emplace(zones_key(conduit.to, conduit.from), end_of(conduit));
  }
  if (observed.empty()) return std::nullopt;
  ZonesByPort zones;
  for (std::size_t i = 0; i < tables.zones.size(); ++i) {
    zones[place_of(tables.zones[i])].push_back(static_cast<std::uint16_t>(i));
  }
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  for (std::size_t i = 0; i < tables.conduits.size(); ++i) {
    const Conduit& conduit = tables.conduits[i];
    if (conduit.observe_until_s == 0) continue;
    const auto place = static_cast<std::uint16_t>(i);
    const auto back = by_zones.find(zones_key(conduit.to, conduit.from));
    if (back != by_zones.end() && end_of(tables.conduits[back->second]) != end_of(conduit)) {
      return ObservedConflict{place, back->second, false};
    }
    const std::uint64_t near = place_of(tables.zones[conduit.from]);
    const std::uint64_t far = place_of(tables.zones[conduit.to]);
    if (!seen.insert({near, far}).second) continue;
    if (const auto pair = find_unobserved(zones[near], zones[far], observed, end_of(conduit))) {
      const bool is_near = pair->first != conduit.from;
      return ObservedConflict{place, is_near ? pair->first : pair->second, true};
    }
  }
  return std::nullopt;
}

namespace {

constexpr std::size_t kTypeAt = 12;

// The tags that the next switch reads, also of a stack of tags that parse_ethernet() refuses.
std::size_t read_tags(ByteView frame, wire::VlanIds& vlan) {
  const auto type_at = [&](std::size_t at) {
    return at + 2 <= frame.size() ? load_be16(frame.data() + at) : std::uint16_t{0};
  };
  const auto vid_at = [&](std::size_t at) {
    return at + 4 <= frame.size()
               ? static_cast<std::uint16_t>(load_be16(frame.data() + at + 2) & 0xfff)
               : std::uint16_t{0};
  };
  std::size_t at = kTypeAt;
  if (type_at(at) == wire::kEtherTypeQinQ) {
    vlan.outer = vid_at(at);
    at += wire::kVlanTagBytes;
    if (type_at(at) != wire::kEtherTypeVlan) return at;
    vlan.inner = vid_at(at);
    return at + wire::kVlanTagBytes;
  }
  if (type_at(at) != wire::kEtherTypeVlan) return at;
  vlan.outer = vid_at(at);
  return at + wire::kVlanTagBytes;
}

// RFC 4861: a solicitation asks for its target, an advertisement claims it.
bool is_neighbour_message(ByteView packet) {
  constexpr std::size_t kMessageBytes = 24;
  if (packet.size() < wire::kIpv6HeaderBytes + kMessageBytes) return false;
  const std::uint8_t type = packet[wire::kIpv6HeaderBytes];
  return packet[6] == wire::kProtocolIcmpv6 &&
         (type == wire::kNeighbourSolicitation || type == wire::kNeighbourAdvertisement);
}

wire::IpAddress address_at(ByteView bytes, std::size_t at) {
  wire::IpAddress address;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), address.bytes.size(),
              address.bytes.begin());
  return address;
}

void read_ipv6(ByteView packet, FrameEnds& ends) {
  constexpr std::size_t kSourceAt = 8;
  constexpr std::size_t kDestinationAt = 24;
  constexpr std::size_t kTargetAt = wire::kIpv6HeaderBytes + 8;
  if (packet.size() < wire::kIpv6HeaderBytes) return;
  ends.source = address_at(packet, kSourceAt);
  ends.destination = address_at(packet, kDestinationAt);
  ends.names_destination = true;
  if (!is_neighbour_message(packet)) return;
  const bool claims = packet[wire::kIpv6HeaderBytes] == wire::kNeighbourAdvertisement;
  const wire::IpAddress target = address_at(packet, kTargetAt);
  if (!claims) {
    ends.destination = target;
  } else {
    ends.source = target;  // what it tells all of goes to all
  }
}

void read_arp(ByteView message, FrameEnds& ends) {
  wire::ArpMessage arp;
  if (!wire::parse_arp(message, arp)) return;
  ends.source = arp.sender;
  ends.destination = arp.target;
  ends.names_destination = !(arp.sender == arp.target);  // an announcement is for all
}

}  // namespace

FrameEnds read_ends(ByteView frame) {
  FrameEnds ends;
  const std::size_t type = read_tags(frame, ends.vlan);
  if (frame.size() < type + 2) return ends;
  const ByteView rest = frame.subspan(type + 2);
  switch (load_be16(frame.data() + type)) {
    case wire::kEtherTypeIpv4:
      if (rest.size() < wire::kIpv4HeaderBytes) return ends;
      ends.source = wire::IpAddress::from_v4(rest.data() + 12);
      ends.destination = wire::IpAddress::from_v4(rest.data() + 16);
      ends.names_destination = true;
      return ends;
    case wire::kEtherTypeIpv6:
      read_ipv6(rest, ends);
      return ends;
    case wire::kEtherTypeArp:
      read_arp(rest, ends);
      return ends;
    default:
      break;
  }
  wire::Mac destination;
  wire::Mac source;
  std::copy_n(frame.begin(), destination.bytes.size(), destination.bytes.begin());
  std::copy_n(frame.begin() + 6, source.bytes.size(), source.bytes.begin());
  ends.source = wire::IpAddress::from_mac(source);
  ends.destination = wire::IpAddress::from_mac(destination);
  ends.names_destination = !destination.is_group();
  return ends;
}

namespace {

// Of a frame whose destination names no zone.
ObservedFrame to_all(const Tables& tables, std::uint16_t zone, std::uint16_t group_zone,
                     const ObservedAt& at) {
  ObservedFrame found;
  for (const std::uint16_t place : tables.observed) {
    const Conduit& conduit = tables.conduits[place];
    if ((conduit.from != zone && conduit.to != zone) || !observes(tables, place, at)) continue;
    found.ports |= 1U << tables.zones[conduit.from == zone ? conduit.to : conduit.from].port;
    found.conduit = place;
  }
  if (found.ports == 0 || observes_between(tables, zone, group_zone, at)) return found;
  for (std::size_t place = 0; place < tables.conduits.size() && !found.is_enforced_too; ++place) {
    const Conduit& conduit = tables.conduits[place];
    found.is_enforced_too = (conduit.from == zone || conduit.to == zone) &&
                            !observes(tables, static_cast<std::uint16_t>(place), at);
  }
  return found;
}

}  // namespace

ObservedFrame find_observed(const Tables& tables, std::uint16_t port, ByteView frame,
                            const ObservedAt& at) {
  const FrameEnds ends = read_ends(frame);
  // Not by its source alone: a host that is not where its address belongs is seen here as well.
  const std::uint16_t zone = find_source_zone(tables, port, ends.vlan, ends.source).zone;
  if (zone == kNoZone) return {};
  const std::uint16_t target = find_destination_zone(tables, zone, ends.destination);
  const bool many = !ends.names_destination || is_group(tables, ends.destination);
  if (many || target == kNoZone) return to_all(tables, zone, many ? target : kNoZone, at);
  if (!observes_between(tables, zone, target, at)) return {};
  ObservedFrame found;
  found.ports = 1U << tables.zones[target].port;
  found.conduit = tables.conduit_by_zones.find(zones_key(zone, target));
  if (!observes(tables, found.conduit, at)) {
    found.conduit = tables.conduit_by_zones.find(zones_key(target, zone));
  }
  return found;
}

}  // namespace bulkhead::policy
