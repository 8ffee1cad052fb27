// The revision store against crashes, damage and second instances.
#include "controlplane/revisions/revision_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

#include "dataplane/artefact/digest.h"

namespace {
std::atomic<int> flushes_counted{0};
}

// In the place of the C library's.
extern "C" int fsync(int file) {
  ++flushes_counted;
  return static_cast<int>(syscall(SYS_fsync, file));
}
extern "C" int fdatasync(int file) {
  ++flushes_counted;
  return static_cast<int>(syscall(SYS_fdatasync, file));
}

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
    stored.mutable_artefact()->set_policy(site);
    stored.mutable_artefact()->set_sha256(artefact::sha256(site));
    stored.mutable_revision()->set_sha256(artefact::to_hex(artefact::sha256(site)));
    stored.mutable_revision()->set_site(site);
    stored.set_source("source of " + site);
    return stored;
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(fs::path(folder_) / name, std::ios::binary) << text;
  }

  static std::string digest(const std::string& site) {
    return artefact::to_hex(artefact::sha256(site)).substr(0, 16);
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

TEST_F(StoreTest, WhatCannotBeUsedIsSetAsideAndTold) {
  open()->add(policy("one"));
  open()->add(policy("two"));
  open()->activate(1);
  write("revisions/2", "\xff\xff");
  write("revisions/note.txt", "stray");
  fs::create_directory(fs::path(folder_) / "revisions/folder");
  const auto store = open();
  ASSERT_TRUE(store) << error_;
  EXPECT_EQ(store->damage().size(), 3U);
  EXPECT_EQ(store->active()->number(), 1U);
  EXPECT_EQ(store->list().size(), 1U);
  EXPECT_EQ(std::distance(fs::directory_iterator(fs::path(folder_) / "damaged"),
                          fs::directory_iterator()),
            3);
  EXPECT_TRUE(store->add(policy("three")));
}

TEST_F(StoreTest, AnActiveRevisionThatIsDamagedIsActiveNoMore) {
  open()->add(policy("one"));
  open()->activate(1);
  std::string bytes;
  {
    std::ifstream file(fs::path(folder_) / "revisions/1", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  // One digit of the digest that is noted, as in a file that was edited.
  const std::string digest = artefact::to_hex(artefact::sha256("one"));
  const std::size_t at = bytes.find(digest);
  ASSERT_NE(at, std::string::npos);
  bytes[at] = bytes[at] == '0' ? '1' : '0';
  write("revisions/1", bytes);
  const auto store = open();
  ASSERT_TRUE(store) << error_;
  EXPECT_FALSE(store->active());
  ASSERT_EQ(store->damage().size(), 2U);
  EXPECT_NE(store->damage()[0].find("its digest is wrong"), std::string::npos);
  EXPECT_NE(store->damage()[1].find("active revision (1)"), std::string::npos);
}

TEST_F(StoreTest, AnActivationThatIsAbandonedNeverWas) {
  const auto store = open();
  store->add(policy("one"));
  store->add(policy("two"));
  ASSERT_TRUE(store->activate(1));
  EXPECT_EQ(store->begin_activation(2), "");
  EXPECT_EQ(store->active()->number(), 1U);
  store->abandon_activation();
  EXPECT_EQ(store->active()->number(), 1U);
  EXPECT_EQ(store->get(2)->revision().committed_wall_time_ns(), 0U);
  EXPECT_FALSE(fs::exists(fs::path(folder_) / "active.new"));
  EXPECT_FALSE(store->finish_activation());
  EXPECT_EQ(store->begin_activation(2), "");
  EXPECT_EQ(store->finish_activation().value().number(), 2U);
  EXPECT_EQ(open(), nullptr) << "it is in use";
}

// A flush may take seconds.
TEST_F(StoreTest, AStepIsOneFlush) {
  const auto store = open();
  const auto flushes = [](const std::function<void()>& step) {
    const int before = flushes_counted;
    step();
    return flushes_counted - before;
  };
  EXPECT_EQ(flushes([&] { store->add(policy("one")); }), 1);
  EXPECT_EQ(flushes([&] { EXPECT_EQ(store->set_generation(1, 4), ""); }), 0) << "with its commit";
  EXPECT_EQ(flushes([&] { EXPECT_TRUE(store->activate(1)); }), 1);
  store->add(policy("two"));
  EXPECT_EQ(flushes([&] { EXPECT_EQ(store->set_prepared(2), ""); }), 1);
  EXPECT_EQ(flushes([&] { EXPECT_TRUE(store->activate(2)); }), 1);
  EXPECT_FALSE(store->prepared()) << "that is the same note";
  EXPECT_EQ(flushes([&] { EXPECT_EQ(store->set_prepared(0), ""); }), 0);
  EXPECT_EQ(flushes([&] {
              EXPECT_EQ(store->begin_activation(1), "");
              store->abandon_activation();
            }),
            0);
}

// What a crash would leave, at each moment.
TEST_F(StoreTest, WhatIsNotedIsThereAfterACrash) {
  const auto store = open();
  store->add(policy("one"));
  store->add(policy("two"));
  const std::string crashed = folder_ + "/crashed";
  const auto after_crash = [&] {
    fs::remove_all(crashed);
    fs::create_directory(crashed);
    for (const char* name : {"revisions", "journal", "active", "prepared"}) {
      if (fs::exists(folder_ + "/" + name)) {
        fs::copy(folder_ + "/" + name, crashed + "/" + name, fs::copy_options::recursive);
      }
    }
    return RevisionStore::open(crashed).value();
  };
  for (std::uint64_t i = 1; i <= 500; ++i) {  // more than the journal has room for
    const std::uint64_t number = 1 + i % 2;
    ASSERT_EQ(store->set_generation(number, 10 * i), "");
    ASSERT_EQ(store->set_prepared(number), "");
    const bool look = i % 50 < 2;
    if (look) {
      EXPECT_EQ(after_crash()->prepared()->generation(), 10 * i);
    }
    ASSERT_TRUE(store->activate(number));
    if (!look) continue;
    const auto again = after_crash();
    EXPECT_EQ(again->active()->number(), number);
    EXPECT_EQ(again->active()->generation(), 10 * i);
    EXPECT_FALSE(again->prepared());
    EXPECT_TRUE(again->damage().empty());
  }
}

TEST_F(StoreTest, ANoteThatWasCutShortIsNone) {
  {
    const auto store = open();
    store->add(policy("one"));
    store->add(policy("two"));
    ASSERT_TRUE(store->activate(1));
  }
  open();  // what was noted is in the files now
  const auto before = fs::file_size(folder_ + "/journal");
  {
    std::vector<std::string> none;
    auto journal = Journal::open(folder_ + "/journal", none);
    ASSERT_TRUE(journal);
    EXPECT_TRUE(none.empty());
    ASSERT_EQ(journal.value()->add("2 9 1 2 0"), "");
  }
  EXPECT_EQ(fs::file_size(folder_ + "/journal"), before) << "its room was there";
  std::fstream file(folder_ + "/journal", std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(14);
  file.put('7');  // in the note's text
  file.close();
  const auto store = open();
  ASSERT_TRUE(store) << error_;
  EXPECT_EQ(store->active()->number(), 1U);
}

TEST_F(StoreTest, NobodyElseMayReadIt) {
  const mode_t before = umask(0);
  open()->add(policy("one"));
  umask(before);
  for (const char* name : {"", "revisions", "revisions/1", "journal"}) {
    const auto mode = fs::status(fs::path(folder_) / name).permissions();
    EXPECT_EQ(mode & (fs::perms::group_all | fs::perms::others_all), fs::perms::none) << name;
  }
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

TEST_F(StoreTest, KnowsWhatIsPreparedAndUnderWhichGeneration) {
  {
    const auto store = open();
    ASSERT_TRUE(store);
    for (const std::string site : {"a", "b", "c"}) {
      v1::GetPolicyResponse stored = policy(site);
      ASSERT_TRUE(store->add(std::move(stored)));
    }
    ASSERT_TRUE(store->activate(1));
    EXPECT_EQ(store->active()->generation(), 1U);
    EXPECT_EQ(store->set_generation(3, 7), "");
    EXPECT_EQ(store->set_prepared(3), "");
    EXPECT_NE(store->set_generation(9, 7), "");
    EXPECT_FALSE(store->find(7, digest("a"))) << "another policy";
    EXPECT_FALSE(store->find(6, digest("c")));
  }
  const auto store = open();
  ASSERT_TRUE(store);
  ASSERT_TRUE(store->prepared());
  EXPECT_EQ(store->prepared()->number(), 3U);
  EXPECT_EQ(store->find(7, digest("c"))->number(), 3U);
  EXPECT_EQ(store->activate(3).value().generation(), 7U) << "it was told";
  EXPECT_EQ(store->activate(2).value().generation(), 8U) << "it counts as the next commit";
  EXPECT_EQ(store->set_prepared(0), "");
  EXPECT_FALSE(store->prepared());
}

TEST_F(StoreTest, CountsTheStartsOfTheAgent) {
  EXPECT_EQ(open()->next_incarnation().value(), 1U);
  EXPECT_EQ(open()->next_incarnation().value(), 2U);
}

}  // namespace
}  // namespace bulkhead::controlplane
