// The policy as workers see it: immutable tables and a generation, swapped whole. Each worker has
// counters of its own beside them, so that counting needs no lock and names stay those of the
// image.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/pipeline/counters.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::pipeline {

constexpr std::uint32_t kNoPolicy = 0;

struct Image {
  policy::Tables tables;
  std::uint32_t generation = kNoPolicy;             // counts the policies that were applied
  std::vector<std::unique_ptr<Counters>> counters;  // one a worker
};

}  // namespace bulkhead::pipeline
