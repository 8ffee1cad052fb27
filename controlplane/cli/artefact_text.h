// Describes a compiled policy: its grants, from its own tables and no source text.
#pragma once

#include <string>
#include <vector>

#include "bulkhead/v1/policy.pb.h"
#include "controlplane/cli/output.h"

namespace bulkhead::controlplane {

std::string artefact_text(const v1::CompiledPolicy& policy);
// An object for each zone, binding and rule.
std::vector<Json> artefact_json(const v1::CompiledPolicy& policy);

}  // namespace bulkhead::controlplane
