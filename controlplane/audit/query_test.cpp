// What is found in a log that is being written.
#include "controlplane/audit/query.h"

#include <gtest/gtest.h>

#include "tests/support/audit_log.h"

namespace bulkhead::audit {
namespace {

std::vector<std::uint64_t> numbers(const Found& found) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& text : found.lines) {
    const auto line = SegmentReader(text).next();
    numbers.push_back(line && line->record ? line->record->number : 0);
  }
  return numbers;
}

TEST(Query, FindsTheNewestThatMatch) {
  const support::AuditFolder folder;
  Log::Options options = support::small_log();
  options.segments_max = 64;
  std::atomic<TimeNs> wall_ns{1000};
  options.stamp = [&wall_ns] {
    Stamp stamp = support::fixed_stamp();
    stamp.wall_ns = wall_ns;
    return stamp;
  };
  Log log(folder.path(), options);
  for (int i = 0; i < 120; ++i) {
    Entry entry = support::some_act(std::to_string(i));
    if (i % 2 == 1) entry = {.kind = "login", .caller = {.identity = "auditor"}};
    ++wall_ns;
    ASSERT_TRUE(log.append(entry, Claim::ordinary).ok());
  }
  const Log::Snapshot snapshot = log.snapshot();
  ASSERT_GE(snapshot.pieces.size(), 3U);
  const std::uint64_t last = snapshot.head.number;

  Filter all;
  EXPECT_EQ(numbers(find(snapshot, all)).size(), last);
  EXPECT_FALSE(find(snapshot, all).more);
  Filter few;
  few.limit = 3;
  EXPECT_EQ(numbers(find(snapshot, few)), (std::vector<std::uint64_t>{last - 2, last - 1, last}));
  EXPECT_TRUE(find(snapshot, few).more);
  Filter range;
  range.first = 5;
  range.last = 7;
  EXPECT_EQ(numbers(find(snapshot, range)), (std::vector<std::uint64_t>{5, 6, 7}));
  Filter identity;
  identity.identity = "auditor";
  EXPECT_EQ(find(snapshot, identity).lines.size(), 60U);
  Filter kind;
  kind.kind = "segment";
  EXPECT_EQ(find(snapshot, kind).lines.size(), snapshot.pieces.size());
  Filter time;
  time.since_ns = 1010;
  time.until_ns = 1011;
  const auto in_time = find(snapshot, time).lines.size();
  EXPECT_GE(in_time, 2U);
  EXPECT_LE(in_time, 3U);
  Filter none;
  none.kind = "nothing";
  EXPECT_TRUE(find(snapshot, none).lines.empty());
}

TEST(Query, VerifiesUpToTheSnapshot) {
  const support::AuditFolder folder;
  Log log(folder.path(), support::small_log());
  ASSERT_TRUE(log.append(support::some_act("x"), Claim::ordinary).ok());
  const Log::Snapshot snapshot = log.snapshot();
  ASSERT_TRUE(log.append(support::some_act("y"), Claim::ordinary).ok());
  const Report report = verify(snapshot, snapshot.head);
  EXPECT_TRUE(report.is_good()) << support::findings(report);
  EXPECT_EQ(report.head, snapshot.head);
  EXPECT_EQ(support::findings(verify(snapshot, log.state().head)), "cut 3-3");
}

}  // namespace
}  // namespace bulkhead::audit
