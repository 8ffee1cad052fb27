// The revision store against crashes, damage and second instances.
#include "controlplane/revisions/revision_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

#include "dataplane/artefact/digest.h"

namespace {
std::atomic<int> flushes_counted{0};
std::atomic<bool> disk_full{false};  // no file is made or replaced
}  // namespace

// In the place of the C library's.
extern "C" int fsync(int file) {
  ++flushes_counted;
  return static_cast<int>(syscall(SYS_fsync, file));
}
extern "C" int fdatasync(int file) {
  ++flushes_counted;
  return static_cast<int>(syscall(SYS_fdatasync, file));
}

extern "C" int rename(const char* from, const char* to) {
  if (disk_full) {
    errno = ENOSPC;
    return -1;
  }
  return static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
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
  EXPECT_NE(store->damage()[1].find("none counts until a policy is pushed"), std::string::npos);
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

RevisionStore::Activation trial_of(std::uint64_t number, std::uint64_t former) {
  return {number, 0, StoredTrial{former, 600'000, 77, boot_number()}, Act::begin_trial, "alice"};
}

TEST_F(StoreTest, ATrialAndItsEndAreThereAfterACrash) {
  {
    const auto store = open();
    store->add(policy("one"));
    store->add(policy("two"));
    ASSERT_TRUE(store->activate(1));
    ASSERT_TRUE(store->activate(trial_of(2, 1)));
  }
  for (int i = 0; i < 2; ++i) {  // from the notes, and from what they were merged into
    const auto store = open();
    ASSERT_TRUE(store) << error_;
    EXPECT_EQ(store->active()->number(), 2U);
    ASSERT_TRUE(store->trial());
    EXPECT_EQ(store->trial()->former, 1U);
    EXPECT_EQ(store->trial()->deadline_ns, 77U);
    EXPECT_EQ(store->trial()->boot, boot_number());
    EXPECT_EQ(describe_trial(*store, 7)->committed_by(), "alice");
    EXPECT_FALSE(is_confirmed(*store->active()));
  }
  {
    const auto store = open();
    EXPECT_EQ(store->set_prepared({2, 40, {}, "bob"}), "") << "its confirmation";
    EXPECT_EQ(store->active()->generation(), 2U) << "is not in force yet";
  }
  {
    const auto store = open();
    EXPECT_EQ(store->prepared()->generation(), 40U);
    EXPECT_EQ(store->active()->generation(), 2U);
    ASSERT_TRUE(store->activate({1, 39, {}, Act::expire}));
  }
  const auto store = open();
  EXPECT_EQ(store->active()->number(), 1U);
  EXPECT_EQ(store->active()->generation(), 39U);
  EXPECT_FALSE(store->trial());
  EXPECT_FALSE(store->prepared()) << "a confirmation is void with what it confirmed";
  const auto taken_back = store->revision(2);
  EXPECT_EQ(taken_back->returned_why(), "it was not confirmed in time");
  EXPECT_FALSE(is_confirmed(*taken_back));
  EXPECT_TRUE(is_confirmed(*store->active()));
}

TEST_F(StoreTest, TheHistorySaysWhoConfirmed) {
  {
    const auto store = open();
    store->add(policy("one"));
    store->add(policy("two"));
    ASSERT_TRUE(store->activate({1, 0, {}, Act::commit, "alice"}));
    ASSERT_TRUE(store->activate(trial_of(2, 1)));
    ASSERT_TRUE(store->activate({2, 0, {}, Act::confirm, "bob with a name"}));
  }
  for (int i = 0; i < 2; ++i) {
    const auto store = open();
    EXPECT_EQ(store->revision(1)->confirmed_by(), "alice") << "at once";
    const auto revision = store->active();
    EXPECT_EQ(revision->number(), 2U);
    EXPECT_EQ(revision->committed_by(), "alice");
    EXPECT_EQ(revision->confirmed_by(), "bob with a name");
    EXPECT_TRUE(is_confirmed(*revision));
    EXPECT_FALSE(store->trial());
  }
}

// The room is reserved before a trial begins, whatever the journal holds.
TEST_F(StoreTest, AFullDiskHoldsUpNoReturn) {
  const auto store = open();
  store->add(policy("one"));
  store->add(policy("two"));
  ASSERT_TRUE(store->activate(1));
  std::size_t refused = 0;
  for (int i = 0; i < 130; ++i) {  // the journal becomes full more than once
    disk_full = true;
    const auto begun = store->activate(trial_of(2, 1));
    if (!begun) ++refused;
    EXPECT_EQ(store->active()->number(), begun ? 2U : 1U) << "refused, it was never in force";
    while (begun && i % 16 == 0 && store->set_prepared({2, 40 + refused, {}, "bob"}).empty() &&
           store->set_prepared(0).empty()) {  // an operator who tries until nothing fits any more
    }
    if (begun && i % 2 == 0) {
      ASSERT_TRUE(store->activate({2, 0, {}, Act::confirm, "bob"}));
    } else if (begun) {
      const auto back = store->activate({1, 0, {}, Act::expire});
      ASSERT_TRUE(back) << back.error();
    }
    EXPECT_FALSE(store->trial());
    disk_full = false;
    ASSERT_TRUE(store->activate(1));
  }
  EXPECT_GT(refused, 0U);
}

TEST_F(StoreTest, WhatReturnsIsNeverDeleted) {
  const auto store = open();
  store->add(policy("one"));
  store->add(policy("two"));
  ASSERT_TRUE(store->activate(1));
  ASSERT_TRUE(store->activate(trial_of(2, 1)));
  for (std::size_t i = 0; i < RevisionStore::kRevisionsKept + 5; ++i) store->add(policy("more"));
  EXPECT_TRUE(store->get(1));
  EXPECT_TRUE(store->get(2));
}

TEST_F(StoreTest, OfTwoTheOneThatCanBeReadIsActive) {
  open()->add(policy("one"));
  open()->add(policy("two"));
  open()->activate(1);
  open()->activate(trial_of(2, 1));
  write("revisions/2", "\xff");
  const auto store = open();
  EXPECT_EQ(store->active()->number(), 1U);
  EXPECT_FALSE(store->trial());
  EXPECT_EQ(store->damage().size(), 2U);
}

TEST_F(StoreTest, ANoteOfTheReleaseBeforeIsRead) {
  const auto note = parse_note("2 9 1 2 0");
  ASSERT_TRUE(note);
  EXPECT_EQ(note->number, 2U);
  EXPECT_EQ(note->active, 2U);
  EXPECT_FALSE(note->trial);
  EXPECT_FALSE(parse_note("2 9 1 2"));
  RevisionNote longest;
  longest.number = longest.generation = longest.active = longest.prepared = 99'999;
  longest.committed_wall_ns = longest.act_wall_ns = 1'999'999'999'999'999'999;
  longest.prepared_generation = 99'999;
  longest.trial =
      StoredTrial{99'999, 7ULL * 24 * 3600 * 1000, 9'999'999'999'999'999, ~std::uint64_t{0}};
  longest.prepared_trial = longest.trial;
  longest.act = Act::confirm;
  longest.by = std::string(100, 'x');
  const std::string text = to_text(longest);
  EXPECT_LE(text.size(), Journal::kNoteBytesMax);
  EXPECT_EQ(to_text(*parse_note(text)), text);
}

TEST_F(StoreTest, CountsTheStartsOfTheAgent) {
  EXPECT_EQ(open()->next_incarnation().value(), 1U);
  EXPECT_EQ(open()->next_incarnation().value(), 2U);
}

}  // namespace
}  // namespace bulkhead::controlplane
