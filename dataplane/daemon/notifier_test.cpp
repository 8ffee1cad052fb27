// What a service manager hears, and which threads count as stuck.
#include "dataplane/daemon/notifier.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/daemon/pulses.h"

namespace bulkhead::daemon {
namespace {

// The manager's end of the socket.
class NotifierTest : public ::testing::Test {
 protected:
  ~NotifierTest() override {
    if (socket_ >= 0) close(socket_);
    unlink(path_.c_str());
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
  }
  void listen(const std::string& path) {
    path_ = path;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    socklen_t bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    if (path[0] == '@') {
      address.sun_path[0] = '\0';
    } else {
      ++bytes;
    }
    socket_ = socket(AF_UNIX, SOCK_DGRAM, 0);
    ASSERT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), bytes), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  std::optional<std::string> heard() const {
    std::array<char, 512> buffer{};
    const ssize_t length = recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (length < 0) return std::nullopt;
    return std::string(buffer.data(), static_cast<std::size_t>(length));
  }

  std::string path_ = "/tmp/bulkhead-notify-" + std::to_string(getpid());
  int socket_ = -1;
};

TEST_F(NotifierTest, SaysWhatHappensToASocketOfTheFileSystemOrAnAbstractOne) {
  for (const std::string& path : {path_, "@bulkhead-notify-" + std::to_string(getpid())}) {
    if (socket_ >= 0) close(socket_);
    listen(path);
    Notifier notifier;
    ASSERT_TRUE(notifier.is_heard());
    notifier.ready("2 ports\nWATCHDOG=trigger");
    EXPECT_EQ(heard(), "READY=1\nSTATUS=2 ports\\x0aWATCHDOG=trigger") << "text stays in its line";
    notifier.alive();
    EXPECT_EQ(heard(), "WATCHDOG=1");
    notifier.status("enforces");
    EXPECT_EQ(heard(), "STATUS=enforces");
    notifier.status("enforces");
    EXPECT_EQ(heard(), std::nullopt) << "nothing has changed";
    notifier.stopping();
    EXPECT_EQ(heard(), "STOPPING=1\nSTATUS=stopping");
  }
}

TEST_F(NotifierTest, SaysNothingWithoutAManager) {
  EXPECT_FALSE(Notifier().is_heard());
  setenv("NOTIFY_SOCKET", "relative", 1);
  EXPECT_FALSE(Notifier().is_heard());
  setenv("NOTIFY_SOCKET", ("/" + std::string(200, 'x')).c_str(), 1);
  EXPECT_FALSE(Notifier().is_heard()) << "longer than an address";
}

TEST_F(NotifierTest, HasTheWatchdogOfItsOwnProcessAlone) {
  EXPECT_EQ(Notifier().watchdog_ns(), 0U);
  setenv("WATCHDOG_USEC", "5000000", 1);
  EXPECT_EQ(Notifier().watchdog_ns(), 5 * kSecondNs);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(Notifier().watchdog_ns(), 5 * kSecondNs);
  setenv("WATCHDOG_PID", std::to_string(getpid() + 1).c_str(), 1);
  EXPECT_EQ(Notifier().watchdog_ns(), 0U);
}

TEST(Pulses, AThreadThatDoesNotAnswerInTimeIsStuck) {
  std::vector<std::function<void()>> queue;
  Pulses pulses;
  pulses.watch("lease", kSecondNs,
               [&queue](std::function<void()> function) { queue.push_back(std::move(function)); });
  EXPECT_FALSE(pulses.all_answered());
  EXPECT_EQ(pulses.look(10 * kSecondNs), "");
  EXPECT_EQ(pulses.look(11 * kSecondNs), "") << "not longer than it may take";
  EXPECT_NE(pulses.look(11 * kSecondNs + 1), "");
  EXPECT_EQ(queue.size(), 1U) << "it is asked once";
  queue.front()();
  EXPECT_EQ(pulses.look(20 * kSecondNs), "");
  EXPECT_TRUE(pulses.all_answered());
  EXPECT_EQ(queue.size(), 2U) << "and again";
  EXPECT_EQ(pulses.look(22 * kSecondNs), "thread lease stands still since 2000 ms");
}

TEST(Pulses, OneOfSeveralIsEnough) {
  Pulses pulses;
  pulses.watch("good", kSecondNs, [](const std::function<void()>& function) { function(); });
  pulses.watch("stuck", kSecondNs, [](const std::function<void()>&) {});
  EXPECT_EQ(pulses.look(kSecondNs), "");
  EXPECT_EQ(pulses.look(3 * kSecondNs), "thread stuck stands still since 2000 ms");
  EXPECT_FALSE(pulses.all_answered());
}

}  // namespace
}  // namespace bulkhead::daemon
