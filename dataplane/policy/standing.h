// What a session stands under, and so each message of it: a policy, a conduit of it, and its place
// among the conduit's rules. A value: what is judged under one policy can be judged under another
// beside it.
#pragma once

#include <cstdint>

#include "dataplane/policy/tables.h"

namespace bulkhead::policy {

struct Standing {
  std::uint32_t generation = 0;  // of the policy; 0: of none, it is judged anew
  std::uint16_t conduit = kNoConduit;
  std::uint16_t rule = kNoRule;  // number of the rule that names the session, or decides
  RuleCell cell;                 // among the conduit's rules
};
static_assert(sizeof(Standing) == 16);  // a quarter of a line of flow::Flow

}  // namespace bulkhead::policy
