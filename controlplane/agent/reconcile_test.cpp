// An agent that is one of a pair, and a data plane that answers as the test says.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "controlplane/agent/agent.h"
#include "dataplane/artefact/digest.h"
#include "tests/support/appliance_keys.h"
#include "tests/support/becomes.h"
#include "tests/support/fake_dataplane.h"

namespace bulkhead::controlplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNotInForce = "the committed policy is not in force in the data plane";

using support::becomes;

// An exporter that counts.
class CountingSink final : public Sink {
 public:
  void on_event(const v1::Event& /*event*/) override { ++events; }
  void on_counters(const v1::Counters& /*page*/) override { ++pages; }
  void on_status(const v1::GetStatusResponse& status) override {
    ++statuses;
    connected = status.dataplane_connected();
  }

  std::atomic<int> events{0};
  std::atomic<int> pages{0};
  std::atomic<int> statuses{0};
  std::atomic<bool> connected{false};
};

class ReconcileTest : public ::testing::Test {
 protected:
  ReconcileTest()
      : questions_([this](auto& stream, const auto& request) { answer(stream, request); }),
        lease_([](auto& stream, const auto& request) { configure(stream, request); }, ".pair") {
    char name[] = "/tmp/bulkhead-reconcile-XXXXXX";
    folder_ = mkdtemp(name);
    auto store = RevisionStore::open((folder_ / "state").string()).value();
    v1::GetPolicyResponse stored;
    stored.mutable_artefact()->set_policy("policy");
    stored.mutable_artefact()->set_sha256(artefact::sha256("policy"));
    stored.mutable_revision()->set_sha256(artefact::to_hex(artefact::sha256("policy")));
    EXPECT_TRUE(store->add(std::move(stored)));
    EXPECT_TRUE(store->activate(1));
    for (Sink* sink : {&first_sink_, &second_sink_}) sinks_.add(*sink);
    agent_ = std::make_unique<Agent>(std::move(store), questions_.path, sinks_);
    agent_->join_pair(options());
    agent_->start();
  }
  ~ReconcileTest() override {
    agent_.reset();
    fs::remove_all(folder_);
  }

  std::string problem() { return agent_->pair().pair_status().value().problem(); }

  std::atomic<bool> silent_{false};
  std::atomic<bool> other_policy_{false};
  std::atomic<int> questions_asked_{0};
  CountingSink first_sink_;
  CountingSink second_sink_;

 private:
  PairOptions options() {
    const Issued authority = make_authority("test", 1);
    PairOptions options;
    options.link.credentials =
        credentials_of(authority, issue_server(authority, "alpha", {"localhost"}, 1), "alpha");
    options.link.peer_name = "bravo";
    const auto port = static_cast<std::uint16_t>(20'000 + getpid() % 20'000);
    const auto here = boost::asio::ip::make_address("127.0.0.1");
    options.link.listen = {here, port};
    options.link.peer = {here, static_cast<std::uint16_t>(port + 1)};
    return options;
  }
  void answer(FakeDataplane::Stream& stream, const v1::DataplaneRequest& request) {
    ++questions_asked_;
    if (silent_) return;
    v1::DataplaneAnswer answer;
    answer.set_id(request.id());
    if (request.has_get_status()) {
      answer.mutable_status()->set_policy_sha256(
          other_policy_ ? "bb22" : artefact::to_hex(artefact::sha256("policy")));
    } else if (request.has_get_counters()) {
      answer.mutable_counters();
    } else {
      answer.set_refused("no");
    }
    FakeDataplane::answer(stream, answer);
  }
  static void configure(FakeDataplane::Stream& stream, const v1::DataplaneRequest& request) {
    if (!request.has_configure_pair() && !request.has_send_heartbeat()) return;
    v1::DataplaneAnswer news;
    news.mutable_pair_news()->mutable_report()->set_configured(true);
    news.mutable_pair_news()->mutable_report()->set_fit(true);
    news.mutable_pair_news()->mutable_report()->set_ports(1);
    FakeDataplane::answer(stream, news);
  }

  fs::path folder_;
  FakeDataplane questions_;
  FakeDataplane lease_;
  Sinks sinks_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(ReconcileTest, AnUnansweredQuestionIsNotNoPolicy) {
  // Before the first answer there is nothing to say either.
  ASSERT_TRUE(becomes([this] { return questions_asked_ >= 3 && problem().empty(); })) << problem();
  silent_ = true;
  const int asked = questions_asked_;
  ASSERT_TRUE(becomes([&] {
    EXPECT_NE(problem(), kNotInForce);
    return questions_asked_ >= asked + 2 || HasFailure();
  }));
  silent_ = false;
  other_policy_ = true;
  EXPECT_TRUE(becomes([this] { return problem() == kNotInForce; })) << problem();
}

TEST_F(ReconcileTest, EachSinkHearsEventsCountersAndStatus) {
  for (CountingSink* sink : {&first_sink_, &second_sink_}) {
    EXPECT_TRUE(becomes([sink] { return sink->events > 0 && sink->pages > 0; }));
    EXPECT_TRUE(becomes([sink] { return sink->statuses > 1 && sink->connected; }));
  }
  silent_ = true;
  EXPECT_TRUE(becomes([this] { return !first_sink_.connected; })) << "silence is news too";
  silent_ = false;
}

}  // namespace
}  // namespace bulkhead::controlplane
