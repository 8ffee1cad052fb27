// The agent's two links: to its data plane, and to its peer over TLS.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "controlplane/agent/dataplane_client.h"
#include "controlplane/agent/pair_link.h"
#include "tests/support/authority.h"
#include "tests/support/fake_dataplane.h"
#include "tests/support/without_descriptors.h"

namespace bulkhead::controlplane {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using Failure = DataplaneClient::Failure;

template <typename Condition>
bool becomes(Condition condition, int milliseconds = 5000) {
  for (int i = 0; i < milliseconds / 10; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

v1::DataplaneRequest status_request() {
  v1::DataplaneRequest request;
  request.mutable_get_status();
  return request;
}

TEST(DataplaneClient, AnswersRefusalsAndSilenceAreToldApart) {
  std::atomic<int> silent{0};
  FakeDataplane dataplane([&silent](FakeDataplane::Stream& stream, const auto& request) {
    v1::DataplaneAnswer answer;
    answer.set_id(request.id());
    if (request.has_get_status()) answer.mutable_status()->set_site("plant");
    if (request.has_get_counters()) answer.set_refused("no");
    if (request.has_list_flows()) {
      ++silent;
      return;
    }
    FakeDataplane::answer(stream, answer);
  });
  std::atomic<int> connections{0};
  DataplaneClient client(dataplane.path, {[&connections](bool up) { connections += up; }, {}, {}});
  EXPECT_EQ(client.call(status_request(), std::chrono::milliseconds(100)).error().kind,
            Failure::Kind::late)
      << "it has not been started";
  client.start(false);
  ASSERT_TRUE(becomes([&client] { return client.connected(); }));
  EXPECT_EQ(client.call(status_request()).value().status().site(), "plant");
  v1::DataplaneRequest request;
  request.mutable_get_counters();
  const auto refused = client.call(request);
  EXPECT_EQ(refused.error().kind, Failure::Kind::refused);
  EXPECT_EQ(refused.error().text, "no");
  request.mutable_list_flows();
  EXPECT_EQ(client.call(request, std::chrono::milliseconds(50)).error().kind, Failure::Kind::late);
  auto lost = std::async(std::launch::async, [&] { return client.call(request); });
  ASSERT_TRUE(becomes([&silent] { return silent == 2; }));
  dataplane.hang_up();
  EXPECT_EQ(lost.get().error().kind, Failure::Kind::lost);
  ASSERT_TRUE(becomes([&connections] { return connections == 2; })) << "it connects anew";
  EXPECT_TRUE(client.call(status_request()));
}

TEST(DataplaneClient, WhatItDoesNotListenForChangesNothing) {
  FakeDataplane dataplane([](FakeDataplane::Stream& stream, const auto& request) {
    v1::DataplaneAnswer news;
    news.mutable_pair_news();
    FakeDataplane::answer(stream, news);
    news.mutable_events()->add_events();
    FakeDataplane::answer(stream, news);
    v1::DataplaneAnswer answer;
    answer.set_id(request.id());
    answer.mutable_status();
    FakeDataplane::answer(stream, answer);
  });
  DataplaneClient client(dataplane.path, {[](bool) {}, {}, {}});
  client.start(false);
  ASSERT_TRUE(becomes([&client] { return client.connected(); }));
  EXPECT_TRUE(client.call(status_request()));
}

TEST(DataplaneClient, NobodyWaitsBehindTooMany) {
  FakeDataplane dataplane([](FakeDataplane::Stream&, const auto&) {});
  DataplaneClient client(dataplane.path, {[](bool) {}, {}, {}});
  client.start(false);
  ASSERT_TRUE(becomes([&client] { return client.connected(); }));
  std::vector<std::future<DataplaneClient::Answer>> calls;
  for (std::size_t i = 0; i < DataplaneClient::kCallsMax; ++i) {
    calls.push_back(std::async(std::launch::async, [&client] {
      return client.call(status_request(), std::chrono::milliseconds(700));
    }));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(client.call(status_request()).error().kind, Failure::Kind::unreachable);
  for (auto& call : calls) EXPECT_EQ(call.get().error().kind, Failure::Kind::late);
  EXPECT_EQ(client.call(status_request(), std::chrono::milliseconds(50)).error().kind,
            Failure::Kind::late)
      << "those that were late have gone";
}

TEST(DataplaneClient, WhatIsNotOursToDriveIsTold) {
  FakeDataplane dataplane([](FakeDataplane::Stream& stream, const auto&) {
    v1::DataplaneAnswer answer;
    answer.set_refused("another bulkheadd drives this data plane");
    FakeDataplane::answer(stream, answer);
  });
  std::promise<v1::PairNews> news;
  DataplaneClient client(
      dataplane.path,
      {[](bool) {}, {}, [&news](v1::PairNews heard) { news.set_value(std::move(heard)); }});
  client.start(false);
  ASSERT_TRUE(becomes([&client] { return client.connected(); }));
  v1::DataplaneRequest configure;
  configure.mutable_configure_pair();
  client.post(configure);
  auto heard = news.get_future();
  ASSERT_EQ(heard.wait_for(std::chrono::seconds(5)), std::future_status::ready);
  const v1::PairReport report = heard.get().report();
  EXPECT_FALSE(report.configured());
  EXPECT_EQ(report.problem(), "another bulkheadd drives this data plane");
}

// One appliance's end.
class Side {
 public:
  Side(const fs::path& pki, const std::string& self, const std::string& peer, std::uint16_t listen,
       std::uint16_t other) {
    PairLink::Options options;
    options.pki = pki.string();
    options.self_name = self;
    options.peer_name = peer;
    const auto here = asio::ip::make_address("127.0.0.1");
    options.listen = {here, listen};
    options.peer = {here, other};
    link_ = std::make_unique<PairLink>(io_, options,
                                       PairLink::Callbacks{[this](bool up) { up_ = up; },
                                                           [this](const v1::PairMessage& message) {
                                                             heard_ +=
                                                                 message.stations().stations_size();
                                                           }});
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Side() {
    io_.stop();
    thread_.join();
  }
  bool is_up() const { return up_; }
  int heard() const { return heard_; }
  // What its thread has run, in nanoseconds.
  std::int64_t time_on_core() {
    clockid_t clock{};
    EXPECT_EQ(pthread_getcpuclockid(thread_.native_handle(), &clock), 0);
    timespec time{};
    clock_gettime(clock, &time);
    return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
  }
  void say(int stations) {
    v1::PairMessage message;
    for (int i = 0; i < stations; ++i) message.mutable_stations()->add_stations();
    asio::post(io_, [this, message] { link_->send(message); });
  }

 private:
  asio::io_context io_;
  std::atomic<bool> up_{false};
  std::atomic<int> heard_{0};
  std::unique_ptr<PairLink> link_;
  std::thread thread_;
};

class PairLinkTest : public ::testing::Test {
 protected:
  PairLinkTest() : authority_(make_authority("test", 1)) {
    char name[] = "/tmp/bulkhead-links-XXXXXX";
    folder_ = mkdtemp(name);
    port_ = static_cast<std::uint16_t>(20000 + getpid() % 20000);
    issue("alpha", issue_server(authority_, "alpha", {"alpha.example"}, 1));
    issue("bravo", issue_server(authority_, "bravo", {"bravo.example"}, 1));
  }
  ~PairLinkTest() override { fs::remove_all(folder_); }

  void issue(const std::string& who, const Issued& issued) {
    fs::create_directories(folder_ / who);
    std::ofstream(folder_ / who / "ca.crt") << authority_.certificate_pem;
    std::ofstream(folder_ / who / "server.crt") << issued.certificate_pem;
    std::ofstream(folder_ / who / "server.key") << issued.key_pem;
  }
  std::unique_ptr<Side> side(const std::string& self, const std::string& peer) {
    const bool opens = self < peer;
    const auto other = static_cast<std::uint16_t>(port_ + 1);
    return std::make_unique<Side>(folder_ / self, self, peer, opens ? port_ : other,
                                  opens ? other : port_);
  }

  Issued authority_;
  fs::path folder_;
  std::uint16_t port_ = 0;
};

TEST_F(PairLinkTest, ComesUpCarriesAndComesBack) {
  auto alpha = side("alpha", "bravo");
  auto bravo = side("bravo", "alpha");
  ASSERT_TRUE(becomes([&] { return alpha->is_up() && bravo->is_up(); }));
  alpha->say(3);
  bravo->say(100'000);
  EXPECT_TRUE(becomes([&] { return bravo->heard() == 3 && alpha->heard() == 100'000; }));
  bravo.reset();
  EXPECT_TRUE(becomes([&] { return !alpha->is_up(); }));
  bravo = side("bravo", "alpha");
  EXPECT_TRUE(becomes([&] { return alpha->is_up() && bravo->is_up(); }));
}

TEST_F(PairLinkTest, WithoutDescriptorsItPausesAndGoesOn) {
  const auto bravo = side("bravo", "alpha");
  const int peer = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port_ + 1));
  {
    const support::WithoutDescriptors without;
    ASSERT_EQ(connect(peer, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const std::int64_t before = bravo->time_on_core();
    std::this_thread::sleep_for(std::chrono::seconds(1));
    EXPECT_LT(bravo->time_on_core() - before, 100'000'000) << "it does not spin";
  }
  const auto alpha = side("alpha", "bravo");
  EXPECT_TRUE(becomes([&] { return alpha->is_up() && bravo->is_up(); })) << "it goes on";
  close(peer);
}

TEST_F(PairLinkTest, WhoeverHasAnotherNameOrNoServersCertificateIsNoPeer) {
  const auto bravo = side("bravo", "alpha");
  for (const Issued& wrong :
       {issue_client(authority_, "alpha", 1), issue_server(authority_, "charlie", {"c"}, 1),
        issue_server(make_authority("other", 1), "alpha", {"alpha.example"}, 1)}) {
    issue("alpha", wrong);
    const auto alpha = side("alpha", "bravo");
    EXPECT_FALSE(becomes([&] { return alpha->is_up() || bravo->is_up(); }, 600));
  }
}

// A connection that says nothing.
class Mute {
 public:
  Mute(const char* from, std::uint16_t to) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, from, &address.sin_addr);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    address.sin_port = htons(to);
    fcntl(socket_, F_SETFL, O_NONBLOCK);
    connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  Mute(Mute&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  ~Mute() { close(socket_); }
  bool connects(int milliseconds) {
    pollfd events{socket_, POLLOUT, 0};
    return poll(&events, 1, milliseconds) == 1 && (events.revents & (POLLERR | POLLHUP)) == 0;
  }
  bool is_closed() {
    char byte = 0;
    const ssize_t length = recv(socket_, &byte, 1, 0);
    return length == 0 || (length < 0 && errno != EAGAIN);
  }

 private:
  int socket_;
};

TEST_F(PairLinkTest, HearsTheConfiguredAddressAloneAndAHandfulAtOnce) {
  const auto bravo = side("bravo", "alpha");
  const auto listens = static_cast<std::uint16_t>(port_ + 1);
  ASSERT_TRUE(becomes([&] { return Mute("127.0.0.1", listens).connects(100); }));
  EXPECT_FALSE(Mute("127.0.0.2", listens).connects(500)) << "its first packet is dropped";
  std::vector<Mute> crowd;
  for (int i = 0; i < 12; ++i) crowd.emplace_back("127.0.0.1", listens);
  for (Mute& mute : crowd) EXPECT_TRUE(mute.connects(500));
  const auto left = [&crowd] {
    return std::ranges::count_if(crowd, [](Mute& mute) { return !mute.is_closed(); });
  };
  EXPECT_TRUE(becomes([&] { return left() <= 4; }));
  EXPECT_EQ(left(), 4);
  const auto alpha = side("alpha", "bravo");
  EXPECT_TRUE(becomes([&] { return alpha->is_up() && bravo->is_up(); }))
      << "those that say nothing have had their time";
}

}  // namespace
}  // namespace bulkhead::controlplane
