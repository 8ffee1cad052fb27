// When a policy costs too much, at each bound and one beside it.
#include "controlplane/revisions/health.h"

#include <gtest/gtest.h>

#include <vector>

namespace bulkhead::controlplane {
namespace {

v1::HealthWatch watch_of(std::uint32_t percent, std::uint32_t refusals_per_s) {
  v1::HealthWatch watch;
  watch.mutable_bounds()->set_sessions_lost_percent(percent);
  watch.mutable_bounds()->set_refusals_per_s(refusals_per_s);
  watch.set_sessions(10);
  watch.set_refusals_per_ks(2000);
  return watch;
}

// One reading a second. The second in which it is out of bounds; 0: it never is.
struct Row {
  const char* what;
  std::uint32_t percent;
  std::uint32_t refusals_per_s;
  std::vector<std::uint64_t> sessions;
  std::vector<std::uint64_t> refusals;
  std::size_t out_at;
};

TEST(HealthJudge, ReturnsPastABoundAndNotAtIt) {
  const std::vector<Row> rows = {
      {"a fifth is lost", 20, 0, {8, 8, 8, 8, 8, 8}, {0, 0, 0, 0, 0, 0}, 0},
      {"one more is lost", 20, 0, {7, 7, 7, 7, 7, 7}, {0, 0, 0, 0, 0, 0}, 3},
      {"all are lost", 99, 0, {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}, 3},
      {"they come back", 20, 0, {0, 0, 10, 0, 0, 10, 9}, {0, 0, 0, 0, 0, 0, 0}, 0},
      {"they stay away", 20, 0, {10, 0, 0, 10, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}, 7},
      {"no bound", 0, 0, {0, 0, 0, 0, 0}, {0, 9999, 99999, 999999, 9999999}, 0},
      {"more sessions than before", 1, 0, {20, 20, 20, 20}, {0, 0, 0, 0}, 0},
      {"as many refusals as may be", 0, 5, {0, 0, 0, 0, 0}, {100, 107, 114, 121, 128}, 0},
      {"one more", 0, 5, {0, 0, 0, 0, 0}, {100, 107, 114, 122, 129}, 3},
      {"in one burst", 0, 5, {0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 22, 22}, 4},
      {"a data plane anew", 20, 5, {10, 10, 0, 0, 0, 10, 10}, {500, 500, 0, 1, 2, 3, 4}, 0},
  };
  for (const Row& row : rows) {
    HealthJudge judge(watch_of(row.percent, row.refusals_per_s));
    std::size_t out_at = 0;
    for (std::size_t i = 0; i < row.sessions.size() && out_at == 0; ++i) {
      if (judge.judge({(100 + i) * kSecondNs, row.sessions[i], row.refusals[i]})) out_at = i;
    }
    EXPECT_EQ(out_at, row.out_at) << row.what;
  }
}

TEST(HealthJudge, SaysWhatIsOutOfBounds) {
  HealthJudge lost(watch_of(20, 0));
  EXPECT_FALSE(lost.judge({0, 0, 0}));
  EXPECT_FALSE(lost.judge({HealthJudge::kOverNs - 1, 0, 0}));
  EXPECT_EQ(lost.judge({HealthJudge::kOverNs, 3, 0}), "3 of 10 sessions left, bound 20% lost");
  HealthJudge refused(watch_of(0, 100));
  EXPECT_FALSE(refused.judge({0, 0, 0}));
  EXPECT_EQ(refused.judge({4 * kSecondNs, 0, 1000}), "250/s refused, before 2/s, bound +100/s");
}

TEST(HealthJudge, RatesAreBetweenReadings) {
  EXPECT_EQ(refusals_per_ks({kSecondNs, 0, 10}, {3 * kSecondNs, 0, 15}), 2500U);
  EXPECT_EQ(refusals_per_ks({kSecondNs, 0, 10}, {kSecondNs, 0, 15}), 0U);
  EXPECT_EQ(refusals_per_ks({kSecondNs, 0, 10}, {2 * kSecondNs, 0, 9}), 0U);
}

}  // namespace
}  // namespace bulkhead::controlplane
