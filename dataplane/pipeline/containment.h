// Containment in the stages: what of a session is cut before its messages are looked at. What is
// cut of a message is judged with it (judge.cpp).
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

// `conduit`: of the policy of this moment.
inline policy::Cut cut_of_conduit(const BurstContext& context, std::uint16_t conduit) {
  return context.contained == nullptr ? policy::Cut{} : context.contained->of(conduit);
}

inline bool is_isolated(const BurstContext& context, const policy::Conduit& conduit) {
  const auto place = static_cast<std::uint16_t>(&conduit - context.tables().conduits.data());
  return cut_of_conduit(context, place).isolates();
}

// Whether nothing of the flow passes.
bool is_cut(const BurstContext& context, const flow::Flow& flow);

// Refuses a packet that would open a session of which nothing passes; true if it did.
// Precondition: something is contained.
bool cut_opening(Context& context, flow::Packet& packet, const policy::Classification& found);

// Refuses a packet of a session of which nothing passes; true if it did. In an isolated conduit the
// session stays as it is, as if the cable were cut; any other ends as the conduit's `on_deny` says.
// Precondition: something is contained.
bool cut_packet(Context& context, flow::Packet& packet);

}  // namespace bulkhead::pipeline
