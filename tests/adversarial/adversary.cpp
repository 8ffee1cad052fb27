// bulkhead-adversary: random conversations and attacks through the stream engine, and four model
// receivers that say what each kind of host would have accepted.
//   bulkhead-adversary --cases N --seed S [--plant NAME] [--trace]
// The last line is `cases N violations V`; exit 1 if there was any, 2 for wrong usage. A case is
// its seed alone: `--cases 1 --seed S` runs one again.
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>

#include "dataplane/pipeline/planted.h"
#include "tests/adversarial/model/world.h"

namespace {

using namespace bulkhead;

const std::map<std::string, pipeline::Mistake> kMistakes = {
    {"none", pipeline::Mistake::none},
    {"release_early", pipeline::Mistake::release_early},
    {"forget_delta", pipeline::Mistake::forget_delta},
    {"drop_resend", pipeline::Mistake::drop_resend},
    {"never_acknowledge_on_hold", pipeline::Mistake::never_acknowledge_on_hold},
    {"judge_first_only", pipeline::Mistake::judge_first_only},
    {"cut_as_sent", pipeline::Mistake::cut_as_sent},
    {"repeat_as_sent", pipeline::Mistake::repeat_as_sent},
    {"keep_timestamps", pipeline::Mistake::keep_timestamps},
    {"keep_addresses", pipeline::Mistake::keep_addresses},
    {"reopen_anywhere", pipeline::Mistake::reopen_anywhere},
    {"resume_below_released", pipeline::Mistake::resume_below_released},
    {"believe_any_path", pipeline::Mistake::believe_any_path},
    {"forward_strays", pipeline::Mistake::forward_strays},
    {"forget_drop", pipeline::Mistake::forget_drop},
    {"share_stations", pipeline::Mistake::share_stations},
};

struct Options {
  std::uint64_t cases = 1000;
  std::uint64_t seed = 1;
  bool trace = false;
  bool fall_behind = false;
  std::uint64_t tell_max = 10;
};

policy::OnDeny on_deny_of(std::uint64_t seed) {
  constexpr policy::OnDeny kModes[] = {policy::OnDeny::reject, policy::OnDeny::reject,
                                       policy::OnDeny::reject, policy::OnDeny::reset,
                                       policy::OnDeny::drop};
  return kModes[seed % std::size(kModes)];
}

// One plant serves many cases; what a case leaves behind is part of the test of the next.
std::uint64_t run_cases(const Options& options) {
  constexpr std::uint64_t kCasesPerPlant = 2000;
  std::map<policy::OnDeny, std::unique_ptr<support::Plant>> plants;
  std::uint64_t violations = 0;
  for (std::uint64_t i = 0; i < options.cases; ++i) {
    if (i % kCasesPerPlant == 0) plants.clear();
    const std::uint64_t seed = options.seed + i;
    const policy::OnDeny on_deny = on_deny_of(seed);
    auto& plant = plants[on_deny];
    if (!plant) plant = std::make_unique<support::Plant>(adversary::case_policy(on_deny));
    auto violation =
        adversary::run_case(*plant, on_deny, {seed, options.trace, options.fall_behind});
    // A day later nothing of the session may be left.
    for (int round = 0; round < 2; ++round) plant->pass_time(24 * 3600 * kSecondNs);
    plant->clear();
    if (!violation && plant->buffers_in_use() != 0) violation = "packet buffers were lost";
    if (!violation) continue;
    if (++violations <= options.tell_max) {
      std::printf("seed %lu: %s\n", seed, violation->c_str());
      std::fflush(stdout);
    }
    plant.reset();
  }
  return violations;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Random conversations and attacks through the stream engine. The last line is `cases N "
      "violations V`.\nExit codes: 0 no violation, 1 some, 2 wrong usage.");
  Options options;
  std::string plant = "none";
  app.add_option("--cases", options.cases, "How many")->capture_default_str();
  app.add_option("--seed", options.seed, "Of the first case; each next one adds one")
      ->capture_default_str();
  app.add_option("--plant", plant, "A mistake to plant, which must be found")
      ->check(CLI::IsMember([] {
        std::vector<std::string> names;
        for (const auto& [name, mistake] : kMistakes) names.push_back(name);
        return names;
      }()))
      ->capture_default_str();
  app.add_flag("--trace", options.trace, "Print every frame");
  app.add_flag("--fall-behind", options.fall_behind,
               "Before one takeover in four the peer has missed what came last");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  planted_mistake<pipeline::Mistake> = kMistakes.at(plant);
  const std::uint64_t violations = run_cases(options);
  std::printf("cases %lu violations %lu\n", options.cases, violations);
  return violations == 0 ? 0 : 1;
}
