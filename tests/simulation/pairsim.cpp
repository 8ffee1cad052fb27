// bulkhead-pairsim: the pair's state machines and replication under a simulated clock and network.
//   bulkhead-pairsim --seeds N --from S [--trials] [--scenario NAME] [--plant NAME] [--trace]
// The last line is `seeds N violations V`; exit 1 if there was any, 2 for wrong usage. A run is its
// seed alone: `--seeds 1 --from S --trace` shows one again.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>

#include "controlplane/failover/planted.h"
#include "dataplane/replication/planted.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/world.h"

namespace {

using namespace bulkhead;
using failover::Mistake;

struct Plant {
  failover::Mistake failover = failover::Mistake::none;
  replication::Mistake replication = replication::Mistake::none;
};

const std::map<std::string, Plant> kMistakes = {
    {"none", {}},
    {"skip_readiness_gate", {Mistake::skip_readiness_gate}},
    {"ignore_in_band", {Mistake::ignore_in_band}},
    {"lease_without_echo", {Mistake::lease_without_echo}},
    {"count_own_stalls", {Mistake::count_own_stalls}},
    {"ignore_better_active", {Mistake::ignore_better_active}},
    {"forget_prepared", {Mistake::forget_prepared}},
    {"hurry_a_slow_peer", {Mistake::hurry_a_slow_peer}},
    {"believe_replays", {Mistake::believe_replays}},
    {"believe_late", {Mistake::believe_late}},
    {"ignore_lost_state", {Mistake::ignore_lost_state}},
    {"trust_dead_agent", {Mistake::trust_dead_agent}},
    {"trial_never_ends", {Mistake::trial_never_ends}},
    {"lose_trial", {Mistake::lose_trial}},
    {"trust_old_boot", {Mistake::trust_old_boot}},
    {"restart_trial", {Mistake::restart_trial}},
    {"confirm_at_once", {Mistake::confirm_at_once}},
    {"return_in_doubt", {Mistake::return_in_doubt}},
    {"answer_late", {Mistake::answer_late}},
    {"believe_replayed_beacons", {{}, replication::Mistake::believe_replayed_beacons}},
    {"wait_for_silence", {{}, replication::Mistake::wait_for_silence}},
};

struct Options {
  std::uint64_t seeds = 1000;
  std::uint64_t from = 1;
  simulation::Plan plan;
};

std::uint64_t run_seeds(const Options& options) {
  constexpr std::uint64_t kToldMax = 10;
  std::uint64_t violations = 0;
  std::uint64_t both_ms = 0;
  std::uint64_t none_ms = 0;
  std::uint64_t takeovers = 0;
  std::uint64_t faults = 0;
  auto told = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < options.seeds; ++i) {
    const std::uint64_t seed = options.from + i;
    const simulation::Outcome outcome = simulation::run_world(seed, options.plan);
    both_ms = std::max(both_ms, outcome.both_ms_max);
    none_ms = std::max(none_ms, outcome.none_ms_max);
    takeovers += outcome.takeovers;
    faults += outcome.faults;
    if (!outcome.violations.empty() && violations++ < kToldMax) {
      const simulation::Violation& first = outcome.violations.front();
      std::printf("seed %llu at %llu ms: %s\n", static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(first.at_ms), first.what.c_str());
      std::fflush(stdout);  // a long run is watched
    }
    const auto now = std::chrono::steady_clock::now();
    if (now - told >= std::chrono::seconds(10)) {
      told = now;
      std::fprintf(stderr, "%llu of %llu seeds\n", static_cast<unsigned long long>(i + 1),
                   static_cast<unsigned long long>(options.seeds));
    }
  }
  std::printf(
      "faults %llu takeovers %llu; longest both forwarding %llu ms (bound %llu), "
      "longest none %llu ms (bound %llu)\n",
      static_cast<unsigned long long>(faults), static_cast<unsigned long long>(takeovers),
      static_cast<unsigned long long>(both_ms),
      static_cast<unsigned long long>(simulation::kBothBoundMs),
      static_cast<unsigned long long>(none_ms),
      static_cast<unsigned long long>(simulation::kNoneBoundMs));
  std::printf("seeds %llu violations %llu\n", static_cast<unsigned long long>(options.seeds),
              static_cast<unsigned long long>(violations));
  return violations;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  Plant plant;
  CLI::App app{"Two appliances, the network between them and what can go wrong, from a seed"};
  app.add_option("--seeds", options.seeds, "How many runs")->check(CLI::PositiveNumber);
  app.add_option("--from", options.from, "Seed of the first run");
  std::string names;
  for (const auto& [name, mistake] : kMistakes) names += (names.empty() ? "" : ", ") + name;
  app.add_option_function<std::string>(
         "--plant", [&plant](const std::string& name) { plant = kMistakes.at(name); },
         "A mistake that the runs must find: " + names)
      ->check(CLI::IsMember(kMistakes))
      ->option_text("NAME");
  std::string scenarios;
  for (const char* name : simulation::kScenarios) {
    scenarios += (scenarios.empty() ? "" : ", ") + std::string(name);
  }
  app.add_option("--scenario", options.plan.scenario,
                 "Faults that meet by chance seldom, in each run: " + scenarios)
      ->check(CLI::IsMember(simulation::kScenarios))
      ->option_text("NAME");
  app.add_flag("--trials", options.plan.trials,
               "Operators commit policies that await confirmation, too; disks are full");
  app.add_flag("--trace", options.plan.trace, "Tell what happens, by the millisecond");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  planted_mistake<failover::Mistake> = plant.failover;
  planted_mistake<replication::Mistake> = plant.replication;
  return run_seeds(options) == 0 ? 0 : 1;
}
