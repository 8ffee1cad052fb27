// Services whose sessions each have a port of their own, as FTP's data and DCOM: few rules instead
// of one a session.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "controlplane/learn/proposal.h"

namespace bulkhead::learn {

// Of services between the same hosts those at many ports of clients' ranges become one rule each
// range. None holds a port of `others`, or one that a protocol has by default.
void gather_ports(std::vector<ProposedRule>& services, const std::set<std::uint16_t>& others);

}  // namespace bulkhead::learn
