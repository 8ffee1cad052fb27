// The turnstile and the listener.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/access/limits.h"
#include "controlplane/api/listener.h"
#include "controlplane/api/streams.h"
#include "tests/support/free_port.h"
#include "tests/support/without_descriptors.h"

namespace bulkhead::controlplane {
namespace {

TEST(Turnstile, OneAtATimeInOrder) {
  Turnstile turnstile;
  std::vector<int> order;
  Turnstile::Token held;
  turnstile.enter([&](Turnstile::Token token) { held = std::move(token); });
  turnstile.enter([&](const Turnstile::Token&) { order.push_back(1); });
  turnstile.enter([&](const Turnstile::Token&) { order.push_back(2); });
  EXPECT_TRUE(order.empty());
  held.reset();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

class ListenerTest : public ::testing::Test {
 protected:
  ListenerTest() {
    port_ = support::free_port();
    listener_ = std::make_unique<Listener>(
        "127.0.0.1:" + std::to_string(port_),
        [this](int descriptor) {
          const std::lock_guard guard(mutex_);
          handed_over_.push_back(descriptor);
        },
        [this](const std::string& text) {
          const std::lock_guard guard(mutex_);
          reports_.push_back(text);
        });
    listener_->start();
  }
  ~ListenerTest() override {
    listener_.reset();
    for (const int descriptor : handed_over_) close(descriptor);
    for (const int descriptor : open_) close(descriptor);
  }

  // A socket with an address of the loopback network, 127.0.0.`host`.
  int client(std::uint8_t host = 1) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host - 1U);
    open_.push_back(socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(bind(open_.back(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return open_.back();
  }
  void knock_with(int descriptor) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  int knock(std::uint8_t host = 1) {
    const int descriptor = client(host);
    knock_with(descriptor);
    return descriptor;
  }
  static bool ends(int descriptor) {
    char byte = 0;
    return recv(descriptor, &byte, 1, MSG_DONTWAIT) == 0 || errno != EAGAIN;
  }
  template <typename Condition>
  static bool becomes(Condition condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  std::size_t handed_over() {
    const std::lock_guard guard(mutex_);
    return handed_over_.size();
  }

  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<int> handed_over_;
  std::vector<std::string> reports_;
  std::vector<int> open_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(ListenerTest, OnlyWhoSpeaksIsHandedOver) {
  const int silent = knock();
  const int speaks = knock();
  ASSERT_EQ(send(speaks, "x", 1, 0), 1);
  EXPECT_TRUE(becomes([this] { return handed_over() == 1; }));
  EXPECT_FALSE(ends(silent));
  EXPECT_TRUE(becomes([silent] { return ends(silent); })) << "it has had its time";
}

TEST_F(ListenerTest, TheOldestSilentOneMakesRoom) {
  const int first = knock();
  for (std::size_t i = 0; i < limits::kSilentMax; ++i) knock();
  EXPECT_TRUE(becomes([first] { return ends(first); }));
  EXPECT_FALSE(ends(open_.back()));
  ASSERT_EQ(send(open_.back(), "x", 1, 0), 1);
  EXPECT_TRUE(becomes([this] { return handed_over() == 1; }));
}

TEST_F(ListenerTest, WhoHasProvenItselfStays) {
  const int proven = knock();
  ASSERT_EQ(send(proven, "x", 1, 0), 1);
  ASSERT_TRUE(becomes([this] { return handed_over() == 1; }));
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(proven, reinterpret_cast<sockaddr*>(&address), &size);
  listener_->prove("ipv4:127.0.0.1:" + std::to_string(ntohs(address.sin_port)), "alice");
  for (std::size_t i = 0; i < limits::kUnprovenMax + 1; ++i) {
    ASSERT_EQ(send(knock(), "x", 1, 0), 1);
    ASSERT_TRUE(becomes([this, i] { return handed_over() == i + 2; }));
  }
  EXPECT_TRUE(becomes([this] { return ends(open_[1]); })) << "the oldest of the others went";
  EXPECT_FALSE(ends(proven));
}

TEST_F(ListenerTest, WhatHasEndedIsForgotten) {
  for (std::size_t i = 0; i < 2 * limits::kUnprovenMax; ++i) {
    const int descriptor = knock(static_cast<std::uint8_t>(2 + i));
    ASSERT_EQ(send(descriptor, "x", 1, 0), 1);
    ASSERT_TRUE(becomes([this, i] { return handed_over() == i + 1; }));
    const std::lock_guard guard(mutex_);
    shutdown(handed_over_.back(), SHUT_RDWR);  // as gRPC does
  }
  const int last = knock();
  ASSERT_EQ(send(last, "x", 1, 0), 1);
  EXPECT_TRUE(becomes([this] { return handed_over() == 2 * limits::kUnprovenMax + 1; }));
  EXPECT_FALSE(ends(last));
}

TEST_F(ListenerTest, WhoFailsOftenIsSlowedAndNobodyElse) {
  const auto fail = [this](std::size_t i) {
    ASSERT_EQ(send(knock(2), "x", 1, 0), 1);
    ASSERT_TRUE(becomes([this, i] { return handed_over() == i + 1; }));
    const int sockets[] = {open_.back()};
    {
      const std::lock_guard guard(mutex_);
      shutdown(handed_over_.back(), SHUT_RDWR);  // as gRPC does
    }
    ASSERT_TRUE(becomes([&sockets] { return ends(sockets[0]); }));
  };
  for (std::size_t i = 0; i < 12; ++i) fail(i);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_EQ(send(knock(2), "x", 1, 0), 1);
  ASSERT_EQ(send(knock(3), "x", 1, 0), 1);
  EXPECT_TRUE(becomes([this] { return handed_over() == 13; }));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(250))
      << "the other";
  EXPECT_TRUE(becomes([this] { return handed_over() == 14; }));
  EXPECT_GT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(250));
  EXPECT_EQ(reports_.size(), 1U) << "and it is reported, once a minute";
}

TEST_F(ListenerTest, AClientThatGoesByItselfHasNotFailed) {
  for (std::size_t i = 0; i < 12; ++i) {
    const int descriptor = knock(2);
    ASSERT_EQ(send(descriptor, "x", 1, 0), 1);
    ASSERT_TRUE(becomes([this, i] { return handed_over() == i + 1; }));
    shutdown(descriptor, SHUT_RDWR);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const std::lock_guard guard(mutex_);
    shutdown(handed_over_.back(), SHUT_RDWR);  // as gRPC does
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const std::lock_guard guard(mutex_);
  EXPECT_TRUE(reports_.empty());
}

// Whatever a crowd does, whoever has another address than it is not the one that goes.
TEST_F(ListenerTest, ACrowdMakesRoomForOthers) {
  for (std::size_t i = 0; i < limits::kUnprovenMax; ++i) {
    ASSERT_EQ(send(knock(2), "x", 1, 0), 1);
    ASSERT_TRUE(becomes([this, i] { return handed_over() == i + 1; }));
  }
  const int other = knock();
  ASSERT_EQ(send(other, "x", 1, 0), 1);
  ASSERT_TRUE(becomes([this] { return handed_over() == limits::kUnprovenMax + 1; }));
  for (std::size_t i = 0; i < 2 * limits::kUnprovenMax; ++i) {
    ASSERT_EQ(send(knock(2), "x", 1, 0), 1);
    ASSERT_TRUE(becomes([this, i] { return handed_over() == limits::kUnprovenMax + i + 2; }));
    ASSERT_FALSE(ends(other)) << "after " << i << " of the crowd";
  }
}

TEST_F(ListenerTest, WithoutDescriptorsItPausesAndGoesOn) {
  const int waits = client();
  {
    const support::WithoutDescriptors without;
    knock_with(waits);
    const std::clock_t before = std::clock();
    std::this_thread::sleep_for(std::chrono::seconds(1));
    EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 10) << "it does not spin";
  }
  ASSERT_EQ(send(waits, "x", 1, 0), 1);
  EXPECT_TRUE(becomes([this] { return handed_over() == 1; })) << "it goes on";
}

// Those that say nothing have five seconds, which nobody else waits for.
TEST_F(ListenerTest, OfTheLastDescriptorsSilentOnesMakeRoom) {
  constexpr std::size_t kLeft = 4;
  std::vector<int> silent;
  for (std::size_t i = 0; i < kLeft; ++i) silent.push_back(client(2));
  const int other = client();
  const auto begun = std::chrono::steady_clock::now();
  const support::WithoutDescriptors few(kLeft);
  for (const int descriptor : silent) knock_with(descriptor);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(ends(silent.front()));
  knock_with(other);
  ASSERT_EQ(send(other, "x", 1, 0), 1);
  EXPECT_TRUE(becomes([this] { return handed_over() == 1; }));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, limits::kSilentFor / 2);
  EXPECT_FALSE(ends(other));
  EXPECT_TRUE(ends(silent[0]) && ends(silent[1])) << "for it, and for the second descriptor of it";
  EXPECT_FALSE(ends(silent[2]) || ends(silent[3]));
}

TEST(Listener, SaysWhatIsWrongWithItsAddress) {
  const auto drop = [](int) {};
  EXPECT_THROW(Listener("nonsense", drop), std::runtime_error);
  EXPECT_THROW(Listener("192.0.2.1:99999", drop), std::runtime_error);
  EXPECT_NO_THROW(Listener("192.0.2.1:7443", drop)) << "it may become ours";
}

}  // namespace
}  // namespace bulkhead::controlplane
