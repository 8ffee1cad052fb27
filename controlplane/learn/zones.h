// Which host is in which zone, and what the hosts are called.
#pragma once

#include <map>
#include <optional>

#include "controlplane/learn/proposal.h"

namespace bulkhead::learn {

// Whether it stands for many hosts, as far as an address tells: a broadcast in a network whose mask
// is not known shows by its last octet.
bool is_group(const wire::IpAddress& address);
// The same of what is asked over a transport: TCP is between two.
bool is_group(const wire::IpAddress& address, policy::Transport transport);

class Hosts {
 public:
  Hosts(const Observations& seen, const std::vector<ZoneWish>& wishes, const HostNames& names);

  const std::vector<ProposedZone>& zones() const { return zones_; }
  const std::vector<ProposedAsset>& assets() const { return assets_; }
  std::optional<std::size_t> zone_of(const wire::IpAddress& host) const;
  // Where a host of a zone finds it: a group may have listeners in several zones.
  std::optional<std::size_t> zone_asked_from(std::size_t zone, const wire::IpAddress& server) const;
  // Precondition: it is in the zone.
  const std::string& name_of(const wire::IpAddress& host, std::size_t zone) const {
    return names_.at({host, zone});
  }

 private:
  void find_roles(const Observations& seen);
  // Whether its address says which network it is in.
  bool shows_network(const wire::IpAddress& host) const;
  void take_wishes(const std::vector<ZoneWish>& wishes);
  void take_networks();
  void split_by_role();
  void settle(const HostNames& names);
  std::set<std::size_t> homes_of_group(const wire::IpAddress& group,
                                       const std::set<wire::IpAddress>& senders) const;
  void add_host(const wire::IpAddress& address, std::size_t zone, const HostNames& names);
  void add_group(const wire::IpAddress& address, std::size_t zone, bool alone);
  void name_apart();
  std::size_t add_zone(std::string name, std::vector<wire::Prefix> networks);
  std::optional<std::size_t> home_of(const wire::IpAddress& host) const;

  bool only_link_local_ = true;
  std::vector<ProposedZone> zones_;
  std::vector<ProposedAsset> assets_;
  std::map<wire::IpAddress, bool> serves_;                     // each host; whether it was a server
  std::map<wire::IpAddress, std::set<wire::IpAddress>> asks_;  // a group: who sends to it
  std::map<wire::IpAddress, std::size_t> homes_;
  std::map<wire::IpAddress, std::set<std::size_t>> group_homes_;
  std::map<std::pair<wire::IpAddress, std::size_t>, std::string> names_;
};

}  // namespace bulkhead::learn
