// The one mapping between the policy tables and their protobuf form, both ways.
#pragma once

#include <string>

#include "bulkhead/v1/policy.pb.h"
#include "dataplane/base/result.h"
#include "dataplane/policy/health.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::artefact {

constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kPolicyBytesMax = 64 * 1024 * 1024;

// Checks format, digest and every field, and builds the derived tables. The error says what a
// hostile or broken artefact got wrong.
Result<policy::Tables, std::string> decode(const v1::PolicyArtefact& artefact);

// Of the tables' derived parts nothing is read: they need not be finished.
v1::PolicyArtefact encode(const policy::Tables& tables, const policy::HealthBounds& health = {});
v1::CompiledPolicy to_message(const policy::Tables& tables);

// Bounds beside the tables; none where the message has none.
policy::HealthBounds from_message(const v1::HealthBounds& health);
v1::HealthBounds to_message(const policy::HealthBounds& health);

}  // namespace bulkhead::artefact
