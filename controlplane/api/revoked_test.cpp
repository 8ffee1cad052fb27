// Credentials that change while calls and streams are under way.
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/api/access_service.h"
#include "controlplane/api/grpc_server.h"
#include "controlplane/api/listener.h"
#include "controlplane/api/telemetry_service.h"
#include "tests/support/appliance_keys.h"
#include "tests/support/everybody.h"
#include "tests/support/free_port.h"
#include "tests/support/no_readings.h"
#include "tests/support/temporary_folder.h"

namespace bulkhead::controlplane {
namespace {

// A handler of a method that has no row in the table.
class Unlisted final : public grpc::Service {
 public:
  static constexpr const char* kName = "/bulkhead.v1.UnlistedService/GetAnything";
  Unlisted() {
    using Message = google::protobuf::MessageLite;
    using Handler = grpc::internal::RpcMethodHandler<Unlisted, v1::GetAccessRequest,
                                                     v1::AccessStatus, Message, Message>;
    const auto answer = [](Unlisted* /*self*/, grpc::ServerContext* /*context*/,
                           const v1::GetAccessRequest* /*request*/,
                           v1::AccessStatus* /*response*/) { return grpc::Status::OK; };
    AddMethod(new grpc::internal::RpcServiceMethod(kName, grpc::internal::RpcMethod::NORMAL_RPC,
                                                   new Handler(answer, this)));
  }
};

class RevokedTest : public ::testing::Test {
 protected:
  RevokedTest() {
    work_.gate.trust([this] {
      const std::lock_guard guard(mutex_);
      return trust_;
    });
    use(credentials_);
    port_ = support::free_port();
    listener_ = std::make_unique<Listener>("127.0.0.1:" + std::to_string(port_),
                                           [this](int fd) { servers_.hand_over(fd); });
    listener_->start();
  }
  ~RevokedTest() override {
    events_.end();
    servers_.shut_down();
    work_.join();
    listener_->stop();
  }

  void use(const CredentialsPointer& credentials) {
    {
      const std::lock_guard guard(mutex_);
      trust_ = credentials->trust;
    }
    EXPECT_TRUE(servers_.use(*credentials));
  }
  CredentialsPointer renewed(const std::string& list = {}) const {
    return credentials_of(authority_, issue_server(authority_, "alpha", {"127.0.0.1"}, 1), "alpha",
                          list);
  }
  std::shared_ptr<grpc::Channel> channel(const Issued& client) const {
    grpc::ChannelArguments alone;  // not one connection for all channels
    alone.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port_),
        grpc::SslCredentials({authority_.certificate_pem, client.key_pem, client.certificate_pem}),
        alone);
  }
  static grpc::Status ask(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::AccessStatus answer;
    return v1::AccessService::NewStub(channel)->GetAccess(&context, {}, &answer);
  }
  // Follows events until the stream ends, and returns with what.
  static grpc::Status follow(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::WatchEventsRequest request;
    request.set_follow(true);
    const auto reader = v1::TelemetryService::NewStub(channel)->WatchEvents(&context, request);
    for (v1::Event event; reader->Read(&event);) continue;
    return reader->Finish();
  }

  const Issued authority_ = make_authority("test", 1);
  const Issued alice_ = issue_client(authority_, "alice", 1);
  const Issued bob_ = issue_client(authority_, "bob", 1);
  const CredentialsPointer credentials_ =
      credentials_of(authority_, issue_server(authority_, "alpha", {"127.0.0.1"}, 1), "alpha");
  std::mutex mutex_;
  TrustPointer trust_;
  AccessPointer rules_ = all_roles_for({"alice", "bob"});
  const support::TemporaryFolder events_folder_;
  EventLog events_{EventLog::Options{.folder = events_folder_.path()}};
  support::NoReadings readings_;
  AccessFile file_{"/nonexistent", {}};
  std::unique_ptr<Listener> listener_;
  Work work_{[this] {
               const std::lock_guard guard(mutex_);
               return rules_;
             },
             [this](const std::string& peer, const std::string& identity) {
               listener_->prove(peer, identity);
             }};
  GrpcServers servers_{work_.gate, [this] {
                         Services services;
                         services.push_back(std::make_unique<AccessServiceImpl>(work_, file_));
                         services.push_back(std::make_unique<TelemetryServiceImpl>(
                             work_, readings_, events_, [](v1::GetStatusResponse&) {}));
                         services.push_back(std::make_unique<Unlisted>());
                         return services;
                       }};
  std::uint16_t port_ = 0;
};

TEST_F(RevokedTest, CallsOfARevokedCertificateAreRefusedOnTheSameConnection) {
  const auto alice = channel(alice_);
  const auto bob = channel(bob_);
  EXPECT_TRUE(ask(alice).ok());
  EXPECT_TRUE(ask(bob).ok());
  use(renewed(revoke(authority_, {}, alice_.certificate_pem, 30).list_pem));
  const grpc::Status refused = ask(alice);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(refused.error_message(), "the certificate has been revoked");
  EXPECT_TRUE(ask(bob).ok());
  EXPECT_EQ(ask(channel(alice_)).error_message(), "the certificate has been revoked");
}

// Even of one that has all roles.
TEST_F(RevokedTest, AMethodWithoutARowIsRefused) {
  const auto alice = channel(alice_);
  EXPECT_TRUE(ask(alice).ok());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  const grpc::internal::RpcMethod method(Unlisted::kName, grpc::internal::RpcMethod::NORMAL_RPC);
  v1::AccessStatus answer;
  const grpc::Status status = grpc::internal::BlockingUnaryCall(alice.get(), method, &context,
                                                                v1::GetAccessRequest(), &answer);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(RevokedTest, ItsStreamsEndAndOthersDoNot) {
  std::atomic<bool> bob_ended{false};
  std::thread bob([&] {
    follow(channel(bob_));
    bob_ended = true;
  });
  grpc::Status of_alice;
  std::thread alice([&] { of_alice = follow(channel(alice_)); });
  std::this_thread::sleep_for(std::chrono::seconds(1));
  work_.gate.reexamine();
  use(renewed(revoke(authority_, {}, alice_.certificate_pem, 30).list_pem));
  const auto begun = std::chrono::steady_clock::now();
  work_.gate.reexamine();
  alice.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  EXPECT_EQ(of_alice.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_FALSE(bob_ended);
  {
    const std::lock_guard guard(mutex_);
    rules_ = all_roles_for({"alice"});
  }
  work_.gate.reexamine();  // and one that has lost its role
  bob.join();
}

TEST_F(RevokedTest, UnderLoadNoCallIsLostByAnExchange) {
  std::atomic<bool> stop{false};
  std::atomic<int> good{0};
  std::atomic<int> lost{0};
  std::vector<std::thread> clients;
  for (const Issued* who : {&alice_, &bob_}) {
    clients.emplace_back([this, who, &stop, &good, &lost] {
      auto to = channel(*who);
      for (int i = 0; !stop; ++i) {
        if (i % 20 == 0) to = channel(*who);  // a handshake too, now and then
        ask(to).ok() ? ++good : ++lost;
      }
    });
  }
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    use(renewed());
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  stop = true;
  for (std::thread& each : clients) each.join();
  EXPECT_EQ(lost, 0) << "of " << good;
  EXPECT_GT(good, 20);
}

TEST_F(RevokedTest, NewConnectionsGetTheNewCertificate) {
  const Issued other = make_authority("other", 1);
  const auto before = channel(alice_);
  EXPECT_TRUE(ask(before).ok());
  use(credentials_of(other, issue_server(other, "alpha", {"127.0.0.1"}, 1), "alpha"));
  EXPECT_EQ(ask(channel(alice_)).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ask(before).error_code(), grpc::StatusCode::UNAUTHENTICATED)
      << "its authority does not count any more";
}

}  // namespace
}  // namespace bulkhead::controlplane
