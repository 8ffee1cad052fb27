// Commits of a single appliance and of one of a pair, with a data plane that accepts, refuses or
// disappears.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "controlplane/agent/agent.h"
#include "controlplane/agent/dataplane_policy.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/base/boot_clock.h"
#include "tests/support/becomes.h"
#include "tests/support/fake_dataplane.h"

namespace bulkhead::controlplane {
namespace {

namespace fs = std::filesystem;
using support::becomes;

v1::PolicyArtefact artefact_of(const std::string& policy) {
  v1::PolicyArtefact artefact;
  artefact.set_policy(policy);
  artefact.set_sha256(artefact::sha256(policy));
  return artefact;
}

std::string digest_of(const v1::PolicyArtefact& artefact) {
  return artefact::to_hex(artefact.sha256());
}

class CommitTest : public ::testing::Test {
 protected:
  CommitTest() {
    char name[] = "/tmp/bulkhead-commit-XXXXXX";
    folder_ = mkdtemp(name);
    start();
  }
  ~CommitTest() override {
    agent_.reset();
    fs::remove_all(folder_);
  }

  void start() {
    agent_.reset();
    agent_ = std::make_unique<Agent>(RevisionStore::open((folder_ / "state").string()).value(),
                                     dataplane_.path, sinks_);
    agent_->start();
    EXPECT_TRUE(becomes([this] { return agent_->readings().status().dataplane_connected(); }));
  }
  std::uint64_t stage(const std::string& policy) {
    v1::StagePolicyRequest request;
    *request.mutable_artefact() = artefact_of(policy);
    const auto staged = agent_->policies().stage(std::move(request), "alice");
    return staged ? staged.value().number() : 0;
  }
  v1::Commit commit(std::uint64_t number) {
    auto commit = agent_->policies().commit({number, 0}, "alice");
    return commit ? commit.value() : v1::Commit();
  }
  std::uint64_t active() { return agent_->readings().status().active().number(); }
  std::string enforced() {
    const std::lock_guard guard(mutex_);
    return enforced_;
  }
  void restart_dataplane() {
    {
      const std::lock_guard guard(mutex_);
      enforced_.clear();
      prepared_.clear();
    }
    dataplane_.hang_up();
  }
  // It has made room for others.
  void forget_prepared() {
    const std::lock_guard guard(mutex_);
    prepared_.clear();
  }

  fs::path folder() const { return folder_; }

  enum class Mode { accept, refuse, hang_up };
  std::atomic<Mode> mode_{Mode::accept};
  std::atomic<int> applied_{0};
  std::atomic<int> artefacts_{0};  // that were sent to it
  std::atomic<int> sessions_{0};   // that live
  std::unique_ptr<Agent> agent_;
  Sinks sinks_;

 private:
  void act(FakeDataplane::Stream& stream, const v1::DataplaneRequest& request) {
    v1::DataplaneAnswer answer;
    answer.set_id(request.id());
    const std::lock_guard guard(mutex_);
    if (request.has_get_status()) {
      answer.mutable_status()->set_policy_sha256(enforced_);
    } else if (request.has_get_counters()) {
      answer.mutable_counters();
    } else if (request.has_list_flows()) {
      list_flows(*answer.mutable_flows());
    } else if (request.has_prepare_policy()) {
      prepare(request.prepare_policy(), answer);
    } else if (!request.has_apply_prepared()) {
      return;
    } else if (mode_ == Mode::hang_up) {
      mode_ = Mode::accept;
      enforced_.clear();
      prepared_.clear();
      stream.socket().close();
      return;
    } else if (prepared_.erase(request.apply_prepared().sha256()) == 0) {
      answer.set_not_prepared("not prepared; nothing was changed");
    } else {
      answer.mutable_policy_applied()->set_generation(++applied_);
      enforced_ = request.apply_prepared().sha256();
    }
    FakeDataplane::answer(stream, answer);
  }
  void list_flows(v1::DataplaneFlows& flows) {
    for (int i = 0; i < sessions_; ++i) {
      flows.add_flows()->set_conduit("scada");
      flows.mutable_flows(i)->set_state("established");
    }
    flows.set_complete(true);
  }
  void prepare(const v1::PreparePolicy& request, v1::DataplaneAnswer& answer) {
    std::string digest = request.sha256();
    if (request.has_artefact()) {
      ++artefacts_;
      if (mode_ == Mode::refuse) return answer.set_refused("zone 7 has no port");
      digest = digest_of(request.artefact());
      prepared_.insert(digest);
    }
    if (prepared_.count(digest) == 0) return answer.set_not_prepared("not prepared");
    answer.mutable_policy_prepared()->set_site("plant");
    answer.mutable_policy_prepared()->set_sha256(digest);
  }

  fs::path folder_;
  std::mutex mutex_;
  std::string enforced_;
  std::set<std::string> prepared_;

 protected:
  FakeDataplane dataplane_{[this](auto& stream, const auto& request) { act(stream, request); },
                           ".commit"};
};

// One of a pair, whose peer is the test.
class PairCommitTest : public CommitTest {
 protected:
  PairCommitTest() {
    agent_.reset();
    for (const std::string policy : {"one", "two", "three"}) {
      v1::GetPolicyResponse stored;
      *stored.mutable_artefact() = artefact_of(policy);
      stored.mutable_revision()->set_sha256(digest_of(stored.artefact()));
      enforcer_.add(store_->add(std::move(stored)).value());
    }
    enforcer_.join_pair(
        [this](const Enforcer::Request& request) { return agree_(request.revision); });
    client_.start(false);
    EXPECT_TRUE(becomes([this] { return client_.connected(); }));
  }

  v1::Commit commit(std::uint64_t number) {
    const auto begun = enforcer_.begin(life::CommitAsked{number}, "alice");
    EXPECT_TRUE(begun);
    enforcer_.commit(begun.value());
    return enforcer_.commits().find("").value();
  }
  std::string decide(std::uint64_t number) {
    const auto decided = enforcer_.decide({number});
    return decided ? "" : decided.error();
  }

  std::unique_ptr<RevisionStore> store_ =
      RevisionStore::open((folder() / "of_pair").string()).value();
  DataplaneClient client_{dataplane_.path, {[](bool) {}, {}, {}}};
  RuleUses uses_{*store_, sinks_};
  DataplaneReadings readings_{client_, *store_, uses_};
  TrialHealth health_{*store_, readings_};
  Enforcer enforcer_{*store_, client_, readings_, health_, uses_, sinks_, [this] { ++woken_; }};
  std::function<Enforcer::Agreement(const v1::Revision&)> agree_ = [this](const auto& revision) {
    return Enforcer::Agreement{decide(revision.number()), {}};
  };
  int woken_ = 0;
};

TEST_F(CommitTest, WhatIsCommittedIsEnforcedAndNoted) {
  EXPECT_FALSE(agent_->policies().commit({0, 0}, "alice")) << "nothing has been staged";
  ASSERT_EQ(stage("one"), 1U);
  ASSERT_EQ(stage("two"), 2U);
  const v1::Commit done = commit(0);
  EXPECT_EQ(done.state(), v1::Commit::STATE_IN_FORCE) << done.text();
  EXPECT_EQ(done.revision().number(), 2U);
  EXPECT_EQ(done.generation(), 1U);
  EXPECT_EQ(active(), 2U);
  EXPECT_EQ(enforced(), digest_of(artefact_of("two")));
  EXPECT_EQ(commit(1).state(), v1::Commit::STATE_IN_FORCE);
  restart_dataplane();
  EXPECT_TRUE(becomes([this] { return enforced() == digest_of(artefact_of("one")); }));
  start();
  EXPECT_EQ(active(), 1U) << "it is on disk";
  EXPECT_EQ(commit(7).text(), "there is no revision 7");
}

TEST_F(CommitTest, AnArtefactIsSentOnce) {
  stage("one");
  EXPECT_EQ(commit(0).state(), v1::Commit::STATE_IN_FORCE);
  EXPECT_EQ(artefacts_, 1) << "the commit names it by its digest";
  stage("two");
  stage("three");
  EXPECT_EQ(commit(2).state(), v1::Commit::STATE_IN_FORCE);
  EXPECT_EQ(commit(3).state(), v1::Commit::STATE_IN_FORCE);
  EXPECT_EQ(artefacts_, 3) << "several are prepared";
}

TEST_F(CommitTest, WhatIsNotPreparedAnyMoreIsSentAgain) {
  stage("one");
  stage("two");
  EXPECT_EQ(commit(1).state(), v1::Commit::STATE_IN_FORCE);
  EXPECT_EQ(commit(1).state(), v1::Commit::STATE_IN_FORCE) << "once more: it is not kept twice";
  EXPECT_EQ(artefacts_, 3);
  forget_prepared();
  EXPECT_EQ(commit(2).state(), v1::Commit::STATE_IN_FORCE);
  EXPECT_EQ(artefacts_, 4);
  EXPECT_EQ(enforced(), digest_of(artefact_of("two")));
}

TEST_F(CommitTest, WhatTheDataPlaneRefusesChangesNothing) {
  stage("one");
  stage("two");
  ASSERT_EQ(commit(1).state(), v1::Commit::STATE_IN_FORCE);
  forget_prepared();
  mode_ = Mode::refuse;
  const v1::Commit refused = commit(2);
  EXPECT_EQ(refused.state(), v1::Commit::STATE_REFUSED);
  EXPECT_EQ(refused.text(), "zone 7 has no port; nothing was changed");
  EXPECT_EQ(active(), 1U);
  EXPECT_EQ(enforced(), digest_of(artefact_of("one")));
  EXPECT_EQ(stage("three"), 0U);
  mode_ = Mode::accept;
  EXPECT_EQ(commit(2).state(), v1::Commit::STATE_IN_FORCE) << "and nothing is left of it";
}

TEST_F(CommitTest, WhatALostDataPlaneWasAskedIsTakenBack) {
  stage("one");
  stage("two");
  ASSERT_EQ(commit(1).state(), v1::Commit::STATE_IN_FORCE);
  mode_ = Mode::hang_up;
  const v1::Commit lost = commit(2);
  EXPECT_EQ(lost.state(), v1::Commit::STATE_REFUSED);
  EXPECT_NE(lost.text().find("; revision 1 comes into force again when it is back"),
            std::string::npos)
      << lost.text();
  EXPECT_TRUE(becomes([this] { return enforced() == digest_of(artefact_of("one")); }));
  EXPECT_EQ(active(), 1U);
}

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

TEST_F(PairCommitTest, WhatBothHaveDecidedIsNotedAndEnforced) {
  ASSERT_EQ(store_->set_generation(2, 40), "") << "the pair's epoch";
  const v1::Commit done = commit(2);
  EXPECT_EQ(done.state(), v1::Commit::STATE_IN_FORCE);
  EXPECT_EQ(done.generation(), 1U) << "of the data plane's policy";
  EXPECT_EQ(store_->active()->number(), 2U);
  EXPECT_EQ(enforced(), digest_of(artefact_of("two")));
  EXPECT_EQ(decide(3), "") << "the peer's operator";
  EXPECT_EQ(store_->active()->number(), 3U);
  EXPECT_EQ(enforced(), digest_of(artefact_of("three")));
  const int applied = applied_;
  EXPECT_EQ(decide(3), "") << "the same again";
  EXPECT_EQ(applied_, applied);
}

TEST_F(PairCommitTest, AnArtefactIsSentOnce) {
  EXPECT_EQ(commit(1).state(), v1::Commit::STATE_IN_FORCE);
  EXPECT_EQ(artefacts_, 1) << "to be checked; the pair's decision names it by its digest";
  auto stored = store_->get(2).value();
  EXPECT_TRUE(prepare_policy(client_, *stored.mutable_artefact())) << "as when it is staged";
  EXPECT_EQ(commit(2).state(), v1::Commit::STATE_IN_FORCE);
  EXPECT_EQ(artefacts_, 2) << "the check finds it prepared";
  EXPECT_EQ(decide(3), "") << "by the peer's operator, and it has gone since";
  EXPECT_EQ(artefacts_, 3);
  EXPECT_EQ(enforced(), digest_of(artefact_of("three")));
}

TEST_F(PairCommitTest, WhatTheDataPlaneRefusesIsNotProposed) {
  mode_ = Mode::refuse;
  bool proposed = false;
  agree_ = [&proposed](const auto&) {
    proposed = true;
    return Enforcer::Agreement{};
  };
  const v1::Commit refused = commit(1);
  EXPECT_EQ(refused.state(), v1::Commit::STATE_REFUSED);
  EXPECT_EQ(refused.text(), "zone 7 has no port; nothing was changed");
  EXPECT_FALSE(proposed);
}

TEST_F(PairCommitTest, WhatThePeerDecidesOtherwiseIsSaid) {
  ASSERT_EQ(commit(1).state(), v1::Commit::STATE_IN_FORCE);
  agree_ = [](const auto&) {
    return Enforcer::Agreement{"the peer refuses it: no; nothing was changed", {}};
  };
  const v1::Commit refused = commit(2);
  EXPECT_EQ(refused.state(), v1::Commit::STATE_REFUSED);
  EXPECT_EQ(refused.text(), "the peer refuses it: no; nothing was changed");
  agree_ = [](const auto&) { return Enforcer::Agreement{}; };
  EXPECT_EQ(commit(2).state(), v1::Commit::STATE_UNFINISHED) << "only the peer has it";
  EXPECT_EQ(store_->active()->number(), 1U);
  EXPECT_EQ(enforced(), digest_of(artefact_of("one")));
}

TEST_F(PairCommitTest, WhatTheDataPlaneDidNotTakeIsComparedAgain) {
  ASSERT_EQ(commit(1).state(), v1::Commit::STATE_IN_FORCE);
  woken_ = 0;
  mode_ = Mode::hang_up;
  EXPECT_NE(decide(2).find("; it is tried again"), std::string::npos);
  EXPECT_EQ(store_->active()->number(), 2U) << "both have decided";
  EXPECT_GT(woken_, 0);
  EXPECT_TRUE(becomes([this] { return enforcer_.reconcile().in_force.value_or(false); }));
  EXPECT_EQ(enforced(), digest_of(artefact_of("two")));
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
