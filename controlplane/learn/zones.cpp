// Networks as people number them: an IPv4 /24 or an IPv6 /64 is one.
#include "controlplane/learn/zones.h"

#include <algorithm>

#include "controlplane/learn/words.h"
#include "dataplane/policy/tables.h"
#include "dataplane/wire/text.h"

namespace bulkhead::learn {

namespace {

constexpr std::uint8_t kNetworkLengthV4 = 96 + 24;
constexpr std::uint8_t kNetworkLengthV6 = 64;
// RFC 6335, 6: of clients, mostly.
constexpr std::uint16_t kDynamicPortMin = 49152;
// RFC 1122, 3.2.1.3: of a host that has no address yet.
const wire::IpAddress kUnspecified = wire::IpAddress::from_v4_number(0);

wire::Prefix network_of(const wire::IpAddress& host) {
  wire::Prefix network{host, host.is_v4() ? kNetworkLengthV4 : kNetworkLengthV6};
  for (std::size_t bit = network.length; bit < wire::kPrefixLengthMax; ++bit) {
    network.address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
  }
  return network;
}

// An address in letters that names may have.
std::string plain(std::string text) {
  for (char& each : text) {
    if (each == ':') each = '-';
    if (each == '/') each = '_';
  }
  return text;
}

}  // namespace

bool is_group(const wire::IpAddress& address) {
  if (address.is_mac()) return address.mac().is_group();
  return address.is_multicast() || (address.is_v4() && (address.v4_number() & 0xff) == 0xff);
}

bool is_group(const wire::IpAddress& address, policy::Transport transport) {
  return transport != policy::Transport::tcp && is_group(address);
}

Hosts::Hosts(const Observations& seen, const std::vector<ZoneWish>& wishes,
             const HostNames& names) {
  find_roles(seen);
  if (!wishes.empty()) {
    take_wishes(wishes);
  } else {
    take_networks();
    if (zones_.size() == 1 || zones_.size() > policy::kPortsMax) split_by_role();
  }
  settle(names);
}

void Hosts::find_roles(const Observations& seen) {
  std::set<wire::IpAddress> asking;
  std::set<wire::IpAddress> serving_clients_ports;
  const auto note = [&](const Session& session, bool decoded) {
    if (session.client == wire::IpAddress{} || session.client == kUnspecified) return;
    serves_[session.client];
    asking.insert(session.client);
    const bool clients_port = !decoded && session.transport != policy::Transport::ethernet &&
                              session.port >= kDynamicPortMin;
    if (is_group(session.server, session.transport)) {
      asks_[session.server].insert(session.client);
    } else if (clients_port) {
      serves_[session.server];
      serving_clients_ports.insert(session.server);
    } else {
      serves_[session.server] = true;
    }
  };
  for (const auto& [key, use] : seen.uses()) note(key.session, true);
  for (const auto& [session, count] : seen.services()) {
    if (!seen.never_opened(session)) note(session, false);
  }
  // A client may be sent to at a port of its own.
  for (const wire::IpAddress& host : serving_clients_ports) {
    if (!asking.contains(host)) serves_[host] = true;
  }
  for (const auto& [host, serves] : serves_) {
    if (!host.is_mac() && !host.is_link_local()) only_link_local_ = false;
  }
}

bool Hosts::shows_network(const wire::IpAddress& host) const {
  return !host.is_mac() && (only_link_local_ || !host.is_link_local());
}

std::size_t Hosts::add_zone(std::string name, std::vector<wire::Prefix> networks) {
  zones_.push_back(
      {std::move(name), static_cast<std::uint16_t>(zones_.size()), std::move(networks)});
  return zones_.size() - 1;
}

void Hosts::take_wishes(const std::vector<ZoneWish>& wishes) {
  for (const ZoneWish& wish : wishes) add_zone(wish.name, wish.networks);
}

// Stations without an IP address have no network: their zones must be wished for.
void Hosts::take_networks() {
  std::map<wire::IpAddress, wire::Prefix> networks;
  for (const auto& [host, serves] : serves_) {
    if (shows_network(host)) networks[network_of(host).address] = network_of(host);
  }
  for (const auto& [address, network] : networks) {
    add_zone("net-" + plain(wire::to_text(network.address)), {network});
  }
}

void Hosts::split_by_role() {
  zones_.clear();
  std::vector<wire::Prefix> clients;
  std::vector<wire::Prefix> servers;
  for (const auto& [host, serves] : serves_) {
    if (!shows_network(host)) continue;
    (serves ? servers : clients).push_back({host, wire::kPrefixLengthMax});
  }
  if (!clients.empty()) add_zone("clients", std::move(clients));
  if (!servers.empty()) add_zone("servers", std::move(servers));
}

// By the longest prefix.
std::optional<std::size_t> Hosts::home_of(const wire::IpAddress& host) const {
  std::optional<std::size_t> home;
  int longest = -1;
  for (std::size_t i = 0; i < zones_.size(); ++i) {
    for (const wire::Prefix& network : zones_[i].networks) {
      // IPv4 addresses are some of ::/64 here.
      const bool alike = network.address.is_v4() == host.is_v4() && network.contains(host);
      if (!alike || network.length <= longest) continue;
      longest = network.length;
      home = i;
    }
  }
  return home;
}

void Hosts::add_host(const wire::IpAddress& address, std::size_t zone, const HostNames& names) {
  homes_[address] = zone;
  const char* kind = address.is_mac() ? "station-" : "host-";
  ProposedAsset asset{kind + plain(address_words(address)), zone, address, false};
  if (const auto name = names.find(address)) {
    asset.name = name->name;
    asset.said = name->said;
    asset.by = name->by;
  }
  assets_.push_back(std::move(asset));
}

void Hosts::add_group(const wire::IpAddress& address, std::size_t zone, bool alone) {
  group_homes_[address].insert(zone);
  std::string name = "group-" + plain(address_words(address));
  if (!alone) name += "-" + zones_[zone].name;
  assets_.push_back({name.substr(0, policy::kNameBytesMax), zone, address, true});
}

// Hosts of one name, as of one product, get their addresses too; what then is still one name, as
// where a host calls itself what another is called now, gets a number.
void Hosts::name_apart() {
  std::map<std::string, std::size_t> uses;
  for (const ProposedAsset& asset : assets_) ++uses[asset.name];
  std::set<std::string> taken;
  for (ProposedAsset& asset : assets_) {
    if (uses[asset.name] > 1) {
      asset.name += "-" + plain(address_words(asset.address));
      asset.name = asset.name.substr(0, policy::kNameBytesMax);
    }
    const std::string name = asset.name;
    for (std::size_t i = 2; !taken.insert(asset.name).second; ++i) {
      const std::string number = "-" + std::to_string(i);
      asset.name = name.substr(0, policy::kNameBytesMax - number.size()) + number;
    }
    names_[{asset.address, asset.zone}] = asset.name;
  }
}

// A broadcast of a zone's network is that zone's. Another group is where its senders are not; of
// two zones that both send to it, in both.
std::set<std::size_t> Hosts::homes_of_group(const wire::IpAddress& group,
                                            const std::set<wire::IpAddress>& senders) const {
  if (group.is_mac() || !group.is_multicast()) {
    if (const auto home = home_of(group)) return {*home};
  }
  std::set<std::size_t> homes;
  if (zones_.size() != 2) return homes;
  for (const wire::IpAddress& sender : senders) {
    const auto from = homes_.find(sender);
    if (from != homes_.end()) homes.insert(1 - from->second);
  }
  return homes;
}

void Hosts::settle(const HostNames& names) {
  for (const auto& [host, serves] : serves_) {
    if (const auto home = home_of(host)) add_host(host, *home, names);
  }
  for (const auto& [group, senders] : asks_) {
    const std::set<std::size_t> homes = homes_of_group(group, senders);
    for (const std::size_t home : homes) add_group(group, home, homes.size() == 1);
  }
  name_apart();
}

std::optional<std::size_t> Hosts::zone_of(const wire::IpAddress& host) const {
  const auto found = homes_.find(host);
  return found == homes_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::size_t> Hosts::zone_asked_from(std::size_t zone,
                                                  const wire::IpAddress& server) const {
  const auto group = group_homes_.find(server);
  if (group == group_homes_.end()) return zone_of(server);
  for (const std::size_t home : group->second) {
    if (home != zone) return home;
  }
  return zone;
}

}  // namespace bulkhead::learn
