// `health`: the bounds beyond which a commit returns, in policies and on command lines.
#include "controlplane/policy/health.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "controlplane/policy/compiler.h"
#include "dataplane/artefact/artefact.h"
#include "tests/support/policy_text.h"

namespace bulkhead::controlplane {
namespace {

std::string with_health(const std::string& health) {
  return with_rules("      - {protocol: modbus, client: hmi, server: plc1, access: [read]}\n") +
         "health: " + health + "\n";
}

TEST(Compiler, HealthIsInTheArtefact) {
  const Compilation result =
      compile_policy(with_health("{sessions_lost: 20%, refusals: 100/s}"), "p.yaml");
  ASSERT_TRUE(result.tables);
  const v1::PolicyArtefact artefact = artefact::encode(*result.tables, result.health);
  EXPECT_TRUE(artefact::decode(artefact));
  v1::CompiledPolicy compiled;
  ASSERT_TRUE(compiled.ParseFromString(artefact.policy()));
  EXPECT_EQ(artefact::from_message(compiled.health()), (policy::HealthBounds{20, 100}));
  EXPECT_NE(explain_policy(*result.model, Listing::classes)
                .find("A commit with --health returns before its time if more than 20 % of the "
                      "sessions that lived before are lost or there are more than 100 refusals a "
                      "second above those before."),
            std::string::npos);
  const Compilation one = compile_policy(with_health("{refusals: 1/s}"), "p.yaml");
  EXPECT_EQ(one.health, (policy::HealthBounds{0, 1}));
}

TEST(Compiler, HealthIsCheckedByPosition) {
  struct Row {
    const char* health;
    const char* error;
  };
  constexpr std::array kRows = {
      Row{"{}",
          "p.yaml:15:9: error: health states no bound, such as {sessions_lost: 20%, refusals: "
          "100/s}"},
      Row{"{sessions_lost: 0%}",
          "p.yaml:15:25: error: sessions_lost must be a share of the sessions that live, 1% to "
          "99%, "
          "such as 20%, not `0%`"},
      Row{"{sessions_lost: 100%}",
          "p.yaml:15:25: error: sessions_lost must be a share of the sessions that live, 1% to "
          "99%, "
          "such as 20%, not `100%`"},
      Row{"{sessions_lost: 20}",
          "p.yaml:15:25: error: sessions_lost must be a share of the sessions that live, 1% to "
          "99%, "
          "such as 20%, not `20`"},
      Row{"{refusals: 0/s}",
          "p.yaml:15:20: error: refusals must be COUNT/s, from 1/s to 999999/s, such as 100/s, not "
          "`0/s`"},
      Row{"{refusals: 5/min}",
          "p.yaml:15:20: error: refusals must be COUNT/s, from 1/s to 999999/s, such as 100/s, not "
          "`5/min`"},
      Row{"{refusals: -5/s}",
          "p.yaml:15:20: error: refusals must be COUNT/s, from 1/s to 999999/s, such as 100/s, not "
          "`-5/s`"},
  };
  for (const Row& row : kRows) EXPECT_EQ(first(with_health(row.health)), row.error) << row.health;
  EXPECT_TRUE(std::ranges::any_of(messages(with_health("{refusal: 5/s}")), [](const auto& each) {
    return each.starts_with("p.yaml:15:10: error: ");
  }));
  for (const char* good : {"{sessions_lost: 1%}", "{sessions_lost: 99%}", "{refusals: 999999/s}"}) {
    EXPECT_EQ(first(with_health(good)), "") << good;
  }
}

TEST(Health, BoundsOfTheCommandLine) {
  policy::HealthBounds bounds;
  EXPECT_EQ(read_health_bounds("sessions_lost=10%,refusals=50/s", bounds), "");
  EXPECT_EQ(bounds, (policy::HealthBounds{10, 50}));
  EXPECT_EQ(policy::to_text(bounds), "sessions_lost=10%,refusals=50/s");
  for (const char* wrong :
       {"", "50/s", "refusals=50", "refusals=50/s,refusals=60/s", "sessions=10%",
        "sessions_lost=", "sessions_lost=%", "refusals=50/s,,"}) {
    policy::HealthBounds none;
    EXPECT_NE(read_health_bounds(wrong, none), "") << wrong;
  }
  policy::HealthBounds none;
  EXPECT_EQ(read_health_bounds("refusal=50/s", none),
            "health has the bounds sessions_lost and refusals, not `refusal`: did you mean "
            "refusals?");
}

// What the compiler would not write.
TEST(Artefact, HealthBeyondItsLimitsIsRefused) {
  const Compilation result = compile_policy(with_health("{refusals: 1/s}"), "p.yaml");
  ASSERT_TRUE(result.tables);
  const auto is_decoded = [&result](policy::HealthBounds health) {
    return artefact::decode(artefact::encode(*result.tables, health)).ok();
  };
  EXPECT_TRUE(is_decoded({99, 999'999}));
  EXPECT_FALSE(is_decoded({100, 1}));
  EXPECT_FALSE(is_decoded({1, 1'000'000}));
}

}  // namespace
}  // namespace bulkhead::controlplane
