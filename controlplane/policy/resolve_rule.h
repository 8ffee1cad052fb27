// Part of pass 2: one rule.
#pragma once

#include <string>
#include <unordered_map>

#include "controlplane/policy/model.h"

namespace bulkhead::controlplane {

// The word for all hosts of the rule's zone.
inline constexpr const char* kAnyHost = "any";

// Positions in the model's list, by name.
using Places = std::unordered_map<std::string, std::size_t>;

struct RuleScope {
  const Model& model;  // zones and assets
  const Places& assets;
  const ModelConduit* conduit;  // nullptr if its zones are unknown: then hosts are not looked up
};

ModelRule resolve_rule(const RuleNode& node, const RuleScope& scope, Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
