// The gate, the turnstile, the listener and what is read of a certificate.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "controlplane/agent/certificate.h"
#include "controlplane/api/gate.h"
#include "controlplane/api/listener.h"
#include "controlplane/api/streams.h"
#include "tests/support/authority.h"

namespace bulkhead::controlplane {
namespace {

constexpr limits::Calls kTwoOfThree = {"calls", 2, 3};

TEST(Gate, NobodyHasMoreThanItsShare) {
  Gate gate([](const std::string&, const std::string&) {});
  auto first = gate.enter("alice", kTwoOfThree);
  auto second = gate.enter("alice", kTwoOfThree);
  ASSERT_TRUE(first.ok() && second.ok());
  const auto third = gate.enter("alice", kTwoOfThree);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(third.error().error_message(), "alice has 2 calls already; end one, or try again");
  const auto other = gate.enter("bob", kTwoOfThree);
  EXPECT_TRUE(other) << "one client cannot take another's place";
  EXPECT_FALSE(gate.enter("carol", kTwoOfThree)) << "three in all";
  first.value().reset();
  EXPECT_TRUE(gate.enter("carol", kTwoOfThree));
  EXPECT_TRUE(gate.enter("alice", limits::kQuestions)) << "another kind";
}

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

TEST(Certificate, SaysWhoAndWhatFor) {
  const Issued authority = make_authority("test", 1);
  const Issued client = issue_client(authority, "alice", 1);
  const Issued server = issue_server(authority, "alpha", {"alpha.example"}, 1);
  EXPECT_EQ(name_for(client.certificate_pem, Purpose::client).value(), "alice");
  EXPECT_FALSE(name_for(client.certificate_pem, Purpose::server));
  EXPECT_EQ(name_for(server.certificate_pem, Purpose::server).value(), "alpha");
  EXPECT_FALSE(name_for(server.certificate_pem, Purpose::client));
  EXPECT_FALSE(name_for(authority.certificate_pem, Purpose::client)) << "no extended key usage";
  for (const char* name : {"a b", "../x", "x\x1b[31m", ".", "-x", "caf\xc3\xa9"}) {
    EXPECT_FALSE(name_for(issue_client(authority, name, 1).certificate_pem, Purpose::client))
        << name;
  }
  EXPECT_FALSE(name_for(std::string("nonsense"), Purpose::client));
}

TEST(Certificate, HostsAreNamesOrAddressesAndNothingMore) {
  for (const char* host : {"a", "a.example", "x-1.example"}) EXPECT_TRUE(is_dns_name(host)) << host;
  for (const char* host : {"", ".", "a..b", "-a", "a-", "*.x", "a,DNS:b", "a b", "a.example."}) {
    EXPECT_FALSE(is_dns_name(host)) << host;
  }
  EXPECT_TRUE(is_ip_address("192.0.2.1"));
  EXPECT_TRUE(is_ip_address("2001:db8::1"));
  EXPECT_FALSE(is_ip_address("192.0.2.1,DNS:x"));
}

class ListenerTest : public ::testing::Test {
 protected:
  ListenerTest() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int probe = socket(AF_INET, SOCK_STREAM, 0);
    bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t size = sizeof address;
    getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size);
    close(probe);
    port_ = ntohs(address.sin_port);
    listener_ =
        std::make_unique<Listener>("127.0.0.1:" + std::to_string(port_), [this](int descriptor) {
          const std::lock_guard guard(mutex_);
          handed_over_.push_back(descriptor);
        });
    listener_->start();
  }
  ~ListenerTest() override {
    listener_.reset();
    for (const int descriptor : handed_over_) close(descriptor);
    for (const int descriptor : open_) close(descriptor);
  }

  int knock() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    open_.push_back(descriptor);
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
    const int descriptor = knock();
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

TEST(Listener, SaysWhatIsWrongWithItsAddress) {
  const auto drop = [](int) {};
  EXPECT_THROW(Listener("nonsense", drop), std::runtime_error);
  EXPECT_THROW(Listener("192.0.2.1:7443", drop), std::runtime_error) << "it is not ours";
}

}  // namespace
}  // namespace bulkhead::controlplane
