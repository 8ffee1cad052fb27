// Part of passes 3 and 4: whom a rule reaches beyond the hosts of its packets. A rule that names
// several ways becomes a part for each.
#pragma once

#include <vector>

#include "controlplane/policy/model.h"

namespace bulkhead::controlplane {

// A rule of the tables: all of it that the author's rule does not say of each part alike.
struct RulePart {
  std::vector<wire::Prefix> clients;
  std::vector<wire::Prefix> servers;
  std::vector<std::uint16_t> functions;
  std::vector<ModelConstraint> constraints;
};

// Takes a rule apart; what is wrong with its routes is told if `diagnostics` is there. An asset
// that stands behind a gateway is its route at the gateway's address; a gateway behind which assets
// stand is itself alone; an asset with a route to itself is reached by that route too.
std::vector<RulePart> split_by_route(const Model& model, const ModelConduit& conduit,
                                     const ModelRule& rule, Diagnostics* diagnostics);

// The keys of assets' routes, and their values for each protocol that has them.
void check_routes(const Model& model, Diagnostics& diagnostics);

// `unit 7 behind gw1`; empty for an asset without a route.
std::string route_text(const Model& model, const ModelAsset& asset);

}  // namespace bulkhead::controlplane
