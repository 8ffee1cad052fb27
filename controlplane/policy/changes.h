// Part of pass 2: warnings about rules whose meaning has changed since an earlier release.
#pragma once

#include <span>
#include <string_view>

#include "controlplane/policy/model.h"

namespace bulkhead::controlplane {

// Warns of functions that the rule's access classes granted in the release before and do not now,
// or the other way round, and of parts that a function it names no longer covers.
void warn_of_changes(const RuleNode& node, const protocols::Catalogue& catalogue,
                     const ModelRule& rule, Diagnostics& diagnostics);

// A function that releases before 0.2 decoded as `whole`.
struct FormerPart {
  std::string_view protocol;
  std::string_view part;
  std::string_view whole;
};
std::span<const FormerPart> former_parts();

// Why a function of the release before is unknown now; empty for others.
std::string_view why_unknown(const protocols::Catalogue& catalogue, std::string_view function);

}  // namespace bulkhead::controlplane
