// Part of pass 2: functions and field values, by the protocol's catalogue.
#pragma once

#include "controlplane/policy/model.h"

namespace bulkhead::controlplane {

void resolve_functions(const RuleNode& node, const protocols::Catalogue& catalogue, ModelRule& rule,
                       Diagnostics& diagnostics);

// The values that are written for a field.
ModelConstraint read_constraint(const WhereNode& where, const protocols::Catalogue& catalogue,
                                std::uint8_t field, policy::ValueType type,
                                Diagnostics& diagnostics);
// `written_for_this`: the policy says that it was written for this release.
void resolve_where(const RuleNode& node, const protocols::Catalogue& catalogue,
                   bool written_for_this, ModelRule& rule, Diagnostics& diagnostics);

// The words of `as`, in the order of policy::ValueType; the first is empty.
extern const std::vector<std::string> kValueTypeNames;

}  // namespace bulkhead::controlplane
