// Part of pass 2: one rule.
#pragma once

#include "controlplane/policy/model.h"

namespace bulkhead::controlplane {

// The word that stands for all hosts of the rule's zone.
inline constexpr const char* kAnyHost = "any";

struct RuleScope {
  const Model& model;           // zones and assets
  const ModelConduit* conduit;  // nullptr if its zones are unknown: then hosts are not looked up
};

ModelRule resolve_rule(const RuleNode& node, const RuleScope& scope, Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
