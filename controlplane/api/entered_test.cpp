// Each of our RPCs enters the gate before anything else: a caller that the gate refuses gets its
// refusal from every handler, and nothing that stands behind a handler is asked.
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controlplane/access/methods.h"
#include "controlplane/api/pair_service.h"
#include "controlplane/api/policy_service.h"
#include "controlplane/api/telemetry_service.h"
#include "tests/support/authority.h"

namespace bulkhead::controlplane {
namespace {

// What stands behind the handlers. It counts how often it is asked.
class Behind final : public Policies, public Readings, public PairControl {
 public:
  Result<v1::Revision, Refusal> stage(v1::StagePolicyRequest /*request*/,
                                      const std::string& /*by*/) override {
    return refusal();
  }
  Result<v1::Commit, Refusal> commit(std::uint64_t /*number*/, const std::string& /*by*/) override {
    return refusal();
  }
  Result<v1::Commit, Refusal> find_commit(const std::string& /*id*/) const override {
    return refusal();
  }
  Result<v1::PreviewPolicyResponse, Refusal> preview(
      const v1::PreviewPolicyRequest& /*request*/) override {
    return refusal();
  }
  Result<v1::GetPolicyResponse, Refusal> get(std::uint64_t /*number*/) const override {
    return refusal();
  }
  std::vector<v1::Revision> list() const override {
    ++asked;
    return {};
  }
  v1::GetStatusResponse status() override {
    ++asked;
    return {};
  }
  Result<v1::Counters, Refusal> counters(v1::GetDataplaneCounters& /*question*/,
                                         std::chrono::milliseconds /*timeout*/) override {
    return refusal();
  }
  Result<v1::DataplaneFlows, Refusal> flows(const v1::ListDataplaneFlows& /*page*/) override {
    return refusal();
  }
  Result<v1::PairStatus, Refusal> pair_status() override { return refusal(); }
  Result<v1::PairStatus, Refusal> order_pair(failover::Order /*order*/,
                                             const std::string& /*by*/) override {
    return refusal();
  }

  mutable std::atomic<int> asked{0};

 private:
  Refusal refusal() const {
    ++asked;
    return {Refusal::Kind::unavailable, "there is nothing"};
  }
};

// A handler as somebody might write it who has not read work.h.
class UngatedPairService final : public v1::PairService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetPair(grpc::CallbackServerContext* context,
                                    const v1::GetPairRequest* /*request*/,
                                    v1::PairStatus* /*response*/) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

class EnteredTest : public ::testing::Test {
 protected:
  ~EnteredTest() override {
    if (server_) server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    work_.join();
  }

  void serve(grpc::Service& pair) {
    const Issued server = issue_server(authority_, "alpha", {"127.0.0.1"}, 1);
    grpc::SslServerCredentialsOptions tls(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_root_certs = authority_.certificate_pem;
    tls.pem_key_cert_pairs.push_back({server.key_pem, server.certificate_pem});
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port_);
    for (grpc::Service* service :
         std::initializer_list<grpc::Service*>{&policy_, &telemetry_, &pair}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  // The methods that a client of this certificate can call, refused as it may be afterwards.
  std::set<std::string_view> open_to(const Issued& client) {
    const auto channel = grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(port_),
        grpc::SslCredentials({authority_.certificate_pem, client.key_pem, client.certificate_pem}));
    std::set<std::string_view> open;
    for (const Method* method : methods::kAll) {
      const grpc::Status status = call(channel, std::string(method->name));
      if (status.error_code() != grpc::StatusCode::UNAUTHENTICATED) open.insert(method->name);
    }
    return open;
  }

  // An empty message, for a call of any kind.
  static grpc::Status call(const std::shared_ptr<grpc::Channel>& channel,
                           const std::string& method) {
    constexpr int kAnswersMax = 10;
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    grpc::CompletionQueue queue;
    const auto done = [&queue] {
      void* tag = nullptr;
      bool good = false;
      return queue.Next(&tag, &good) && good;
    };
    const auto call = stub.PrepareCall(&context, method, &queue);
    call->StartCall(nullptr);
    if (done()) {
      call->WriteLast(grpc::ByteBuffer(&kEmpty, 1), grpc::WriteOptions(), nullptr);
      done();
      grpc::ByteBuffer answer;
      for (int i = 0; i < kAnswersMax; ++i) {
        call->Read(&answer, nullptr);
        if (!done()) break;
      }
    }
    grpc::Status status;
    call->Finish(&status, nullptr);
    done();
    queue.Shutdown();
    while (done()) continue;
    return status;
  }

  static inline const grpc::Slice kEmpty{};

  const Issued authority_ = make_authority("test", 1);
  const Issued client_ = issue_client(authority_, "alice", 1);
  // It has no name that a client may have, so that it may call nothing.
  const Issued nobody_ = issue_client(authority_, "no name", 1);
  Behind behind_;
  EventHub events_;
  Work work_{[](const std::string&, const std::string&) {}};
  PolicyServiceImpl policy_{work_, behind_};
  TelemetryServiceImpl telemetry_{work_, behind_, events_};
  PairServiceImpl pair_{work_, behind_};
  UngatedPairService ungated_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(EnteredTest, EachHandlerEntersTheGate) {
  serve(pair_);
  EXPECT_EQ(open_to(nobody_), std::set<std::string_view>());
  EXPECT_EQ(behind_.asked, 0);
}

TEST_F(EnteredTest, AndWhoMayEnterReachesEach) {
  serve(pair_);
  EXPECT_EQ(open_to(client_).size(), std::size(methods::kAll));
  EXPECT_GT(behind_.asked, 0);
}

TEST_F(EnteredTest, AHandlerThatDoesNotIsFound) {
  serve(ungated_);
  // The second has no handler at all, which is no refusal either.
  EXPECT_EQ(open_to(nobody_),
            (std::set<std::string_view>{methods::kGetPair.name, methods::kOrderPair.name}));
}

}  // namespace
}  // namespace bulkhead::controlplane
