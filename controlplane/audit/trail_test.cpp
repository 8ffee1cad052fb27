// What is recorded of calls, events and the clock, and how much of it.
#include "controlplane/audit/trail.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "tests/support/audit_log.h"

namespace bulkhead::audit {
namespace {

using support::AuditFolder;
using support::findings;
using support::records_in;
using support::verify_folder;

const Caller kEngineer = {"engineer@plant", std::string(kHashDigits, 'a'), "engineer", "192.0.2.7"};
constexpr std::string_view kStatus = "/bulkhead.v1.TelemetryService/GetStatus";
constexpr std::string_view kCommit = "/bulkhead.v1.PolicyService/CommitPolicy";

// A trail whose clocks the test sets.
struct Clocks {
  std::atomic<TimeNs> boot_ns{100 * kSecondNs};
  std::atomic<TimeNs> wall_ns{1'796'000'000 * kSecondNs};
  std::string boot = "one";

  void pass(TimeNs time_ns) {
    boot_ns += time_ns;
    wall_ns += time_ns;
  }
  Log::Options options() {
    Log::Options options;
    options.segment_bytes = 128 * 1024;
    options.reserve_bytes = 16 * 1024;
    options.stamp = [this] { return Stamp{wall_ns, boot, boot_ns}; };
    return options;
  }
};

// Texts of the records of a kind, "identity: text", with a count of details.
std::vector<Entry> entries(const AuditFolder& folder, const std::string& kind) {
  std::vector<Entry> found;
  for (const Record& record : records_in(folder.path())) {
    if (record.entry.kind == kind) found.push_back(record.entry);
  }
  return found;
}

std::string detail(const Entry& entry, const std::string& name) {
  for (const auto& [key, value] : entry.details) {
    if (key == name) return value;
  }
  return "none";
}

// The trail's thread has seen the present time once another record is on disk.
void settle(Trail& trail) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(trail.log().append({.kind = "note"}, Claim::own).ok());
  }
}

TEST(Trail, ActIsRecordedBeforeAndAfter) {
  const AuditFolder folder;
  Clocks clocks;
  {
    Trail trail(folder.path(), clocks.options());
    const auto act = trail.begin(kEngineer, *find_act(kCommit), {{"revision", "7"}});
    ASSERT_TRUE(act.ok());
    EXPECT_EQ(trail.log().state().head, act.value().begun);
    EXPECT_EQ(records_in(folder.path()).back().entry.result, "begun");
    EXPECT_FALSE(trail.end(act.value(), false, "the disk is full", {{"sha256", "ab"}}));
    EXPECT_EQ(records_in(folder.path()).back().entry.result, "failed");
  }
  const auto acts = entries(folder, "act");
  ASSERT_EQ(acts.size(), 2U);
  for (const Entry& act : acts) {
    EXPECT_EQ(act.caller.identity, kEngineer.identity);
    EXPECT_EQ(act.caller.certificate, kEngineer.certificate);
    EXPECT_EQ(act.caller.role, "engineer");
    EXPECT_EQ(act.caller.address, "192.0.2.7");
    EXPECT_EQ(act.rpc, kCommit);
  }
  EXPECT_EQ(detail(acts[0], "revision"), "7");
  EXPECT_EQ(acts[1].text, "the disk is full");
  EXPECT_EQ(detail(acts[1], "begun"), "3");  // after `segment` and `start`
  EXPECT_EQ(detail(acts[1], "sha256"), "ab");
  EXPECT_EQ(findings(verify_folder(folder.path())), "");
}

TEST(Trail, StartSaysHowItsPredecessorEnded) {
  const AuditFolder folder;
  Clocks clocks;
  {
    const Trail trail(folder.path(), clocks.options());
  }
  {
    Log killed(folder.path(), clocks.options());
    killed.append({.kind = "start"}, Claim::own);
    killed.append({.kind = "act", .result = "begun"}, Claim::own);
    killed.append({.kind = "act", .result = "begun"}, Claim::own);
    killed.append({.kind = "act", .result = "done", .details = {{"begun", "5"}}}, Claim::own);
  }
  {
    const Trail trail(folder.path(), clocks.options());
  }
  {
    const Trail trail(folder.path(), clocks.options());
  }
  const auto starts = entries(folder, "start");
  ASSERT_EQ(starts.size(), 4U);
  EXPECT_EQ(starts[0].text, "agent " BULKHEAD_VERSION);
  EXPECT_EQ(starts[2].text, "agent " BULKHEAD_VERSION "; its predecessor ended without a stop");
  EXPECT_EQ(starts[2].details, (Details{{"unfinished_1", "6"}}));
  EXPECT_EQ(starts[3].text, starts[0].text);
  EXPECT_EQ(entries(folder, "stop").size(), 3U);
}

TEST(Trail, ReadingCostsALoginAndItsEnd) {
  const AuditFolder folder;
  Clocks clocks;
  {
    Trail trail(folder.path(), clocks.options());
    for (int i = 0; i < 1000; ++i) {
      trail.judged(kEngineer, kStatus, true, "");
      clocks.pass(kSecondNs / 100);
    }
    trail.judged(kEngineer, kStatus, false, "no");
    clocks.pass(Logins::kIdleNs);
    settle(trail);
    trail.judged(kEngineer, kStatus, true, "");
  }
  const auto logins = entries(folder, "login");
  const auto ends = entries(folder, "logout");
  ASSERT_EQ(logins.size(), 2U);
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_EQ(logins[0].caller.identity, kEngineer.identity);
  EXPECT_EQ(detail(ends[0], "calls"), "1001");
  EXPECT_EQ(detail(ends[0], "refused"), "1");
  EXPECT_EQ(detail(ends[0], "seconds"), "10.000");
  EXPECT_EQ(detail(ends[1], "calls"), "1");
}

// However many are refused, a minute has a bounded number of records, and all are counted.
TEST(Trail, RefusedActsAndFailedLoginsAreBounded) {
  const AuditFolder folder;
  Clocks clocks;
  constexpr std::size_t kCalls = 5000;
  {
    Trail trail(folder.path(), clocks.options());
    for (std::size_t i = 0; i < kCalls; ++i) {
      Caller caller = kEngineer;
      caller.identity = "viewer" + std::to_string(i % 20);
      trail.judged(caller, kCommit, false, "a viewer may not commit");
      trail.failed_login("192.0.2." + std::to_string(i % 200), "unknown authority");
    }
    clocks.pass(Tally::kPeriodNs);
    settle(trail);
    clocks.pass(Logins::kIdleNs);
    settle(trail);
  }
  const auto refused = entries(folder, "refused");
  ASSERT_EQ(refused.size(), Trail::kRefusedMax + 1);
  EXPECT_EQ(refused[0].text, "a viewer may not commit");
  EXPECT_EQ(refused[0].rpc, kCommit);
  EXPECT_EQ(refused.back().text, "4990 more refused acts, by identity");
  std::size_t counted = 0;
  for (const auto& [name, count] : refused.back().details) counted += std::stoul(count);
  EXPECT_EQ(counted, kCalls - Trail::kRefusedMax);
  EXPECT_EQ(refused.back().details.back().first, "others");
  const auto failed = entries(folder, "failed_logins");
  ASSERT_EQ(failed.size(), Trail::kFailedLoginsMax + 1);
  EXPECT_EQ(failed[0].caller.address, "192.0.2.0");
  EXPECT_EQ(failed.back().text, "4997 failed logins by address");
  EXPECT_EQ(entries(folder, "login").size(), Trail::kLoginsMax + 1);
  EXPECT_LT(records_in(folder.path()).size(), 60U);
}

TEST(Trail, StepsOfTheWallClockAreRecorded) {
  const AuditFolder folder;
  Clocks clocks;
  {
    Trail trail(folder.path(), clocks.options());
    settle(trail);
    clocks.wall_ns += kSecondNs - 1;
    settle(trail);
    EXPECT_TRUE(entries(folder, "time").empty());
    clocks.wall_ns += 1;
    settle(trail);
    clocks.wall_ns -= 3600 * kSecondNs;
    settle(trail);
  }
  clocks.wall_ns += 60 * kSecondNs;
  {
    const Trail trail(folder.path(), clocks.options());
  }
  clocks.boot = "two";
  clocks.boot_ns = 5 * kSecondNs;
  clocks.wall_ns -= 10 * kSecondNs;
  {
    const Trail trail(folder.path(), clocks.options());
  }
  const auto steps = entries(folder, "time");
  ASSERT_EQ(steps.size(), 4U);
  EXPECT_EQ(steps[0].text, "the wall clock was set forward by 1.000 s");
  EXPECT_EQ(steps[1].text, "the wall clock was set back by 3600.000 s");
  EXPECT_EQ(detail(steps[1], "seconds"), "-3600.000");
  EXPECT_EQ(steps[2].text,
            "the wall clock was set forward by 60.000 s while the agent did not run");
  EXPECT_EQ(steps[3].text, "the wall clock is earlier than in the last record, of another boot");
}

TEST(Trail, EventsOfTheAgentAreBounded) {
  const AuditFolder folder;
  Clocks clocks;
  {
    Trail trail(folder.path(), clocks.options());
    for (int i = 0; i < 100; ++i) trail.event("pair", "takeover " + std::to_string(i));
    clocks.pass(Tally::kPeriodNs);
    settle(trail);
  }
  EXPECT_EQ(entries(folder, "pair").size(), Trail::kEventsMax);
  const auto more = entries(folder, "event");
  ASSERT_EQ(more.size(), 1U);
  EXPECT_EQ(detail(more[0], "pair"), "70");
}

TEST(Logins, AreBoundedAndEndAfterADay) {
  Logins logins;
  for (std::size_t i = 0; i < Logins::kLoginsMax; ++i) {
    const auto noted = logins.note({.identity = std::to_string(i)}, true, i);
    EXPECT_TRUE(noted.is_new);
    EXPECT_TRUE(noted.ended.empty());
  }
  const auto noted = logins.note({.identity = "one more"}, true, 1000);
  ASSERT_EQ(noted.ended.size(), 1U);
  EXPECT_EQ(noted.ended[0].caller.identity, "0");
  Logins busy;
  TimeNs now_ns = 0;
  for (; now_ns < Logins::kLongestNs; now_ns += 60 * kSecondNs) {
    EXPECT_TRUE(busy.note({.identity = "poll"}, true, now_ns).ended.empty());
  }
  EXPECT_EQ(busy.note({.identity = "poll"}, true, now_ns).ended.size(), 1U);
}

TEST(Logins, AddressHasNoPort) {
  EXPECT_EQ(address_of("ipv4:192.0.2.7:40000"), "192.0.2.7");
  EXPECT_EQ(address_of("ipv6:%5B2001:db8::7%5D:40000"), "2001:db8::7");
  EXPECT_EQ(address_of("ipv6:[2001:db8::7]:40000"), "2001:db8::7");
  EXPECT_EQ(address_of("unix:/run/x.sock"), "unix:/run/x.sock");
  EXPECT_EQ(address_of("unix:"), "unix:");
  EXPECT_EQ(address_of(""), "");
}

}  // namespace
}  // namespace bulkhead::audit
