// What goes wrong in a run, and when: drawn from its seed.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulation/network.h"

namespace bulkhead::simulation {

constexpr std::uint64_t kFaultsFromMs = 700;
constexpr std::uint64_t kQuietFromMs = 6500;  // nothing goes wrong any more

enum class Kind : std::uint8_t {
  cut_way,
  cut_path,
  cut_zones,
  cut_all,
  cut_all_one_way,
  lose,
  disturb,
  agent_crash,
  agent_freeze,
  plane_crash,
  plane_freeze,
  power,
  zone_port,
  clock_jump,
  slow,
  switchover,
  maintenance,
  commit,
  commit_and_crash,
  lost_state,    // power fails, and the appliance comes back as one that knows nothing
  lease_stuck,   // the agent's thread that talks to its data plane stands still
  worker_stuck,  // a worker does
  flood,         // a path carries so much that little of the peer's words is read
  // Both fail, one comes back, and what the other said in-band is heard again; in some runs when
  // the agent of the one that came back has failed as well.
  replay,
  count,
  // Of plan_trials() alone:
  commit_trial,  // for `amount_ms`
  confirm,
  roll_back,
  disk_full
};

struct Fault {
  std::uint64_t begin_ms = 0;
  std::uint64_t end_ms = 0;
  Kind kind{};
  std::size_t node = 0;
  std::size_t path = 0;
  double share = 0;
  std::uint64_t amount_ms = 0;
  bool begun = false;
  bool ended = false;

  bool now(std::uint64_t ms) const { return begun && !ended && ms < end_ms; }
  // What is replayed comes at once, or about as it was said.
  bool replays(std::uint64_t ms) const { return amount_ms % 3 != 1 || ms % 10 == 0; }
};

std::vector<Fault> plan_faults(Random& random);
// Commits that await confirmation, what operators do about them, and full disks.
std::vector<Fault> plan_trials(Random& random);

// Faults that meet in one run of very many, drawn about when they matter; empty if the name is none
// of kScenarios.
constexpr std::array<const char*, 3> kScenarios = {"dying_agents", "stuck_at_the_end",
                                                   "deaf_active"};
std::vector<Fault> plan_scenario(const std::string& name, Random& random);

// Every way is what the faults of the moment make of it.
void set_ways(Network& network, const std::vector<Fault>& faults, std::uint64_t now_ms);

// Whether no fault of the run upsets when things happen: then what is stricter than the bounds
// holds.
bool keeps_time(const std::vector<Fault>& faults);

}  // namespace bulkhead::simulation
