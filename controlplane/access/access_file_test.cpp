// The access file on disk: changes count at the next look, mistakes do not.
#include "controlplane/access/access_file.h"

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace bulkhead::controlplane {
namespace {

namespace fs = std::filesystem;

const std::string kAlice = "access: v1\nidentities:\n  alice: administrator\n";
const std::string kCarol = "access: v1\nidentities:\n  carol: administrator\n";

class AccessFileTest : public ::testing::Test {
 protected:
  AccessFileTest() {
    std::string name = fs::temp_directory_path() / "access-test-XXXXXX";
    folder_ = mkdtemp(name.data());
    path_ = folder_ + "/access.yaml";
  }
  ~AccessFileTest() override { fs::remove_all(folder_); }

  void write(const std::string& text, mode_t mode = 0644) const {
    std::ofstream(path_, std::ios::trunc) << text;
    chmod(path_.c_str(), mode);
  }
  bool administers(const std::string& identity) {
    const AccessPointer rules = file().current();
    return rules && rules->roles_of(identity).has(Role::administrator);
  }
  AccessFile& file() {
    if (!file_) {
      file_ = std::make_unique<AccessFile>(
          path_, [this](const std::string& text) { changes_.push_back(text); });
    }
    return *file_;
  }

  std::string folder_;
  std::string path_;
  std::vector<std::string> changes_;
  std::unique_ptr<AccessFile> file_;
};

TEST_F(AccessFileTest, WithoutAFileThereAreNoRules) {
  EXPECT_EQ(file().current(), nullptr);
  EXPECT_EQ(file().current(), nullptr);
  EXPECT_EQ(changes_.size(), 1U) << "said once";
  EXPECT_FALSE(file().state().in_force);
  EXPECT_EQ(file().state().problem, "there is no " + path_);
}

TEST_F(AccessFileTest, AChangeCountsAtTheNextLook) {
  write(kAlice);
  EXPECT_TRUE(administers("alice"));
  const std::string sha256 = file().state().sha256;
  EXPECT_EQ(sha256.size(), 64U);
  write(kCarol);  // in place: same inode, same size, within a clock tick
  EXPECT_FALSE(administers("alice"));
  EXPECT_TRUE(administers("carol"));
  EXPECT_NE(file().state().sha256, sha256);
  EXPECT_EQ(changes_.size(), 2U);
  std::ofstream(path_ + ".new") << kAlice;
  fs::rename(path_ + ".new", path_);
  EXPECT_TRUE(administers("alice"));
  EXPECT_TRUE(administers("alice"));
  EXPECT_EQ(changes_.size(), 3U);
}

// Opened by whomever, as the kernel says.
class Opened {
 public:
  explicit Opened(const std::string& path) : notices_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    EXPECT_GE(inotify_add_watch(notices_, path.c_str(), IN_OPEN), 0);
  }
  ~Opened() { close(notices_); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  // Since the last call.
  bool was() {
    char notice[4096];
    return read(notices_, notice, sizeof notice) > 0;
  }

 private:
  int notices_;
};

TEST_F(AccessFileTest, AFileIsReadAgainOnlyWhileItIsYoung) {
  write(kAlice);
  EXPECT_TRUE(administers("alice"));
  Opened opened(path_);
  EXPECT_TRUE(administers("alice"));
  EXPECT_TRUE(opened.was()) << "another change may have left the same times";
  sleep(2);
  EXPECT_TRUE(administers("alice"));
  EXPECT_TRUE(opened.was()) << "it was young at the last look";
  EXPECT_TRUE(administers("alice"));
  EXPECT_FALSE(opened.was()) << "each call would read it";
}

TEST_F(AccessFileTest, OfAMistakeTheFormerRulesStayInForce) {
  write(kAlice);
  EXPECT_TRUE(administers("alice"));
  write("access: v1\nidentities:\n  carol: viewer\n");
  EXPECT_TRUE(administers("alice"));
  EXPECT_NE(file().state().problem.find(":3:3: error: no identity has the role administrator"),
            std::string::npos)
      << file().state().problem;
  EXPECT_TRUE(file().state().in_force);
  ASSERT_EQ(changes_.size(), 2U);
  EXPECT_NE(changes_[1].find("the former access file stays in force"), std::string::npos);
  write(kAlice);
  EXPECT_TRUE(administers("alice"));
  EXPECT_EQ(file().state().problem, "");
}

TEST_F(AccessFileTest, AtTheStartAMistakeIsAsNoFile) {
  write("nonsense");
  EXPECT_EQ(file().current(), nullptr);
  EXPECT_FALSE(file().state().in_force);
}

TEST_F(AccessFileTest, ARemovedFileGivesNoRights) {
  write(kAlice);
  EXPECT_TRUE(administers("alice"));
  fs::remove(path_);
  EXPECT_EQ(file().current(), nullptr);
  EXPECT_EQ(file().state().sha256, "");
  write(kAlice);
  EXPECT_TRUE(administers("alice"));
}

TEST_F(AccessFileTest, AFileThatOthersMayWriteIsNone) {
  write(kAlice, 0664);
  EXPECT_EQ(file().current(), nullptr);
  EXPECT_NE(file().state().problem.find("chmod go-w"), std::string::npos);
  chmod(path_.c_str(), 0640);
  EXPECT_TRUE(administers("alice"));
  if (geteuid() != 0) return;
  ASSERT_EQ(chown(path_.c_str(), 12345, 0), 0);
  file().current();
  EXPECT_NE(file().state().problem.find("chown root"), std::string::npos);
}

TEST_F(AccessFileTest, WhatIsNoFileIsNone) {
  fs::create_directory(path_);
  EXPECT_EQ(file().current(), nullptr);
  fs::remove(path_);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(file().current(), nullptr) << "and it does not hang";
}

}  // namespace
}  // namespace bulkhead::controlplane
