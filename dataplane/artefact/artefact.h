// Compiled policies between their protobuf form and the tables that workers read.
#pragma once

#include <string>

#include "bulkhead/v1/policy.pb.h"
#include "dataplane/base/result.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::artefact {

constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kPolicyBytesMax = 64 * 1024 * 1024;

// Checks format, digest and every field, and builds the derived tables. The error says what a
// hostile or broken artefact got wrong.
Result<policy::Tables, std::string> decode(const v1::PolicyArtefact& artefact);

// Wraps a compiled policy for travel.
v1::PolicyArtefact encode(const v1::CompiledPolicy& policy);

}  // namespace bulkhead::artefact
