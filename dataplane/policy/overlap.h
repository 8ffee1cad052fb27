// Networks of different owners that share addresses.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "dataplane/wire/address.h"

namespace bulkhead::policy {

struct OwnedPrefix {
  wire::Prefix prefix;
  std::size_t owner = 0;
};

// Pairs of owners, the larger number first, each once, in rising order. Every overlap of two owners
// appears in some pair; of three that lie in one another, not all pairs need to.
std::vector<std::pair<std::size_t, std::size_t>> find_overlaps(std::vector<OwnedPrefix> prefixes);

}  // namespace bulkhead::policy
