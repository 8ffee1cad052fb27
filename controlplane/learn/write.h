// The proposal as a policy's text.
#pragma once

#include <string>

#include "controlplane/learn/proposal.h"

namespace bulkhead::learn {

struct Origin {
  std::string site;
  std::vector<std::string> files;
  std::uint64_t packets = 0;
  TimeNs first_ns = 0;
  TimeNs last_ns = 0;
};

// In the layout of format_policy(). Rules that a person must look at have an empty `reviewed_by`,
// so that the policy does not compile before. Foreign text is escaped.
std::string proposal_text(const Proposal& proposal, const Origin& origin);

}  // namespace bulkhead::learn
