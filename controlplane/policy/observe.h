// `mode: observe` of a conduit, and when that ends.
#pragma once

#include "controlplane/policy/model.h"

namespace bulkhead::controlplane {

// Of the policy's moment: the compiler's clock. Nothing ends further ahead.
constexpr std::uint64_t kObserveMaxS = std::uint64_t{90} * 24 * 3600;

// Reads `mode`, `until`, `ends_between` and `confirm`. What is wrong is an error at its place.
ModelObservation resolve_observation(const ConduitNode& node, Diagnostics& diagnostics);

// Against a clock, in seconds since 1970: the end lies ahead, and not too far. Also what an
// observed conduit lets pass, as a warning.
void check_observation(const Model& model, const ModelConduit& conduit, std::uint64_t now_s,
                       Diagnostics& diagnostics);

// Zones that an observed conduit's frames would reach, and conduits back that enforce.
// Precondition: the model compiled.
void check_observed_neighbours(const Model& model, const policy::Tables& tables,
                               Diagnostics& diagnostics);

// For people: what it lets pass, until when, and how that ends.
std::string observation_text(const ModelConduit& conduit, const std::string& indent);

}  // namespace bulkhead::controlplane
