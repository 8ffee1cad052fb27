// Compiled policies between their protobuf form and the tables that workers read.
#pragma once

#include <string>

#include "bulkhead/v1/policy.pb.h"
#include "dataplane/base/result.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::service {

constexpr std::uint32_t kPolicyFormat = 1;
constexpr std::size_t kPolicyBytesMax = 64 * 1024 * 1024;

// The digest of the bytes, raw.
std::string sha256(const std::string& bytes);
std::string to_hex(const std::string& bytes);

// Checks format, digest and every field, and builds the derived tables. The error says what a
// hostile or broken artefact got wrong.
Result<policy::Tables, std::string> load_policy(const v1::PolicyArtefact& artefact);

// Wraps a compiled policy for travel.
v1::PolicyArtefact seal_policy(const v1::CompiledPolicy& policy);

}  // namespace bulkhead::service
