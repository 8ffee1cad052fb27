// Sums of refusals: what shares a row, who gets one, and that each refusal counts once.
#include "dataplane/ports/refusal_sums.h"

#include <gtest/gtest.h>

#include <vector>

namespace bulkhead::ports {
namespace {

RefusalSums::Key key(std::uint32_t source, std::uint16_t port = 0) {
  RefusalSums::Key key;
  key.source.bytes[12] = static_cast<std::uint8_t>(source >> 24);
  key.source.bytes[13] = static_cast<std::uint8_t>(source >> 16);
  key.source.bytes[14] = static_cast<std::uint8_t>(source >> 8);
  key.source.bytes[15] = static_cast<std::uint8_t>(source);
  key.port = port;
  return key;
}

// One refusal, as a worker counts it. True if it is in a row.
bool refuse(RefusalSums& sums, const RefusalSums::Key& key, std::uint64_t host, bool proven,
            TimeNs wall_ns = 1) {
  if (sums.count(key, wall_ns)) return true;
  if (pipeline::Event* event = sums.add(key, host, proven)) {
    *event = {};
    event->wall_ns = event->last_wall_ns = wall_ns;
    event->source = key.source;
    return true;
  }
  sums.count_rest(key.port, Reason::no_rule, wall_ns);
  return false;
}

std::vector<pipeline::Event> told(RefusalSums& sums, TimeNs now_ns) {
  std::vector<pipeline::Event> events;
  while (const pipeline::Event* event = sums.due(now_ns)) {
    EXPECT_EQ(sums.due(now_ns), event) << "it stays until it is told";
    events.push_back(*event);
    sums.told();
  }
  return events;
}

TEST(RefusalSums, RefusalsAlikeShareARowOnceASecond) {
  RefusalSums sums;
  EXPECT_TRUE(told(sums, kSecondNs).empty());
  for (TimeNs t = 1; t <= 5; ++t) refuse(sums, key(1), 1, false, t);
  refuse(sums, key(2), 2, false, 9);
  auto events = told(sums, kSecondNs);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].count, 5U);
  EXPECT_EQ(events[0].wall_ns, 1U);
  EXPECT_EQ(events[0].last_wall_ns, 5U);
  EXPECT_EQ(events[0].source, key(1).source);
  EXPECT_EQ(events[1].count, 1U);
  refuse(sums, key(1), 1, false, 10);
  EXPECT_TRUE(told(sums, 2 * kSecondNs - 1).empty());
  events = told(sums, 2 * kSecondNs);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].count, 1U);
  EXPECT_TRUE(told(sums, 9 * kSecondNs).empty());
}

// Each part of the key alone makes another row.
TEST(RefusalSums, WhatDiffersIsNotSummed) {
  std::vector<RefusalSums::Key> keys(9, key(1));
  keys[1].source.bytes[0] = 1;
  keys[2].destination.bytes[0] = 1;
  keys[3].generation = 1;
  keys[4].conduit = 1;
  keys[5].function = 1;
  keys[6].protocol = 1;
  keys[7].reason = 1;
  keys[8].fault = 1;
  RefusalSums sums;
  for (const auto& each : keys) EXPECT_TRUE(refuse(sums, each, 1, false));
  EXPECT_EQ(told(sums, kSecondNs).size(), keys.size());
}

TEST(RefusalSums, WhatFindsNoRowIsSummedByPortAndReason) {
  RefusalSums sums;
  std::uint32_t rows = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) rows += refuse(sums, key(i), 7, false, i) ? 1 : 0;
  EXPECT_EQ(rows, RefusalSums::kRowsOfHost);
  sums.count_rest(3, Reason::no_conduit, 5);
  const auto events = told(sums, kSecondNs);
  ASSERT_EQ(events.size(), rows + 2);
  EXPECT_TRUE(events[rows].is_rest);
  EXPECT_EQ(events[rows].reason, Reason::no_rule);
  EXPECT_EQ(events[rows].port, 0);
  EXPECT_EQ(events[rows].count, 1000 - rows);
  EXPECT_EQ(events[rows].wall_ns, rows);
  EXPECT_EQ(events[rows].last_wall_ns, 999U);
  EXPECT_EQ(events[rows + 1].port, 3);
  EXPECT_EQ(events[rows + 1].reason, Reason::no_conduit);
  EXPECT_EQ(told(sums, 3 * kSecondNs).size(), 0U);
}

TEST(RefusalSums, AFloodOfInventedHostsLeavesRowsForOthers) {
  RefusalSums sums;
  std::uint32_t rows = 0;
  for (std::uint32_t i = 0; i < 10'000; ++i) rows += refuse(sums, key(i), i, false) ? 1 : 0;
  EXPECT_LE(rows, 3 * RefusalSums::kRowsMax / 8) << "behind one port";
  EXPECT_TRUE(refuse(sums, key(1'000'000, 1), 1'000'000, false)) << "behind another";
  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_TRUE(refuse(sums, key(2'000'000 + i), 2'000'000 + i, true)) << "who is proven";
  }
}

TEST(RefusalSums, WhatIsNotTakenGoesOnBeingSummed) {
  RefusalSums sums;
  refuse(sums, key(1), 1, false, 1);
  ASSERT_NE(sums.due(kSecondNs), nullptr);
  for (TimeNs t = 2; t < 100; ++t) {
    refuse(sums, key(1), 1, false, t);
    ASSERT_NE(sums.due(t * kSecondNs), nullptr);  // refused by a full ring
  }
  std::uint64_t sum = 0;
  for (const auto& each : told(sums, 200 * kSecondNs)) sum += each.count;
  EXPECT_EQ(sum, 99U);
}

}  // namespace
}  // namespace bulkhead::ports
