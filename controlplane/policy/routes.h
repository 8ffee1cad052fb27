// Part of passes 3 and 4: a rule's reach beyond the hosts of its packets. A rule with several
// routes becomes a part for each.
#pragma once

#include <vector>

#include "controlplane/policy/model.h"

namespace bulkhead::controlplane {

// A rule of the tables: the fields in which parts of an author's rule differ.
struct RulePart {
  std::vector<wire::Prefix> clients;
  std::vector<wire::Prefix> servers;
  std::vector<std::uint16_t> functions;
  std::vector<ModelConstraint> constraints;
};

// Splits a rule into its parts; errors of its routes are added to `diagnostics`, if any. An asset
// behind a gateway is its route at the gateway's address; a gateway with assets behind it is itself
// alone; an asset with a route to itself is also reached by that route.
std::vector<RulePart> split_by_route(const Model& model, const ModelConduit& conduit,
                                     const ModelRule& rule, Diagnostics* diagnostics);

// The keys of assets' routes, and their values for each protocol that has them.
void check_routes(const Model& model, Diagnostics& diagnostics);

// `unit 7 behind gw1`; empty for an asset without a route.
std::string route_text(const Model& model, const ModelAsset& asset);

}  // namespace bulkhead::controlplane
