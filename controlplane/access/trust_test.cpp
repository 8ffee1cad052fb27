// What counts under an authority and its list of revoked certificates.
#include "controlplane/access/trust.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/authority.h"

namespace bulkhead::controlplane {
namespace {

class TrustTest : public ::testing::Test {
 protected:
  TrustPointer trust(const std::string& list = {}) const {
    return Trust::read(authority_.certificate_pem, list).value();
  }
  static std::string problem(const TrustPointer& trust, const Issued& issued,
                             Expiry expiry = Expiry::refused) {
    return trust->problem_with(read_certificate(issued.certificate_pem).get(), nullptr, expiry);
  }

  const Issued authority_ = make_authority("test", 1);
  const Issued alice_ = issue_client(authority_, "alice", 1);
  const Issued bob_ = issue_client(authority_, "bob", 1);
};

TEST_F(TrustTest, OnlyTheAuthoritysCertificatesCount) {
  EXPECT_EQ(problem(trust(), alice_), "");
  EXPECT_NE(problem(trust(), issue_client(make_authority("test", 1), "alice", 1)), "");
  const Issued other = make_authority("other", 1);
  const auto both = Trust::read(authority_.certificate_pem + other.certificate_pem, {});
  EXPECT_EQ(problem(both.value(), alice_), "") << "two authorities, while one takes over";
  EXPECT_EQ(problem(both.value(), issue_client(other, "alice", 1)), "");
  EXPECT_FALSE(Trust::read("", {}));
  EXPECT_FALSE(Trust::read(alice_.certificate_pem, {})) << "no authority's";
}

TEST_F(TrustTest, ExpiryCountsWhereItIsNotTolerated) {
  const Issued expired = issue_client(authority_, "alice", -1);
  EXPECT_NE(problem(trust(), expired), "");
  EXPECT_EQ(problem(trust(), expired, Expiry::tolerated), "");
  const Issued old = make_authority("old", -1);
  const auto of_old = Trust::read(old.certificate_pem, {}).value();
  EXPECT_NE(problem(of_old, issue_client(old, "alice", 1)), "");
  EXPECT_EQ(problem(of_old, issue_client(old, "alice", 1), Expiry::tolerated), "");
}

TEST_F(TrustTest, WhatIsRevokedDoesNotCountAndStaysRevoked) {
  const Revocation first = revoke(authority_, {}, alice_.certificate_pem, 30);
  EXPECT_EQ(first.number, 1U);
  EXPECT_EQ(problem(trust(first.list_pem), alice_), "the certificate has been revoked");
  EXPECT_EQ(problem(trust(first.list_pem), alice_, Expiry::tolerated),
            "the certificate has been revoked");
  EXPECT_EQ(problem(trust(first.list_pem), bob_), "");
  const Revocation second = revoke(authority_, first.list_pem, bob_.certificate_pem, 30);
  EXPECT_EQ(second.revoked, 2);
  EXPECT_EQ(trust(second.list_pem)->list_number(), 2U);
  for (const Issued& each : {alice_, bob_}) EXPECT_NE(problem(trust(second.list_pem), each), "");
  EXPECT_EQ(revoke(authority_, second.list_pem, bob_.certificate_pem, 30).revoked, 2) << "once";
  const std::string stale = revoke(authority_, {}, alice_.certificate_pem, -1).list_pem;
  EXPECT_NE(problem(trust(stale), alice_), "") << "a list that is out of date still revokes";
  EXPECT_EQ(problem(trust(stale), bob_), "");
}

TEST_F(TrustTest, AListThatCannotBeUsedLetsNobodyCall) {
  const Issued other = make_authority("test", 1);
  const std::string foreign =
      revoke(other, {}, issue_client(other, "x", 1).certificate_pem, 30).list_pem;
  for (const std::string& list : {std::string("nonsense"), foreign}) {
    EXPECT_NE(trust(list)->list_problem(), "");
    EXPECT_NE(problem(trust(list), alice_), "");
    EXPECT_EQ(problem(trust(list), alice_, Expiry::tolerated), "") << "the pair stays together";
  }
}

TEST_F(TrustTest, TheAuthorityRevokesItsOwnAlone) {
  const Issued other = make_authority("test", 1);
  EXPECT_THROW(revoke(other, {}, alice_.certificate_pem, 30), std::runtime_error);
  const std::string list = revoke(authority_, {}, alice_.certificate_pem, 30).list_pem;
  EXPECT_THROW(revoke(other, list, issue_client(other, "x", 1).certificate_pem, 30),
               std::runtime_error);
  EXPECT_THROW(revoke(authority_, {}, "nonsense", 30), std::runtime_error);
}

TEST_F(TrustTest, WhatExpiresWithinAMonthIsSaid) {
  constexpr std::time_t kDay = 24 * 3600;
  EXPECT_EQ(expiry_text(1000 * kDay, 969 * kDay), "");
  EXPECT_EQ(expiry_text(1000 * kDay, 970 * kDay), "expires in 30 days");
  EXPECT_EQ(expiry_text(1000 * kDay, 999 * kDay), "expires in 1 day");
  EXPECT_EQ(expiry_text(1000 * kDay, 1000 * kDay), "has expired");
  EXPECT_EQ(expiry_text(0, 1000 * kDay), "") << "it does not say";
}

}  // namespace
}  // namespace bulkhead::controlplane
