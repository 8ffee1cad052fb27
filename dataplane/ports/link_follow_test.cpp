// Link-fault pass-through: who is held down for whom, and that all come up again.
#include "dataplane/ports/link_follow.h"

#include <gtest/gtest.h>

namespace bulkhead::ports {
namespace {

// Zone i stands on port i; the conduits join these pairs of zones.
policy::Tables joined(std::size_t zones, std::vector<std::pair<int, int>> pairs) {
  policy::Tables tables;
  for (std::size_t i = 0; i < zones; ++i) {
    policy::Zone& zone = tables.zones.emplace_back();
    zone.port = static_cast<std::uint16_t>(i);
  }
  for (const auto& [from, to] : pairs) {
    policy::Conduit& conduit = tables.conduits.emplace_back();
    conduit.from = static_cast<std::uint16_t>(from);
    conduit.to = static_cast<std::uint16_t>(to);
    conduit.link_follow = true;
  }
  return tables;
}

class Link : public ::testing::Test {
 protected:
  // The ports' cables, a bit each. What is held down shows no carrier, whatever its cable has.
  std::uint32_t after(std::uint32_t cables, TimeNs by_ns = 100 * kMillisecondNs) {
    now_ns_ += by_ns;
    return follow_.step(cables & ~follow_.held(), now_ns_);
  }

  LinkFollow follow_;
  TimeNs now_ns_ = kSecondNs;
};

TEST_F(Link, OneFollowsTheOther) {
  follow_.follow(joined(2, {{0, 1}}));
  EXPECT_EQ(after(0b11), 0U);
  EXPECT_EQ(after(0b10), 0b10U);
  EXPECT_EQ(follow_.causes_of(1), 0b01U);
  EXPECT_EQ(after(0b10, 1000 * kSecondNs), 0b10U);
  EXPECT_EQ(after(0b11), 0U);
  EXPECT_EQ(after(0b01, LinkFollow::kSettleNs), 0b01U);
}

TEST_F(Link, BothThatLostCarrierWaitForNobody) {
  follow_.follow(joined(2, {{0, 1}, {1, 0}}));
  EXPECT_EQ(after(0b00), 0U);
  EXPECT_EQ(after(0b00, kSecondNs), 0U);
  EXPECT_EQ(after(0b11), 0U);
}

// The second is lost while it is held down for the first, which nobody can see.
TEST_F(Link, TwoCausesOneAfterTheOtherHoldEachOtherOnlyAsLongAsTheyLast) {
  follow_.follow(joined(2, {{0, 1}}));
  EXPECT_EQ(after(0b10), 0b10U);
  EXPECT_EQ(after(0b00), 0b10U);
  EXPECT_EQ(after(0b01), 0U) << "the first is back, and the second is let go of";
  EXPECT_EQ(after(0b01, LinkFollow::kSettleNs - 200 * kMillisecondNs), 0U) << "it may take time";
  EXPECT_EQ(after(0b01, 200 * kMillisecondNs), 0b01U) << "it has none itself";
  EXPECT_EQ(after(0b11), 0U);
  EXPECT_EQ(after(0b11, 100 * kSecondNs), 0U);
}

// Appliances that follow, one behind the other: port 1 of the first is cabled to port 0 of the
// second, and has carrier as long as neither is held down.
TEST_F(Link, AppliancesInARowComeUpAgain) {
  LinkFollow second;
  follow_.follow(joined(2, {{0, 1}}));
  second.follow(joined(2, {{0, 1}}));
  const auto both = [&](bool near, bool far) {
    now_ns_ += 100 * kMillisecondNs;
    const bool middle = (follow_.held() & 0b10) == 0 && (second.held() & 0b01) == 0;
    const std::uint32_t first_up = (near ? 1U : 0U) | (middle ? 2U : 0U);
    const std::uint32_t second_up = (middle ? 1U : 0U) | (far ? 2U : 0U);
    follow_.step(first_up & ~follow_.held(), now_ns_);
    second.step(second_up & ~second.held(), now_ns_);
  };
  const auto settle = [&](bool near, bool far) {
    for (int i = 0; i < 300; ++i) both(near, far);
  };
  settle(true, true);
  EXPECT_EQ(follow_.held() | second.held(), 0U);
  settle(false, true);
  EXPECT_EQ(follow_.held(), 0b10U);
  EXPECT_EQ(second.held(), 0b10U);
  settle(false, false);
  settle(true, false);
  EXPECT_EQ(follow_.held(), 0b01U) << "the far end's loss goes through to the near one";
  settle(true, true);
  EXPECT_EQ(follow_.held() | second.held(), 0U);
}

TEST_F(Link, ConduitsThatShareAPortAreOneGroup) {
  follow_.follow(joined(5, {{0, 1}, {3, 2}, {1, 2}}));
  EXPECT_EQ(follow_.followed(), 0b1111U);
  EXPECT_EQ(after(0b11110), 0b1110U);
  EXPECT_EQ(after(0b11111), 0U);
  EXPECT_EQ(after(0b01111), 0U) << "port 4 is nobody's";
}

TEST_F(Link, APolicyThatFollowsNoMoreLetsGo) {
  follow_.follow(joined(2, {{0, 1}}));
  EXPECT_EQ(after(0b10), 0b10U);
  follow_.follow(joined(2, {}));
  EXPECT_EQ(after(0b10), 0U);
}

}  // namespace
}  // namespace bulkhead::ports
