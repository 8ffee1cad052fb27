// What is counted of a data plane, and when a revision that awaits confirmation is given back.
#include "controlplane/agent/trial_health.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "controlplane/revisions/revision_note.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/base/boot_clock.h"
#include "tests/support/becomes.h"

namespace bulkhead::controlplane {
namespace {

namespace fs = std::filesystem;
using support::becomes;

constexpr auto kPeriod = std::chrono::milliseconds(20);

// A data plane with sessions in a conduit that is granted, and in two others, on two pages.
class FakeReadings final : public Readings {
 public:
  v1::GetStatusResponse status() override { return {}; }
  Result<v1::Counters, Refusal> counters(v1::GetDataplaneCounters& question,
                                         std::chrono::milliseconds /*timeout*/) override {
    if (silent) return Refusal{Refusal::Kind::unavailable, "silent"};
    v1::Counters page;
    const bool first = !question.has_from();
    v1::Counter& refused = *page.add_rows();
    refused.set_verdict(first ? "deny" : "allow");
    refused.set_messages(first ? refusals += refusals_each_look : 1'000'000);
    question.mutable_from()->set_table(1);
    page.set_more(first);
    return page;
  }
  RulesInForce rules() override { return {}; }
  Result<v1::DataplaneFlows, Refusal> flows(const v1::ListDataplaneFlows& page) override {
    v1::DataplaneFlows flows;
    const bool first = page.slot() == 0;
    for (int i = 0; first && i < sessions; ++i) add(flows, "scada", "established");
    if (!first) add(flows, "scada", "refused");
    if (!first) add(flows, "empty", "established");
    if (!first) add(flows, "other", "open");
    flows.set_slot(1);
    flows.set_complete(!first);
    return flows;
  }

  std::atomic<int> sessions{5};
  std::atomic<std::uint64_t> refusals{0};
  std::atomic<std::uint64_t> refusals_each_look{0};
  std::atomic<bool> silent{false};

 private:
  static void add(v1::DataplaneFlows& flows, const std::string& conduit, const std::string& state) {
    v1::Flow& flow = *flows.add_flows();
    flow.set_conduit(conduit);
    flow.set_state(state);
  }
};

class TrialHealthTest : public ::testing::Test {
 protected:
  TrialHealthTest() {
    char name[] = "/tmp/bulkhead-health-XXXXXX";
    folder_ = mkdtemp(name);
    store_ = RevisionStore::open((folder_ / "state").string()).value();
    v1::CompiledPolicy policy;
    policy.add_conduits()->set_name("scada");
    policy.mutable_conduits(0)->add_rules();
    policy.add_conduits()->set_name("empty");
    add(policy);
    policy.mutable_health()->set_sessions_lost_percent(20);
    add(policy);
    EXPECT_TRUE(store_->activate(1));
    health_ = std::make_unique<TrialHealth>(*store_, readings_, kPeriod);
  }
  ~TrialHealthTest() override {
    health_.reset();
    store_.reset();
    fs::remove_all(folder_);
  }
  void add(const v1::CompiledPolicy& policy) {
    v1::GetPolicyResponse stored;
    stored.mutable_artefact()->set_policy(policy.SerializeAsString());
    stored.mutable_artefact()->set_sha256(artefact::sha256(stored.artefact().policy()));
    stored.mutable_revision()->set_sha256(artefact::to_hex(stored.artefact().sha256()));
    EXPECT_TRUE(store_->add(std::move(stored)));
  }
  std::string begin(policy::HealthBounds bounds, std::uint64_t number = 2) {
    return health_->begin(bounds, store_->get(number).value());
  }
  void commit() {
    const StoredTrial trial{1, 600'000, boot_now_ns() + 600 * kSecondNs, boot_number()};
    EXPECT_TRUE(store_->activate({2, 0, trial, Act::begin_trial, "alice"}));
  }
  void confirm() { EXPECT_TRUE(store_->activate({2, 0, {}, Act::confirm, "alice"})); }
  void start() {
    health_->start({[this] { return judges_.load(); },
                    [this](const std::string& /*why*/) {
                      ++lost_;
                      return std::string();
                    }});
  }
  bool is_lost() {
    lost_ = 0;
    return becomes([this] { return lost_ > 0; });
  }
  // For four times as long as it needs.
  bool stays() {
    lost_ = 0;
    std::this_thread::sleep_for(4 * TrialHealth::kOver * kPeriod);
    return lost_ == 0;
  }

  fs::path folder_;
  std::unique_ptr<RevisionStore> store_;
  FakeReadings readings_;
  std::unique_ptr<TrialHealth> health_;
  std::atomic<bool> judges_{true};
  std::atomic<int> lost_{0};
};

TEST_F(TrialHealthTest, TheBaselineIsOfGrantedConduits) {
  readings_.refusals_each_look = 10;
  ASSERT_EQ(begin({}), "");
  const auto watch = store_->health_watch();
  ASSERT_TRUE(watch);
  EXPECT_EQ(watch->number(), 2U);
  EXPECT_EQ(watch->sessions(), 5U) << "neither of another conduit, nor refused ones";
  EXPECT_EQ(watch->bounds().sessions_lost_percent(), 20U);
  EXPECT_EQ(watch->bounds().refusals_per_s(), 0U);
  // Ten in a period, as far as the machine keeps it.
  EXPECT_GT(watch->refusals_per_ks(), 10'000U);
  EXPECT_LE(watch->refusals_per_ks(), 500'000U);
  EXPECT_FALSE(watch_of_trial(*store_)) << "it is not in force";
  commit();
  EXPECT_TRUE(watch_of_trial(*store_));
  v1::HealthWatch other = *watch;
  other.set_number(1);
  EXPECT_EQ(store_->set_health_watch(other), "");
  EXPECT_FALSE(watch_of_trial(*store_)) << "it is of another revision";
  EXPECT_EQ(store_->set_health_watch(*watch), "");
  EXPECT_TRUE(watch_of_trial(*store_));
  EXPECT_EQ(health_->begin_without(), "");
  EXPECT_FALSE(watch_of_trial(*store_));
}

TEST_F(TrialHealthTest, WithoutABaselineOrBoundsThereIsNoCommit) {
  EXPECT_NE(begin({}, 1).find("the policy states no health"), std::string::npos);
  EXPECT_EQ(begin({0, 5}, 1), "");
  readings_.silent = true;
  EXPECT_NE(begin({}).find("the data plane does not say"), std::string::npos);
}

TEST_F(TrialHealthTest, LostSessionsGiveItBack) {
  ASSERT_EQ(begin({}), "");
  start();
  readings_.sessions = 0;
  EXPECT_TRUE(stays()) << "it is not in force";
  commit();
  EXPECT_TRUE(is_lost());
  readings_.sessions = 4;
  EXPECT_TRUE(becomes([this] { return stays(); })) << "a fifth may be lost";
  readings_.sessions = 3;
  judges_ = false;
  EXPECT_TRUE(stays()) << "the standby does not judge";
  judges_ = true;
  readings_.silent = true;
  EXPECT_TRUE(stays()) << "what is not known is not lost";
  readings_.silent = false;
  EXPECT_TRUE(is_lost());
  confirm();
  EXPECT_TRUE(becomes([this] { return stays(); })) << "it stays";
}

TEST_F(TrialHealthTest, RefusalsGiveItBack) {
  readings_.refusals_each_look = 10;
  ASSERT_EQ(begin({0, 2000}), "");
  start();
  commit();
  readings_.sessions = 0;
  EXPECT_TRUE(stays()) << "as many as before";
  readings_.refusals_each_look = 2000;
  EXPECT_TRUE(is_lost());
}

TEST_F(TrialHealthTest, AnAgentThatRestartsGoesOn) {
  ASSERT_EQ(begin({}), "");
  commit();
  health_.reset();
  store_.reset();
  store_ = RevisionStore::open((folder_ / "state").string()).value();
  health_ = std::make_unique<TrialHealth>(*store_, readings_, kPeriod);
  readings_.sessions = 0;
  start();
  EXPECT_TRUE(is_lost());
}

}  // namespace
}  // namespace bulkhead::controlplane
