// The curve by a clock that the test moves.
#include "controlplane/learn/novelty.h"

#include <gtest/gtest.h>

#include "tests/support/spoken_operations.h"

namespace bulkhead::learn {
namespace {

constexpr TimeNs kHourNs = 3600 * kSecondNs;
constexpr TimeNs kStart = 1'700'006'400 * kSecondNs;  // 2023-11-15 00:00:00 UTC

Session session_to(std::uint8_t last_octet, std::uint16_t port = 502) {
  const std::uint8_t server[] = {10, 10, 0, last_octet};
  return {ip("10.20.0.10"), wire::IpAddress::from_v4(server), policy::Transport::tcp, port};
}

TEST(Novelty, OnlyWhatIsNewCounts) {
  Novelty novelty(kStart);
  novelty.note(session_to(20), true, kStart);
  novelty.note(session_to(20), false, kStart + kHourNs);
  novelty.note(session_to(20), false, kStart + 2 * kHourNs);
  EXPECT_EQ(novelty.total(), (Novelty::Counts{2, 1, 1}));
  EXPECT_EQ(novelty.quiet_ns(kStart + 3 * kHourNs), 3 * kHourNs);
  novelty.note(session_to(20), true, kStart + 3 * kHourNs);  // another value
  EXPECT_EQ(novelty.total(), (Novelty::Counts{2, 1, 2}));
  novelty.note(session_to(20, 102), false, kStart + 4 * kHourNs);  // another service
  EXPECT_EQ(novelty.total(), (Novelty::Counts{2, 2, 2}));
  novelty.note(session_to(21), true, kStart + 5 * kHourNs);  // another host
  EXPECT_EQ(novelty.total(), (Novelty::Counts{3, 3, 3}));
  EXPECT_EQ(novelty.quiet_ns(kStart + 5 * kHourNs + 7 * kSecondNs), 7 * kSecondNs);
}

TEST(Novelty, AGroupIsNoHost) {
  Novelty novelty(kStart);
  novelty.note({ip("10.20.0.10"), ip("239.1.1.1"), policy::Transport::udp, 5000}, true, kStart);
  EXPECT_EQ(novelty.total(), (Novelty::Counts{1, 1, 1}));
}

TEST(Novelty, NothingIsQuietFromTheStart) {
  const Novelty novelty(kStart);
  EXPECT_EQ(novelty.quiet_ns(kStart + 90 * kSecondNs), 90 * kSecondNs);
  EXPECT_EQ(novelty.quiet_ns(kStart - kSecondNs), 0U) << "a clock that was set back";
}

TEST(Novelty, StepsBecomeWiderAndLoseNothing) {
  Novelty novelty(kStart);
  constexpr int kMessages = 2000;
  for (int i = 0; i < kMessages; ++i)
    novelty.note(session_to(20), true, kStart + i * 60 * kSecondNs);
  for (const TimeNs end_ns : {kStart + kMessages * 60 * kSecondNs, kStart + 90 * 24 * kHourNs,
                              kStart + TimeNs{4000} * 24 * kHourNs}) {
    const Novelty::Curve curve = novelty.curve(end_ns);
    EXPECT_LE(curve.steps.size(), Novelty::kStepsMax);
    EXPECT_LE(curve.start_ns, kStart);
    EXPECT_GT(curve.start_ns + curve.steps.size() * curve.width_ns, end_ns);
    EXPECT_LE(curve.start_ns + (curve.steps.size() - 1) * curve.width_ns, end_ns);
    Novelty::Counts sum;
    for (const Novelty::Counts& step : curve.steps) sum.add(step);
    EXPECT_EQ(sum, novelty.total());
  }
}

TEST(Novelty, EachStepHasWhatWasNewInIt) {
  Novelty novelty(kStart);
  novelty.note(session_to(20), true, kStart + 59 * 60 * kSecondNs);
  novelty.note(session_to(21), true, kStart + kHourNs);
  novelty.note(session_to(22), true, kStart + 2 * kHourNs - 1);
  novelty.note(session_to(23), true, kStart + 20 * kHourNs);
  const Novelty::Curve curve = novelty.curve(kStart + 23 * kHourNs);
  ASSERT_EQ(curve.width_ns, kHourNs);
  ASSERT_EQ(curve.steps.size(), 24U);
  EXPECT_EQ(curve.steps[0], (Novelty::Counts{2, 1, 1}));
  EXPECT_EQ(curve.steps[1], (Novelty::Counts{2, 2, 2}));
  EXPECT_EQ(curve.steps[2], (Novelty::Counts{}));
  EXPECT_EQ(curve.steps[20], (Novelty::Counts{1, 1, 1}));
}

TEST(Novelty, IsToldInLines) {
  Novelty novelty(kStart);
  for (std::uint8_t i = 0; i < 5; ++i) novelty.note(session_to(20 + i), true, kStart);
  novelty.note(session_to(20), true, kStart + 2 * kHourNs);
  EXPECT_EQ(curve_text(novelty, kStart + 10 * kHourNs + 30 * 60 * kSecondNs),
            "New, by time (UTC; a line is 1 h):\n"
            "  FROM                  HOSTS  SERVICES  OPERATIONS\n"
            "  2023-11-15 00:00:00       6         5           5  ########################\n"
            "  2023-11-15 01:00:00       -         -           -\n"
            "  2023-11-15 02:00:00       0         0           1  ##\n"
            "  2023-11-15 03:00:00       -         -           -\n"
            "Nothing new for 8 h 30 min.\n");
}

TEST(Novelty, SpansAreWords) {
  EXPECT_EQ(span_text(0), "0 s");
  EXPECT_EQ(span_text(60 * kSecondNs - 1), "59 s");
  EXPECT_EQ(span_text(60 * kSecondNs), "1 min");
  EXPECT_EQ(span_text(kHourNs), "1 h");
  EXPECT_EQ(span_text(24 * kHourNs), "1 d");
  EXPECT_EQ(span_text(52 * kHourNs), "2 d 4 h");
}

TEST(Novelty, HoldsABoundedNumber) {
  Novelty novelty(kStart);
  for (std::uint32_t i = 0; i < Novelty::kEntriesMax + 10; ++i) {
    novelty.note({wire::IpAddress::from_v4_number(0x0a000001U + (i << 8)), ip("10.10.0.20"),
                  policy::Transport::tcp, 502},
                 false, kStart);
  }
  EXPECT_EQ(novelty.total().hosts, Novelty::kEntriesMax);
  EXPECT_EQ(novelty.total().services, Novelty::kEntriesMax);
}

}  // namespace
}  // namespace bulkhead::learn
