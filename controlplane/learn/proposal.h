// From what was observed to the rules that would have granted it: few enough to be read, none wider
// than what was seen but where it says so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controlplane/learn/host_names.h"
#include "controlplane/learn/host_tags.h"
#include "controlplane/learn/observations.h"

namespace bulkhead::learn {

// A zone as the user states it.
struct ZoneWish {
  std::string name;
  std::vector<wire::Prefix> networks;
};

struct ProposedZone {
  std::string name;
  std::uint16_t port = 0;
  std::vector<wire::Prefix> networks;
  VlanTag vlan{};  // that all frames of its hosts have
};

struct ProposedAsset {
  std::string name;
  std::size_t zone = 0;
  wire::IpAddress address;
  bool is_group = false;
  std::string said{};  // foreign text, of which the name was made; empty: it is the address
  std::string by{};    // who said it
};

struct ProposedRule {
  std::vector<std::string> clients;  // names of assets
  std::vector<std::string> servers;
  std::uint8_t protocol = protocols::kNoProtocol;  // none: a service
  policy::Transport transport{};
  std::uint16_t port = 0;
  std::uint16_t last_port = 0;  // of a service at several; 0: at one
  std::vector<std::uint16_t> functions;
  std::string access{};  // in their place: a class, of which a proposal has all functions
  FieldValues where;
  Seen seen;
  std::string review;   // why a person must look at it; empty if none need
  std::string widened;  // what it grants beyond what was seen
};

struct ProposedConduit {
  std::string name;
  std::size_t from = 0;
  std::size_t to = 0;
  std::vector<ProposedRule> rules;
};

struct Proposal {
  std::vector<ProposedZone> zones;
  std::vector<ProposedAsset> assets;
  std::vector<ProposedConduit> conduits;
  std::vector<std::string> apart;  // what a person must know and no rule says
};

// Without wishes each network (/24, /64) is a zone; where there is one network alone, or more than
// ports, the clients and the servers are two. Link-local addresses are then in no zone, if there
// are others.
Proposal propose(const Observations& seen, const std::vector<ZoneWish>& wishes,
                 const HostNames& names = {}, const HostTags& tags = {});

}  // namespace bulkhead::learn
