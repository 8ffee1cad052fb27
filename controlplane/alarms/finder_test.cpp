// Which conditions hold in what is observed: a row a case.
#include "controlplane/alarms/finder.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "dataplane/base/reason.h"

namespace bulkhead::controlplane {
namespace {

constexpr std::uint64_t kWallS = 1'800'000'000;

// An appliance on which nothing is wrong.
Observation good() {
  Observation seen;
  seen.now_ns = 1000 * kSecondNs;
  seen.wall_time_ns = kWallS * kSecondNs;
  seen.status.set_dataplane_connected(true);
  seen.status.mutable_time()->set_state("synchronised");
  seen.endings = {{"server.crt", static_cast<std::time_t>(kWallS) + 31 * 24 * 3600}};
  seen.disk = {"/state", 50, 100};
  v1::DataplaneStatus& dataplane = *seen.status.mutable_dataplane();
  dataplane.set_buffers_total(100);
  dataplane.set_buffers_free(90);
  v1::WorkerStatus& worker = *dataplane.add_workers();
  for (const char* name : {"refused", "refused_for_room", "silent_ms"}) {
    worker.add_statistics()->set_name(name);
  }
  v1::LimitStatus& limit = *worker.add_limits();
  limit.set_name("flows");
  limit.set_max(1000);
  limit.set_used(10);
  return seen;
}

v1::PairStatus good_pair(const char* role) {
  v1::PairStatus pair;
  pair.set_peer_heard(true);
  for (v1::PairAppliance* each : {pair.mutable_self(), pair.mutable_peer()}) {
    each->set_eligible(true);
    each->set_ready(true);
  }
  pair.mutable_self()->set_role(role);
  return pair;
}

void set_statistic(Observation& seen, const std::string& name, std::uint64_t value) {
  for (auto& each : *seen.status.mutable_dataplane()->mutable_workers(0)->mutable_statistics()) {
    if (each.name() == name) each.set_value(value);
  }
}

bool nothing_stands(AlarmKind /*kind*/, const std::string& /*subject*/) { return false; }
bool all_stand(AlarmKind /*kind*/, const std::string& /*subject*/) { return true; }

// `not_enforcing limit_reached:flows`
std::string names_of(const std::vector<Finding>& found) {
  std::string text;
  for (const Finding& each : found) {
    text += (text.empty() ? "" : " ") + std::string(describe(each.kind).name);
    if (!each.subject.empty()) text += ":" + each.subject;
  }
  return text;
}

struct Row {
  const char* what;
  std::function<void(Observation&)> change;
  const char* found;
  const char* found_while_standing;
};

v1::WorkerStatus& worker_of(Observation& seen) {
  return *seen.status.mutable_dataplane()->mutable_workers(0);
}

const std::vector<Row> kRows = {
    {"nothing is wrong", [](Observation&) {}, "", ""},
    {"a problem", [](Observation& seen) { seen.status.set_problem("no policy"); }, "not_enforcing",
     "not_enforcing"},
    {"a collector that takes events, and one that does not",
     [](Observation& seen) {
       v1::CollectorStatus& good = *seen.status.add_collectors();
       good.set_name("soc");
       good.set_state("connected");
       v1::CollectorStatus& bad = *seen.status.add_collectors();
       bad.set_name("archive");
       bad.set_state("stalled");
     },
     "collector_away:archive", "collector_away:archive"},
    {"a self-test that has failed",
     [](Observation& seen) {
       seen.status.mutable_dataplane()->mutable_self_test()->set_problem("modbus");
     },
     "self_test_failed", "self_test_failed"},
    {"an active appliance whose peer is ready",
     [](Observation& seen) { seen.pair = good_pair("active"); }, "", ""},
    {"an active appliance that hears no peer",
     [](Observation& seen) {
       seen.pair = good_pair("active");
       seen.pair->set_peer_heard(false);
     },
     "no_peer", "no_peer"},
    {"a peer that is not ready",
     [](Observation& seen) {
       seen.pair = good_pair("active");
       seen.pair->mutable_peer()->set_ready(false);
     },
     "no_peer", "no_peer"},
    {"a peer that could not forward",
     [](Observation& seen) {
       seen.pair = good_pair("active");
       seen.pair->mutable_peer()->set_eligible(false);
     },
     "no_peer", "no_peer"},
    {"a peer in maintenance",
     [](Observation& seen) {
       seen.pair = good_pair("active");
       seen.pair->mutable_peer()->set_maintenance(true);
     },
     "no_peer", "no_peer"},
    {"a standby that is not ready",
     [](Observation& seen) {
       seen.pair = good_pair("standby");
       seen.pair->mutable_self()->set_ready(false);
     },
     "no_peer", "no_peer"},
    {"a standby with a problem",
     [](Observation& seen) {
       seen.pair = good_pair("standby");
       seen.pair->set_problem("a port has no carrier");
     },
     "no_peer", "no_peer"},
    {"a standby: what the active one says of itself ready is no matter",
     [](Observation& seen) {
       seen.pair = good_pair("standby");
       seen.pair->mutable_peer()->set_ready(false);
     },
     "", ""},
    {"a certificate within 30 days", [](Observation& seen) { seen.endings[0].until -= 24 * 3600; },
     "certificate_expires:server.crt", "certificate_expires:server.crt"},
    {"one that has expired", [](Observation& seen) { seen.endings[0].until = 1; },
     "certificate_expires:server.crt", "certificate_expires:server.crt"},
    {"one that does not say", [](Observation& seen) { seen.endings[0].until = 0; }, "", ""},
    {"a clock that follows nobody",
     [](Observation& seen) { seen.status.mutable_time()->set_state("not_synchronised"); },
     "clock_lost", "clock_lost"},
    {"a machine without chrony",
     [](Observation& seen) { seen.status.mutable_time()->set_state("unknown"); }, "", ""},
    {"a disk with 5 % left", [](Observation& seen) { seen.disk.free_bytes = 5; }, "", "disk_full"},
    {"a disk with 4 % left", [](Observation& seen) { seen.disk.free_bytes = 4; }, "disk_full",
     "disk_full"},
    {"a disk with 7 % left", [](Observation& seen) { seen.disk.free_bytes = 7; }, "", ""},
    {"a disk that nobody knows", [](Observation& seen) { seen.disk.bytes = 0; }, "", ""},
    {"an audit log that cannot be written",
     [](Observation& seen) { seen.status.mutable_audit()->set_problem("no space"); }, "disk_full",
     "disk_full"},
    {"events that cannot be kept",
     [](Observation& seen) { seen.status.mutable_events()->set_problem("no space"); }, "disk_full",
     "disk_full"},
    {"a limit at 94 %", [](Observation& seen) { worker_of(seen).mutable_limits(0)->set_used(949); },
     "", "limit_reached:flows"},
    {"a limit at 95 %", [](Observation& seen) { worker_of(seen).mutable_limits(0)->set_used(950); },
     "limit_reached:flows", "limit_reached:flows"},
    {"a limit at 84 %", [](Observation& seen) { worker_of(seen).mutable_limits(0)->set_used(849); },
     "", ""},
    {"a limit of 0",
     [](Observation& seen) {
       worker_of(seen).mutable_limits(0)->set_max(0);
       worker_of(seen).mutable_limits(0)->set_used(0);
     },
     "", ""},
    {"no buffers", [](Observation& seen) { seen.status.mutable_dataplane()->set_buffers_free(4); },
     "limit_reached:buffers", "limit_reached:buffers"},
    {"a worker that is silent for 999 ms",
     [](Observation& seen) { set_statistic(seen, "silent_ms", 999); }, "", ""},
    {"a worker that is silent for a second",
     [](Observation& seen) { set_statistic(seen, "silent_ms", 1000); }, "worker_stuck:worker 0",
     "worker_stuck:worker 0"},
    {"what a data plane that is gone said last",
     [](Observation& seen) {
       set_statistic(seen, "silent_ms", 1000);
       seen.status.set_dataplane_connected(false);
     },
     "", ""},
};

TEST(Finder, FindsWhatHolds) {
  for (const Row& row : kRows) {
    Observation seen = good();
    row.change(seen);
    EXPECT_EQ(names_of(Finder().find(seen, nothing_stands)), row.found) << row.what;
    // Of the refusals' rate nothing is known yet: it stays as it stands.
    std::string standing = names_of(Finder().find(seen, all_stand));
    const std::string jump = "refusals_jump";
    if (standing.ends_with(jump)) standing.resize(standing.size() - jump.size());
    if (standing.ends_with(" ")) standing.pop_back();
    EXPECT_EQ(standing, row.found_while_standing) << row.what << ", while all stand";
  }
}

TEST(Finder, EachAlarmIsFoundByARow) {
  std::string all = "refusals_jump mac_changed";
  for (const Row& row : kRows) all += std::string(" ") + row.found;
  for (const AlarmInfo& info : kAlarms)
    EXPECT_NE(all.find(info.name), std::string::npos) << info.name;
}

TEST(Finder, AClockThatWasFollowedIsLostWithItsChrony) {
  Finder finder;
  Observation seen = good();
  EXPECT_EQ(names_of(finder.find(seen, nothing_stands)), "");
  seen.status.mutable_time()->set_state("unknown");
  EXPECT_EQ(names_of(finder.find(seen, nothing_stands)), "clock_lost");
}

TEST(Finder, RefusalsForWantOfRoomAreALimitReached) {
  Finder finder;
  Observation seen = good();
  set_statistic(seen, "refused_for_room", 5);
  EXPECT_EQ(names_of(finder.find(seen, nothing_stands)), "") << "they may be of long ago";
  EXPECT_EQ(names_of(finder.find(seen, nothing_stands)), "");
  set_statistic(seen, "refused_for_room", 6);
  EXPECT_EQ(names_of(finder.find(seen, nothing_stands)), "limit_reached:room");
  set_statistic(seen, "refused_for_room", 0);
  EXPECT_EQ(names_of(finder.find(seen, nothing_stands)), "") << "the data plane began anew";
}

v1::Event mac_event(const std::string& mac, Reason reason) {
  v1::Event event;
  event.set_reason(std::string(describe(reason).name));
  event.set_source_mac(mac);
  event.set_source("10.20.0.10:40000");
  event.set_port(1);
  return event;
}

TEST(Finder, AMacAddressThatIsNotTheBoundOneIsNamed) {
  Finder finder;
  Observation seen = good();
  finder.note(mac_event("02:00:00:00:00:66", Reason::no_rule), seen.now_ns);
  EXPECT_EQ(names_of(finder.find(seen, nothing_stands)), "");
  for (const Reason reason :
       {Reason::binding_mismatch, Reason::bound_elsewhere, Reason::station_elsewhere}) {
    Finder another;
    another.note(mac_event("02:00:00:00:00:66", reason), seen.now_ns);
    const auto found = another.find(seen, nothing_stands);
    ASSERT_EQ(names_of(found), "mac_changed:02:00:00:00:00:66");
    EXPECT_EQ(found[0].text, "02:00:00:00:00:66 on port 1, as 10.20.0.10:40000: " +
                                 std::string(describe(reason).text));
  }
}

TEST(Finder, AFloodOfMacAddressesIsBounded) {
  Finder finder;
  Observation seen = good();
  for (int i = 0; i < 1000; ++i) {
    finder.note(mac_event("02:" + std::to_string(i), Reason::binding_mismatch), seen.now_ns);
  }
  const auto found = finder.find(seen, nothing_stands);
  EXPECT_EQ(found.size(), Finder::kMacsMax + 1);
  seen.now_ns += 11 * kSecondNs;
  EXPECT_EQ(names_of(finder.find(seen, nothing_stands)), "") << "none of them came since";
}

// Seconds until a jump is found, of so many refusals a second after some that are usual.
int seconds_to_jump(double usual, int usual_s, double now, int at_most_s) {
  RefusalRate rate;
  double refused = 0;
  TimeNs time_ns = kSecondNs;
  const auto step = [&](double more, bool stands) {
    refused += more;
    time_ns += kSecondNs;
    return rate.step(static_cast<std::uint64_t>(refused), time_ns, stands);
  };
  rate.step(0, time_ns, false);
  for (int i = 0; i < usual_s; ++i) EXPECT_FALSE(step(usual, false)) << i;
  for (int i = 1; i <= at_most_s; ++i) {
    if (step(now, false)) return i;
  }
  return -1;
}

TEST(RefusalRate, AJumpIsFarMoreThanIsUsual) {
  EXPECT_EQ(seconds_to_jump(0, 60, 9, 600), -1) << "few refusals are no jump, whatever came before";
  EXPECT_GT(seconds_to_jump(0, 60, 12, 60), 0);
  EXPECT_LE(seconds_to_jump(0, 60, 1000, 60), 2);
  EXPECT_LE(seconds_to_jump(2, 300, 100, 60), 4);
  EXPECT_EQ(seconds_to_jump(100, 300, 300, 60), -1) << "three times as many are none";
  EXPECT_EQ(seconds_to_jump(50, 600, 50, 600), -1) << "what goes on as before is none";
}

TEST(RefusalRate, WhatWasRefusedBeforeTheAgentBeganIsNoJumpAndNeitherIsARestart) {
  RefusalRate rate;
  TimeNs time_ns = kSecondNs;
  EXPECT_FALSE(rate.step(1'000'000, time_ns, false));
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(rate.step(1'000'000, time_ns += kSecondNs, false));
  EXPECT_FALSE(rate.step(3, time_ns += kSecondNs, false));
  EXPECT_FALSE(rate.step(3, time_ns += kSecondNs, false));
}

TEST(RefusalRate, ItIsOverAtAThirdAndALongOneStays) {
  RefusalRate rate;
  std::uint64_t refused = 0;
  TimeNs time_ns = kSecondNs;
  bool stands = false;
  const auto run = [&](std::uint64_t a_second, int seconds) {
    for (int i = 0; i < seconds; ++i) {
      stands = rate.step(refused += a_second, time_ns += kSecondNs, stands);
    }
  };
  run(1, 600);
  EXPECT_FALSE(stands);
  run(100, 600);
  EXPECT_TRUE(stands) << "ten minutes of it are not usual yet";
  run(0, 60);
  EXPECT_FALSE(stands);
}

}  // namespace
}  // namespace bulkhead::controlplane
