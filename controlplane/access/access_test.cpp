// The gate, and what is read of a certificate.
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "bulkhead/v1/control.pb.h"
#include "bulkhead/v1/failover.pb.h"
#include "controlplane/access/certificate.h"
#include "controlplane/access/gate.h"
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

// A method without a row cannot be called: this is where a new one shows.
TEST(Gate, EachMethodOfTheProtosHasARow) {
  std::set<std::string> served;
  for (const auto* file :
       {v1::Revision::descriptor()->file(), v1::PairStatus::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      const auto* service = file->service(s);
      for (int m = 0; m < service->method_count(); ++m) {
        served.insert("/" + service->full_name() + "/" + service->method(m)->name());
      }
    }
  }
  std::set<std::string> rows;
  for (const Method* method : methods::kAll) rows.insert(std::string(method->name));
  EXPECT_EQ(rows, served);
  EXPECT_EQ(methods::find("/bulkhead.v1.PolicyService/Other"), nullptr);
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

}  // namespace
}  // namespace bulkhead::controlplane
