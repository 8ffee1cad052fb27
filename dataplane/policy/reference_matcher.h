// The slow judge, to check the fast one against: it takes an operation apart into its single values
// and asks every rule about each, with no table, no order and no interval arithmetic.
#pragma once

#include "dataplane/policy/tables.h"
#include "dataplane/protocols/operation.h"

namespace bulkhead::policy {

// Whether judge() would answer `granted`, rates left aside.
bool reference_grants(const Conduit& conduit, const RuleMask& applicable, std::uint8_t protocol,
                      const protocols::Operation& operation);

}  // namespace bulkhead::policy
