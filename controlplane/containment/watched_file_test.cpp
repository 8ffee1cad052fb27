// The file for when no network is left.
#include "controlplane/containment/watched_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "controlplane/containment/request.h"

namespace bulkhead::controlplane {
namespace {

class WatchedFileTest : public testing::Test {
 protected:
  WatchedFileTest() {
    char name[] = "/tmp/bulkhead-contain-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ + "/contain";
  }
  ~WatchedFileTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& text, mode_t mode = 0644) {
    std::ofstream(path_) << text;
    chmod(path_.c_str(), mode);
  }
  WatchedFile::Reading look(uid_t owner = getuid()) {
    return WatchedFile(path_, owner).look().value();
  }

  std::string folder_;
  std::string path_;
};

TEST_F(WatchedFileTest, EachLineIsOne) {
  write(
      "# the incident of tonight\n zone control isolate\nconduit\tscada read-only # reads\n\n"
      "all essential");
  const auto reading = look();
  ASSERT_TRUE(reading.counts);
  EXPECT_TRUE(reading.problems.empty());
  ASSERT_EQ(reading.lines.size(), 3U);
  EXPECT_EQ(reading.lines[0].target.zone(), "control");
  EXPECT_EQ(reading.lines[0].level, v1::CONTAINMENT_LEVEL_ISOLATE);
  EXPECT_EQ(reading.lines[1].target.conduit(), "scada");
  EXPECT_EQ(reading.lines[1].level, v1::CONTAINMENT_LEVEL_READ_ONLY);
  EXPECT_TRUE(reading.lines[2].target.all());
  EXPECT_EQ(reading.lines[2].level, v1::CONTAINMENT_LEVEL_ESSENTIAL);
}

// Those that can be read count: in an emergency half a file is better than none.
TEST_F(WatchedFileTest, LinesThatAreNoneAreNamed) {
  write(
      "zone control isolat\nzone control isolate\nzone isolate\nall normal\nall control isolate\n"
      "conduit a b isolate\n");
  const auto reading = look();
  EXPECT_TRUE(reading.counts);
  ASSERT_EQ(reading.lines.size(), 1U);
  ASSERT_EQ(reading.problems.size(), 5U);
  EXPECT_NE(reading.problems[0].find("line 1 is not `zone NAME LEVEL`"), std::string::npos);
  EXPECT_NE(reading.problems[4].find("line 6"), std::string::npos);
}

TEST_F(WatchedFileTest, AFileThatIsGoneHasNoLines) {
  const auto reading = look();
  EXPECT_TRUE(reading.counts);
  EXPECT_TRUE(reading.lines.empty());
  EXPECT_TRUE(reading.problems.empty());
}

TEST_F(WatchedFileTest, OfOthersThanRootItDoesNotCount) {
  write("all isolate\n");
  EXPECT_FALSE(look(getuid() + 1).counts);
  write("all isolate\n", 0664);
  EXPECT_FALSE(look().counts);
  write("all isolate\n", 0646);
  EXPECT_FALSE(look().counts);
  write("all isolate\n", 0600);
  EXPECT_TRUE(look().counts);
  std::filesystem::rename(path_, path_ + ".real");
  std::filesystem::create_symlink(path_ + ".real", path_);
  EXPECT_FALSE(look().counts);
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_FALSE(look().counts);
}

TEST_F(WatchedFileTest, ALongOneDoesNotCount) {
  const std::string line = "zone control isolate\n";
  std::string text = line;
  text.resize(WatchedFile::kBytesMax, '#');
  write(text);
  EXPECT_TRUE(look().counts);
  write(text + "#");
  const auto reading = look();
  EXPECT_FALSE(reading.counts);
  EXPECT_TRUE(reading.lines.empty());
}

TEST_F(WatchedFileTest, ALookSeesEachChangeAndNothingWithoutOne) {
  WatchedFile file(path_, getuid());
  EXPECT_TRUE(file.look());  // that there is none
  EXPECT_FALSE(file.look());
  write("all isolate\n");
  EXPECT_EQ(file.look().value().lines.size(), 1U);
  std::filesystem::remove(path_);
  EXPECT_TRUE(file.look().value().lines.empty());
}

TEST(ContainmentRequest, WhoMayRelease) {
  EXPECT_FALSE(may_not_release("", {Role::operator_}));
  EXPECT_FALSE(may_not_release("", {Role::administrator}));
  EXPECT_TRUE(may_not_release("", {Role::engineer, Role::viewer}));
  EXPECT_FALSE(may_not_release("approver", {Role::approver}));
  EXPECT_TRUE(may_not_release("approver", {Role::operator_, Role::administrator}));
  EXPECT_TRUE(may_not_release("no such role", Roles{Role::administrator}));
  EXPECT_FALSE(may_not_release("administrator", Roles::all()));  // root on the appliance
}

TEST(ContainmentRequest, WhatIsWrongWithOne) {
  v1::SetContainmentRequest request;
  request.set_level(v1::CONTAINMENT_LEVEL_ISOLATE);
  request.set_reason("why");
  EXPECT_TRUE(problem_of(request));  // no target
  request.mutable_target()->set_zone("control");
  EXPECT_FALSE(problem_of(request));
  for (const std::size_t bytes : {kTargetBytesMax, kTargetBytesMax + 1}) {
    request.mutable_target()->set_zone(std::string(bytes, 'z'));
    EXPECT_EQ(problem_of(request).has_value(), bytes > kTargetBytesMax);
  }
  request.mutable_target()->set_zone("");
  EXPECT_TRUE(problem_of(request));
  request.mutable_target()->set_all(false);
  EXPECT_TRUE(problem_of(request));
  request.mutable_target()->set_all(true);
  for (const std::size_t bytes : {std::size_t{0}, kReasonBytesMax, kReasonBytesMax + 1}) {
    request.set_reason(std::string(bytes, 'r'));
    EXPECT_EQ(problem_of(request).has_value(), bytes == 0 || bytes > kReasonBytesMax);
  }
  request.set_reason("why");
  request.set_for_ms(kForMsMax + 1);
  EXPECT_TRUE(problem_of(request));
  request.set_for_ms(kForMsMax);
  EXPECT_FALSE(problem_of(request));
  request.set_level(v1::CONTAINMENT_LEVEL_NORMAL);
  EXPECT_TRUE(problem_of(request));
  request.set_level(static_cast<v1::ContainmentLevel>(4));
  EXPECT_TRUE(problem_of(request));
}

}  // namespace
}  // namespace bulkhead::controlplane
