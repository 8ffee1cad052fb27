// Two appliances, three paths between them, and all that can go wrong, in steps of a millisecond of
// simulated time. The product's own state machine, commit and gate run in it; its data planes and
// their flows are modelled. A run is its seed alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bulkhead::simulation {

struct Violation {
  std::uint64_t at_ms = 0;
  std::string what;
};

// What a run came to, for the figures.
struct Outcome {
  std::vector<Violation> violations;
  std::uint64_t both_ms_max = 0;  // longest that both forwarded where frames could go in a circle
  std::uint64_t none_ms_max = 0;  // longest that none did though one could
  std::uint64_t takeovers = 0;
  std::uint64_t faults = 0;
};

// Bounds that the invariants hold to. Both: two that were cut off from each other hear each other
// again, and one agent has just died: its data plane waits until it is silent, then for a frame.
constexpr std::uint64_t kBothBoundMs = 90;
constexpr std::uint64_t kNoneBoundMs = 250;

struct Plan {
  bool trials = false;   // operators commit policies that await confirmation, too
  std::string scenario;  // one of kScenarios; empty: any faults
  bool trace = false;
};

Outcome run_world(std::uint64_t seed, const Plan& plan);

}  // namespace bulkhead::simulation
