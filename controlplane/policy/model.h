// A policy with all names resolved: input of the later passes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/policy/ast.h"
#include "dataplane/policy/health.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::controlplane {

struct ModelZone {
  Word name;
  std::string target;
  std::uint16_t port = 0;
  wire::VlanIds vlan;
  bool prp = false;
  std::vector<wire::Prefix> networks;
  std::vector<wire::IpAddress> groups;  // IP and MAC addresses, sorted
  std::vector<wire::Prefix> stations;   // named by rules, or without an address; no two alike
};

// The route of an asset beyond its address: the value of each field that has the key as its
// FieldInfo::route.
struct ModelRoute {
  Word key;
  Word value;
};

struct ModelAsset {
  Word name;
  std::size_t zone = 0;
  std::vector<wire::IpAddress> addresses;
  std::vector<wire::IpAddress> groups;  // instead: its listeners are in the zone
  std::optional<wire::Mac> mac;
  std::optional<std::size_t> behind;  // the asset that forwards to it, whose addresses it has
  std::vector<ModelRoute> route;      // to itself, if it is behind no other asset
};

// One side of a rule: the hosts, and their names by the author.
struct Hosts {
  // One word of the author, and what it names.
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
  std::vector<std::uint16_t> functions;         // catalogue indices, sorted
  std::vector<std::uint16_t> named;             // those that the author named, not an access class
  std::vector<protocols::AccessClass> classes;  // as written
  std::vector<ModelConstraint> constraints;
  policy::ValueType value_type = policy::ValueType::plain;
  policy::WordOrder word_order = policy::WordOrder::big;
  TimeNs rate_interval_ns = 0;
  std::uint32_t rate_burst = 1;
  std::string rate_text;
  bool claimed = false;  // its clients are as claimed by a gateway
  bool essential = false;
};

// `mode: observe`. Times in seconds since 1970, UTC.
struct ModelObservation {
  std::uint64_t until_s = 0;  // 0: the conduit enforces
  std::uint64_t enforce_from_s = 0;
  std::uint32_t confirm_s = 0;
  Position at;  // of `until`

  bool any() const { return until_s != 0; }
};

struct ModelConduit {
  Word name;
  std::size_t from = 0;
  std::size_t to = 0;
  policy::OnDeny on_deny = policy::OnDeny::drop;
  std::string on_deny_text;
  ModelObservation observation;
  bool reset_on_stray = false;
  bool reassemble = false;
  bool resume = false;
  bool fail_open = false;
  bool link_follow = false;
  std::vector<ModelRule> rules;
};

struct Model {
  std::string site;
  bool knows_classes = false;  // `written_for` names this release's access classes
  policy::HealthBounds health;
  std::string containment_release;  // role; empty: the usual ones
  std::vector<ModelZone> zones;
  std::vector<ModelAsset> assets;
  std::vector<ModelConduit> conduits;
};

// Pass 2. Only a model resolved without errors may be lowered.
Model resolve_policy(const PolicyNode& policy, Diagnostics& diagnostics);

// A clock that says nothing: a policy that compiled once is read again.
constexpr std::uint64_t kAnyTime = 0;

// Pass 3. Contradictions between parts that are valid alone. After errors it checks zones only.
// `now_s`: seconds since 1970, by which ends lie ahead, or kAnyTime.
void check_policy(const Model& model, std::uint64_t now_s, Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
