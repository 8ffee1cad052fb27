// A policy whose observed conduit is to enforce within hours.
#include "controlplane/agent/observation_end.h"

#include <gtest/gtest.h>

#include "dataplane/artefact/digest.h"

namespace bulkhead::controlplane {
namespace {

constexpr std::uint64_t kFromS = 1'800'000'000;
constexpr std::uint64_t kUntilS = kFromS + 7200;

v1::PolicyArtefact artefact_of(const v1::CompiledPolicy& policy) {
  v1::PolicyArtefact artefact;
  artefact.set_format(1);
  artefact.set_policy(policy.SerializeAsString());
  artefact.set_sha256(artefact::sha256(artefact.policy()));
  return artefact;
}

// Two conduits, of which the first observes.
v1::PolicyArtefact observing(std::uint32_t confirm_s) {
  v1::CompiledPolicy policy;
  policy.set_site("water-works");
  v1::Conduit* scada = policy.add_conduits();
  scada->set_name("scada");
  scada->set_resume(true);
  scada->set_observe_until_s(kUntilS);
  scada->set_enforce_from_s(kFromS);
  scada->set_enforce_confirm_s(confirm_s);
  policy.add_conduits()->set_name("trip");
  return artefact_of(policy);
}

class KeptPolicies final : public Policies {
 public:
  explicit KeptPolicies(std::uint32_t confirm_s) {
    v1::GetPolicyResponse& stored = kept.emplace_back();
    *stored.mutable_artefact() = observing(confirm_s);
    stored.set_source("as it was written");
    stored.mutable_revision()->set_number(1);
    stored.mutable_revision()->set_active(true);
  }

  Result<v1::Revision, Refusal> stage(v1::StagePolicyRequest request,
                                      const std::string& by) override {
    if (!refuses.empty()) return Refusal{Refusal::Kind::busy, refuses};
    v1::GetPolicyResponse stored;
    *stored.mutable_artefact() = request.artefact();
    stored.set_source(request.source());
    stored.mutable_revision()->set_number(kept.size() + 1);
    stored.mutable_revision()->set_comment(request.comment());
    stored.mutable_revision()->set_staged_by(by);
    kept.push_back(stored);
    return stored.revision();
  }
  Result<v1::Commit, Refusal> commit(const CommitOrder& order, const std::string&) override {
    orders.push_back(order);
    if (!refuses.empty()) return Refusal{Refusal::Kind::busy, refuses};
    activate(order.number);
    revision(order.number).set_committed_wall_time_ns(1);
    v1::Commit commit;
    commit.set_state(v1::Commit::STATE_IN_FORCE);
    return commit;
  }
  Result<v1::Commit, Refusal> confirm(const std::string&) override { return none(); }
  Result<v1::Commit, Refusal> roll_back(std::uint64_t, const std::string&) override {
    return none();
  }
  std::optional<v1::Trial> trial() const override { return awaits; }
  Result<v1::Commit, Refusal> find_commit(const std::string&) const override { return none(); }
  Result<v1::PreviewPolicyResponse, Refusal> preview(const v1::PreviewPolicyRequest&) override {
    return Refusal{Refusal::Kind::invalid, ""};
  }
  Result<v1::GetPolicyResponse, Refusal> get(std::uint64_t number) const override {
    return kept[number - 1];
  }
  std::vector<v1::Revision> list() const override {
    std::vector<v1::Revision> list;
    for (const v1::GetPolicyResponse& each : kept) list.insert(list.begin(), each.revision());
    return list;
  }

  v1::Revision& revision(std::uint64_t number) { return *kept[number - 1].mutable_revision(); }
  void activate(std::uint64_t number) {
    for (v1::GetPolicyResponse& each : kept) {
      each.mutable_revision()->set_active(each.revision().number() == number);
    }
  }

  std::vector<v1::GetPolicyResponse> kept;
  std::vector<CommitOrder> orders;
  std::optional<v1::Trial> awaits;
  std::string refuses;

 private:
  static Refusal none() { return {Refusal::Kind::invalid, "not asked for here"}; }
};

class Told final : public Sink {
 public:
  void on_event(const v1::Event& event) override { texts.push_back(event.text()); }
  void on_counters(const v1::Counters&) override {}
  void on_status(const v1::GetStatusResponse&) override {}
  std::vector<std::string> texts;
};

class ObservationEndTest : public ::testing::Test {
 protected:
  KeptPolicies policies_{1800};
  Told told_;
  bool active_ = true;
  ObservationEnd end_{policies_, told_, [this] { return active_; }};
};

TEST_F(ObservationEndTest, ItCommitsTheSamePolicyEnforcingWhenItsHoursBegin) {
  end_.pass_time(kFromS - 1);
  EXPECT_TRUE(policies_.orders.empty());
  end_.pass_time(kFromS);
  ASSERT_EQ(policies_.orders.size(), 1U);
  EXPECT_EQ(policies_.orders[0].number, 2U);
  EXPECT_EQ(policies_.orders[0].confirm_ms, 1'800'000U);
  v1::CompiledPolicy policy;
  ASSERT_TRUE(policy.ParseFromString(policies_.kept[1].artefact().policy()));
  EXPECT_EQ(policies_.kept[1].artefact().sha256(),
            artefact::sha256(policies_.kept[1].artefact().policy()));
  EXPECT_EQ(policy.conduits(0).observe_until_s(), 0U);
  EXPECT_TRUE(policy.conduits(0).resume());
  EXPECT_EQ(policy.site(), "water-works");
  EXPECT_EQ(policies_.kept[1].source(), "as it was written");
  ASSERT_EQ(told_.texts.size(), 1U);
  EXPECT_NE(told_.texts[0].find("confirm it"), std::string::npos);
  for (std::uint64_t s = 1; s < 200; ++s) end_.pass_time(kFromS + s);
  EXPECT_EQ(policies_.orders.size(), 1U);
}

TEST_F(ObservationEndTest, WhatNobodyConfirmedIsNotTriedAgain) {
  end_.pass_time(kFromS);
  policies_.activate(1);  // it was taken back
  end_.pass_time(kFromS + 1900);
  EXPECT_EQ(policies_.orders.size(), 1U);
  ObservationEnd restarted(policies_, told_, [] { return true; });
  restarted.pass_time(kFromS + 2000);
  EXPECT_EQ(policies_.orders.size(), 1U) << "nor by another agent";
}

TEST_F(ObservationEndTest, WhatFailedIsTriedAgainAMinuteLater) {
  policies_.refuses = "the data plane is silent";
  end_.pass_time(kFromS);
  end_.pass_time(kFromS + 1);
  EXPECT_EQ(told_.texts.size(), 1U);
  EXPECT_NE(told_.texts[0].find("the data plane is silent"), std::string::npos);
  policies_.refuses.clear();
  end_.pass_time(kFromS + 59);
  EXPECT_TRUE(policies_.orders.empty());
  end_.pass_time(kFromS + 60);
  EXPECT_EQ(policies_.orders.size(), 1U);
}

TEST_F(ObservationEndTest, WhatWasStagedAndNotCommittedIsCommitted) {
  v1::StagePolicyRequest request;
  request.set_comment("ends the observation of revision 1");
  ASSERT_TRUE(policies_.stage(request, "bulkheadd"));
  end_.pass_time(kFromS);
  EXPECT_EQ(policies_.kept.size(), 2U);
  ASSERT_EQ(policies_.orders.size(), 1U);
  EXPECT_EQ(policies_.orders[0].number, 2U);
}

TEST_F(ObservationEndTest, NeitherAStandbyNorDuringATrialNorAfterItsHours) {
  active_ = false;
  end_.pass_time(kFromS);
  active_ = true;
  policies_.awaits.emplace();
  end_.pass_time(kFromS);
  policies_.awaits.reset();
  end_.pass_time(kUntilS);
  EXPECT_TRUE(policies_.orders.empty());
  end_.pass_time(kUntilS - 1);
  EXPECT_EQ(policies_.orders.size(), 1U);
}

TEST(ObservationEndArtefact, OnlyWhatIsDueEnds) {
  std::uint64_t confirm_ms = 1;
  EXPECT_FALSE(end_observation(observing(0), kFromS - 1, confirm_ms));
  EXPECT_FALSE(end_observation(observing(0), kUntilS, confirm_ms));
  EXPECT_TRUE(end_observation(observing(0), kFromS, confirm_ms));
  EXPECT_EQ(confirm_ms, 0U);
  v1::PolicyArtefact broken;
  broken.set_policy("\xff\xff");
  EXPECT_FALSE(end_observation(broken, kFromS, confirm_ms));
}

}  // namespace
}  // namespace bulkhead::controlplane
