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

// Pairs of owners that share addresses, the larger number first, each once, in rising order. Empty
// only if no two do; of three networks in one another, the first and the last may not be a pair.
std::vector<std::pair<std::size_t, std::size_t>> find_overlaps(std::vector<OwnedPrefix> prefixes);

}  // namespace bulkhead::policy
