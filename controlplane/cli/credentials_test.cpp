// Which certificates the operator's tool takes for an appliance's: a server is called with each.
#include "controlplane/cli/credentials.h"

#include <gtest/gtest.h>

#include "bulkhead/v1/failover.grpc.pb.h"
#include "tests/support/authority.h"

namespace bulkhead::controlplane {
namespace {

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest() : authority_(make_authority("test", 1)) {}

  // What a call ends with; UNIMPLEMENTED: the server was believed, and has no such method.
  grpc::Status call(const Issued& of_server, const std::string& host = {}) {
    grpc::SslServerCredentialsOptions tls(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_root_certs = authority_.certificate_pem;
    tls.pem_key_cert_pairs.push_back({of_server.key_pem, of_server.certificate_pem});
    grpc::ServerBuilder builder;
    v1::PairService::Service none;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port);
    builder.RegisterService(&none);
    const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    const Issued own = issue_client(authority_, "operator", 1);
    grpc::ChannelArguments arguments;
    if (!host.empty()) arguments.SetSslTargetNameOverride(host);
    const auto stub = v1::PairService::NewStub(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port),
        credentials_for({authority_.certificate_pem, own.certificate_pem, own.key_pem}),
        arguments));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::PairStatus answer;
    const grpc::Status status = stub->GetPair(&context, {}, &answer);
    server->Shutdown();
    return status;
  }

  Issued authority_;
};

TEST_F(CredentialsTest, AnAppliancesCertificateNamesTheHostThatWasCalled) {
  const Issued by_address = issue_server(authority_, "alpha", {"127.0.0.1"}, 1);
  EXPECT_EQ(call(by_address).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(call(by_address, "alpha").error_code(), grpc::StatusCode::UNAVAILABLE);
  const Issued by_name = issue_server(authority_, "alpha", {"alpha.example"}, 1);
  EXPECT_EQ(call(by_name, "alpha.example").error_code(), grpc::StatusCode::UNIMPLEMENTED);
  const grpc::Status other = call(by_name);
  EXPECT_EQ(other.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(other.error_message().find("does not name 127.0.0.1"), std::string::npos)
      << other.error_message();
}

TEST_F(CredentialsTest, ItIsAServersWithOnePlainNameOfOurAuthority) {
  for (const Issued& wrong :
       {issue_client(authority_, "alpha", 1), issue_server(authority_, "a b", {"127.0.0.1"}, 1),
        issue_server(make_authority("other", 1), "alpha", {"127.0.0.1"}, 1)}) {
    EXPECT_EQ(call(wrong).error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  const grpc::Status unnamed = call(issue_server(authority_, "a b", {"127.0.0.1"}, 1));
  EXPECT_NE(unnamed.error_message().find("exactly one common name"), std::string::npos)
      << unnamed.error_message();
}

}  // namespace
}  // namespace bulkhead::controlplane
