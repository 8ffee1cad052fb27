// Two Pairs over real sockets, each with a data plane that only says that it is well: one forwards,
// a policy is committed on both, and large messages hold up no heartbeat.
#include "controlplane/pair/pair.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/write.hpp>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "tests/support/appliance_keys.h"
#include "tests/support/becomes.h"

namespace bulkhead::controlplane {
namespace {

using support::becomes;

// The rest of an agent, and its data plane.
class FakeHost final : public PairHost {
 public:
  void to_dataplane(v1::DataplaneRequest request) override {
    const std::lock_guard guard(mutex_);
    if (request.has_configure_pair()) {
      incarnations_.push_back(request.configure_pair().incarnation());
    }
    if (!request.has_set_lease()) return;
    lease_ = request.set_lease();
  }
  void behind_news(std::function<void()> then) override {
    if (!lease_thread_stands) then();
  }
  bool dataplane_waits_for_core() override { return false; }
  void tell(const std::string& /*text*/) override {}
  Held held() override { return {committed, {}}; }
  std::string prepare(const Decision& /*decision*/) override { return {}; }
  std::string keep(v1::GetPolicyResponse revision) override {
    const std::lock_guard guard(mutex_);
    kept_bytes_ = revision.artefact().policy().size();
    return refuses;
  }
  std::string enforce(const Decision& decision) override {
    const std::lock_guard guard(mutex_);
    enforced_ = decision.policy.epoch;
    cause_ = decision.cause;
    by_ = decision.by;
    return {};
  }
  void forget_prepared() override {}
  std::optional<v1::GetPolicyResponse> revision_of(const failover::Policy& policy) override {
    v1::GetPolicyResponse revision;
    revision.mutable_revision()->set_generation(policy.epoch);
    revision.mutable_artefact()->set_policy(std::string(policy_bytes, 'x'));
    return revision;
  }

  std::string health_of(const failover::Policy& /*policy*/) override { return health; }
  std::string keep_health(const failover::Policy& /*policy*/, const std::string& kept) override {
    const std::lock_guard guard(mutex_);
    kept_health_ = kept;
    return {};
  }

  // What the data plane would say.
  v1::PairNews news() {
    const std::lock_guard guard(mutex_);
    v1::PairNews news;
    v1::PairReport& report = *news.mutable_report();
    report.set_configured(true);
    report.set_fit(true);
    report.set_forwards(lease_.alone() || lease_.until_ns() > monotonic_now_ns());
    report.set_lease_until_ns(lease_.until_ns());
    report.set_lease_alone(lease_.alone());
    report.set_lease_term(lease_.term());
    return news;
  }
  bool forwards() { return news().report().forwards(); }
  std::uint64_t enforced() {
    const std::lock_guard guard(mutex_);
    return enforced_;
  }
  // That its data planes were given, one after the other.
  std::vector<std::uint64_t> incarnations() {
    const std::lock_guard guard(mutex_);
    return incarnations_;
  }
  // Of what it was given last to enforce.
  failover::CommitCause last_cause() {
    const std::lock_guard guard(mutex_);
    return cause_;
  }
  std::string last_by() {
    const std::lock_guard guard(mutex_);
    return by_;
  }
  std::string kept_health() {
    const std::lock_guard guard(mutex_);
    return kept_health_;
  }
  std::size_t kept_bytes() {
    const std::lock_guard guard(mutex_);
    return kept_bytes_;
  }

  failover::Policy committed{1, 7};
  std::atomic<bool> lease_thread_stands{false};
  std::string refuses;
  std::string health;
  std::size_t policy_bytes = 100;

 private:
  std::mutex mutex_;
  v1::SetLease lease_;
  std::uint64_t enforced_ = 0;
  failover::CommitCause cause_{};
  std::string by_;
  std::string kept_health_;
  std::size_t kept_bytes_ = 0;
  std::vector<std::uint64_t> incarnations_;
};

// One appliance, whose data plane speaks every few milliseconds.
class Appliance {
 public:
  explicit Appliance(const PairOptions& options) : pair(options, host) {
    pair.start();
    pair.on_dataplane(true);
    pair.on_policy(true);
    thread_ = std::thread([this] {
      while (!stop_) {
        pair.on_news(host.news());
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
  }
  ~Appliance() {
    stop_ = true;
    thread_.join();
    pair.stop();
  }

  FakeHost host;
  Pair pair;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class PairTest : public ::testing::Test {
 protected:
  PairTest() : authority_(make_authority("test", 1)) {
    port_ = static_cast<std::uint16_t>(20'000 + getpid() % 20'000);
  }
  std::unique_ptr<Appliance> start(const std::string& self, const std::string& peer,
                                   std::uint16_t own, std::uint16_t other,
                                   std::uint64_t incarnation = 1) {
    PairOptions options;
    options.link.credentials =
        credentials_of(authority_, issue_server(authority_, self, {"localhost"}, 1), self);
    options.link.peer_name = peer;
    const auto here = boost::asio::ip::make_address("127.0.0.1");
    options.link.listen = {here, own};
    options.link.peer = {here, other};
    options.key.fill(9);
    options.access_sha256 = [this, self] {
      const std::lock_guard guard(mutex_);
      return access_sha256_[self];
    };
    options.on_rule_use = [this, self](const v1::PairRuleUse& message) {
      const std::lock_guard guard(mutex_);
      for (const v1::KeptRuleUse& use : message.uses()) rule_uses_[self] += use.identity();
    };
    options.incarnation = incarnation;
    // Other tests may have the machine for a while.
    options.timing.heartbeat_ns = 25 * kMillisecondNs;
    return std::make_unique<Appliance>(options);
  }
  void start_both() {
    const auto second = static_cast<std::uint16_t>(port_ + 1);
    alpha_ = start("alpha", "bravo", port_, second);
    bravo_ = start("bravo", "alpha", second, port_);
    // Told once: a lease may lapse for a moment on a loaded machine.
    ASSERT_TRUE(becomes([this] {
      alpha_is_active_ = alpha_->host.forwards();
      return alpha_is_active_ != bravo_->host.forwards();
    }));
    ASSERT_TRUE(becomes([this] { return both_hear(); }));
  }
  // An active one that does not hear its peer commits alone.
  bool both_hear() {
    const v1::PairStatus alpha = alpha_->pair.status();
    const v1::PairStatus bravo = bravo_->pair.status();
    return alpha.link_up() && bravo.link_up() && alpha.peer_heard() && bravo.peer_heard();
  }
  Appliance& active() { return alpha_is_active_ ? *alpha_ : *bravo_; }
  Appliance& standby() { return alpha_is_active_ ? *bravo_ : *alpha_; }

  void set_access(const std::string& self, const std::string& sha256) {
    const std::lock_guard guard(mutex_);
    access_sha256_[self] = sha256;
  }

  std::mutex mutex_;
  std::map<std::string, std::string> access_sha256_;
  std::map<std::string, std::string> rule_uses_;  // that each got
  Issued authority_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Appliance> alpha_;
  std::unique_ptr<Appliance> bravo_;
  bool alpha_is_active_ = false;
};

TEST_F(PairTest, OneForwardsAndAPolicyIsCommittedOnBoth) {
  start_both();
  std::uint64_t stored = 0;
  const auto store = [&stored](std::uint64_t epoch) {
    stored = epoch;
    return std::string();
  };
  EXPECT_NE(standby().pair.commit(8, store).find("not the active one"), std::string::npos);
  EXPECT_EQ(active().pair.commit(8, store), "");
  EXPECT_EQ(stored, 2U);
  EXPECT_TRUE(
      becomes([this] { return alpha_->host.enforced() == 2 && bravo_->host.enforced() == 2; }));
  standby().host.refuses = "it has no port 7";
  const std::string refused = active().pair.commit(9, store);
  EXPECT_NE(refused.find("the peer refuses it: it has no port 7; nothing was changed"),
            std::string::npos)
      << refused;
  EXPECT_EQ(active().host.enforced(), 2U);
}

TEST_F(PairTest, EachKnowsWhetherTheAccessFilesDiffer) {
  set_access("alpha", "aa");
  set_access("bravo", "aa");
  start_both();
  const auto differs = [this](bool as) {
    return alpha_->pair.status().access_differs() == as &&
           bravo_->pair.status().access_differs() == as;
  };
  EXPECT_TRUE(becomes([this] {
    return alpha_->pair.status().peer().access_sha256() == "aa" &&
           bravo_->pair.status().peer().access_sha256() == "aa";
  }));
  EXPECT_TRUE(differs(false));
  set_access("bravo", "bb");
  EXPECT_TRUE(becomes([&] { return differs(true); }));
  EXPECT_EQ(alpha_->pair.status().peer().access_sha256(), "bb");
  set_access("alpha", "bb");
  EXPECT_TRUE(becomes([&] { return differs(false); }));
}

TEST_F(PairTest, EachGetsWhenRulesWereLastUsedAtTheOther) {
  start_both();
  v1::PairRuleUse message;
  message.add_uses()->set_identity("of alpha");
  alpha_->pair.send(message);
  message.mutable_uses(0)->set_identity("of bravo");
  bravo_->pair.send(message);
  EXPECT_TRUE(becomes([this] {
    const std::lock_guard guard(mutex_);
    return rule_uses_["alpha"] == "of bravo" && rule_uses_["bravo"] == "of alpha";
  }));
}

TEST_F(PairTest, BothReturnFromWhatNobodyConfirms) {
  start_both();
  const auto store = [](std::uint64_t) { return std::string(); };
  const auto both_enforce = [this](std::uint64_t epoch) {
    return becomes([this, epoch] {
      return alpha_->host.enforced() == epoch && bravo_->host.enforced() == epoch;
    });
  };
  EXPECT_NE(active().pair.confirm("alice").problem, "") << "nothing awaits it";
  EXPECT_EQ(active().pair.commit(8, store, 800 * kMillisecondNs, "alice"), "");
  EXPECT_TRUE(both_enforce(2));
  EXPECT_TRUE(becomes([this] { return standby().pair.status().trial().deadline_known(); }));
  EXPECT_NE(active().pair.commit(9, store).find("awaits confirmation"), std::string::npos);
  EXPECT_TRUE(both_enforce(3)) << "the policy before, as the epoch after";
  EXPECT_FALSE(active().pair.status().has_trial());
  EXPECT_EQ(active().pair.commit(9, store, 30 * kSecondNs, "alice"), "");
  EXPECT_NE(standby().pair.confirm("alice").problem.find("not the active one"), std::string::npos);
  const PairCommit::Answer confirmed = active().pair.confirm("alice");
  EXPECT_EQ(confirmed.problem, "");
  EXPECT_FALSE(confirmed.alone);
  EXPECT_TRUE(both_enforce(6)) << "itself, as the second epoch after";
  EXPECT_EQ(active().pair.commit(10, store, 30 * kSecondNs, "alice"), "");
  EXPECT_EQ(active().pair.roll_back("bob").problem, "");
  EXPECT_TRUE(both_enforce(8));
}

TEST_F(PairTest, BothReturnFromWhatLosesItsHealth) {
  start_both();
  const auto store = [](std::uint64_t) { return std::string(); };
  EXPECT_NE(active().pair.give_back("0 of 3 sessions left").problem, "") << "nothing awaits it";
  active().host.health = "a watch";
  EXPECT_EQ(active().pair.commit(8, store, 30 * kSecondNs, "alice"), "");
  EXPECT_TRUE(becomes([this] { return standby().host.enforced() == 2; }));
  EXPECT_EQ(standby().host.kept_health(), "a watch");
  EXPECT_EQ(active().pair.give_back("0 of 3 sessions left").problem, "");
  EXPECT_TRUE(becomes([this] { return standby().host.enforced() == 3; }));
  for (Appliance* each : {&active(), &standby()}) {
    EXPECT_EQ(each->host.last_cause(), failover::CommitCause::unhealthy);
    EXPECT_EQ(each->host.last_by(), "0 of 3 sessions left");
  }
  EXPECT_EQ(active().pair.commit(9, store, 30 * kSecondNs, "alice"), "");
  EXPECT_EQ(active().pair.roll_back("bob").problem, "");
  EXPECT_TRUE(becomes([this] { return standby().host.enforced() == 5; }));
  EXPECT_EQ(standby().host.last_cause(), failover::CommitCause::followed) << "another reason";
}

constexpr std::int64_t kStallMaxMs = 20;

// What the pair's thread needs at most until it comes to a question.
std::int64_t longest_wait_ms(Pair& pair, const std::atomic<bool>& over) {
  TimeNs longest_ns = 0;
  while (!over) {
    const TimeNs asked_ns = monotonic_now_ns();
    pair.status();
    longest_ns = std::max(longest_ns, monotonic_now_ns() - asked_ns);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return static_cast<std::int64_t>(longest_ns / kMillisecondNs);
}

TEST_F(PairTest, ALargePolicyHoldsUpNoHeartbeat) {
  start_both();
  Appliance& first = active();
  Appliance& second = standby();
  const std::uint64_t term = first.pair.status().term();
  first.host.policy_bytes = std::size_t{60} << 20;
  const auto store = [](std::uint64_t) { return std::string(); };
  // Other programs may hold the machine up in one commit, not in each of them.
  std::int64_t stall_ms = 1000;
  for (std::uint64_t digest = 8; digest < 13 && stall_ms > kStallMaxMs; ++digest) {
    std::atomic<bool> over{false};
    auto longest_of_first =
        std::async(std::launch::async, [&] { return longest_wait_ms(first.pair, over); });
    auto longest_of_second =
        std::async(std::launch::async, [&] { return longest_wait_ms(second.pair, over); });
    EXPECT_EQ(first.pair.commit(digest, store), "");
    EXPECT_EQ(second.host.kept_bytes(), std::size_t{60} << 20) << "it was committed alone";
    over = true;
    stall_ms = std::max(longest_of_first.get(), longest_of_second.get());
  }
  EXPECT_LE(stall_ms, kStallMaxMs);
  EXPECT_EQ(first.pair.status().term(), term) << "it turned over";
}

// The first message of a TLS client; whoever reads it has the work of an answer.
std::string client_greeting() {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()),
                                                             SSL_CTX_free);
  const std::unique_ptr<SSL, void (*)(SSL*)> client(SSL_new(context.get()), SSL_free);
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), out);
  SSL_set_connect_state(client.get());
  SSL_do_handshake(client.get());
  std::string greeting(4096, '\0');
  greeting.resize(static_cast<std::size_t>(
      std::max(0, BIO_read(out, greeting.data(), static_cast<int>(greeting.size())))));
  return greeting;
}

// Somebody on the pair link: one connects and greets, one sends datagrams, as fast as they can.
class Flood {
 public:
  explicit Flood(std::uint16_t port) {
    threads_.emplace_back([this, port] { greet(port); });
    threads_.emplace_back([this, port] { send(port); });
  }
  ~Flood() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  std::uint64_t greeted() const { return greeted_; }
  std::uint64_t sent() const { return sent_; }

 private:
  using Tcp = boost::asio::ip::tcp;
  using Udp = boost::asio::ip::udp;
  void greet(std::uint16_t port) {
    const std::string greeting = client_greeting();
    while (!over_) {
      boost::system::error_code error;
      Tcp::socket socket(io_);
      socket.connect({boost::asio::ip::make_address("127.0.0.1"), port}, error);
      if (!error) boost::asio::write(socket, boost::asio::buffer(greeting), error);
      ++greeted_;
    }
  }
  void send(std::uint16_t port) {
    Udp::socket socket(io_, Udp::endpoint(boost::asio::ip::make_address("127.0.0.2"), 0));
    const std::array<char, 136> datagram{};
    while (!over_) {
      boost::system::error_code error;
      socket.send_to(boost::asio::buffer(datagram),
                     {boost::asio::ip::make_address("127.0.0.1"), port}, 0, error);
      ++sent_;
    }
  }

  boost::asio::io_context io_;
  std::atomic<bool> over_{false};
  std::atomic<std::uint64_t> greeted_{0};
  std::atomic<std::uint64_t> sent_{0};
  std::vector<std::thread> threads_;
};

TEST_F(PairTest, AFloodOnTheLinkHoldsUpNoHeartbeat) {
  start_both();
  const std::uint64_t term = alpha_->pair.status().term();
  std::atomic<bool> over{false};
  auto longest =
      std::async(std::launch::async, [&] { return longest_wait_ms(bravo_->pair, over); });
  {
    const Flood flood(static_cast<std::uint16_t>(port_ + 1));  // where bravo listens
    std::this_thread::sleep_for(std::chrono::seconds(2));
    RecordProperty("greetings", std::to_string(flood.greeted()));
    RecordProperty("datagrams", std::to_string(flood.sent()));
    EXPECT_GT(flood.greeted(), 100U);
    EXPECT_GT(flood.sent(), 10'000U);
  }
  over = true;
  RecordProperty("longest_ms", std::to_string(longest.get()));
  EXPECT_EQ(alpha_->pair.status().term(), term) << "it turned over";
  EXPECT_TRUE(both_hear());
}

// Heartbeats and reports go on, but no lease is renewed.
TEST_F(PairTest, WhoseThreadToItsDataPlaneStandsStillIsReplaced) {
  start_both();
  Appliance& first = active();
  Appliance& second = standby();
  first.host.lease_thread_stands = true;
  EXPECT_TRUE(becomes([&second] { return second.host.forwards(); }, 2000));
  EXPECT_NE(first.pair.status().problem().find("stands still"), std::string::npos);
  first.host.lease_thread_stands = false;
  EXPECT_TRUE(becomes([&first] { return first.pair.status().problem().empty(); }));
}

// By no clock: one that goes back is no reason to be refused by the peer's.
TEST_F(PairTest, EachDataPlaneIsOfAnIncarnationThatTheAgentCounts) {
  alpha_ = start("alpha", "bravo", port_, static_cast<std::uint16_t>(port_ + 1));
  for (int i = 0; i < 2; ++i) {
    alpha_->pair.on_dataplane(false);
    alpha_->pair.on_dataplane(true);
  }
  const std::vector<std::uint64_t> counted = {1, 2, 3};
  EXPECT_TRUE(becomes([&] { return alpha_->host.incarnations() == counted; }));
}

// An appliance in another's place, or whose state folder was lost.
TEST_F(PairTest, APeerThatCountsAnewIsBelievedAndSaid) {
  const auto second = static_cast<std::uint16_t>(port_ + 1);
  alpha_ = start("alpha", "bravo", port_, second);
  bravo_ = start("bravo", "alpha", second, port_, 40);
  ASSERT_TRUE(becomes([this] { return both_hear(); }));
  bravo_ = nullptr;
  bravo_ = start("bravo", "alpha", second, port_, 3);
  EXPECT_TRUE(becomes([this] {
    return alpha_->pair.status().last_change().find("counts its starts anew") != std::string::npos;
  })) << alpha_->pair.status().last_change();
  EXPECT_TRUE(becomes([this] { return both_hear(); }));
  EXPECT_TRUE(becomes([this] { return alpha_->host.forwards() != bravo_->host.forwards(); }));
}

TEST_F(PairTest, WhoDiesIsReplaced) {
  start_both();
  const bool was_alpha = alpha_is_active_;
  (was_alpha ? alpha_ : bravo_).reset();
  Appliance& left = was_alpha ? *bravo_ : *alpha_;
  EXPECT_TRUE(becomes([&left] { return left.host.forwards(); }, 2000));
  EXPECT_FALSE(left.pair.status().peer_heard());
}

}  // namespace
}  // namespace bulkhead::controlplane
