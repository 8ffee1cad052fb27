// Commits of a single appliance and of one of a pair, with a data plane that accepts, refuses or
// disappears.
#include "controlplane/agent/dataplane_policy.h"
#include "tests/support/commit_fixture.h"

namespace bulkhead::controlplane {
namespace {

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

}  // namespace
}  // namespace bulkhead::controlplane
