// Which commands may be a bypass, and how one is called, in a child.
#include "dataplane/daemon/bypass.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace bulkhead::daemon {
namespace {

class BypassTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "bypassXXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    std::ofstream(command()) << "#!/bin/sh\necho \"$@\" >> \"$0.called\"\nexit 3\n";
    chmod(command().c_str(), 0755);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string command() const { return folder_ + "/bypass"; }
  std::string called() const {
    std::ifstream file(command() + ".called");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // The exit code of a child that becomes the command.
  int call(const std::vector<std::string>& words, BypassMoment moment) {
    const pid_t child = fork();
    if (child == 0) {
      become_bypass(words, moment);
      _exit(99);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  }

  std::string folder_;
};

TEST_F(BypassTest, NamesOfMoments) {
  EXPECT_EQ(bypass_moment("starting"), BypassMoment::starting);
  EXPECT_EQ(bypass_moment("enforcing"), BypassMoment::enforcing);
  EXPECT_EQ(bypass_moment("stopped"), BypassMoment::stopped);
  EXPECT_FALSE(bypass_moment("on"));
}

TEST_F(BypassTest, IsCalledWithItsArgumentsAndTheMoment) {
  EXPECT_EQ(call({command(), "eth1", "a b"}, BypassMoment::enforcing), 3);
  EXPECT_EQ(call({command()}, BypassMoment::stopped), 3);
  EXPECT_EQ(called(), "eth1 a b enforcing\nstopped\n");
}

TEST_F(BypassTest, SaysWhyItCannotBeCalled) {
  chmod(command().c_str(), 0644);
  EXPECT_EQ(become_bypass({command()}, BypassMoment::stopped), command() + ": Permission denied");
  EXPECT_EQ(called(), "");
}

TEST_F(BypassTest, OnlyRootMayChangeTheCommand) {
  if (getuid() != 0) GTEST_SKIP() << "needs root, whose the command must be";
  EXPECT_EQ(bypass_problem({}, true), "");
  EXPECT_EQ(bypass_problem({command()}, false), "");
  EXPECT_NE(bypass_problem({"bypass"}, false).find("whole path"), std::string::npos);
  EXPECT_NE(bypass_problem({folder_ + "/none"}, false).find("No such file"), std::string::npos);
  chmod(command().c_str(), 0775);
  EXPECT_NE(bypass_problem({command()}, false).find("chmod go-w"), std::string::npos);
  chmod(command().c_str(), 0755);
  ASSERT_EQ(chown(command().c_str(), 65534, 0), 0);
  EXPECT_NE(bypass_problem({command()}, false).find("chown root"), std::string::npos);
}

TEST_F(BypassTest, NoneInAPair) {
  EXPECT_NE(bypass_problem({command()}, true).find("loop"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::daemon
