// The slow judge, to check the fast one against: it takes an operation apart into its single values
// and asks every rule about each, with no table, no order and no interval arithmetic. Which rules
// name the session it asks each rule too.
#pragma once

#include "dataplane/policy/classifier.h"
#include "dataplane/protocols/operation.h"

namespace bulkhead::policy {

// Whether judge() would answer `granted`, rates left aside.
bool reference_grants(const Conduit& conduit, const Endpoints& endpoints, std::uint8_t protocol,
                      const protocols::Operation& operation);

}  // namespace bulkhead::policy
