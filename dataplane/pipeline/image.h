// A policy for the workers: immutable tables and a generation, swapped as a whole. Each worker has
// its own counters in it, so that counting needs no lock and counters keep their image's names.
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
  std::uint32_t generation = kNoPolicy;             // counts applied policies
  std::vector<std::unique_ptr<Counters>> counters;  // one a worker
};

}  // namespace bulkhead::pipeline
