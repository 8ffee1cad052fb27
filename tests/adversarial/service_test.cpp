// The data plane's service over its real socket, asked by the agent's real client: workers that
// stand still, pages of sessions, who may write, and clients that do not read.
#include <gtest/gtest.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <future>
#include <thread>

#include "controlplane/agent/agent.h"
#include "controlplane/agent/dataplane_client.h"
#include "controlplane/policy/compiler.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/service/server.h"
#include "tests/support/becomes.h"
#include "tests/support/plant.h"
#include "tests/support/without_descriptors.h"

namespace bulkhead {
namespace {

using controlplane::DataplaneClient;
using support::Bytes;

constexpr const char* kPolicy = R"(bulkhead: v1
site: service
zones:
  supervision: {port: 0, networks: [10.20.0.0/24]}
  control: {port: 1, networks: [10.10.0.0/24]}
conduits:
  scada:
    from: supervision
    to: control
    allow: [{service: udp/5000, client: any, server: any}]
)";

v1::PolicyArtefact artefact() {
  return artefact::encode(*controlplane::compile_policy(kPolicy, "test").tables);
}

std::string digest() { return artefact::to_hex(artefact().sha256()); }

v1::DataplaneRequest prepare() {
  v1::DataplaneRequest request;
  *request.mutable_prepare_policy()->mutable_artefact() = artefact();
  return request;
}

v1::DataplaneRequest apply_prepared() {
  v1::DataplaneRequest request;
  request.mutable_apply_prepared()->set_sha256(digest());
  return request;
}

// Prepares and applies.
DataplaneClient::Answer apply(DataplaneClient& client) {
  const auto prepared = client.call(prepare());
  return prepared ? client.call(apply_prepared()) : prepared;
}

v1::DataplaneRequest status() {
  v1::DataplaneRequest request;
  request.mutable_get_status();
  return request;
}

v1::DataplaneRequest page(std::uint32_t limit, std::uint32_t worker = 0, std::uint32_t slot = 0) {
  v1::DataplaneRequest request;
  request.mutable_list_flows()->set_limit(limit);
  request.mutable_list_flows()->set_worker(worker);
  request.mutable_list_flows()->set_slot(slot);
  return request;
}

// A client that is connected.
class Client {
 public:
  explicit Client(const std::string& path)
      : client_(path, {[this](bool connected) {
                         if (connected) connected_.set_value();
                       },
                       {},
                       {}}) {
    client_.start(false);
    EXPECT_EQ(connected_.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
  }
  DataplaneClient* operator->() { return &client_; }
  DataplaneClient& operator*() { return client_; }

 private:
  std::promise<void> connected_;
  DataplaneClient client_;
};

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    support::start_eal_for_tests();
    static int number = 0;
    const std::string name = "st" + std::to_string(number++);
    path_ = "/tmp/bulkhead-" + name + "-" + std::to_string(getpid());
    pool_ = rte_pktmbuf_pool_create((name + "pool").c_str(), 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                    SOCKET_ID_ANY);
    service::EngineOptions options;
    options.buffers = 1024;
    options.launch = false;
    options.pipeline.limits.flows = 512;
    options.pipeline.limits.segments = 256;
    for (const std::string port : {"a", "b"}) {
      rings_.push_back(rte_ring_create((name + port + "i").c_str(), 1024, SOCKET_ID_ANY, 0));
      rings_.push_back(rte_ring_create((name + port + "o").c_str(), 1024, SOCKET_ID_ANY, 0));
      rte_eth_from_rings((name + port).c_str(), &rings_[rings_.size() - 2], 1, &rings_.back(), 1,
                         SOCKET_ID_ANY);
      options.devices.push_back("net_ring_" + name + port);
    }
    engine_ = service::Engine::make(options).value();
    server_ = std::make_unique<service::Server>(io_, *engine_, path_,
                                                [] { return std::optional<v1::PairReport>(); });
    service_ = std::thread([this] { io_.run(); });
    engine_->worker(0).join();
  }
  ~ServiceTest() override {
    io_.stop();
    service_.join();
    server_.reset();
    engine_->worker(0).leave();
    engine_.reset();
  }

  // The worker goes round until told otherwise.
  class Turning {
   public:
    explicit Turning(ports::Worker& worker)
        : thread_([this, &worker] {
            while (!stop_) worker.turn();
          }) {}
    ~Turning() {
      stop_ = true;
      thread_.join();
    }

   private:
    std::atomic<bool> stop_{false};
    std::thread thread_;
  };

  void open_sessions(int count) {
    for (int i = 0; i < count; ++i) {
      const support::Host client{support::ip4(10, 20, 0, 10), support::mac(1), 0};
      const support::Host server{support::ip4(10, 10, 0, 20), support::mac(2), 1};
      const auto port = static_cast<std::uint16_t>(20000 + i);
      const Bytes frame = support::udp_frame(client, server, port, 5000, Bytes{1, 2, 3});
      rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
      ASSERT_NE(mbuf, nullptr);
      std::copy(frame.begin(), frame.end(),
                rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())));
      ASSERT_EQ(rte_ring_enqueue(rings_[0], mbuf), 0);
      engine_->worker(0).turn();
    }
  }

  boost::asio::io_context io_;
  std::string path_;
  rte_mempool* pool_ = nullptr;
  std::vector<rte_ring*> rings_;
  std::unique_ptr<service::Engine> engine_;
  std::unique_ptr<service::Server> server_;
  std::thread service_;
};

TEST_F(ServiceTest, AWorkerThatStandsStillHoldsUpNoAnswer) {
  engine_->worker(0).turn();
  Client client(path_);
  auto applying = std::async(std::launch::async, [&] { return apply(*client); });
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  const auto begun = std::chrono::steady_clock::now();
  const auto now = client->call(status());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(300));
  ASSERT_TRUE(now);
  EXPECT_EQ(now.value().status().policy_generation(), 1U) << "it is in force for all that turn";
  EXPECT_NE(now.value().status().problem().find("worker 0 stands still"), std::string::npos);
  const auto flows = client->call(page(10));
  ASSERT_FALSE(flows);
  EXPECT_NE(flows.error().text.find("worker 0 does not answer"), std::string::npos);
  const auto second = apply(*client);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().text.find("nothing was changed"), std::string::npos);
  const auto applied = applying.get();
  ASSERT_TRUE(applied) << "after a while it says what is known";
  EXPECT_NE(applied.value().policy_applied().problem().find("keeps the policy before"),
            std::string::npos);
  const Turning turning(engine_->worker(0));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_TRUE(client->call(page(10)));
  const auto again = apply(*client);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again.value().policy_applied().problem(), "");
  EXPECT_EQ(again.value().policy_applied().generation(), 2U);
}

TEST_F(ServiceTest, AnArtefactIsReadOnceAndAppliedByItsDigest) {
  const Turning turning(engine_->worker(0));
  Client client(path_);
  const auto unknown = client->call(apply_prepared());
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, DataplaneClient::Failure::Kind::not_prepared);
  EXPECT_EQ(unknown.error().text,
            "no policy of SHA-256 " + digest() + " is prepared; nothing was changed");
  const auto prepared = client->call(prepare());
  ASSERT_TRUE(prepared) << prepared.error().text;
  EXPECT_EQ(prepared.value().policy_prepared().site(), "service");
  EXPECT_EQ(prepared.value().policy_prepared().sha256(), digest());
  EXPECT_EQ(client->call(status()).value().status().policy_generation(), 0U);
  v1::DataplaneRequest question;
  question.mutable_prepare_policy()->set_sha256(digest());
  EXPECT_TRUE(client->call(question));
  const auto applied = client->call(apply_prepared());
  ASSERT_TRUE(applied) << applied.error().text;
  EXPECT_EQ(applied.value().policy_applied().generation(), 1U);
  const v1::DataplaneStatus now = client->call(status()).value().status();
  EXPECT_EQ(now.policy_sha256(), digest());
  EXPECT_EQ(now.artefacts_read(), 1U);
  EXPECT_EQ(now.images_prepared(), 0U);
  EXPECT_FALSE(client->call(question)) << "it is in force, and not prepared any more";
  EXPECT_FALSE(client->call(apply_prepared()));
  EXPECT_EQ(client->call(status()).value().status().policy_generation(), 1U);
}

TEST_F(ServiceTest, WhatIsRefusedIsNotPrepared) {
  Client client(path_);
  v1::DataplaneRequest damaged = prepare();
  damaged.mutable_prepare_policy()->mutable_artefact()->mutable_policy()->push_back('x');
  const auto refused = client->call(damaged);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, DataplaneClient::Failure::Kind::refused);
  EXPECT_EQ(client->call(status()).value().status().images_prepared(), 0U);
  EXPECT_EQ(client->call(apply_prepared()).error().kind,
            DataplaneClient::Failure::Kind::not_prepared);
}

// As an operator does it.
TEST_F(ServiceTest, AStagedAndCommittedPolicyIsReadOnce) {
  const Turning turning(engine_->worker(0));
  const std::string folder = path_ + "-state";
  controlplane::Sinks sinks;
  {
    controlplane::Agent agent(controlplane::RevisionStore::open(folder).value(), path_, sinks);
    agent.start();
    ASSERT_TRUE(support::becomes([&] { return agent.readings().status().dataplane_connected(); }));
    v1::StagePolicyRequest request;
    *request.mutable_artefact() = artefact();
    const auto staged = agent.policies().stage(std::move(request), "alice");
    ASSERT_TRUE(staged) << staged.error().text;
    const auto commit = agent.policies().commit({}, "alice");
    ASSERT_TRUE(commit);
    EXPECT_EQ(commit.value().state(), v1::Commit::STATE_IN_FORCE) << commit.value().text();
    Client client(path_);
    const v1::DataplaneStatus now = client->call(status()).value().status();
    EXPECT_EQ(now.policy_sha256(), digest());
    EXPECT_EQ(now.artefacts_read(), 1U);
  }
  std::filesystem::remove_all(folder);
}

TEST_F(ServiceTest, SessionsComeInPagesThatStopAtTheirLimit) {
  ASSERT_TRUE(engine_->worker(0).turn() == 0);
  {
    const Turning turning(engine_->worker(0));
    Client client(path_);
    ASSERT_TRUE(apply(*client));
  }
  open_sessions(300);
  const Turning turning(engine_->worker(0));
  Client client(path_);
  std::set<std::string> clients;
  std::uint32_t worker = 0;
  std::uint32_t slot = 0;
  int pages = 0;
  for (bool complete = false; !complete; ++pages) {
    const auto answer = client->call(page(70, worker, slot));
    ASSERT_TRUE(answer) << answer.error().text;
    const v1::DataplaneFlows& flows = answer.value().flows();
    EXPECT_LE(flows.flows_size(), 70);
    for (const v1::Flow& flow : flows.flows()) EXPECT_TRUE(clients.insert(flow.client()).second);
    worker = flows.worker();
    slot = flows.slot();
    complete = flows.complete();
  }
  EXPECT_EQ(clients.size(), 300U);
  EXPECT_GE(pages, 5);
  EXPECT_TRUE(client->call(page(10, 7, 0)).value().flows().complete()) << "there is no worker 7";
  EXPECT_EQ(client->call(page(10, 0, 1'000'000)).value().flows().flows_size(), 0);
}

TEST_F(ServiceTest, CountersAreToldWithWhereTheyGoOn) {
  const Turning turning(engine_->worker(0));
  Client client(path_);
  ASSERT_TRUE(apply(*client));
  v1::DataplaneRequest request;
  v1::CounterPlace& from = *request.mutable_get_counters()->mutable_from();
  from.set_generation(1);
  from.set_table(1);
  const auto last = client->call(request);
  ASSERT_TRUE(last);
  EXPECT_FALSE(last.value().has_next_counters());
  EXPECT_FALSE(last.value().counters().anew());
  from.set_generation(7);
  EXPECT_TRUE(client->call(request).value().counters().anew());
}

TEST_F(ServiceTest, OneMayWriteAndTheOtherIsTold) {
  const Turning turning(engine_->worker(0));
  auto first = std::make_unique<Client>(path_);
  Client second(path_);
  ASSERT_TRUE(apply(**first));
  EXPECT_TRUE(second->call(prepare())) << "preparing changes nothing";
  EXPECT_TRUE(second->call(status()));
  const auto refused = second->call(apply_prepared());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, DataplaneClient::Failure::Kind::refused);
  EXPECT_EQ(refused.error().text, "another bulkheadd drives this data plane");
  first.reset();
  bool applied = false;
  for (int i = 0; i < 100 && !applied; ++i) {
    applied = apply(*second).ok();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(applied) << "the first has gone";
}

TEST_F(ServiceTest, WhoDoesNotReadIsNotReadFrom) {
  const Turning turning(engine_->worker(0));
  const int peer = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(connect(peer, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string question = ipc::to_frame(status());
  std::size_t sent = 0;
  for (int quiet = 0; quiet < 20;) {
    const ssize_t count = send(peer, question.data(), question.size(), MSG_DONTWAIT);
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
      quiet = 0;
    } else {
      ++quiet;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ASSERT_LT(sent, 64U << 20) << "its questions are taken without end";
  }
  Client other(path_);
  EXPECT_TRUE(other->call(status())) << "others are answered";
  char byte = 0;
  EXPECT_EQ(recv(peer, &byte, 1, 0), 1) << "it was not hung up on";
  close(peer);
}

// What the thread of the service has run, in nanoseconds.
std::int64_t time_on_core(std::thread& thread) {
  clockid_t clock{};
  EXPECT_EQ(pthread_getcpuclockid(thread.native_handle(), &clock), 0);
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

TEST_F(ServiceTest, WithoutDescriptorsItPausesAndGoesOn) {
  const Turning turning(engine_->worker(0));
  Client early(path_);
  ASSERT_TRUE(early->call(status()));
  const int peer = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  const support::WithoutDescriptors without;
  ASSERT_EQ(connect(peer, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::int64_t before = time_on_core(service_);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_LT(time_on_core(service_) - before, 100'000'000) << "it does not spin";
  EXPECT_TRUE(early->call(status())) << "who is connected is answered";
  without.end();
  const std::string question = ipc::to_frame(status());
  ASSERT_EQ(send(peer, question.data(), question.size(), 0), static_cast<ssize_t>(question.size()));
  const timeval patience{5, 0};
  setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char byte = 0;
  EXPECT_EQ(recv(peer, &byte, 1, 0), 1) << "who waited is answered too";
  Client later(path_);
  EXPECT_TRUE(later->call(status()));
  close(peer);
}

TEST_F(ServiceTest, ASocketIsItsOwnersAndGroups) {
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(path_).permissions(),
            perms::owner_read | perms::owner_write | perms::group_read | perms::group_write);
  EXPECT_THROW(ipc::UnixListener(io_, path_), std::runtime_error) << "it is in use";
}

}  // namespace
}  // namespace bulkhead
