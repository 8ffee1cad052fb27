// bulkhead-adversary: random conversations and attacks through the stream engine, and four model
// receivers that say what each kind of host would have accepted.
//   bulkhead-adversary --cases N --seed S [--plant NAME] [--trace]
// The last line is `cases N violations V`; exit 1 if there was any, 2 for wrong usage. A case is
// its seed alone: `--cases 1 --seed S` runs one again.
#include <map>
#include <string>

#include "dataplane/pipeline/planted.h"
#include "tests/adversarial/model/cases.h"
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

// A plant for each `on_deny`.
struct OnePlant {
  explicit OnePlant(policy::OnDeny on_deny) : plant(adversary::case_policy(on_deny)) {}
  support::Plant plant;
};

std::uint64_t run_cases(const adversary::Cases& cases, bool fall_behind) {
  return adversary::run_cases<OnePlant>(
      cases,
      [&](OnePlant& one, policy::OnDeny on_deny, std::uint64_t seed) -> std::optional<std::string> {
        auto violation = adversary::run_case(one.plant, on_deny, {seed, cases.trace, fall_behind});
        adversary::forget_sessions(one.plant);
        if (!violation && one.plant.buffers_in_use() != 0) return "packet buffers were lost";
        return violation;
      });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Random conversations and attacks through the stream engine. The last line is `cases N "
      "violations V`.\nExit codes: 0 no violation, 1 some, 2 wrong usage.");
  adversary::Cases cases;
  adversary::add_options(app, cases);
  bool fall_behind = false;
  std::string plant = "none";
  app.add_option("--plant", plant, "A mistake to plant, which must be found")
      ->check(CLI::IsMember([] {
        std::vector<std::string> names;
        for (const auto& [name, mistake] : kMistakes) names.push_back(name);
        return names;
      }()))
      ->capture_default_str();
  app.add_flag("--fall-behind", fall_behind,
               "Before one takeover in four the peer has missed what came last");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  planted_mistake<pipeline::Mistake> = kMistakes.at(plant);
  return adversary::report(cases, run_cases(cases, fall_behind));
}
