// Moments against the calendar.
#include "controlplane/cli/moment.h"

#include <gtest/gtest.h>

namespace bulkhead::controlplane {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kNowNs = 1'796'000'000 * kSecondNs;

TEST(Moment, IsATimeOrAnAge) {
  // date -u -d 2026-11-29T22:52:36Z +%s
  EXPECT_EQ(parse_moment("2026-11-29T22:52:36Z", kNowNs), 1'795'992'756 * kSecondNs);
  EXPECT_EQ(parse_moment("2026-11-29T22:52:36", kNowNs), 1'795'992'756 * kSecondNs);
  EXPECT_EQ(parse_moment("2026-11-29T22:52", kNowNs), 1'795'992'720 * kSecondNs);
  EXPECT_EQ(parse_moment("2026-11-29", kNowNs), 1'795'910'400 * kSecondNs);
  EXPECT_EQ(parse_moment("1970-01-01", kNowNs), 0U);
  EXPECT_EQ(parse_moment("2024-02-29", kNowNs), 1'709'164'800 * kSecondNs);
  EXPECT_EQ(parse_moment("90s", kNowNs), kNowNs - 90 * kSecondNs);
  EXPECT_EQ(parse_moment("30m", kNowNs), kNowNs - 1800 * kSecondNs);
  EXPECT_EQ(parse_moment("2h", kNowNs), kNowNs - 7200 * kSecondNs);
  EXPECT_EQ(parse_moment("7d", kNowNs), kNowNs - 604800 * kSecondNs);
  EXPECT_EQ(parse_moment("99999d", kNowNs), 0U);
}

TEST(Moment, NothingElseIsOne) {
  for (const char* text : {"",
                           "7",
                           "d",
                           "-7d",
                           "7w",
                           "7dd",
                           "1e3s",
                           "99999999999999999999d",
                           "2026",
                           "2026-11",
                           "2026-13-01",
                           "2026-00-01",
                           "2026-02-29",
                           "2026-11-31",
                           "26-11-29",
                           "1969-12-31",
                           "2026-11-29 22:52",
                           "2026-11-29T",
                           "2026-11-29T22",
                           "2026-11-29T24:00",
                           "2026-11-29T22:60",
                           "2026-11-29T22:52:",
                           "2026-11-29T22:52:60",
                           "2026-11-29T22:52:36+01:00",
                           "2026-11-29T22:52:36ZZ",
                           "2026-1-29"}) {
    EXPECT_FALSE(parse_moment(text, kNowNs)) << text;
  }
}

}  // namespace
}  // namespace bulkhead::controlplane
