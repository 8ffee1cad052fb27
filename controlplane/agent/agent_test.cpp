// The revision store against crashes, damage and second instances; the hub against slow followers.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "controlplane/agent/event_hub.h"
#include "controlplane/agent/revision_store.h"

namespace bulkhead::controlplane {
namespace {

namespace fs = std::filesystem;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    char name[] = "/tmp/bulkhead-store-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~StoreTest() override { fs::remove_all(folder_); }

  std::unique_ptr<RevisionStore> open() {
    auto store = RevisionStore::open(folder_);
    error_ = store ? "" : store.error();
    return store ? std::move(store).value() : nullptr;
  }
  static v1::GetPolicyResponse policy(const std::string& site) {
    v1::GetPolicyResponse stored;
    stored.mutable_revision()->set_site(site);
    stored.set_source("source of " + site);
    return stored;
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(fs::path(folder_) / name, std::ios::binary) << text;
  }

  std::string folder_;
  std::string error_;
};

TEST_F(StoreTest, ComesBackToWhatWasCommitted) {
  {
    const auto store = open();
    EXPECT_FALSE(store->active());
    EXPECT_EQ(store->add(policy("one")).value().number(), 1U);
    EXPECT_EQ(store->add(policy("two")).value().number(), 2U);
    EXPECT_TRUE(store->activate(1).ok());
    EXPECT_FALSE(store->activate(7).ok());
  }
  const auto store = open();
  ASSERT_TRUE(store) << error_;
  EXPECT_EQ(store->active()->number(), 1U);
  EXPECT_EQ(store->get(0)->source(), "source of one");
  EXPECT_EQ(store->list().front().number(), 2U);
  EXPECT_EQ(store->latest(), 2U);
}

TEST_F(StoreTest, WhatACrashLeftBehindIsClearedAway) {
  open()->add(policy("one"));
  write("revisions/2.new", "half a revis");
  const auto store = open();
  ASSERT_TRUE(store) << error_;
  EXPECT_EQ(store->latest(), 1U);
  EXPECT_FALSE(fs::exists(fs::path(folder_) / "revisions/2.new"));
}

TEST_F(StoreTest, DamageIsToldNotGuessedAt) {
  open()->add(policy("one"));
  write("active", "9\n");
  EXPECT_FALSE(open());
  EXPECT_NE(error_.find("active revision 9"), std::string::npos) << error_;
  write("active", "1\n");
  write("revisions/1", "\xff\xff");
  EXPECT_FALSE(open());
  EXPECT_NE(error_.find("is damaged"), std::string::npos) << error_;
}

TEST_F(StoreTest, ASecondInstanceIsTurnedAway) {
  const auto first = open();
  EXPECT_FALSE(open());
  EXPECT_NE(error_.find("another bulkheadd"), std::string::npos) << error_;
}

TEST_F(StoreTest, OldRevisionsGoButNeverTheActiveOne) {
  const auto store = open();
  store->add(policy("first"));
  ASSERT_TRUE(store->activate(1).ok());
  for (std::size_t i = 0; i < RevisionStore::kRevisionsKept + 5; ++i) store->add(policy("more"));
  EXPECT_EQ(store->list().size(), RevisionStore::kRevisionsKept);
  EXPECT_EQ(store->get(0)->revision().number(), 1U);
  EXPECT_FALSE(store->get(2));
}

v1::Event event(const std::string& text) {
  v1::Event made;
  made.set_text(text);
  return made;
}

TEST_F(StoreTest, KnowsWhatIsPreparedAndUnderWhichGeneration) {
  {
    const auto store = open();
    ASSERT_TRUE(store);
    for (const std::string site : {"a", "b", "c"}) {
      v1::GetPolicyResponse stored = policy(site);
      stored.mutable_revision()->set_sha256(std::string(15, '0') + site);
      ASSERT_TRUE(store->add(std::move(stored)));
    }
    ASSERT_TRUE(store->activate(1));
    EXPECT_EQ(store->active()->generation(), 1U);
    EXPECT_EQ(store->set_generation(3, 7), "");
    EXPECT_EQ(store->set_prepared(3), "");
    EXPECT_NE(store->set_generation(9, 7), "");
    EXPECT_FALSE(store->find(7, std::string(15, '0') + "a")) << "another policy";
    EXPECT_FALSE(store->find(6, std::string(15, '0') + "c"));
  }
  const auto store = open();
  ASSERT_TRUE(store);
  ASSERT_TRUE(store->prepared());
  EXPECT_EQ(store->prepared()->number(), 3U);
  EXPECT_EQ(store->find(7, std::string(15, '0') + "c")->revision().number(), 3U);
  EXPECT_EQ(store->activate(3).value().generation(), 7U) << "it was told";
  EXPECT_EQ(store->activate(2).value().generation(), 8U) << "it counts as the next commit";
  EXPECT_EQ(store->set_prepared(0), "");
  EXPECT_FALSE(store->prepared());
}

TEST_F(StoreTest, CountsTheStartsOfTheAgent) {
  EXPECT_EQ(open()->next_incarnation().value(), 1U);
  EXPECT_EQ(open()->next_incarnation().value(), 2U);
}

TEST(EventHub, FollowersGetRecentEventsAndThenNewOnes) {
  EventHub hub;
  for (const char* text : {"a", "b", "c"}) hub.publish(event(text));
  const auto follower = hub.follow(2);
  hub.publish(event("d"));
  const auto events = follower->wait(std::chrono::milliseconds(0));
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].text(), "b");
  EXPECT_EQ(events[2].text(), "d");
  EXPECT_TRUE(follower->wait(std::chrono::milliseconds(1)).empty());
}

TEST(EventHub, ASlowFollowerLosesEventsAndNobodyWaits) {
  EventHub hub;
  const auto follower = hub.follow(0);
  for (std::size_t i = 0; i < EventHub::kQueuedMax + 10; ++i) hub.publish(event("x"));
  EXPECT_EQ(follower->lost(), 10U);
  EXPECT_EQ(follower->wait(std::chrono::milliseconds(0)).size(), EventHub::kQueuedMax);
  hub.end();
  EXPECT_TRUE(follower->ended());
}

}  // namespace
}  // namespace bulkhead::controlplane
