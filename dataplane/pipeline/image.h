// A policy for the workers: immutable tables and a generation, swapped as a whole. Each worker has
// its own counters in it, so that counting needs no lock and counters keep their image's names.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/pipeline/counters.h"
#include "dataplane/policy/containment.h"

namespace bulkhead::pipeline {

constexpr std::uint32_t kNoPolicy = 0;

struct Image {
  policy::Tables tables;
  std::uint32_t generation = kNoPolicy;             // counts applied policies
  std::vector<std::unique_ptr<Counters>> counters;  // one a worker
  // What is cut of what the tables grant; nullptr: nothing. Swapped under RCU while the image
  // stands.
  std::atomic<const policy::Containment*> containment{nullptr};
};

}  // namespace bulkhead::pipeline
