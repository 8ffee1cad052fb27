// Bounds on what a commit that awaits confirmation may cost, as people write them: in a policy's
// `health`, and after `commit --health`.
#pragma once

#include <string>
#include <vector>

#include "dataplane/policy/health.h"

namespace bulkhead::controlplane {

inline const std::vector<std::string> kHealthBounds = {"sessions_lost", "refusals"};

// Reads the value of one of kHealthBounds, such as `20%` or `100/s`. What is wrong with it; empty
// if nothing is.
std::string read_health_bound(const std::string& name, const std::string& value,
                              policy::HealthBounds& bounds);
// NAME=VALUE, with commas between several. Likewise.
std::string read_health_bounds(const std::string& text, policy::HealthBounds& bounds);

}  // namespace bulkhead::controlplane
