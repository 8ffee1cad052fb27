// bulkhead-foretold: random conversations and attacks, observed and enforced.
//   bulkhead-foretold --cases N --seed S
// The last line is `cases N violations V`; exit 1 if there was any, 2 for wrong usage. A case is
// its seed alone: `--cases 1 --seed S` runs one again.
#include "tests/adversarial/model/foretold.h"

#include <cstdio>
#include <string>

#include "tests/adversarial/model/cases.h"

namespace {

using namespace bulkhead;

policy::Tables observed_policy(policy::OnDeny on_deny) {
  policy::Tables tables = adversary::case_policy(on_deny);
  tables.conduits[0].observe_until_s = UINT32_MAX;
  return tables;
}

struct Pair {
  explicit Pair(policy::OnDeny on_deny)
      : observing(observed_policy(on_deny)), enforcing(adversary::case_policy(on_deny)) {}

  bool gave_all_back() {
    for (support::Plant* plant : {&observing, &enforcing}) adversary::forget_sessions(*plant);
    return observing.buffers_in_use() == 0 && enforcing.buffers_in_use() == 0;
  }

  support::Plant observing, enforcing;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "What observing foretells of random conversations is what enforcing refuses. The last line "
      "is `cases N violations V`.\nExit codes: 0 no violation, 1 some, 2 wrong usage.");
  adversary::Cases cases;
  adversary::add_options(app, cases);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  adversary::Foretold tally;
  const std::uint64_t violations = adversary::run_cases<Pair>(
      cases,
      [&](Pair& pair, policy::OnDeny on_deny, std::uint64_t seed) -> std::optional<std::string> {
        auto violation = adversary::run_foretold({pair.observing, pair.enforcing}, on_deny,
                                                 {seed, cases.trace}, tally);
        if (!pair.gave_all_back() && !violation) return "packet buffers were lost";
        return violation;
      });
  std::printf(
      "%lu messages and %lu packets refused as foretold; %lu frames left as they came: %lu "
      "fragments, %lu repeated, %lu malformed\n",
      tally.messages, tally.packets, tally.frames, tally.fragments, tally.repeated,
      tally.malformed);
  std::printf("%lu cases were not judged to their end, for want of room or of bytes\n",
              tally.unjudged);
  return adversary::report(cases, violations);
}
