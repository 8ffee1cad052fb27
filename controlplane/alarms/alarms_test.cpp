// When alarms are raised and cleared, given what holds.
#include "controlplane/alarms/alarms.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "controlplane/alarms/alarm_watch.h"

namespace bulkhead::controlplane {
namespace {

// What step() changed, as text: `+` raised, `-` cleared.
std::string changes_of(Alarms& alarms, const std::vector<Finding>& found, TimeNs second) {
  std::string text;
  for (const Alarms::Change& change : alarms.step(found, second * kSecondNs, 1000 + second)) {
    text +=
        (text.empty() ? "" : " ") + std::string(change.cleared ? "-" : "+") + change.alarm.name();
    if (!change.alarm.subject().empty()) text += ":" + change.alarm.subject();
  }
  return text;
}

const Finding kUnenforced = {AlarmKind::not_enforcing, {}, "no policy"};

TEST(AlarmList, EachHasAllThatAnOperatorNeeds) {
  std::set<std::string_view> names;
  for (const AlarmInfo& info : kAlarms) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_GT(info.text.size(), 10U) << info.name;
    EXPECT_GT(info.first.size(), 40U) << info.name;
  }
  EXPECT_EQ(describe(AlarmKind::worker_stuck).name, "worker_stuck");
}

TEST(Alarms, OneIsRaisedOnceItsConditionHasHeldAndClearedOnceItIsAbsent) {
  Alarms alarms;
  for (const TimeNs second : {100, 101, 102}) {
    EXPECT_EQ(changes_of(alarms, {kUnenforced}, second), "") << "3 s are not over";
  }
  EXPECT_FALSE(alarms.stands(AlarmKind::not_enforcing, ""));
  EXPECT_EQ(changes_of(alarms, {kUnenforced}, 103), "+not_enforcing");
  EXPECT_EQ(changes_of(alarms, {kUnenforced}, 104), "") << "it is raised once";
  ASSERT_EQ(alarms.standing().size(), 1U);
  EXPECT_EQ(alarms.standing()[0].severity(), "critical");
  EXPECT_EQ(alarms.standing()[0].text(), "no policy");
  EXPECT_EQ(alarms.standing()[0].raised_wall_time_ns(), 1103U);
  for (const TimeNs second : {105, 107, 109}) EXPECT_EQ(changes_of(alarms, {}, second), "");
  EXPECT_TRUE(alarms.stands(AlarmKind::not_enforcing, "")) << "5 s are not over";
  EXPECT_EQ(changes_of(alarms, {}, 110), "-not_enforcing");
  EXPECT_TRUE(alarms.standing().empty());
}

TEST(Alarms, WhatComesAndGoesChangesNothing) {
  Alarms alarms;
  for (TimeNs second = 100; second < 120; ++second) {
    EXPECT_EQ(
        changes_of(alarms, second % 3 == 0 ? std::vector<Finding>() : std::vector{kUnenforced},
                   second),
        "");
  }
  for (TimeNs second = 120; second < 123; ++second) changes_of(alarms, {kUnenforced}, second);
  EXPECT_TRUE(changes_of(alarms, {kUnenforced}, 123) == "+not_enforcing" ||
              alarms.stands(AlarmKind::not_enforcing, ""));
  for (TimeNs second = 124; second < 150; ++second) {
    EXPECT_EQ(
        changes_of(alarms, second % 4 == 0 ? std::vector{kUnenforced} : std::vector<Finding>(),
                   second),
        "")
        << "its breaks are too short to clear it";
  }
}

TEST(Alarms, EachSubjectIsAnAlarmOfItsOwnAndItsTextIsTheNewest) {
  Alarms alarms;
  const Finding server = {AlarmKind::certificate_expires, "server.crt", "expires in 29 days"};
  const Finding list = {AlarmKind::certificate_expires, "ca.crl", "expires in 2 days"};
  EXPECT_EQ(changes_of(alarms, {server}, 1), "+certificate_expires:server.crt") << "at once";
  EXPECT_EQ(changes_of(alarms, {server, list}, 2), "+certificate_expires:ca.crl");
  Finding later = server;
  later.text = "expires in 28 days";
  EXPECT_EQ(changes_of(alarms, {later}, 3), "-certificate_expires:ca.crl");
  ASSERT_EQ(alarms.standing().size(), 1U);
  EXPECT_EQ(alarms.standing()[0].text(), "expires in 28 days");
}

// What an exporter would get.
class Kept final : public Sink {
 public:
  void on_event(const v1::Event& event) override { events.push_back(event); }
  void on_counters(const v1::Counters& /*page*/) override {}
  void on_status(const v1::GetStatusResponse& /*status*/) override {}
  std::vector<v1::Event> events;
};

TEST(AlarmWatch, EachChangeIsAnEventAndStandsInTheStatus) {
  Kept kept;
  AlarmWatch watch(kept);
  Observation seen;
  seen.status.set_problem("the data plane is not there");
  for (int second = 1; second <= 10; ++second) {
    if (second > 5) seen.status.clear_problem();
    seen.now_ns = static_cast<TimeNs>(second) * kSecondNs;
    seen.wall_time_ns = seen.now_ns + 7;
    watch.look(seen);
    v1::GetStatusResponse status;
    watch.describe(status);
    EXPECT_EQ(status.alarms_size(), second >= 4 ? 1 : 0) << second;
  }
  ASSERT_EQ(kept.events.size(), 1U);
  EXPECT_EQ(kept.events[0].kind(), "alarm");
  EXPECT_EQ(kept.events[0].alarm(), "not_enforcing");
  EXPECT_EQ(kept.events[0].severity(), "critical");
  EXPECT_EQ(kept.events[0].text(), "alarm not_enforcing: the data plane is not there");
  EXPECT_FALSE(kept.events[0].cleared());
  seen.now_ns = 11 * kSecondNs;
  watch.look(seen);
  ASSERT_EQ(kept.events.size(), 2U);
  EXPECT_TRUE(kept.events[1].cleared());
}

}  // namespace
}  // namespace bulkhead::controlplane
