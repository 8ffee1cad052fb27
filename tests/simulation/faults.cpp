// Draws the faults of a run and applies those that concern the network.
#include "tests/simulation/faults.h"

#include <algorithm>

namespace bulkhead::simulation {

namespace {

void apply(const Fault& fault, std::size_t path, std::size_t from, Way& way) {
  const bool here = fault.path == path;
  const bool one_way = fault.node == from;
  switch (fault.kind) {
    case Kind::cut_way:
      if (here && one_way) way.up = false;
      break;
    case Kind::cut_path:
      if (here) way.up = false;
      break;
    case Kind::cut_zones:
      if (path != failover::kPairLink) way.up = false;
      break;
    case Kind::cut_all:
      way.up = false;
      break;
    case Kind::cut_all_one_way:
      if (one_way) way.up = false;
      break;
    case Kind::lose:
      way.loss = std::max(way.loss, fault.share);
      break;
    case Kind::flood:
      if (here && !one_way) way.loss = std::max(way.loss, 0.97);
      break;
    case Kind::disturb:
      if (!here) break;
      way.delay_ms = fault.amount_ms / 4;
      way.jitter_ms = fault.amount_ms;
      way.twice = fault.share;
      break;
    default:
      break;
  }
}

}  // namespace

std::vector<Fault> plan_faults(Random& random) {
  std::vector<Fault> faults(random.below(9));
  // Some runs have all of it close together, and some on one appliance.
  const std::uint64_t window_ms = random.chance(0.3) ? 1500 : kQuietFromMs - 100 - kFaultsFromMs;
  const std::uint64_t from_ms = random.between(kFaultsFromMs, kQuietFromMs - 100 - window_ms);
  const bool one_node = random.chance(0.3);
  const std::size_t node = random.below(2);
  for (Fault& fault : faults) {
    fault.kind = static_cast<Kind>(random.below(static_cast<std::uint64_t>(Kind::count)));
    fault.begin_ms = random.between(from_ms, from_ms + window_ms);
    const std::uint64_t longest = random.chance(0.5) ? 200 : 2500;
    fault.end_ms = std::min(fault.begin_ms + random.between(5, longest), kQuietFromMs);
    fault.node = one_node ? node : random.below(2);
    fault.path = random.below(kPaths);
    fault.share = static_cast<double>(random.between(5, 40)) / 100;
    fault.amount_ms = random.between(1, 40);
  }
  return faults;
}

std::vector<Fault> plan_trials(Random& random) {
  std::vector<Fault> acts;
  const std::uint64_t trials = random.between(1, 3);
  for (std::uint64_t i = 0; i < trials; ++i) {
    Fault act;
    act.kind = Kind::commit_trial;
    act.amount_ms = random.between(100, 2000);
    act.begin_ms = act.end_ms = random.between(kFaultsFromMs, 4500);
    acts.push_back(act);
    const std::uint64_t begun_ms = act.begin_ms;
    const std::uint64_t window_ms = act.amount_ms;
    if (random.chance(0.1)) {
      act.kind = Kind::roll_back;
      act.begin_ms = act.end_ms = begun_ms + random.below(window_ms);
      acts.push_back(act);
    }
    // Often about when it returns, and by somebody who tries again.
    const std::uint64_t tries = random.chance(0.5) ? random.between(1, 3) : 0;
    const std::uint64_t early_ms =
        random.chance(0.5) ? window_ms : std::min<std::uint64_t>(window_ms, random.below(31));
    for (std::uint64_t j = 0; j < tries; ++j) {
      act.kind = Kind::confirm;
      act.begin_ms = act.end_ms = begun_ms + window_ms + 10 - random.below(early_ms + 10);
      acts.push_back(act);
    }
  }
  // And what takes the time from those who count it, while they do.
  const Fault counted = acts.front();
  for (std::size_t node = 0; node < 2; ++node) {
    if (!random.chance(0.4)) continue;
    Fault restart;
    restart.kind = random.chance(0.6) ? Kind::agent_crash : Kind::power;
    restart.node = node;
    restart.begin_ms = counted.begin_ms + random.below(counted.amount_ms + 100);
    restart.end_ms = restart.begin_ms + random.between(5, random.chance(0.5) ? 50 : 1000);
    acts.push_back(restart);
  }
  if (random.chance(0.3)) {
    Fault full;
    full.kind = Kind::disk_full;
    full.node = random.below(2);
    full.begin_ms = random.between(kFaultsFromMs, 5000);
    full.end_ms = std::min(full.begin_ms + random.between(5, 3000), kQuietFromMs);
    acts.push_back(full);
  }
  return acts;
}

std::vector<Fault> plan_scenario(const std::string& name, Random& random) {
  std::vector<Fault> faults;
  const std::size_t node = random.below(2);
  const auto add = [&](Kind kind, std::size_t of, std::uint64_t from_ms, std::uint64_t to_ms) {
    Fault& fault = faults.emplace_back();
    fault.kind = kind;
    fault.node = of;
    fault.begin_ms = from_ms;
    fault.end_ms = to_ms;
    fault.path = random.below(kPaths);
  };
  if (name == "dying_agents") {
    // Both forward alone; when they hear each other again one agent dies or stands still, and soon
    // the other.
    constexpr std::array kEnds = {Kind::agent_crash, Kind::agent_freeze, Kind::lease_stuck};
    const std::uint64_t end_ms = 1600 + random.below(20);
    add(Kind::cut_all, node, 1000, end_ms);
    add(kEnds[random.below(3)], node, end_ms - random.below(5), end_ms + 500);
    add(kEnds[random.below(3)], 1 - node, end_ms + random.between(20, 60), end_ms + 500);
  } else if (name == "stuck_at_the_end") {
    // The same with one lease thread stuck beside an agent that runs late.
    const std::uint64_t end_ms = 1200 + random.below(20);
    add(Kind::cut_all, node, 1000, end_ms);
    add(Kind::lease_stuck, node, end_ms - random.below(15), end_ms + 900);
    add(Kind::slow, 1 - node, 900, 3000);
  } else if (name == "deaf_active") {
    // An active that hears nobody learns nothing of its data plane, which fails.
    add(Kind::cut_all_one_way, 1 - node, 1000, 2600);
    add(Kind::lease_stuck, node, 1100 + random.below(100), 2600);
    add(Kind::zone_port, node, 1300 + random.below(100), 2600);
  }
  return faults;
}

void set_ways(Network& network, const std::vector<Fault>& faults, std::uint64_t now_ms) {
  for (std::size_t path = 0; path < kPaths; ++path) {
    for (std::size_t from = 0; from < 2; ++from) {
      Way way;
      for (const Fault& fault : faults) {
        if (fault.now(now_ms)) apply(fault, path, from, way);
      }
      network.way(path, from) = way;
    }
  }
}

bool keeps_time(const std::vector<Fault>& faults) {
  return std::none_of(faults.begin(), faults.end(), [](const Fault& fault) {
    return fault.kind == Kind::lose || fault.kind == Kind::disturb || fault.kind == Kind::flood ||
           fault.kind == Kind::lease_stuck || fault.kind == Kind::worker_stuck ||
           fault.kind == Kind::agent_crash || fault.kind == Kind::agent_freeze ||
           fault.kind == Kind::plane_freeze || fault.kind == Kind::clock_jump ||
           fault.kind == Kind::slow;
  });
}

}  // namespace bulkhead::simulation
