// Requests about a policy to the data plane.
#pragma once

#include <chrono>

#include "controlplane/access/refusal.h"
#include "controlplane/agent/dataplane_client.h"

namespace bulkhead::controlplane {

// Checks an artefact, by the data plane if it is connected: its site and digest.
Result<v1::PolicyApplied, Refusal> check_policy(DataplaneClient& dataplane,
                                                const v1::PolicyArtefact& artefact);
DataplaneClient::Answer apply_policy(DataplaneClient& dataplane, const v1::PolicyArtefact& artefact,
                                     std::chrono::milliseconds timeout);

}  // namespace bulkhead::controlplane
