// A policy with every name looked up: what the later passes check, lower and explain.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/policy/ast.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::controlplane {

struct ModelZone {
  Word name;
  std::string target;
  std::uint16_t port = 0;
  wire::VlanIds vlan;
  bool prp = false;
  std::vector<wire::Prefix> networks;
  std::vector<wire::IpAddress> groups;  // of hosts and of stations, sorted
  std::vector<wire::Prefix> stations;   // that rules name, or that have no address; no two alike
};

// How an asset is reached beyond its address: the value of each field that has the key as its
// FieldInfo::route.
struct ModelRoute {
  Word key;
  Word value;
};

struct ModelAsset {
  Word name;
  std::size_t zone = 0;
  std::vector<wire::IpAddress> addresses;
  std::vector<wire::IpAddress> groups;  // instead: who listens there stands in the zone
  std::optional<wire::Mac> mac;
  std::optional<std::size_t> behind;  // the asset that forwards to it, whose addresses it has
  std::vector<ModelRoute> route;      // to itself, if it stands behind nobody
};

// One side of a rule: the hosts, and how the author called them.
struct Hosts {
  // What one word of the author names.
  struct Item {
    Position at;
    std::vector<wire::Prefix> prefixes;
    std::optional<std::size_t> asset;
  };

  std::vector<wire::Prefix> prefixes;  // of all items
  std::vector<std::string> names;
  std::vector<Item> items;
};

struct ModelConstraint {
  std::uint8_t field = 0;
  std::vector<Range> ranges;  // sorted, merged; of a typed or real value: in that type's order
  std::vector<std::string> patterns;  // of a name
  Position at;
};

struct ModelRule {
  Position at;
  std::uint8_t protocol = protocols::kNoProtocol;
  std::string service;  // as written, of a plain service
  Hosts clients;
  Hosts servers;
  policy::Transport transport{};
  std::vector<policy::PortRange> ports;
  std::vector<std::uint16_t> functions;  // catalogue indices, sorted
  std::vector<std::uint16_t> named;      // those that the author named, not an access class
  std::vector<ModelConstraint> constraints;
  policy::ValueType value_type = policy::ValueType::plain;
  policy::WordOrder word_order = policy::WordOrder::big;
  TimeNs rate_interval_ns = 0;
  std::uint32_t rate_burst = 1;
  std::string rate_text;
  bool claimed = false;  // its clients may be whoever a gateway says
};

struct ModelConduit {
  Word name;
  std::size_t from = 0;
  std::size_t to = 0;
  policy::OnDeny on_deny = policy::OnDeny::drop;
  std::string on_deny_text;
  bool reset_on_stray = false;
  bool reassemble = false;
  bool resume = false;
  bool fail_open = false;
  bool link_follow = false;
  std::vector<ModelRule> rules;
};

struct Model {
  std::string site;
  bool knows_classes = false;  // the author says that the access classes are those of this release
  std::vector<ModelZone> zones;
  std::vector<ModelAsset> assets;
  std::vector<ModelConduit> conduits;
};

// Pass 2. Only a model resolved without errors may be lowered.
Model resolve_policy(const PolicyNode& policy, Diagnostics& diagnostics);

// Pass 3. What each part may say alone, but not together. After errors it looks at zones only.
void check_policy(const Model& model, Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
