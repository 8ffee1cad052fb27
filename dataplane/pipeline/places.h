// Entries of the session table and who is charged for them.
#pragma once

#include "dataplane/flow/places.h"
#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

// The packet's sender as owner of an entry in the flow table, for a session that is not answered
// yet.
flow::PlaceOwner sender_as_owner(const NeighbourContext& context, const flow::Packet& packet);
// Inserts a flow under the key, charged to the owner; may evict another one, but not `keep`.
// nullptr if there is no room, or none for the owner.
flow::Flow* insert_for_owner(Context& context, const flow::FlowKey& key,
                             const flow::PlaceOwner& owner, const flow::Flow* keep);

// Removes a session and all that it keeps.
void forget(Context& context, flow::Flow& flow);

}  // namespace bulkhead::pipeline
