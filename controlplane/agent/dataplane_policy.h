// Requests about a policy to the data plane. An artefact is sent once, to be prepared; what follows
// names it by its digest.
#pragma once

#include <chrono>
#include <string>

#include "controlplane/access/refusal.h"
#include "controlplane/agent/dataplane_client.h"

namespace bulkhead::controlplane {

// Checks an artefact in full, by the data plane if it is connected, which keeps it prepared. The
// artefact is lent: it may be too large for a copy, and is unchanged afterwards.
Result<v1::PolicyPrepared, Refusal> prepare_policy(DataplaneClient& dataplane,
                                                   v1::PolicyArtefact& artefact);
// Whether the data plane has the policy of the digest prepared.
bool is_prepared(DataplaneClient& dataplane, const std::string& sha256);
// Puts a prepared policy in force.
DataplaneClient::Answer apply_prepared(DataplaneClient& dataplane, const std::string& sha256,
                                       std::chrono::milliseconds timeout);

}  // namespace bulkhead::controlplane
