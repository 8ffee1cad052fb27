// The reference matcher, to check the fast one against: it splits an operation into single values
// and asks every rule about each, with no table, order or interval arithmetic. Whether a rule names
// the session it asks each rule too.
#pragma once

#include <functional>

#include "dataplane/policy/classifier.h"
#include "dataplane/protocols/operation.h"

namespace bulkhead::policy {

// Whether the rule is for this client, server, transport and port.
bool names_session(const Rule& rule, const Endpoints& endpoints);

// Whether judge() would grant with only the rules for which `may_use` is true.
bool reference_grants(const Conduit& conduit, const Endpoints& endpoints, std::uint8_t protocol,
                      const protocols::Operation& operation,
                      const std::function<bool(const Rule&)>& may_use);

}  // namespace bulkhead::policy
