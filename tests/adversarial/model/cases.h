// Runs of many cases, each of which follows from its seed alone.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tests/support/plant.h"

namespace bulkhead::adversary {

struct Cases {
  std::uint64_t count = 1000;
  std::uint64_t first = 1;
  bool trace = false;
};

inline void add_options(CLI::App& app, Cases& cases) {
  app.add_option("--cases", cases.count, "How many")->capture_default_str();
  app.add_option("--seed", cases.first, "Of the first case; each next one adds one")
      ->capture_default_str();
  app.add_flag("--trace", cases.trace, "Print every frame and refusal");
}

inline policy::OnDeny on_deny_of(std::uint64_t seed) {
  constexpr policy::OnDeny kModes[] = {policy::OnDeny::reject, policy::OnDeny::reject,
                                       policy::OnDeny::reject, policy::OnDeny::reset,
                                       policy::OnDeny::drop};
  return kModes[seed % std::size(kModes)];
}

// One subject, made of an `on_deny`, serves many cases; what a case leaves behind is part of the
// test of the next. `run_case(subject, on_deny, seed)` says what was violated, or nothing. Prints
// the first violations; gives how many there were.
template <typename Subject, typename RunCase>
std::uint64_t run_cases(const Cases& cases, RunCase run_case) {
  constexpr std::uint64_t kCasesPerSubject = 2000;
  constexpr std::uint64_t kPrintedMax = 25;
  std::map<policy::OnDeny, std::unique_ptr<Subject>> subjects;
  std::uint64_t violations = 0;
  for (std::uint64_t i = 0; i < cases.count; ++i) {
    if (i % kCasesPerSubject == 0) subjects.clear();
    const std::uint64_t seed = cases.first + i;
    const policy::OnDeny on_deny = on_deny_of(seed);
    auto& subject = subjects[on_deny];
    if (!subject) subject = std::make_unique<Subject>(on_deny);
    const std::optional<std::string> violation = run_case(*subject, on_deny, seed);
    if (!violation) continue;
    if (++violations <= kPrintedMax) {
      std::printf("seed %lu: %s\n", seed, violation->c_str());
      std::fflush(stdout);
    }
    subject.reset();
  }
  return violations;
}

// The last line, and the exit code.
inline int report(const Cases& cases, std::uint64_t violations) {
  std::printf("cases %lu violations %lu\n", cases.count, violations);
  return violations == 0 ? 0 : 1;
}

// Days later nothing of a session is left: it is given up, then reset, then closed.
inline void forget_sessions(support::Plant& plant) {
  for (int round = 0; round < 4; ++round) plant.pass_time(24 * 3600 * kSecondNs);
  plant.clear();
}

}  // namespace bulkhead::adversary
