// The gate: closed unless a lease runs, and what ends one that has no end. The frames that data
// planes send each other: what was changed, replayed or went another way is none.
#include <gtest/gtest.h>

#include <vector>

#include "dataplane/replication/gate.h"

namespace bulkhead::replication {
namespace {

constexpr TimeNs kMs = kMillisecondNs;
constexpr TimeNs kSilentNs = 50 * kMs;
constexpr Key kKey = {1, 2, 3};
constexpr std::array<std::uint8_t, 6> kPortMac = {2, 0, 0, 0, 0, 9};

Beacon peer_of_term(std::uint64_t term, bool agent) { return {2, 1, 1, term, true, agent}; }

TEST(Gate, IsClosedUntilALeaseOpensIt) {
  Gate gate;
  EXPECT_FALSE(gate.is_open(0));
  gate.renew({100 * kMs, false, 3}, 40 * kMs);
  EXPECT_TRUE(gate.is_open(100 * kMs - 1));
  EXPECT_FALSE(gate.is_open(100 * kMs));
  gate.renew({0, false, 3}, 50 * kMs);
  EXPECT_FALSE(gate.is_open(50 * kMs));
}

TEST(Gate, OfOneThatIsNoPairStaysOpen) {
  Gate gate;
  gate.open_for_good();
  gate.heard_peer(peer_of_term(9, true), 1, 1000 * kMs);
  EXPECT_TRUE(gate.is_open(kForGood - 1));
}

// The agent died while no peer was heard; then a peer began.
TEST(Gate, AloneWithoutAnAgentItGivesWayToAnActivePeer) {
  Gate gate;
  gate.renew({0, true, 3}, 10 * kMs);
  EXPECT_TRUE(gate.is_open(100'000 * kMs));
  gate.heard_peer(peer_of_term(1, true), 1, 10 * kMs + kSilentNs - 1);
  EXPECT_TRUE(gate.is_open(200 * kMs)) << "the agent has just spoken and will say what to do";
  gate.heard_peer(peer_of_term(1, true), 1, 10 * kMs + kSilentNs);
  EXPECT_FALSE(gate.is_open(200 * kMs));
}

TEST(Gate, OfTwoWithoutAgentsTheLaterTermStays) {
  for (const std::uint64_t term : {2, 3, 4}) {
    Gate gate;
    gate.renew({0, true, 3}, 10 * kMs);
    gate.heard_peer(peer_of_term(term, false), 1, 500 * kMs);
    EXPECT_EQ(gate.is_open(500 * kMs), term < 3) << "of equal terms the greater node, which is 2";
  }
  Gate gate;
  gate.renew({0, true, 3}, 10 * kMs);
  Beacon standby = peer_of_term(9, false);
  standby.forwards = false;
  gate.heard_peer(standby, 1, 500 * kMs);
  EXPECT_TRUE(gate.is_open(500 * kMs));
}

class InBandFrame : public testing::Test {
 protected:
  std::vector<std::uint8_t> make(const Beacon& beacon, ByteView heartbeat,
                                 std::uint16_t port = 1) const {
    std::vector<std::uint8_t> frame(kInBandBytesMax);
    frame.resize(encode(beacon, heartbeat, kPortMac, port, kKey, frame));
    return frame;
  }
  const Beacon beacon_{7, 1ULL << 60, 42, 5, true, false};
};

TEST_F(InBandFrame, ComesBackAsItWas) {
  for (const std::size_t length : {std::size_t{0}, std::size_t{112}, kHeartbeatBytesMax}) {
    const std::vector<std::uint8_t> heartbeat(length, 0xab);
    std::vector<std::uint8_t> frame = make(beacon_, heartbeat);
    frame.resize(frame.size() + 9);  // a switch may pad
    const auto decoded = decode(frame, 1, kKey);
    ASSERT_TRUE(decoded) << length;
    EXPECT_EQ(decoded->beacon.node, 7U);
    EXPECT_EQ(decoded->beacon.incarnation, 1ULL << 60);
    EXPECT_EQ(decoded->beacon.counter, 42U);
    EXPECT_EQ(decoded->beacon.term, 5U);
    EXPECT_TRUE(decoded->beacon.forwards);
    EXPECT_FALSE(decoded->beacon.agent);
    EXPECT_TRUE(std::ranges::equal(decoded->heartbeat, heartbeat));
  }
}

TEST_F(InBandFrame, AnyChangeOrAnotherZoneOrKeyMakesItNone) {
  const std::vector<std::uint8_t> heartbeat(20, 0xcd);
  const std::vector<std::uint8_t> frame = make(beacon_, heartbeat);
  for (std::size_t i = 12; i < frame.size(); ++i) {
    std::vector<std::uint8_t> changed = frame;
    changed[i] ^= 0x10;
    EXPECT_FALSE(decode(changed, 1, kKey)) << "byte " << i;
  }
  for (std::size_t length = 0; length < frame.size(); ++length) {
    EXPECT_FALSE(decode(ByteView(frame).first(length), 1, kKey)) << length;
  }
  EXPECT_FALSE(decode(frame, 0, kKey));
  EXPECT_FALSE(decode(frame, 1, Key{9}));
}

TEST(FreshnessOfFrames, RefusesWhatIsReplayedOrFromBeforeARestart) {
  Freshness freshness;
  Beacon beacon{7, 10, 5, 1, true, true};
  EXPECT_TRUE(freshness.is_new(beacon, 0));
  EXPECT_FALSE(freshness.is_new(beacon, 0));
  EXPECT_TRUE(freshness.is_new(beacon, 1)) << "each zone is seen on its own";
  beacon.counter = 4;
  EXPECT_FALSE(freshness.is_new(beacon, 0));
  beacon.incarnation = 11;
  EXPECT_TRUE(freshness.is_new(beacon, 0));
  beacon = {7, 10, 900, 1, true, true};
  EXPECT_FALSE(freshness.is_new(beacon, 0));
  EXPECT_FALSE(freshness.is_new(beacon, 32)) << "there is no such port";
}

}  // namespace
}  // namespace bulkhead::replication
