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
  const CommitActions answered = standby.take(asked.to_send()[0], true, 1);
  EXPECT_TRUE(answered.changed);
  EXPECT_EQ(standby.prepared(), kSecond);
  const CommitActions committed = active.take(answered.to_send()[0], true, 1);
  EXPECT_EQ(committed.outcome, CommitOutcome::committed);
  EXPECT_EQ(active.committed(), kSecond);
  EXPECT_TRUE(standby.take(committed.to_send()[0], true, 1).changed);
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
  const CommitActions answered = standby.take(asked.to_send()[0], false, 1);
  EXPECT_EQ(answered.to_send()[0].kind, Kind::refused);
  EXPECT_EQ(active.take(answered.to_send()[0], true, 1).outcome, CommitOutcome::peer_refused);
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
  EXPECT_EQ(alone.propose(kSecond, false, 1).outcome, CommitOutcome::committed_alone);
  Commit lost(kFirst, {});
  lost.propose(kSecond, true, 1);
  EXPECT_EQ(lost.pass_time(false, 2).outcome, CommitOutcome::committed_alone) << "the peer is gone";
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
  const CommitActions given = other.take(asks.to_send()[0], true, 1);
  EXPECT_TRUE(away.take(given.to_send()[0], true, 1).changed);
  EXPECT_EQ(away.committed(), kSecond);
}

TEST(TwoPhase, ASurvivorEnforcesWhatItHadPrepared) {
  Commit standby(kFirst, kSecond);
  EXPECT_TRUE(standby.take_over(1).changed);
  EXPECT_EQ(standby.committed(), kSecond);
  EXPECT_FALSE(standby.take_over(1).changed);
  Commit old(kSecond, {});
  EXPECT_FALSE(old.take({Kind::policy, kFirst}, true, 1).changed) << "epochs never go back";
  EXPECT_EQ(old.take({Kind::prepare, kFirst}, true, 1).to_send()[0].kind, Kind::refused);
}

// --- commits that await confirmation -----------------------------------------------------------

constexpr TimeNs kWindowNs = 100 * kSecondNs;
constexpr Policy kReturned = {7, 55};
constexpr Policy kConfirmed = {8, 66};
constexpr std::uint64_t kBoot = 1;

Trial trial_until(TimeNs deadline_ns) { return {kFirst, kWindowNs, deadline_ns, kBoot}; }

Commit awaiting(TimeNs deadline_ns, const Policy& prepared = {}) {
  return Commit(kSecond, prepared, {trial_until(deadline_ns), std::nullopt, kBoot});
}

Heartbeat beat_of(const Policy& policy, TimeNs trial_ns) {
  Heartbeat beat;
  beat.role = Role::active;
  beat.policy = policy;
  beat.trial_ns = trial_ns;
  return beat;
}

TEST(Trial, BothKnowWhenItReturns) {
  Commit active(kFirst, {});
  Commit standby(kFirst, {});
  const CommitActions asked = active.propose(kSecond, true, 10, kWindowNs);
  EXPECT_EQ(asked.to_send()[0].former, kFirst);
  EXPECT_EQ(asked.to_send()[0].window_ns, kWindowNs);
  const CommitActions answered = standby.take(asked.to_send()[0], true, 1000);
  const CommitActions committed = active.take(answered.to_send()[0], true, 30);
  standby.take(committed.to_send()[0], true, 1040);
  EXPECT_EQ(active.trial()->deadline_ns, 30 + kWindowNs);
  EXPECT_EQ(standby.trial()->deadline_ns, 1040 + kWindowNs) << "by its own clock";
  standby.heard(beat_of(kSecond, kWindowNs - 20), 1050);
  EXPECT_EQ(standby.trial()->deadline_ns, 1030 + kWindowNs) << "what is left there counts";
  standby.heard(beat_of(kSecond, kWindowNs - 20), 1090);
  EXPECT_EQ(standby.trial()->deadline_ns, 1030 + kWindowNs) << "a late word stretches nothing";
}

TEST(Trial, EachReturnsByItself) {
  for (const bool peer : {true, false}) {
    Commit commit = awaiting(kWindowNs);
    EXPECT_FALSE(commit.pass_time(peer, kWindowNs - 1).changed);
    const CommitActions actions = commit.pass_time(peer, kWindowNs);
    EXPECT_TRUE(actions.changed);
    EXPECT_EQ(actions.cause, CommitCause::expired);
    EXPECT_EQ(commit.committed(), kReturned);
    EXPECT_FALSE(commit.trial());
  }
}

TEST(Trial, AConfirmationIsCommittedByBoth) {
  Commit active = awaiting(kWindowNs);
  Commit standby = awaiting(kWindowNs);
  const CommitActions asked = active.confirm(true, 5);
  EXPECT_EQ(asked.outcome, CommitOutcome::none) << "the peer must have it first";
  EXPECT_EQ(asked.to_send()[0].policy, kConfirmed);
  const CommitActions answered = standby.take(asked.to_send()[0], true, 6);
  EXPECT_EQ(standby.prepared(), kConfirmed);
  const CommitActions done = active.take(answered.to_send()[0], true, 7);
  EXPECT_EQ(done.outcome, CommitOutcome::committed);
  EXPECT_EQ(done.cause, CommitCause::confirmed);
  EXPECT_EQ(active.committed(), kConfirmed);
  EXPECT_FALSE(active.trial());
  EXPECT_EQ(standby.take(done.to_send()[0], true, 8).cause, CommitCause::confirmed);
  EXPECT_EQ(standby.committed(), kConfirmed);
  EXPECT_FALSE(standby.pass_time(true, 2 * kWindowNs).changed);
}

TEST(Trial, AConfirmationThatIsTooLateIsNone) {
  Commit late = awaiting(kWindowNs);
  EXPECT_EQ(late.confirm(true, kWindowNs).outcome, CommitOutcome::expired);
  EXPECT_EQ(late.committed(), kSecond) << "pass_time() returns";
  Commit slow = awaiting(kWindowNs);
  const CommitActions asked = slow.confirm(true, kWindowNs - 1);
  const CommitMessage prepared = {Kind::prepared, asked.to_send()[0].policy};
  EXPECT_EQ(slow.take(prepared, true, kWindowNs).outcome, CommitOutcome::expired);
  Commit waits = awaiting(kWindowNs);
  waits.confirm(true, kWindowNs - 1);
  const CommitActions ended = waits.pass_time(true, kWindowNs);
  EXPECT_EQ(ended.outcome, CommitOutcome::expired);
  EXPECT_EQ(ended.to_send()[0].kind, Kind::abort);
  EXPECT_EQ(waits.committed(), kReturned);
}

// The peer may have answered its operator.
TEST(Trial, WhatThePeerMayHaveConfirmedDoesNotReturn) {
  Commit alone = awaiting(kWindowNs, kConfirmed);
  EXPECT_EQ(alone.pass_time(false, kWindowNs).cause, CommitCause::confirmed);
  EXPECT_EQ(alone.committed(), kConfirmed);
  Commit hears = awaiting(kWindowNs, kConfirmed);
  EXPECT_FALSE(hears.pass_time(true, kWindowNs + Commit::kDoubtNs - 1).changed);
  EXPECT_EQ(hears.pass_time(true, kWindowNs + Commit::kDoubtNs).cause, CommitCause::expired);
  EXPECT_EQ(hears.prepared(), Policy{}) << "and its confirmation is void";
  Commit told = awaiting(kWindowNs, kConfirmed);
  EXPECT_EQ(told.heard(beat_of(kReturned, 0), kWindowNs).cause, CommitCause::followed);
  EXPECT_EQ(told.committed(), kReturned);
  EXPECT_EQ(told.prepared(), Policy{});
  Commit heir = awaiting(kWindowNs, kConfirmed);
  EXPECT_EQ(heir.take_over(5).cause, CommitCause::confirmed);
}

TEST(Trial, AHeartbeatSaysHowItEnded) {
  Commit confirmed = awaiting(kWindowNs);
  EXPECT_EQ(confirmed.heard(beat_of(kConfirmed, 0), 5).cause, CommitCause::confirmed);
  EXPECT_EQ(confirmed.committed(), kConfirmed);
  Commit returned = awaiting(kWindowNs);
  EXPECT_EQ(returned.heard(beat_of(kReturned, 0), 5).cause, CommitCause::followed);
  EXPECT_EQ(returned.committed(), kReturned);
}

TEST(Trial, ARollbackReturnsBothAtOnce) {
  Commit active = awaiting(kWindowNs);
  Commit standby = awaiting(kWindowNs);
  const CommitActions actions = active.roll_back();
  EXPECT_EQ(actions.cause, CommitCause::rolled_back);
  EXPECT_EQ(active.committed(), kReturned);
  EXPECT_TRUE(standby.take(actions.to_send()[0], true, 5).changed);
  EXPECT_EQ(standby.committed(), kReturned);
}

TEST(Trial, WhatLosesItsHealthReturnsOnBoth) {
  Commit active = awaiting(kWindowNs);
  Commit standby = awaiting(kWindowNs);
  const CommitActions actions = active.roll_back(CommitCause::unhealthy);
  EXPECT_EQ(actions.cause, CommitCause::unhealthy);
  EXPECT_EQ(standby.take(actions.to_send()[0], true, 5).cause, CommitCause::followed);
  EXPECT_EQ(standby.committed(), kReturned);
}

TEST(Trial, TheDeadlineSurvivesTheAgentButNotTheMachine) {
  Commit agent = awaiting(kWindowNs);
  EXPECT_FALSE(agent.pass_time(false, 7).changed);
  EXPECT_TRUE(agent.pass_time(false, kWindowNs).changed) << "neither stretched nor skipped";
  const Commit::Trials of_other_start{trial_until(3), std::nullopt, kBoot + 1};
  Commit machine(kSecond, {}, of_other_start);
  EXPECT_EQ(trial_left(machine.trial(), 9), kTrialNotKnown);
  EXPECT_FALSE(machine.pass_time(true, 9).changed) << "the peer may know";
  EXPECT_EQ(machine.confirm(false, 9).outcome, CommitOutcome::expired) << "it may be over";
  machine.heard(beat_of(kSecond, 40), 10);
  EXPECT_FALSE(machine.pass_time(true, 49).changed);
  EXPECT_EQ(machine.pass_time(true, 50).cause, CommitCause::expired);
  Commit nobody(kSecond, {}, of_other_start);
  EXPECT_EQ(nobody.heard(beat_of(kSecond, kTrialNotKnown), 9).cause, CommitCause::restarted);
  EXPECT_EQ(nobody.committed(), kReturned);
  Commit alone(kSecond, {}, of_other_start);
  EXPECT_FALSE(alone.pass_time(false, 9).changed);
  EXPECT_FALSE(alone.pass_time(false, 9 + Commit::kAskNs - 1).changed);
  EXPECT_EQ(alone.pass_time(false, 9 + Commit::kAskNs).cause, CommitCause::restarted);
}

TEST(Trial, WhoWasAwayGetsBothPoliciesAndWhatIsLeft) {
  Commit active = awaiting(kWindowNs);
  Commit away({4, 44}, {});
  const CommitActions asks = away.heard(beat_of(kSecond, kWindowNs - 5), 1);
  const CommitActions given = active.take(asks.to_send()[0], true, 5);
  ASSERT_EQ(given.to_send().size(), 2U);
  EXPECT_EQ(given.to_send()[0].policy, kFirst);
  for (const CommitMessage& message : given.to_send()) away.take(message, true, 1000);
  EXPECT_EQ(away.committed(), kSecond);
  EXPECT_EQ(away.trial()->former, kFirst);
  EXPECT_EQ(away.trial()->deadline_ns, 1000 + kWindowNs - 5);
}

TEST(Trial, OneThatEnforcesAnotherPolicyCannotPrepareIt) {
  Commit standby({4, 44}, {});
  const CommitMessage message{Kind::prepare, kSecond, kFirst, kWindowNs};
  EXPECT_EQ(standby.take(message, true, 1).to_send()[0].kind, Kind::refused);
}

TEST(Trial, WhatComesIntoForceLateReturnsInTimeAllTheSame) {
  Commit heir(kFirst, {});
  heir.take({Kind::prepare, kSecond, kFirst, kWindowNs}, true, 1);
  heir.take_over(50 * kSecondNs);
  EXPECT_EQ(heir.trial()->deadline_ns, 1 + kWindowNs);
  Commit hears(kFirst, {});
  hears.take({Kind::prepare, kSecond, kFirst, kWindowNs}, true, 1);
  hears.heard(beat_of(kSecond, 7), 50 * kSecondNs);
  EXPECT_EQ(hears.trial()->deadline_ns, 50 * kSecondNs + 7);
}

}  // namespace
}  // namespace bulkhead::failover
