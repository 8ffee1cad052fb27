// Durations, each unit and what is none.
#include "dataplane/base/duration.h"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

TEST(Duration, AWholeNumberAndAUnit) {
  EXPECT_EQ(parse_duration("0s"), 0U);
  EXPECT_EQ(parse_duration("90s"), 90 * kSecondNs);
  EXPECT_EQ(parse_duration("10m"), 600 * kSecondNs);
  EXPECT_EQ(parse_duration("2h"), 7200 * kSecondNs);
  EXPECT_EQ(parse_duration("7d"), 7 * 86400 * kSecondNs);
  EXPECT_EQ(parse_duration("18446744073s"), 18446744073 * kSecondNs);
  for (const char* text : {"", "s", "5", "5 s", " 5s", "5s ", "-5s", "+5s", "1.5h", "5S", "5min",
                           "5ms", "0x5s", "18446744074s", "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, TwoUnitsAtMost) {
  EXPECT_EQ(duration_text(0), "0.0s");
  EXPECT_EQ(duration_text(59'999), "59.9s");
  EXPECT_EQ(duration_text(60'000), "1m00s");
  EXPECT_EQ(duration_text(3'599'999), "59m59s");
  EXPECT_EQ(duration_text(3'600'000), "1h00m");
  EXPECT_EQ(duration_text(93'900'000), "26h05m");
}

}  // namespace
}  // namespace bulkhead
