// `mode: observe`: its end, what it contradicts, what is said of it.
#include "controlplane/policy/observe.h"

#include <gtest/gtest.h>

#include "controlplane/policy/compiler.h"
#include "controlplane/policy/utc.h"
#include "dataplane/artefact/artefact.h"

namespace bulkhead::controlplane {
namespace {

constexpr std::uint64_t kDayS = 24 * 3600;
const std::uint64_t kNowS = *parse_utc("2026-11-30T07:00Z");

std::string policy_of(const std::string& lines, const std::string& more = "") {
  return "bulkhead: v1\n"
         "site: water-works\n"
         "zones:\n"
         "  supervision: {port: 0, networks: [10.20.0.0/24]}\n"
         "  control: {port: 1, networks: [10.10.0.0/24]}\n" +
         more +
         "conduits:\n"
         "  scada:\n"
         "    from: supervision\n"
         "    to: control\n" +
         lines +
         "    allow:\n"
         "      - {service: ssh, client: any, server: any}\n";
}

Compilation compiled(const std::string& lines, const std::string& more = "") {
  return compile_policy(policy_of(lines, more), "p.yaml", kNowS);
}

std::string first_error(const Compilation& result) {
  for (const Diagnostic& each : result.diagnostics.list()) {
    if (each.severity == Severity::error) return each.message;
  }
  return {};
}

std::string observe_until(const std::string& until) {
  return "    mode: observe\n    until: " + until + "\n";
}

TEST(Utc, TimesThatPeopleWrite) {
  EXPECT_EQ(parse_utc("1970-01-02"), kDayS);
  EXPECT_EQ(parse_utc("1970-01-02T01:00Z"), kDayS + 3600);
  EXPECT_EQ(parse_utc("1970-01-01T00:00:59"), 59U);
  EXPECT_EQ(utc_text(*parse_utc("2026-12-18T06:05Z")), "2026-12-18T06:05Z");
  for (const char* wrong :
       {"", "2026", "2026-13-01", "2026-02-30", "2026-12-18T", "2026-12-18T24:00",
        "2026-12-18T6:00", "2026-12-18 06:00", "2026-12-18T06:00+01", "18.12.2026"}) {
    EXPECT_FALSE(parse_utc(wrong)) << wrong;
  }
  EXPECT_EQ(parse_clock("06:30"), 6 * 3600U + 1800U);
  EXPECT_FALSE(parse_clock("24:00"));
  EXPECT_FALSE(parse_clock("06:30Z"));
}

TEST(Observe, ItsEndGoesIntoTheArtefact) {
  const Compilation result = compiled(observe_until("2026-12-18T06:00Z"));
  ASSERT_TRUE(result.tables) << first_error(result);
  EXPECT_EQ(result.tables->conduits[0].observe_until_s, *parse_utc("2026-12-18T06:00Z"));
  EXPECT_EQ(result.tables->conduits[0].enforce_from_s, 0U);
  const auto decoded = artefact::decode(artefact::encode(*result.tables));
  ASSERT_TRUE(decoded) << decoded.error();
  EXPECT_EQ(decoded.value().conduits[0].observe_until_s, *parse_utc("2026-12-18T06:00Z"));
  EXPECT_EQ(decoded.value().observed, std::vector<std::uint16_t>{0});
}

TEST(Observe, ItEndsWithinHours) {
  const Compilation result =
      compiled(observe_until("2026-12-18") + "    ends_between: 06:00-08:00\n    confirm: 30m\n");
  ASSERT_TRUE(result.tables) << first_error(result);
  const auto decoded = artefact::decode(artefact::encode(*result.tables));
  ASSERT_TRUE(decoded) << decoded.error();
  const policy::Conduit& conduit = decoded.value().conduits[0];
  EXPECT_EQ(conduit.enforce_from_s, *parse_utc("2026-12-18T06:00Z"));
  EXPECT_EQ(conduit.observe_until_s, *parse_utc("2026-12-18T08:00Z"));
  EXPECT_EQ(conduit.enforce_confirm_s, 1800U);
  const Compilation night =
      compiled(observe_until("2026-12-18") + "    ends_between: 22:00-02:00\n");
  ASSERT_TRUE(night.tables) << first_error(night);
  EXPECT_EQ(night.tables->conduits[0].observe_until_s, *parse_utc("2026-12-19T02:00Z"));
}

TEST(Observe, MistakesAreNamed) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"    mode: observe\n", "mode: observe needs its end"},
      {"    mode: obsreve\n", "did you mean observe?"},
      {"    until: 2026-12-18\n", "this conduit enforces"},
      {"    mode: enforce\n    confirm: 30m\n", "this conduit enforces"},
      {observe_until("18.12.2026"), "a day or time in UTC"},
      {observe_until("2026-11-30T07:00Z"), "would enforce at once"},
      {observe_until("2026-11-29"), "would enforce at once"},
      {observe_until("2027-03-01"), "more than 90 days"},
      {observe_until("2026-12-18T06:00Z") + "    ends_between: 06:00-08:00\n", "write a day"},
      {observe_until("2026-12-18") + "    ends_between: 06:00-06:10\n", "a quarter of an hour"},
      {observe_until("2026-12-18") + "    ends_between: 6-8\n", "hours of a day in UTC"},
      {observe_until("2026-12-18") + "    confirm: 30m\n", "ends_between"},
      {observe_until("2026-12-18") + "    ends_between: 06:00-08:00\n    confirm: 2h\n",
       "shorter than the hours"}};
  for (const auto& [lines, text] : rows) {
    const Compilation result = compiled(lines);
    EXPECT_NE(first_error(result).find(text), std::string::npos)
        << lines << ": " << first_error(result);
    EXPECT_FALSE(result.tables);
    EXPECT_FALSE(result.model);
  }
}

TEST(Observe, TheLatestEndIsNinetyDaysAhead) {
  EXPECT_TRUE(compiled(observe_until(utc_text(kNowS + 90 * kDayS))).tables);
  EXPECT_FALSE(compiled(observe_until(utc_text(kNowS + 90 * kDayS + 60))).tables);
  EXPECT_TRUE(compiled(observe_until(utc_text(kNowS + 60))).tables);
  EXPECT_FALSE(compiled(observe_until(utc_text(kNowS))).tables);
  // A revision that was compiled once is read again, whenever that is.
  const std::string old = policy_of(observe_until("2020-01-01"));
  EXPECT_TRUE(compile_policy(old, "p.yaml", kAnyTime).tables);
}

TEST(Observe, WhatItLetsPassIsSaidLoudly) {
  const Compilation result = compiled(observe_until("2026-12-18"));
  ASSERT_EQ(result.diagnostics.list().size(), 2U);
  EXPECT_EQ(result.diagnostics.to_text(result.diagnostics.list()[0]),
            "p.yaml:7:3: warning: conduit scada OBSERVES until 2026-12-18T00:00Z: everything "
            "passes between zones supervision and control, in both directions, whatever its rules "
            "say");
  EXPECT_NE(result.diagnostics.list()[1].message.find("midstream: resume"), std::string::npos);
  EXPECT_EQ(
      compiled(observe_until("2026-12-18") + "    midstream: resume\n").diagnostics.list().size(),
      1U);
  const std::string text = explain_policy(*result.model);
  EXPECT_NE(text.find("OBSERVES until 2026-12-18T00:00Z: every frame"), std::string::npos);
  EXPECT_NE(text.find("1 of 1 conduits OBSERVE: they refuse nothing."), std::string::npos);
  const Compilation enforcing = compiled("    mode: enforce\n");
  EXPECT_TRUE(enforcing.diagnostics.list().empty());
  EXPECT_EQ(explain_policy(*enforcing.model).find("OBSERVE"), std::string::npos);
}

TEST(Observe, NeighboursMustBeKeptApart) {
  const std::string same_port = "  lab: {port: 1, networks: [10.11.0.0/24]}\n";
  const Compilation result = compiled(observe_until("2026-12-18"), same_port);
  EXPECT_NE(first_error(result).find("zone lab is on the port and VLAN"), std::string::npos)
      << first_error(result);
  EXPECT_TRUE(
      compiled(observe_until("2026-12-18"), "  lab: {port: 1, vlan: 7, networks: [10.11.0.0/24]}\n")
          .tables);
}

}  // namespace
}  // namespace bulkhead::controlplane
