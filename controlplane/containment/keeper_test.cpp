// Keepers with data planes and a pair link that tests hold in their hands.
#include "controlplane/containment/keeper.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <thread>

namespace bulkhead::controlplane {
namespace {

class Heard final : public Sink {
 public:
  void on_event(const v1::Event& event) override {
    const std::lock_guard guard(mutex_);
    texts_.push_back(event.text());
  }
  void on_counters(const v1::Counters& /*page*/) override {}
  void on_status(const v1::GetStatusResponse& /*status*/) override {}
  bool has(const std::string& part) {
    const std::lock_guard guard(mutex_);
    return std::ranges::any_of(
        texts_, [&](const std::string& text) { return text.find(part) != std::string::npos; });
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> texts_;
};

// What a data plane does with a set: that of a zone `nowhere` concerns nothing.
struct FakeDataplane {
  std::mutex mutex;
  std::vector<v1::Containment> enforced;
  std::string dead;

  Result<v1::ContainmentInForce, std::string> take(const v1::ContainmentSet& set) {
    const std::lock_guard guard(mutex);
    if (!dead.empty()) return dead;
    if (!set.join()) enforced.clear();
    enforced.insert(enforced.end(), set.containments().begin(), set.containments().end());
    v1::ContainmentInForce answer;
    for (v1::Containment& each : enforced) {
      each.set_unknown(each.target().zone() == "nowhere");
      *answer.add_containments() = each;
    }
    return answer;
  }
  v1::DataplaneStatus status() {
    const std::lock_guard guard(mutex);
    v1::DataplaneStatus status;
    for (const v1::Containment& each : enforced) *status.add_containments() = each;
    return status;
  }
  std::size_t count() {
    const std::lock_guard guard(mutex);
    return enforced.size();
  }
  void die(const std::string& why) {
    const std::lock_guard guard(mutex);
    dead = why;
  }
};

struct Appliance {
  Heard heard;
  FakeDataplane dataplane;
  std::string policy_role;
  std::unique_ptr<ContainmentKeeper> keeper;

  void begin(const std::string& path, const std::string& watched = {},
             const std::string& name = "a") {
    ContainmentKeeper::Links links;
    links.to_dataplane = [this](const v1::ContainmentSet& set) { return dataplane.take(set); };
    links.release_role = [this] { return policy_role; };
    keeper = std::make_unique<ContainmentKeeper>(ContainmentKeeper::Options{path, watched, name},
                                                 std::move(links), heard);
  }
  std::size_t stands() const {
    return static_cast<std::size_t>(keeper->list().containments_size());
  }
};

class KeeperTest : public testing::Test {
 protected:
  KeeperTest() {
    char name[] = "/tmp/bulkhead-contain-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~KeeperTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;
};

v1::SetContainmentRequest wish(const std::string& zone, v1::ContainmentLevel level,
                               std::uint64_t for_ms = 0) {
  v1::SetContainmentRequest request;
  request.mutable_target()->set_zone(zone);
  request.set_level(level);
  request.set_for_ms(for_ms);
  request.set_reason("test");
  return request;
}

v1::ReleaseContainmentRequest end_of(const std::string& zone) {
  v1::ReleaseContainmentRequest request;
  request.mutable_target()->set_zone(zone);
  return request;
}

template <typename Condition>
bool comes_true(Condition condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

constexpr auto kIsolate = v1::CONTAINMENT_LEVEL_ISOLATE;
constexpr auto kReadOnly = v1::CONTAINMENT_LEVEL_READ_ONLY;
const Roles kOperator = {Role::operator_};

TEST_F(KeeperTest, WhatIsAnsweredIsInForceAndOnTheDisk) {
  Appliance a;
  a.begin(path("a"));
  a.keeper->start();
  const auto set = a.keeper->contain(wish("control", kIsolate), "alice");
  ASSERT_TRUE(set) << set.error().text;
  EXPECT_TRUE(set.value().warnings().empty()) << set.value().warnings(0);
  EXPECT_EQ(a.dataplane.count(), 1U);
  EXPECT_TRUE(a.heard.has("zone control: isolate by alice on a: \"test\""));
  // Another agent, with another data plane, from what the disk has.
  Appliance again;
  again.begin(path("a"));
  const v1::ContainmentSet greeting = again.keeper->greeting();
  ASSERT_EQ(greeting.containments_size(), 1);
  EXPECT_TRUE(greeting.join());
  EXPECT_EQ(greeting.containments(0).set_by(), "alice");
}

TEST_F(KeeperTest, ReleaseNeedsTheRoleThatThePolicyNames) {
  Appliance a;
  a.begin(path("a"));
  a.policy_role = "approver";
  a.keeper->start();
  ASSERT_TRUE(a.keeper->contain(wish("control", kIsolate), "alice"));
  const auto refused = a.keeper->release(end_of("control"), kOperator, "alice");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Refusal::Kind::forbidden);
  EXPECT_EQ(a.dataplane.count(), 1U);
  const auto released = a.keeper->release(end_of("control"), {Role::approver}, "bob");
  ASSERT_TRUE(released);
  EXPECT_EQ(released.value().released(), 1U);
  EXPECT_EQ(a.dataplane.count(), 0U);
  EXPECT_TRUE(a.heard.has("released by bob"));
  EXPECT_EQ(a.keeper->release(end_of("control"), {Role::approver}, "bob").error().kind,
            Refusal::Kind::not_found);
}

TEST_F(KeeperTest, ANameThatNoPolicyHasIsASlipAndNotKept) {
  Appliance a;
  a.begin(path("a"));
  a.keeper->start();
  const auto set = a.keeper->contain(wish("nowhere", kIsolate), "alice");
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().text, "the policy in force has no zone nowhere; nothing was changed");
  EXPECT_EQ(a.dataplane.count(), 0U);
  EXPECT_EQ(a.stands(), 0U);
}

TEST_F(KeeperTest, ANameThatANewPolicyDoesNotHaveGoesOnToStandAndIsTold) {
  Appliance a;
  a.begin(path("a"));
  a.keeper->start();
  ASSERT_TRUE(a.keeper->contain(wish("control", kIsolate), "alice"));
  v1::DataplaneStatus status = a.dataplane.status();
  status.mutable_containments(0)->set_unknown(true);
  a.keeper->on_dataplane(status);
  EXPECT_TRUE(comes_true([&] { return a.keeper->list().containments(0).unknown(); }));
  EXPECT_TRUE(comes_true([&] { return a.heard.has("has no zone control"); }));
  a.keeper->on_dataplane(a.dataplane.status());
  EXPECT_TRUE(comes_true([&] { return !a.keeper->list().containments(0).unknown(); }));
}

TEST_F(KeeperTest, ItEndsByItself) {
  Appliance a;
  a.begin(path("a"));
  a.keeper->start();
  ASSERT_TRUE(a.keeper->contain(wish("control", kIsolate, 300), "alice"));
  EXPECT_EQ(a.stands(), 1U);
  EXPECT_TRUE(comes_true([&] { return a.dataplane.count() == 0; }));
  EXPECT_EQ(a.stands(), 0U);
  EXPECT_TRUE(comes_true([&] { return a.heard.has("its time is over"); }));
}

TEST_F(KeeperTest, ADataPlaneThatIsNotThereGetsItLater) {
  Appliance a;
  a.begin(path("a"));
  a.dataplane.die("it is not running");
  a.keeper->start();
  const auto set = a.keeper->contain(wish("control", kIsolate), "alice");
  ASSERT_TRUE(set);
  ASSERT_EQ(set.value().warnings_size(), 1);
  EXPECT_NE(set.value().warnings(0).find("it is not running"), std::string::npos);
  EXPECT_EQ(a.keeper->list().problems_size(), 1);
  a.dataplane.die("");
  EXPECT_TRUE(comes_true([&] { return a.dataplane.count() == 1; }));
  EXPECT_TRUE(comes_true([&] { return a.keeper->list().problems_size() == 0; }));
}

// The agent's disk was lost, or it died between the data plane and the disk.
TEST_F(KeeperTest, WhatTheDataPlaneAloneHasIsTakenOver) {
  Appliance a;
  a.begin(path("a"));
  a.keeper->start();
  ASSERT_TRUE(a.keeper->contain(wish("control", kIsolate), "alice"));
  a.keeper.reset();
  a.begin(path("another"));
  a.keeper->start();
  EXPECT_EQ(a.stands(), 0U);
  a.keeper->on_dataplane(a.dataplane.status());
  EXPECT_TRUE(comes_true([&] { return a.stands() == 1; }));
  EXPECT_TRUE(comes_true([&] { return a.heard.has("the data plane has it"); }));
  EXPECT_EQ(a.dataplane.count(), 1U);
}

TEST_F(KeeperTest, ADamagedFileIsTold) {
  std::ofstream(path("a")) << "{\"containments\": [{\"lev";
  Appliance a;
  a.begin(path("a"));
  ASSERT_EQ(a.keeper->list().problems_size(), 1);
  EXPECT_NE(a.keeper->list().problems(0).find("is damaged"), std::string::npos);
}

TEST_F(KeeperTest, ADiskThatIsNotThereKeepsNobodyFromContaining) {
  Appliance a;
  a.begin(path("no/such/folder/a"));
  a.keeper->start();
  const auto set = a.keeper->contain(wish("control", kIsolate), "alice");
  ASSERT_TRUE(set);
  EXPECT_EQ(set.value().warnings_size(), 1);
  EXPECT_EQ(a.dataplane.count(), 1U);
}

TEST_F(KeeperTest, TheFileContainsAndItsEndReleases) {
  if (getuid() != 0) GTEST_SKIP() << "only root can write what counts";
  Appliance a;
  a.begin(path("a"), path("contain"));
  a.keeper->start();
  std::ofstream(path("contain")) << "zone control isolate\nall read-only\n";
  EXPECT_TRUE(comes_true([&] { return a.dataplane.count() == 2; }));
  // Nobody but the file ends it.
  const auto released = a.keeper->release(end_of("control"), kOperator, "alice");
  ASSERT_FALSE(released);
  EXPECT_NE(released.error().text.find("take its line away"), std::string::npos);
  std::ofstream(path("contain")) << "all read-only\n";
  EXPECT_TRUE(comes_true([&] { return a.dataplane.count() == 1; }));
  std::filesystem::remove(path("contain"));
  EXPECT_TRUE(comes_true([&] { return a.dataplane.count() == 0; }));
  // The agent was not there when the file went.
  std::ofstream(path("contain")) << "zone control isolate\n";
  EXPECT_TRUE(comes_true([&] { return a.dataplane.count() == 1; }));
  a.keeper.reset();
  std::filesystem::remove(path("contain"));
  a.begin(path("a"), path("contain"));
  EXPECT_EQ(a.stands(), 1U);
  a.keeper->start();
  EXPECT_TRUE(comes_true([&] { return a.stands() == 0; }));
}

// Two appliances whose link can be cut.
class PairKeeperTest : public KeeperTest {
 protected:
  void SetUp() override {
    for (Appliance* each : {&a_, &b_}) {
      Appliance* other = each == &a_ ? &b_ : &a_;
      each->begin(path(each == &a_ ? "a" : "b"), {}, each == &a_ ? "a" : "b");
      each->keeper->join_pair([this, other](v1::PairContainment message) {
        if (up_) other->keeper->on_peer(std::move(message));
      });
      each->keeper->start();
    }
  }
  void TearDown() override {
    a_.keeper->stop();
    b_.keeper->stop();
  }
  void link(bool up) {
    up_ = up;
    a_.keeper->on_link(up);
    b_.keeper->on_link(up);
  }

  std::atomic<bool> up_{false};
  Appliance a_;
  Appliance b_;
};

TEST_F(PairKeeperTest, WhatIsAnsweredIsInForceOnBoth) {
  link(true);
  const auto set = a_.keeper->contain(wish("control", kIsolate), "alice");
  ASSERT_TRUE(set);
  EXPECT_TRUE(set.value().warnings().empty()) << set.value().warnings(0);
  EXPECT_EQ(a_.dataplane.count(), 1U);
  EXPECT_EQ(b_.dataplane.count(), 1U);
  ASSERT_TRUE(b_.keeper->release(end_of("control"), kOperator, "bob"));
  EXPECT_EQ(a_.dataplane.count(), 0U);
  EXPECT_EQ(b_.dataplane.count(), 0U);
}

TEST_F(PairKeeperTest, HalvesThatDisagreeTakeTheStricter) {
  const auto set = a_.keeper->contain(wish("control", kReadOnly), "alice");
  ASSERT_TRUE(set);
  ASSERT_EQ(set.value().warnings_size(), 1);
  EXPECT_NE(set.value().warnings(0).find("the pair link is down"), std::string::npos);
  ASSERT_TRUE(b_.keeper->contain(wish("control", kIsolate), "bob"));
  link(true);
  EXPECT_TRUE(comes_true([&] { return a_.dataplane.count() == 2 && b_.dataplane.count() == 2; }));
}

TEST_F(PairKeeperTest, AReleaseReachesThePeerThatWasAway) {
  link(true);
  ASSERT_TRUE(a_.keeper->contain(wish("control", kIsolate), "alice"));
  link(false);
  ASSERT_TRUE(a_.keeper->release(end_of("control"), kOperator, "alice"));
  ASSERT_TRUE(b_.keeper->contain(wish("supervision", kReadOnly), "bob"));
  EXPECT_EQ(b_.dataplane.count(), 2U);
  link(true);
  EXPECT_TRUE(comes_true([&] { return a_.dataplane.count() == 1 && b_.dataplane.count() == 1; }));
  EXPECT_EQ(a_.keeper->list().containments(0).target().zone(), "supervision");
}

TEST_F(PairKeeperTest, ThePeerWhoseDataPlaneDoesNotAnswerIsNamed) {
  link(true);
  b_.dataplane.die("it is not running");
  const auto set = a_.keeper->contain(wish("control", kIsolate), "alice");
  ASSERT_TRUE(set);
  ASSERT_EQ(set.value().warnings_size(), 1);
  EXPECT_NE(set.value().warnings(0).find("the peer: the data plane"), std::string::npos);
}

// Neither waits for the other while the other waits.
TEST_F(PairKeeperTest, BothContainAtOnce) {
  link(true);
  std::thread other([&] { EXPECT_TRUE(b_.keeper->contain(wish("control", kReadOnly), "bob")); });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(a_.keeper->contain(wish("control", kIsolate), "alice"));
  other.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(900));
  EXPECT_TRUE(comes_true([&] { return a_.dataplane.count() == 2 && b_.dataplane.count() == 2; }));
}

}  // namespace
}  // namespace bulkhead::controlplane
