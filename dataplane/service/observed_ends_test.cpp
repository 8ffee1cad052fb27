// What is told of observed conduits, and when.
#include "dataplane/service/observed_ends.h"

#include <gtest/gtest.h>

namespace bulkhead::service {
namespace {

constexpr std::uint64_t kDayS = 24 * 3600;
constexpr std::uint64_t kUntilS = 1'800'000'000;  // 2027-01-15T08:00Z

policy::Tables tables_until(std::uint64_t until_s) {
  policy::Tables tables;
  policy::Conduit& conduit = tables.conduits.emplace_back();
  conduit.name = "scada";
  conduit.observe_until_s = until_s;
  tables.observed = {0};
  return tables;
}

std::vector<std::string> texts(const std::vector<ObservedEnds::Notice>& notices) {
  std::vector<std::string> list;
  for (const ObservedEnds::Notice& each : notices) list.push_back(each.text);
  return list;
}

TEST(ObservedEnds, AWeekADayAndTheEndAreEachToldOnce) {
  const policy::Tables tables = tables_until(kUntilS);
  ObservedEnds ends;
  std::uint64_t now_s = kUntilS - 10 * kDayS;
  const auto begun = ends.begin(tables, now_s);
  ASSERT_EQ(begun.size(), 1U);
  EXPECT_EQ(begun[0].text, "conduit scada observes until 2027-01-15T08:00Z: it refuses nothing");
  std::vector<std::string> told;
  std::vector<std::uint64_t> when;
  for (; now_s <= kUntilS + kDayS; now_s += 60) {
    for (const auto& text : texts(ends.step(tables, now_s))) {
      told.push_back(text);
      when.push_back(kUntilS - now_s);
    }
  }
  EXPECT_EQ(told, (std::vector<std::string>{
                      "conduit scada observes for one week more, until 2027-01-15T08:00Z",
                      "conduit scada observes for one day more, until 2027-01-15T08:00Z",
                      "conduit scada enforces from now on: it observed until 2027-01-15T08:00Z"}));
  EXPECT_EQ(when, (std::vector<std::uint64_t>{7 * kDayS, kDayS, 0}));
}

TEST(ObservedEnds, AClockThatIsSetBackRepeatsNothing) {
  const policy::Tables tables = tables_until(kUntilS);
  ObservedEnds ends;
  ends.begin(tables, kUntilS - 8 * kDayS);
  EXPECT_EQ(ends.step(tables, kUntilS - 6 * kDayS).size(), 1U);
  EXPECT_TRUE(ends.step(tables, kUntilS - 8 * kDayS).empty());
  EXPECT_TRUE(ends.step(tables, kUntilS - 6 * kDayS).empty());
}

TEST(ObservedEnds, AJumpTellsAllThatItPassed) {
  const policy::Tables tables = tables_until(kUntilS);
  ObservedEnds ends;
  ends.begin(tables, kUntilS - 8 * kDayS);
  EXPECT_EQ(ends.step(tables, kUntilS).size(), 3U);
}

TEST(ObservedEnds, WhatHasEndedIsSaidAtItsBegin) {
  ObservedEnds ends;
  const auto begun = ends.begin(tables_until(kUntilS), kUntilS);
  ASSERT_EQ(begun.size(), 1U);
  EXPECT_EQ(begun[0].severity, "critical");
  EXPECT_EQ(begun[0].text, "conduit scada enforces: it observed until 2027-01-15T08:00Z");
}

}  // namespace
}  // namespace bulkhead::service
