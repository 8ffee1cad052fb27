// The two-phase commit of a policy, message by message.
#include "controlplane/failover/commit.h"

#include <gtest/gtest.h>

namespace bulkhead::failover {
namespace {

using Kind = CommitMessage::Kind;
constexpr Policy kFirst = {5, 55};
constexpr Policy kSecond = {6, 66};

TEST(TwoPhase, BothHaveItBeforeOneEnforcesIt) {
  Commit active(kFirst, {});
  Commit standby(kFirst, {});
  const CommitActions asked = active.propose(kSecond, true, 1);
  ASSERT_EQ(asked.to_send().size(), 1U);
  EXPECT_EQ(active.committed(), kFirst);
  const CommitActions answered = standby.take(asked.to_send()[0], true);
  EXPECT_TRUE(answered.changed);
  EXPECT_EQ(standby.prepared(), kSecond);
  const CommitActions committed = active.take(answered.to_send()[0], true);
  EXPECT_EQ(committed.outcome, CommitOutcome::committed);
  EXPECT_EQ(active.committed(), kSecond);
  EXPECT_TRUE(standby.take(committed.to_send()[0], true).changed);
  EXPECT_EQ(standby.committed(), kSecond);
  EXPECT_EQ(standby.prepared(), Policy{});
}

TEST(TwoPhase, WhatWasAskedBeforeThereWasAStreamIsAskedAgain) {
  Commit active(kFirst, {});
  EXPECT_TRUE(active.stream_begun().to_send().empty());
  active.propose(kSecond, true, 1);
  const CommitActions again = active.stream_begun();
  ASSERT_EQ(again.to_send().size(), 1U);
  EXPECT_EQ(again.to_send()[0].kind, Kind::prepare);
  EXPECT_EQ(again.to_send()[0].policy, kSecond);
}

TEST(TwoPhase, NothingChangesIfThePeerCannot) {
  Commit active(kFirst, {});
  Commit standby(kFirst, {});
  const CommitActions asked = active.propose(kSecond, true, 1);
  const CommitActions answered = standby.take(asked.to_send()[0], false);
  EXPECT_EQ(answered.to_send()[0].kind, Kind::refused);
  EXPECT_EQ(active.take(answered.to_send()[0], true).outcome, CommitOutcome::peer_refused);
  EXPECT_EQ(active.committed(), kFirst);
  EXPECT_FALSE(active.under_way());
}

TEST(TwoPhase, AnAnswerThatNeverComesEndsIt) {
  Commit active(kFirst, {});
  active.propose(kSecond, true, 1);
  EXPECT_EQ(active.pass_time(true, Commit::kAnswerNs).outcome, CommitOutcome::none);
  const CommitActions ended = active.pass_time(true, 1 + Commit::kAnswerNs);
  EXPECT_EQ(ended.outcome, CommitOutcome::peer_unanswering);
  EXPECT_EQ(ended.to_send()[0].kind, Kind::abort);
  EXPECT_EQ(active.committed(), kFirst);
  Commit alone(kFirst, {});
  EXPECT_EQ(alone.propose(kSecond, false, 1).outcome, CommitOutcome::committed);
  Commit lost(kFirst, {});
  lost.propose(kSecond, true, 1);
  EXPECT_EQ(lost.pass_time(false, 2).outcome, CommitOutcome::committed) << "the peer is gone";
}

TEST(TwoPhase, ALostWordIsReadFromTheHeartbeat) {
  Commit standby(kFirst, kSecond);
  Heartbeat active;
  active.role = Role::active;
  active.policy = kSecond;
  EXPECT_TRUE(standby.heard(active, 1).changed);
  EXPECT_EQ(standby.committed(), kSecond);
  Commit away(kFirst, {});
  const CommitActions asks = away.heard(active, 1);
  ASSERT_EQ(asks.to_send().size(), 1U);
  EXPECT_EQ(asks.to_send()[0].kind, Kind::fetch);
  EXPECT_TRUE(away.heard(active, 2).to_send().empty()) << "it was asked already";
  Commit other(kSecond, {});
  const CommitActions given = other.take(asks.to_send()[0], true);
  EXPECT_TRUE(away.take(given.to_send()[0], true).changed);
  EXPECT_EQ(away.committed(), kSecond);
}

TEST(TwoPhase, ASurvivorEnforcesWhatItHadPrepared) {
  Commit standby(kFirst, kSecond);
  EXPECT_TRUE(standby.take_over().changed);
  EXPECT_EQ(standby.committed(), kSecond);
  EXPECT_FALSE(standby.take_over().changed);
  Commit old(kSecond, {});
  EXPECT_FALSE(old.take({Kind::policy, kFirst}, true).changed) << "epochs never go back";
  EXPECT_EQ(old.take({Kind::prepare, kFirst}, true).to_send()[0].kind, Kind::refused);
}

}  // namespace
}  // namespace bulkhead::failover
