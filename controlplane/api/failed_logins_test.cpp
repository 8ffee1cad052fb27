// Failed logins: counted, reported once a minute, slowed by address.
#include "controlplane/api/failed_logins.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bulkhead::controlplane {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class FailedLoginsTest : public ::testing::Test {
 protected:
  void fail(const std::string& address, int times) {
    for (int i = 0; i < times; ++i) failed_.add(address, now_);
  }

  std::vector<std::string> reports_;
  FailedLogins failed_{[this](const std::string& text) { reports_.push_back(text); }};
  FailedLogins::Clock::time_point now_{seconds(1000)};
};

TEST_F(FailedLoginsTest, TheFirstIsReportedAtOnceAndOthersOnceAMinute) {
  fail("ipv4:192.0.2.1", 1);
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0],
            "1 connection without a certificate that counts here, most from ipv4:192.0.2.1 (1)");
  fail("ipv4:192.0.2.1", 2);
  fail("ipv4:192.0.2.2", 500);
  now_ += seconds(59);
  failed_.pass_time(now_);
  EXPECT_EQ(reports_.size(), 1U);
  now_ += seconds(1);
  failed_.pass_time(now_);
  ASSERT_EQ(reports_.size(), 2U);
  EXPECT_NE(reports_[1].find("502 connections"), std::string::npos);
  EXPECT_NE(reports_[1].find("192.0.2.2 (500)"), std::string::npos);
  now_ += seconds(60);
  failed_.pass_time(now_);
  EXPECT_EQ(reports_.size(), 2U) << "nothing has come together";
}

TEST_F(FailedLoginsTest, OnlyTheAddressThatFailsIsSlowed) {
  fail("a", 8);
  EXPECT_EQ(failed_.delay_of("a", now_), milliseconds(0));
  fail("a", 1);
  EXPECT_EQ(failed_.delay_of("a", now_), milliseconds(100));
  fail("a", 100);
  EXPECT_EQ(failed_.delay_of("a", now_), seconds(2));
  EXPECT_EQ(failed_.delay_of("b", now_), milliseconds(0));
  EXPECT_EQ(failed_.delay_of("a", now_ + seconds(61)), milliseconds(0)) << "forgotten";
  failed_.forgive("a");
  EXPECT_EQ(failed_.delay_of("a", now_), milliseconds(0));
}

TEST_F(FailedLoginsTest, AddressesAreBounded) {
  for (int i = 0; i < 5000; ++i) failed_.add(std::to_string(i), now_ + milliseconds(i));
  now_ += seconds(120);
  failed_.pass_time(now_);
  EXPECT_NE(reports_.back().find("4999 connections"), std::string::npos) << reports_.back();
}

}  // namespace
}  // namespace bulkhead::controlplane
