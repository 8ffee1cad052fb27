// The pair link comes up, carries and comes back; who is no peer is turned away.
#include "controlplane/pair/pair_link.h"

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
#include <future>
#include <map>
#include <thread>

#include "tests/support/appliance_keys.h"
#include "tests/support/becomes.h"
#include "tests/support/without_descriptors.h"

namespace bulkhead::controlplane {
namespace {

namespace asio = boost::asio;
using support::becomes;

// One appliance's end.
class Side {
 public:
  Side(CredentialsPointer credentials, const std::string& peer, std::uint16_t listen,
       std::uint16_t other) {
    PairLink::Options options;
    options.credentials = std::move(credentials);
    options.peer_name = peer;
    const auto here = asio::ip::make_address("127.0.0.1");
    options.listen = {here, listen};
    options.peer = {here, other};
    link_ = std::make_unique<PairLink>(io_, options,
                                       PairLink::Callbacks{[this](bool up) {
                                                             up_ = up;
                                                             times_up_ += up ? 1 : 0;
                                                           },
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
  void use(const CredentialsPointer& credentials) {
    asio::post(io_, [this, credentials] { link_->use(credentials); });
  }
  // How often it came up.
  int times_up() const { return times_up_; }
  void say(int stations) {
    v1::PairMessage message;
    for (int i = 0; i < stations; ++i) message.mutable_stations()->add_stations();
    asio::post(io_, [this, message] { link_->send(message); });
  }

 private:
  asio::io_context io_;
  std::atomic<bool> up_{false};
  std::atomic<int> heard_{0};
  std::atomic<int> times_up_{0};
  std::unique_ptr<PairLink> link_;
  std::thread thread_;
};

class PairLinkTest : public ::testing::Test {
 protected:
  PairLinkTest() : authority_(make_authority("test", 1)) {
    port_ = static_cast<std::uint16_t>(20000 + getpid() % 20000);
    issue("alpha", issue_server(authority_, "alpha", {"alpha.example"}, 1));
    issue("bravo", issue_server(authority_, "bravo", {"bravo.example"}, 1));
  }

  void issue(const std::string& who, const Issued& issued) {
    issued_[who] = credentials_of(authority_, issued, who);
  }
  std::unique_ptr<Side> side(const std::string& self, const std::string& peer) {
    const bool opens = self < peer;
    const auto other = static_cast<std::uint16_t>(port_ + 1);
    return std::make_unique<Side>(issued_.at(self), peer, opens ? port_ : other,
                                  opens ? other : port_);
  }

  Issued authority_;
  std::map<std::string, CredentialsPointer> issued_;
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

TEST_F(PairLinkTest, OtherCredentialsAreUsedFromTheNextConnectionOn) {
  auto alpha = side("alpha", "bravo");
  const auto bravo = side("bravo", "alpha");
  ASSERT_TRUE(becomes([&] { return alpha->is_up() && bravo->is_up(); }));
  issue("alpha", issue_server(authority_, "alpha", {"alpha.example"}, 1));
  alpha->use(issued_.at("alpha"));
  alpha->say(3);
  EXPECT_TRUE(becomes([&] { return bravo->heard() == 3; }));
  EXPECT_EQ(bravo->times_up(), 1) << "the connection goes on";
  alpha = side("alpha", "bravo");
  EXPECT_TRUE(becomes([&] { return alpha->is_up() && bravo->times_up() == 2; }));
}

TEST_F(PairLinkTest, ARevokedPeerIsLostAtOnceAndDoesNotComeBack) {
  const auto alpha = side("alpha", "bravo");
  const auto bravo = side("bravo", "alpha");
  ASSERT_TRUE(becomes([&] { return alpha->is_up() && bravo->is_up(); }));
  const std::string list =
      revoke(authority_, {}, issued_.at("alpha")->certificate_pem, 30).list_pem;
  const Issued own = {issued_.at("bravo")->key_pem, issued_.at("bravo")->certificate_pem};
  bravo->use(credentials_of(authority_, own, "bravo", list));
  EXPECT_TRUE(becomes([&] { return !bravo->is_up(); }));
  EXPECT_FALSE(becomes([&] { return bravo->is_up(); }, 600));
  issue("alpha", issue_server(authority_, "alpha", {"alpha.example"}, 1));
  alpha->use(issued_.at("alpha"));
  EXPECT_TRUE(becomes([&] { return bravo->is_up(); })) << "with a certificate of its own again";
}

TEST_F(PairLinkTest, ExpiryDoesNotEndThePair) {
  issue("alpha", issue_server(authority_, "alpha", {"alpha.example"}, -1));
  issue("bravo", issue_server(authority_, "bravo", {"bravo.example"}, -1));
  const auto alpha = side("alpha", "bravo");
  const auto bravo = side("bravo", "alpha");
  EXPECT_TRUE(becomes([&] { return alpha->is_up() && bravo->is_up(); }));
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
