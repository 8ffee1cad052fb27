// Each of our RPCs enters the gate before anything else: each RPC by each role by each kind of
// certificate, from the table itself. A caller that the gate refuses gets its refusal from every
// handler, and nothing that stands behind a handler is asked.
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "controlplane/access/methods.h"
#include "controlplane/api/access_service.h"
#include "controlplane/api/audit_service.h"
#include "controlplane/api/containment_service.h"
#include "controlplane/api/pair_service.h"
#include "controlplane/api/policy_service.h"
#include "controlplane/api/telemetry_service.h"
#include "tests/support/audit_log.h"
#include "tests/support/authority.h"
#include "tests/support/everybody.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tls_server.h"

namespace bulkhead::controlplane {
namespace {

// What stands behind the handlers. It counts how often it is asked.
class Behind final : public Policies, public Readings, public PairControl {
 public:
  Result<v1::Revision, Refusal> stage(v1::StagePolicyRequest /*request*/,
                                      const std::string& /*by*/) override {
    return refusal();
  }
  Result<v1::Commit, Refusal> confirm(const std::string& /*by*/) override { return refusal(); }
  Result<v1::Commit, Refusal> roll_back(std::uint64_t /*number*/,
                                        const std::string& /*by*/) override {
    return refusal();
  }
  std::optional<v1::Trial> trial() const override { return std::nullopt; }
  Result<v1::Commit, Refusal> commit(const CommitOrder& /*order*/,
                                     const std::string& /*by*/) override {
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
  RulesInForce rules() override {
    ++asked;
    return {};
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

class ContainingBehind final : public Containing {
 public:
  explicit ContainingBehind(Behind& behind) : behind_(behind) {}
  Changed contain(const v1::SetContainmentRequest& /*request*/,
                  const std::string& /*by*/) override {
    return refusal();
  }
  Changed release(const v1::ReleaseContainmentRequest& /*request*/, Roles /*roles*/,
                  const std::string& /*by*/) override {
    return refusal();
  }
  v1::ListContainmentResponse list() override {
    ++behind_.asked;
    return {};
  }

 private:
  Refusal refusal() const {
    ++behind_.asked;
    return {Refusal::Kind::not_found, "there is nothing"};
  }

  Behind& behind_;
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
    server_.stop();
    work_.join();
  }

  void serve(grpc::Service& pair) {
    work_.trail = &trail_;
    server_.serve({&policy_, &telemetry_, &pair, &access_, &audit_, &containment_});
    ASSERT_TRUE(server_.runs());
  }

  // The methods that a client of this certificate can call, refused as it may be afterwards; what
  // the gate says to the others is one of `refusals`.
  std::set<std::string_view> open_to(const Issued& client,
                                     const std::set<grpc::StatusCode>& refusals) {
    const auto to_server = server_.channel(client);
    std::set<std::string_view> open;
    for (const Method* method : methods::kAll) {
      const grpc::Status status = call(to_server, std::string(method->name));
      if (refusals.count(status.error_code()) == 0) open.insert(method->name);
    }
    return open;
  }
  static std::set<std::string_view> methods_of(Role role) {
    std::set<std::string_view> names;
    for (const Method* method : methods::kAll) {
      if (method->roles.has(role)) names.insert(method->name);
    }
    return names;
  }
  void give(const std::string& identity, Roles roles) {
    AccessRules rules;
    rules.identities[identity] = roles;
    const std::lock_guard guard(mutex_);
    rules_ = std::make_shared<const AccessRules>(std::move(rules));
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

  static inline const std::set<grpc::StatusCode> kByGate = {grpc::StatusCode::UNAUTHENTICATED,
                                                            grpc::StatusCode::PERMISSION_DENIED};

  const Issued authority_ = make_authority("test", 1);
  const Issued client_ = issue_client(authority_, "alice", 1);
  const Issued nobody_ = issue_client(authority_, "nobody", {}, 1);
  std::mutex mutex_;
  AccessPointer rules_ = all_roles_for({"alice"});
  Behind behind_;
  const support::TemporaryFolder events_folder_;
  EventLog events_{EventLog::Options{.folder = events_folder_.path()}};
  const support::AuditFolder folder_;
  audit::Trail trail_{folder_.path(), {}};
  Work work_{[this] {
               const std::lock_guard guard(mutex_);
               return rules_;
             },
             [](const std::string&, const std::string&) {}};
  AccessFile file_{"/nonexistent", {}};
  PolicyServiceImpl policy_{work_, behind_};
  TelemetryServiceImpl telemetry_{work_, behind_, events_, [](v1::GetStatusResponse&) {}};
  PairServiceImpl pair_{work_, behind_};
  AccessServiceImpl access_{work_, file_};
  AuditServiceImpl audit_{work_};
  ContainingBehind containing_{behind_};
  ContainmentServiceImpl containment_{work_, containing_};
  UngatedPairService ungated_;
  TlsServer server_{authority_};
};

TEST_F(EnteredTest, EachHandlerEntersTheGate) {
  serve(pair_);
  EXPECT_EQ(open_to(nobody_, kByGate), std::set<std::string_view>());
  EXPECT_EQ(behind_.asked, 0);
}

TEST_F(EnteredTest, AndWhoMayEnterReachesEach) {
  serve(pair_);
  EXPECT_EQ(open_to(client_, kByGate).size(), std::size(methods::kAll));
  EXPECT_GT(behind_.asked, 0);
}

TEST_F(EnteredTest, AHandlerThatDoesNotIsFound) {
  serve(ungated_);
  // The second has no handler at all, which is no refusal either.
  EXPECT_EQ(open_to(nobody_, kByGate),
            (std::set<std::string_view>{methods::kGetPair.name, methods::kOrderPair.name}));
}

TEST_F(EnteredTest, EachRoleHasItsRowsOfTheTable) {
  serve(pair_);
  const Issued uri = issue_client(authority_, "bob", {"spiffe://site/Bob"}, 1);
  for (const Role role : kRoles) {
    give("alice", {role});
    EXPECT_EQ(open_to(client_, {grpc::StatusCode::PERMISSION_DENIED}), methods_of(role))
        << name_of(role);
    EXPECT_EQ(open_to(uri, {grpc::StatusCode::PERMISSION_DENIED}), std::set<std::string_view>());
    give("spiffe://site/Bob", {role});
    EXPECT_EQ(open_to(uri, {grpc::StatusCode::PERMISSION_DENIED}), methods_of(role))
        << name_of(role);
  }
}

// Whatever roles their names would have.
TEST_F(EnteredTest, OtherCertificatesReachNothing) {
  serve(pair_);
  const Issued several = issue_client(authority_, "alice", {"alice", "urn:alice"}, 1);
  const Issued server = issue_server(authority_, "alice", {"alice"}, 1);
  for (const Issued& identified : {nobody_, several, server, authority_}) {
    EXPECT_EQ(
        open_to(identified, {grpc::StatusCode::UNAUTHENTICATED, grpc::StatusCode::UNAVAILABLE}),
        std::set<std::string_view>());
  }
  const Issued foreign = issue_client(make_authority("test", 1), "alice", 1);
  const Issued expired = issue_client(authority_, "alice", -1);
  for (const Issued& refused : {foreign, expired}) {
    EXPECT_EQ(open_to(refused, {grpc::StatusCode::UNAVAILABLE}), std::set<std::string_view>());
  }
  EXPECT_EQ(behind_.asked, 0);
}

TEST_F(EnteredTest, WithoutAccessRulesNoCertificateReachesAnything) {
  {
    const std::lock_guard guard(mutex_);
    rules_.reset();
  }
  work_.gate.explain_without_rules("do this");
  serve(pair_);
  EXPECT_EQ(open_to(client_, {grpc::StatusCode::PERMISSION_DENIED}), std::set<std::string_view>());
  const auto status = call(server_.channel(client_), std::string(methods::kGetStatus.name));
  EXPECT_EQ(status.error_message(), "do this");
}

TEST_F(EnteredTest, AChangeOfRolesActsAtTheNextCallOfAConnection) {
  serve(pair_);
  const auto to_server = server_.channel(client_);
  const std::string stage(methods::kStagePolicy.name);
  EXPECT_EQ(kByGate.count(call(to_server, stage).error_code()), 0U);
  give("alice", {Role::viewer});
  const grpc::Status refused = call(to_server, stage);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(refused.error_message(),
            "alice (viewer) may not stage a policy (push): the roles that may are engineer");
  give("bob", {Role::viewer});
  EXPECT_EQ(call(to_server, stage).error_message(),
            "alice has no role in this appliance's access.yaml; an administrator gives it one "
            "there");
  give("alice", {Role::engineer});
  EXPECT_EQ(kByGate.count(call(to_server, stage).error_code()), 0U);
}

TEST_F(EnteredTest, EachCallIsReportedOnceWithWhoAndWhy) {
  std::mutex mutex;
  std::vector<std::string> lines;
  work_.gate.on_judged([&](const Judged& judged) {
    const std::lock_guard guard(mutex);
    lines.push_back(judged.caller.identity + " [" + judged.caller.roles.text() + "] " +
                    std::string(judged.method.substr(judged.method.rfind('/') + 1)) + " " +
                    std::to_string(judged.caller.certificate_sha256.size()) + " " +
                    (judged.accepted ? "accepted" : "refused: " + judged.reason.substr(0, 5)));
  });
  serve(pair_);
  give("alice", {Role::viewer});
  call(server_.channel(client_), std::string(methods::kGetStatus.name));
  call(server_.channel(client_), std::string(methods::kOrderPair.name));
  call(server_.channel(nobody_), std::string(methods::kGetStatus.name));
  const std::lock_guard guard(mutex);
  EXPECT_EQ(lines, (std::vector<std::string>{"alice [viewer] GetStatus 64 accepted",
                                             "alice [viewer] OrderPair 64 refused: alice",
                                             " [] GetStatus 64 refused: the c"}));
}

}  // namespace
}  // namespace bulkhead::controlplane
