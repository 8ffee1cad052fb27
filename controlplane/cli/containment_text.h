// Containments for people and for scripts.
#pragma once

#include "bulkhead/v1/containment.pb.h"
#include "controlplane/cli/output.h"

namespace bulkhead::controlplane {

// What stands, a row each.
Json containment_json(const v1::ListContainmentResponse& stands);
Json containment_json(const v1::Containment& containment);
// A line each; nothing if none stands.
void print_contained(const v1::ListContainmentResponse& stands);
// As a table.
void print_containment_table(const v1::ListContainmentResponse& stands);
// `zone control`.
std::string target_text(const v1::ContainmentTarget& target);
// `read-only`; and back, NORMAL too. Throws CommandFailed if there is no such level.
std::string level_text(v1::ContainmentLevel level);
v1::ContainmentLevel level_or_fail(const std::string& text);

}  // namespace bulkhead::controlplane
