// The gate, and what is read of a certificate.
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "bulkhead/v1/access.pb.h"
#include "bulkhead/v1/audit.pb.h"
#include "bulkhead/v1/containment.pb.h"
#include "bulkhead/v1/control.pb.h"
#include "bulkhead/v1/failover.pb.h"
#include "controlplane/access/certificate.h"
#include "controlplane/access/gate.h"
#include "controlplane/access/identity.h"
#include "tests/support/authority.h"

namespace bulkhead::controlplane {
namespace {

constexpr limits::Calls kTwoOfThree = {"calls", 2, 3};

Caller caller_named(const char* identity) { return {identity, {}, Roles::all()}; }

TEST(Gate, NobodyHasMoreThanItsShare) {
  Gate gate([] { return AccessPointer(); }, [](const std::string&, const std::string&) {});
  auto first = gate.count(caller_named("alice"), kTwoOfThree);
  auto second = gate.count(caller_named("alice"), kTwoOfThree);
  ASSERT_TRUE(first.ok() && second.ok());
  const auto third = gate.count(caller_named("alice"), kTwoOfThree);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(third.error().error_message(), "alice has 2 calls already; end one, or try again");
  const auto other = gate.count(caller_named("bob"), kTwoOfThree);
  EXPECT_TRUE(other) << "one client cannot take another's place";
  EXPECT_FALSE(gate.count(caller_named("carol"), kTwoOfThree)) << "three in all";
  first.value().reset();
  EXPECT_TRUE(gate.count(caller_named("carol"), kTwoOfThree));
  EXPECT_TRUE(gate.count(caller_named("alice"), limits::kQuestions)) << "another kind";
}

// A method without a row cannot be called: this is where a new one shows.
TEST(Gate, EachMethodOfTheProtosHasARow) {
  std::set<std::string> served;
  for (const auto* file :
       {v1::Revision::descriptor()->file(), v1::PairStatus::descriptor()->file(),
        v1::AccessStatus::descriptor()->file(), v1::AuditHead::descriptor()->file(),
        v1::Containment::descriptor()->file()}) {
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
  for (const Method* method : methods::kAll) {
    EXPECT_FALSE(method->roles.empty()) << method->name << " is nobody's";
    EXPECT_FALSE(method->act.empty()) << method->name;
  }
}

TEST(Certificate, SaysWhoAndWhatFor) {
  const Issued authority = make_authority("test", 1);
  const Issued client = issue_client(authority, "alice", 1);
  const Issued server = issue_server(authority, "alpha", {"alpha.example"}, 1);
  EXPECT_EQ(identity_of(client.certificate_pem).value(), "alice");
  EXPECT_FALSE(appliance_in(client.certificate_pem));
  EXPECT_EQ(appliance_in(server.certificate_pem).value(), "alpha");
  EXPECT_FALSE(identity_of(server.certificate_pem)) << "one DNS name, but not clientAuth";
  EXPECT_FALSE(identity_of(authority.certificate_pem)) << "no extended key usage";
  for (const char* name : {"a b", "../x", "x\x1b[31m", ".", "-x", "caf\xc3\xa9"}) {
    EXPECT_FALSE(appliance_in(issue_server(authority, name, {"a"}, 1).certificate_pem)) << name;
  }
  EXPECT_FALSE(identity_of(std::string("nonsense")));
}

TEST(Certificate, ACallerHasOneName) {
  const Issued authority = make_authority("test", 1);
  const auto identity = [&](const std::vector<std::string>& names) {
    return identity_of(issue_client(authority, "common name", names, 1).certificate_pem);
  };
  EXPECT_EQ(identity({"alice"}).value(), "alice") << "whatever its common name is";
  EXPECT_EQ(identity({"spiffe://water-works/Alice"}).value(), "spiffe://water-works/Alice");
  const auto none = identity({});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().text.find("pki client"), std::string::npos) << none.error().text;
  for (const std::vector<std::string>& several :
       {std::vector<std::string>{"alice", "bob"}, {"alice", "alice"}, {"alice", "urn:bob"}}) {
    EXPECT_FALSE(identity(several));
  }
}

TEST(Identity, IsADnsNameInLowerCaseOrAUri) {
  for (const char* good : {"alice", "alice.example", "spiffe://a/b", "urn:x:1"}) {
    EXPECT_TRUE(is_identity(good)) << good;
  }
  for (const char* bad : {"", "Alice", "a b", "alice@example", "root@local", ":x", "x:", "1x:y",
                          "urn:a,b", "urn:\"", "urn:a b", "urn:\n"}) {
    EXPECT_FALSE(is_identity(bad)) << bad;
  }
  const std::string uri = "urn:" + std::string(kIdentityBytesMax - 4, 'x');
  EXPECT_TRUE(is_identity(uri));
  EXPECT_FALSE(is_identity(uri + "x"));
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
