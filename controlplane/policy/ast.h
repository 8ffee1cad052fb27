// The syntax tree of a policy: its shape is checked, its names are not resolved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/yaml/words.h"

namespace bulkhead::controlplane {

struct ZoneNode {
  Word name;
  std::optional<Word> target;  // security level, SL0 to SL4
  std::optional<Word> port;
  Words vlan;  // outermost first
  std::optional<Word> prp;
  Words networks;
};

struct RouteNode {
  Word key;
  std::optional<Word> value;
};

struct AssetNode {
  Word name;
  std::optional<Word> zone;
  Words addresses;
  Words groups;
  std::optional<Word> mac;
  std::optional<Word> behind;  // the asset that forwards to it
  std::vector<RouteNode> route;
};

struct WhereNode {
  Word field;
  Words values;
};

struct RuleNode {
  Position at;
  std::optional<Word> protocol;
  std::optional<Word> service;
  Words clients;
  Words servers;
  Words access;
  Words functions;
  std::vector<WhereNode> where;
  std::optional<Word> value_type;
  std::optional<Word> word_order;
  std::optional<Word> transport;
  Words ports;
  std::optional<Word> rate;
  std::optional<Word> claimed;
  std::optional<Word> essential;
};

struct ConduitNode {
  Word name;
  std::optional<Word> from;
  std::optional<Word> to;
  std::optional<Word> mode;
  std::optional<Word> until;         // of `mode: observe`
  std::optional<Word> ends_between;  // likewise
  std::optional<Word> confirm;       // likewise
  std::optional<Word> on_deny;
  std::optional<Word> on_stray_answer;
  std::optional<Word> fragments;
  std::optional<Word> midstream;
  std::optional<Word> fail;
  std::optional<Word> link;
  std::vector<RuleNode> rules;
};

struct HealthNode {
  Position at;
  std::optional<Word> sessions_lost;
  std::optional<Word> refusals;
};

struct PolicyNode {
  std::optional<Word> site;
  std::optional<Word> written_for;  // the release whose access classes the author knew
  std::optional<HealthNode> health;
  std::optional<Word> containment_release;  // role
  std::vector<ZoneNode> zones;
  std::vector<AssetNode> assets;
  std::vector<ConduitNode> conduits;
};

// Pass 1. Returns everything that could be read, also if there were errors.
PolicyNode parse_policy(const std::string& text, Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
