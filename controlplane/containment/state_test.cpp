// Halves that disagree, time that jumps, and what a restart leaves.
#include "controlplane/containment/state.h"

#include <gtest/gtest.h>

namespace bulkhead::controlplane {
namespace {

constexpr TimeNs kNow = 1000 * kSecondNs;
constexpr std::uint64_t kBoot = 7;

v1::Containment zone(std::uint64_t id, v1::ContainmentLevel level, TimeNs left_ns = 0) {
  v1::Containment each;
  each.set_id(id);
  each.set_level(level);
  each.mutable_target()->set_zone("control");
  each.set_left_ns(left_ns);
  each.set_reason("test");
  return each;
}

constexpr auto kReadOnly = v1::CONTAINMENT_LEVEL_READ_ONLY;
constexpr auto kIsolate = v1::CONTAINMENT_LEVEL_ISOLATE;
constexpr auto kEach = v1::CONTAINMENT_LEVEL_NORMAL;

v1::ContainmentTarget control() { return zone(1, kIsolate).target(); }

std::vector<std::uint64_t> ids(const ContainmentState& state, TimeNs now_ns = kNow) {
  std::vector<std::uint64_t> ids;
  for (const v1::Containment& each : state.list(now_ns)) ids.push_back(each.id());
  return ids;
}

using Ids = std::vector<std::uint64_t>;

// What two halves have after each heard the other's words, in either order.
void exchange(ContainmentState& a, ContainmentState& b, TimeNs now_ns = kNow) {
  const v1::PairContainment of_a = a.for_peer(now_ns);
  const v1::PairContainment of_b = b.for_peer(now_ns);
  a.join(of_b, now_ns);
  b.join(of_a, now_ns);
}

TEST(ContainmentState, ATimeIsOverAtItsEndAndNotBefore) {
  ContainmentState state;
  ASSERT_EQ(state.set(zone(1, kIsolate, kSecondNs), kNow), std::nullopt);
  EXPECT_FALSE(state.pass_time(kNow + kSecondNs - 1).any());
  EXPECT_EQ(state.list(kNow + kSecondNs - 1).at(0).left_ns(), 1U);
  const auto over = state.pass_time(kNow + kSecondNs);
  ASSERT_EQ(over.ended.size(), 1U);
  EXPECT_TRUE(state.empty());
}

TEST(ContainmentState, WithoutATimeItStands) {
  ContainmentState state;
  state.set(zone(1, kIsolate), kNow);
  EXPECT_FALSE(state.pass_time(kNow * 1000000).any());
  EXPECT_EQ(state.next_end_ns(), 0U);
  EXPECT_EQ(ids(state), Ids{1});
}

TEST(ContainmentState, AShorterTimeOrALaxerLevelShortensNothing) {
  ContainmentState state;
  state.set(zone(1, kIsolate, 10 * kSecondNs), kNow);
  state.set(zone(2, kIsolate, 5 * kSecondNs), kNow);
  state.set(zone(3, kReadOnly), kNow);
  EXPECT_EQ(ids(state), (Ids{1, 2, 3}));
  state.set(zone(4, kIsolate, 20 * kSecondNs), kNow);  // covers both
  EXPECT_EQ(ids(state), (Ids{3, 4}));
  state.set(zone(5, kIsolate), kNow);
  EXPECT_EQ(ids(state), (Ids{3, 5}));
  state.set(zone(6, kIsolate, 20 * kSecondNs), kNow);
  EXPECT_EQ(ids(state), (Ids{3, 5, 6}));
}

TEST(ContainmentState, ReleaseNamesTargetAndLevel) {
  ContainmentState state;
  state.set(zone(1, kIsolate), kNow);
  state.set(zone(2, kReadOnly), kNow);
  v1::Containment other = zone(3, kIsolate);
  other.mutable_target()->set_conduit("control");  // a conduit of the zone's name
  state.set(other, kNow);
  EXPECT_EQ(state.release(control(), kIsolate, kNow).ended.size(), 1U);
  EXPECT_EQ(ids(state), (Ids{2, 3}));
  EXPECT_EQ(state.release(control(), kEach, kNow).ended.size(), 1U);
  EXPECT_EQ(ids(state), Ids{3});
  EXPECT_FALSE(state.release(control(), kEach, kNow).any());
}

TEST(ContainmentState, WhatAFileSetsOnlyTheFileEnds) {
  ContainmentState state;
  v1::Containment of_file = zone(1, kIsolate);
  of_file.set_from_file(true);
  state.set(of_file, kNow);
  state.set(zone(2, kIsolate), kNow);
  EXPECT_EQ(ids(state), (Ids{1, 2}));
  EXPECT_EQ(state.release(control(), kEach, kNow).ended.size(), 1U);
  EXPECT_EQ(ids(state), Ids{1});
  EXPECT_EQ(state.release(1, kNow).ended.size(), 1U);
}

TEST(ContainmentState, HalvesThatDisagreeHaveBothAfterwards) {
  ContainmentState a;
  ContainmentState b;
  a.set(zone(1, kReadOnly), kNow);
  b.set(zone(2, kIsolate), kNow);
  exchange(a, b);
  EXPECT_EQ(ids(a), (Ids{1, 2}));
  EXPECT_EQ(ids(b), (Ids{2, 1}));
  EXPECT_FALSE(a.knows_more(b.for_peer(kNow), kNow));
  EXPECT_FALSE(b.knows_more(a.for_peer(kNow), kNow));
}

TEST(ContainmentState, AReleaseReachesTheHalfThatWasAwayAndNoLaterContainment) {
  ContainmentState a;
  ContainmentState b;
  a.set(zone(1, kIsolate), kNow);
  exchange(a, b);
  a.release(control(), kEach, kNow);
  b.set(zone(2, kReadOnly), kNow);  // meanwhile
  EXPECT_TRUE(a.knows_more(b.for_peer(kNow), kNow));
  exchange(a, b);
  EXPECT_EQ(ids(a), Ids{2});
  EXPECT_EQ(ids(b), Ids{2});
  // What was under way when it was released does not bring it back.
  v1::PairContainment late;
  *late.add_containments() = zone(1, kIsolate);
  EXPECT_FALSE(a.join(late, kNow).any());
  EXPECT_FALSE(b.join(late, kNow).any());
}

TEST(ContainmentState, TalkingMovesNoDeadline) {
  ContainmentState a;
  ContainmentState b;
  a.set(zone(1, kIsolate, 60 * kSecondNs), kNow);
  TimeNs now_ns = kNow;
  for (int i = 0; i < 1000; ++i) {
    const v1::PairContainment of_a = a.for_peer(now_ns);
    now_ns += 5 * kMillisecondNs;  // on its way
    b.join(of_a, now_ns);
    a.join(b.for_peer(now_ns), now_ns + 5 * kMillisecondNs);
  }
  EXPECT_EQ(a.next_end_ns(), kNow + 60 * kSecondNs);
  EXPECT_GE(b.next_end_ns(), kNow + 60 * kSecondNs);
  EXPECT_LE(b.next_end_ns(), kNow + 60 * kSecondNs + 5 * kMillisecondNs);
}

TEST(ContainmentState, WhatIsAboutToEndIsNotBegunAgain) {
  ContainmentState state;
  v1::PairContainment other;
  *other.add_containments() = zone(1, kIsolate, kSecondNs - 1);
  EXPECT_FALSE(state.join(other, kNow).any());
  other.mutable_containments(0)->set_left_ns(kSecondNs);
  EXPECT_TRUE(state.join(other, kNow).any());
}

TEST(ContainmentState, TheDiskKeepsItAndTimeGoesOn) {
  ContainmentState state;
  state.set(zone(1, kIsolate, 60 * kSecondNs), kNow);
  state.set(zone(2, kReadOnly), kNow);
  v1::Containment other = zone(3, kIsolate);
  other.mutable_target()->set_zone("supervision");
  state.set(other, kNow);
  state.release(3, kNow);
  const v1::StoredContainment stored = state.store(kBoot, kNow + kSecondNs);
  const TimeNs later_ns = kNow + 31 * kSecondNs;
  ContainmentState again = ContainmentState::load(stored, kBoot, later_ns);
  EXPECT_EQ(again.next_end_ns(), kNow + 60 * kSecondNs);
  v1::PairContainment late;
  *late.add_containments() = zone(3, kIsolate);
  EXPECT_FALSE(again.join(late, later_ns).any());
  // Over while nobody was there.
  again = ContainmentState::load(stored, kBoot, kNow + 61 * kSecondNs);
  EXPECT_EQ(again.pass_time(kNow + 61 * kSecondNs).ended.size(), 1U);
  EXPECT_EQ(ids(again), Ids{2});
}

// CLOCK_BOOTTIME begins anew, and nobody knows for how long the machine was off: never too early.
TEST(ContainmentState, AfterARestartOfTheMachineWhatWasLeftBeginsAgain) {
  ContainmentState state;
  state.set(zone(1, kIsolate, 60 * kSecondNs), kNow);
  const v1::StoredContainment stored = state.store(kBoot, kNow + 20 * kSecondNs);
  const ContainmentState again = ContainmentState::load(stored, kBoot + 1, 3 * kSecondNs);
  EXPECT_EQ(again.next_end_ns(), 43 * kSecondNs);
}

TEST(ContainmentState, Limits) {
  ContainmentState state;
  for (std::uint64_t i = 1; i < ContainmentState::kMax; ++i) {
    v1::Containment each = zone(i, kIsolate);
    each.mutable_target()->set_zone("z" + std::to_string(i));
    ASSERT_EQ(state.set(each, kNow), std::nullopt);
  }
  v1::Containment last = zone(1000, kIsolate);
  EXPECT_EQ(state.set(last, kNow), std::nullopt);
  v1::Containment beyond = zone(1001, kReadOnly);
  EXPECT_NE(state.set(beyond, kNow), std::nullopt);
  last.set_id(1002);  // takes the former one's place
  EXPECT_EQ(state.set(last, kNow), std::nullopt);
  EXPECT_EQ(state.list(kNow).size(), ContainmentState::kMax);
  // The oldest releases are forgotten: what they ended may come back, which is the stricter.
  ContainmentState forgets;
  for (std::uint64_t i = 1; i <= ContainmentState::kReleasedMax + 1; ++i) {
    forgets.set(zone(i, kIsolate), kNow);
    forgets.release(i, kNow);
  }
  v1::PairContainment late;
  *late.add_containments() = zone(2, kIsolate);
  EXPECT_FALSE(forgets.join(late, kNow).any());
  late.mutable_containments(0)->set_id(1);
  EXPECT_TRUE(forgets.join(late, kNow).any());
}

TEST(ContainmentState, LevelsHaveTheNamesThatOperatorsWrite) {
  for (const char* name : {"normal", "read-only", "essential", "isolate"}) {
    ASSERT_TRUE(find_level(name));
    EXPECT_EQ(name_of(*find_level(name)), name);
  }
  EXPECT_EQ(find_level("isolate"), v1::CONTAINMENT_LEVEL_ISOLATE);
  EXPECT_FALSE(find_level("Isolate"));
}

}  // namespace
}  // namespace bulkhead::controlplane
