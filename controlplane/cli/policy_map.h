// A policy as a picture: zones, their hosts, the conduits between them and what those carry.
#pragma once

#include <string>

#include "controlplane/policy/model.h"

namespace bulkhead::controlplane {

// For people at a terminal, at most 80 columns where names allow it.
std::string map_text(const Model& model);

// A graph in graphviz' language: zones are boxes with their assets, conduits are edges.
std::string map_dot(const Model& model);

}  // namespace bulkhead::controlplane
