// The slow judge, to check the fast one against: it takes an operation apart into its single values
// and asks every rule about each, with no table, no order and no interval arithmetic. Which rules
// name the session it asks each rule too.
#pragma once

#include <functional>

#include "dataplane/policy/classifier.h"
#include "dataplane/protocols/operation.h"

namespace bulkhead::policy {

// Whether judge() would answer `granted` if just the rules for which `may_use` says so were there.
bool reference_grants(const Conduit& conduit, const Endpoints& endpoints, std::uint8_t protocol,
                      const protocols::Operation& operation,
                      const std::function<bool(const Rule&)>& may_use);

}  // namespace bulkhead::policy
