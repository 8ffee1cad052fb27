// Certificates of callers that end soon.
#include "controlplane/access/expiring_callers.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bulkhead::controlplane {
namespace {

constexpr std::time_t kDay = 24 * 3600;
constexpr std::time_t kNow = 20'000 * kDay;

class ExpiringCallersTest : public ::testing::Test {
 protected:
  std::vector<std::string> reports_;
  ExpiringCallers callers_{[this](const std::string& text) { reports_.push_back(text); }};
};

TEST_F(ExpiringCallersTest, EachIsReportedOnceADay) {
  callers_.note("alice", kNow + 31 * kDay, kNow);
  callers_.note("root@local", 0, kNow);
  EXPECT_TRUE(reports_.empty());
  callers_.note("alice", kNow + 30 * kDay, kNow);
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0],
            "the certificate of alice expires in 30 days: `bulkheadctl pki renew` where the "
            "authority is");
  callers_.note("alice", kNow + 30 * kDay, kNow + kDay - 1);
  EXPECT_EQ(reports_.size(), 1U);
  callers_.note("bob", kNow + kDay, kNow + 1);
  EXPECT_EQ(reports_.size(), 2U) << "another identity";
  callers_.note("alice", kNow + 30 * kDay, kNow + kDay);
  EXPECT_EQ(reports_.size(), 3U);
  callers_.note("alice", kNow + 400 * kDay, kNow + 2 * kDay);
  EXPECT_EQ(reports_.size(), 3U) << "renewed";
}

TEST_F(ExpiringCallersTest, IdentitiesAreBounded) {
  for (std::size_t i = 0; i <= ExpiringCallers::kIdentitiesMax; ++i) {
    callers_.note(std::to_string(i), kNow + kDay, kNow + static_cast<std::time_t>(i));
  }
  const std::time_t later = kNow + static_cast<std::time_t>(ExpiringCallers::kIdentitiesMax) + 1;
  const std::size_t before = reports_.size();
  callers_.note("1", kNow + kDay, later);
  EXPECT_EQ(reports_.size(), before) << "remembered";
  callers_.note("0", kNow + kDay, later);
  EXPECT_EQ(reports_.size(), before + 1) << "the oldest was forgotten";
}

}  // namespace
}  // namespace bulkhead::controlplane
