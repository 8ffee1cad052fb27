// Commits that return unless they are confirmed: at their time, for their health, and at the end of
// an observation.
#include "dataplane/base/boot_clock.h"
#include "tests/support/commit_fixture.h"

namespace bulkhead::controlplane {
namespace {

class ConfirmTest : public CommitTest {
 protected:
  // Revisions 1 and 2, of which 1 is in force.
  ConfirmTest() {
    stage("one");
    stage("two");
    EXPECT_EQ(commit(1).state(), v1::Commit::STATE_IN_FORCE);
  }
  v1::Commit commit_for(std::uint64_t ms) {
    auto commit = agent_->policies().commit({2, ms}, "alice");
    EXPECT_TRUE(commit) << commit.error().text;
    return commit ? commit.value() : v1::Commit();
  }
  bool returned(std::chrono::milliseconds within) {
    return becomes([this] { return active() == 1 && enforced() == digest_of(artefact_of("one")); },
                   static_cast<int>(within.count()));
  }
  v1::Revision second() {
    for (const v1::Revision& revision : agent_->policies().list()) {
      if (revision.number() == 2) return revision;
    }
    return {};
  }
};

TEST_F(ConfirmTest, WhatNobodyConfirmsReturnsWithinASecond) {
  const v1::Commit done = commit_for(1500);
  EXPECT_EQ(done.state(), v1::Commit::STATE_IN_FORCE) << done.text();
  EXPECT_EQ(done.trial().former(), 1U);
  EXPECT_EQ(enforced(), digest_of(artefact_of("two")));
  EXPECT_EQ(agent_->readings().status().trial().committed_by(), "alice");
  const auto other = agent_->policies().commit({2, 0}, "bob");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().text.find("bulkheadctl confirm"), std::string::npos);
  EXPECT_NE(other.error().text.find("bulkheadctl rollback"), std::string::npos);
  EXPECT_EQ(active(), 2U) << "not before its time";
  EXPECT_TRUE(returned(std::chrono::milliseconds(2500)));
  EXPECT_EQ(second().returned_why(), "it was not confirmed in time");
  EXPECT_FALSE(agent_->policies().confirm("alice")) << "nothing awaits it any more";
  EXPECT_FALSE(agent_->policies().roll_back(2, "alice")) << "it was never confirmed";
}

TEST_F(ConfirmTest, AConfirmedOneStays) {
  commit_for(1500);
  const auto confirmed = agent_->policies().confirm("bob");
  ASSERT_TRUE(confirmed);
  EXPECT_EQ(confirmed.value().state(), v1::Commit::STATE_IN_FORCE);
  EXPECT_FALSE(returned(std::chrono::milliseconds(2500)));
  EXPECT_EQ(active(), 2U);
  EXPECT_EQ(applied_, 2) << "and is not applied again";
  EXPECT_EQ(second().confirmed_by(), "bob");
  EXPECT_TRUE(agent_->policies().roll_back(0, "bob"));
  EXPECT_EQ(active(), 1U);
}

TEST_F(ConfirmTest, ARollbackDoesNotWait) {
  commit_for(600'000);
  const auto back = agent_->policies().roll_back(0, "bob");
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(back.value().state(), v1::Commit::STATE_IN_FORCE) << back.value().text();
  EXPECT_EQ(active(), 1U);
  EXPECT_EQ(enforced(), digest_of(artefact_of("one")));
  EXPECT_EQ(second().returned_by(), "bob");
}

TEST_F(ConfirmTest, ARestartedAgentNeitherStretchesNorSkipsTheTime) {
  commit_for(3000);
  const TimeNs begun_ns = boot_now_ns();
  start();
  EXPECT_EQ(active(), 2U);
  start();
  EXPECT_TRUE(returned(std::chrono::milliseconds(4000)));
  const TimeNs took_ns = boot_now_ns() - begun_ns;
  EXPECT_GE(took_ns, 2500 * kMillisecondNs);
  EXPECT_LE(took_ns, 4000 * kMillisecondNs);
}

TEST_F(ConfirmTest, WhatRanOutWhileTheAgentWasGoneReturnsAtItsStart) {
  commit_for(1000);
  agent_.reset();
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  start();
  EXPECT_TRUE(returned(std::chrono::milliseconds(1000)));
}

// As another start of the machine would leave it.
TEST_F(ConfirmTest, ARestartedMachineReturnsAtOnce) {
  agent_.reset();
  {
    auto store = RevisionStore::open((folder() / "state").string()).value();
    const StoredTrial trial{1, 600'000, boot_now_ns() + 600 * kSecondNs, boot_number() ^ 2};
    ASSERT_TRUE(store->activate({2, 0, trial, Act::begin_trial, "alice"}));
  }
  start();
  EXPECT_TRUE(returned(std::chrono::milliseconds(1500)));
  EXPECT_EQ(second().returned_why(), "the machine restarted before it was confirmed");
}

TEST_F(ConfirmTest, TheTimeIsBounded) {
  EXPECT_FALSE(agent_->policies().commit({2, Policies::kConfirmMsMin - 1}, "alice"));
  EXPECT_FALSE(agent_->policies().commit({2, Policies::kConfirmMsMax + 1}, "alice"));
  EXPECT_FALSE(agent_->policies().commit({1, 5000}, "alice")) << "it is in force";
  EXPECT_EQ(active(), 1U);
}

TEST_F(ConfirmTest, ADataPlaneThatIsAwayGetsWhatHasReturned) {
  commit_for(1000);
  restart_dataplane();
  EXPECT_TRUE(returned(std::chrono::milliseconds(3000)));
}

// Revision 3 states its bounds, 4 does not.
class HealthTest : public ConfirmTest {
 protected:
  HealthTest() {
    sessions_ = 5;
    EXPECT_EQ(stage(policy_with(20, 100)), 3U);
    EXPECT_EQ(stage(policy_with(0, 0)), 4U);
  }
  static std::string policy_with(std::uint32_t percent, std::uint32_t refusals_per_s) {
    v1::CompiledPolicy policy;
    v1::Conduit& granted = *policy.add_conduits();
    granted.set_name("scada");
    granted.add_rules();
    policy.add_conduits()->set_name("gone");
    if (percent == 0) return policy.SerializeAsString();
    policy.mutable_health()->set_sessions_lost_percent(percent);
    policy.mutable_health()->set_refusals_per_s(refusals_per_s);
    return policy.SerializeAsString();
  }
  v1::Commit commit_with_health(std::uint64_t number) {
    auto commit = agent_->policies().commit({number, 600'000, policy::HealthBounds()}, "alice");
    return commit ? commit.value() : v1::Commit();
  }
  std::string why(std::uint64_t number) {
    for (const v1::Revision& revision : agent_->policies().list()) {
      if (revision.number() == number) return revision.returned_why();
    }
    return {};
  }
};

TEST_F(HealthTest, LostSessionsReturnItAlsoAfterARestartOfTheAgent) {
  const v1::Commit done = commit_with_health(3);
  ASSERT_EQ(done.state(), v1::Commit::STATE_IN_FORCE) << done.text();
  EXPECT_EQ(done.trial().health().sessions_lost_percent(), 20U);
  start();
  sessions_ = 3;
  EXPECT_TRUE(returned(std::chrono::milliseconds(6000)));
  EXPECT_EQ(why(3), "its health was out of bounds: 3 of 5 sessions left, bound 20% lost");
}

TEST_F(HealthTest, WhatCannotBeWatchedIsRefused) {
  const v1::Commit none = commit_with_health(4);
  EXPECT_EQ(none.state(), v1::Commit::STATE_REFUSED);
  EXPECT_NE(none.text().find("the policy states no health"), std::string::npos) << none.text();
  EXPECT_FALSE(agent_->policies().commit({3, 0, policy::HealthBounds{}}, "alice"))
      << "it awaits no confirmation";
  EXPECT_EQ(active(), 1U);
}

// An observation that ends within its hours, by a clock that the test moves.
class ObservedCommitTest : public CommitTest {
 protected:
  static constexpr std::uint64_t kFromS = 4'000'000'000;  // the agent's own waits for it
  static constexpr std::uint64_t kUntilS = kFromS + 7200;

  // Revision 1 observes, and is in force.
  void observe(std::uint32_t confirm_s) {
    v1::Conduit* scada = policy_.add_conduits();
    scada->set_name("scada");
    scada->set_observe_until_s(kUntilS);
    scada->set_enforce_from_s(kFromS);
    scada->set_enforce_confirm_s(confirm_s);
    ASSERT_EQ(stage(policy_.SerializeAsString()), 1U);
    ASSERT_EQ(commit(1).state(), v1::Commit::STATE_IN_FORCE);
  }
  void pass_time(std::uint64_t now_s) {
    ObservationEnd(agent_->policies(), sinks_, [] { return true; }).pass_time(now_s);
  }
  std::string observing_digest() const {
    return digest_of(artefact_of(policy_.SerializeAsString()));
  }
  bool enforces() const {
    const auto stored = agent_->policies().get(2);
    v1::CompiledPolicy policy;
    return stored && policy.ParseFromString(stored.value().artefact().policy()) &&
           policy.conduits(0).name() == "scada" && policy.conduits(0).observe_until_s() == 0;
  }

  v1::CompiledPolicy policy_;
};

TEST_F(ObservedCommitTest, IsACommitThatCanBeConfirmed) {
  observe(1);
  pass_time(kFromS - 1);
  EXPECT_EQ(active(), 1U);
  pass_time(kFromS);
  EXPECT_EQ(active(), 2U);
  EXPECT_TRUE(enforces());
  EXPECT_NE(enforced(), observing_digest());
  EXPECT_EQ(agent_->readings().status().trial().committed_by(), "bulkheadd");
  ASSERT_TRUE(agent_->policies().confirm("alice"));
  EXPECT_FALSE(becomes([this] { return active() != 2; }, 2500));
  start();
  pass_time(kFromS + 60);
  EXPECT_EQ(active(), 2U);
  EXPECT_EQ(agent_->policies().list().size(), 2U);
}

TEST_F(ObservedCommitTest, WithoutAConfirmationItObservesAgainUntilItsEnd) {
  observe(1);
  pass_time(kFromS);
  EXPECT_EQ(active(), 2U);
  EXPECT_TRUE(becomes([this] { return active() == 1 && enforced() == observing_digest(); }, 3500));
  for (int restarted = 0; restarted < 2; ++restarted) {
    for (std::uint64_t s = 61; s < 200; s += 60) pass_time(kFromS + s);
    EXPECT_EQ(active(), 1U) << "it is not tried again";
    EXPECT_EQ(agent_->policies().list().size(), 2U);
    start();
  }
}

}  // namespace
}  // namespace bulkhead::controlplane
