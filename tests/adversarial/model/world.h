// One case: a client and a server talk through the firewall over links that lose, repeat and
// reorder; some cases have an attacker at one end. Everything follows from the seed.
#pragma once

#include <optional>
#include <string>

#include "tests/adversarial/model/conversation.h"
#include "tests/adversarial/model/receivers.h"

namespace bulkhead::adversary {

struct CaseConfig {
  std::uint64_t seed = 0;
  bool trace = false;         // prints every frame
  bool falls_behind = false;  // the peer misses what came last before some takeovers
};

// Runs one case in the plant, whose policy must be case_policy(on_deny). What was violated, or
// nothing.
std::optional<std::string> run_case(support::Plant& plant, policy::OnDeny on_deny,
                                    const CaseConfig& config);

}  // namespace bulkhead::adversary
