// The gate: closed unless a lease runs, and what ends one that has no end. The frames that data
// planes send each other: what was changed, replayed or went another way is none.
#include <gtest/gtest.h>

#include <vector>

#include "dataplane/replication/freshness.h"
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

TEST(Gate, OneThatForwardsSpeaksWhenItsAgentMissesAHeartbeat) {
  constexpr TimeNs kInterval = kSilentNs / 5;
  Gate gate;
  gate.expect_agent(kInterval);
  EXPECT_FALSE(gate.speaks(0, 10 * kSilentNs)) << "it does not forward";
  gate.renew({0, true, 3}, 100 * kMs);
  const TimeNs sent_ns = 100 * kMs;
  EXPECT_FALSE(gate.speaks(sent_ns, sent_ns + 3 * kInterval / 2 - 1));
  EXPECT_TRUE(gate.speaks(sent_ns, sent_ns + 3 * kInterval / 2));
  const TimeNs silent_ns = 100 * kMs + kSilentNs;
  EXPECT_FALSE(gate.speaks(silent_ns - kInterval, silent_ns - 1));
  EXPECT_TRUE(gate.speaks(silent_ns - kInterval, silent_ns));
  EXPECT_FALSE(gate.speaks(silent_ns - kInterval / 2 + 1, silent_ns));
}

class InBandFrame : public testing::Test {
 protected:
  std::vector<std::uint8_t> make(const Beacon& beacon, ByteView heartbeat,
                                 std::uint16_t port = 1) const {
    std::vector<std::uint8_t> frame(kInBandBytesMax);
    frame.resize(encode(beacon, heartbeat, kPortMac, port, kKey, frame));
    return frame;
  }
  const Beacon beacon_{7, 1ULL << 60, 42, 5, true, false, 11, 12, 13, 14};
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
    EXPECT_EQ(decoded->beacon.echo_incarnation, 11U);
    EXPECT_EQ(decoded->beacon.echo_counter, 12U);
    EXPECT_EQ(decoded->beacon.answer_incarnation, 13U);
    EXPECT_EQ(decoded->beacon.answer_counter, 14U);
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

// A release that says nothing of what it hears ends behind the first code.
TEST_F(InBandFrame, OfAnOlderReleaseIsReadAndAnswersNothing) {
  const std::vector<std::uint8_t> heartbeat(20, 0xcd);
  std::vector<std::uint8_t> frame = make(beacon_, heartbeat);
  constexpr std::size_t kFlagsAt = 16;
  frame[kFlagsAt] &= 0x03;
  frame.resize(frame.size() - kEchoBytes);
  const std::size_t code_at = frame.size() - kTagBytes;
  const Tag code = authenticate(ByteView(frame).subspan(14, code_at - 14), kKey);
  std::ranges::copy(code, frame.begin() + static_cast<std::ptrdiff_t>(code_at));
  frame.resize(frame.size() + 60);
  const auto decoded = decode(frame, 1, kKey);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->beacon.counter, 42U);
  EXPECT_EQ(decoded->beacon.echo_incarnation, 0U);
  EXPECT_EQ(decoded->heartbeat.size(), heartbeat.size());
}

// This data plane is of incarnation 50, its peer of 10.
class FreshnessOfFrames : public testing::Test {
 protected:
  using Word = Freshness::Word;
  static constexpr TimeNs kIntervalNs = 10 * kMs;
  static constexpr TimeNs kAnswerNs = 90 * kMs;
  FreshnessOfFrames() {
    freshness_.begin(50, kIntervalNs);
    send();
  }
  void send() { freshness_.sent(++sent_, now_ns_); }
  Word hear(const Beacon& beacon, std::uint16_t port = 0) {
    return freshness_.hear(beacon, port, now_ns_);
  }
  Beacon peer(std::uint64_t counter, std::uint64_t incarnation = 10) const {
    Beacon beacon{7, incarnation, counter, 1, true, true};
    beacon.echo_incarnation = 50;
    beacon.echo_counter = sent_;
    return beacon;
  }

  Freshness freshness_;
  TimeNs now_ns_ = 100 * kSecondNs;
  std::uint64_t sent_ = 0;
};

TEST_F(FreshnessOfFrames, EachOfAPortIsNewerThanTheLast) {
  EXPECT_EQ(hear(peer(5)), Word::answers);
  EXPECT_EQ(hear(peer(5)), Word::stale);
  EXPECT_EQ(hear(peer(4)), Word::stale);
  EXPECT_EQ(hear(peer(5), 1), Word::answers) << "each zone is seen on its own";
  EXPECT_EQ(hear(peer(6), 32), Word::stale) << "there is no such port";
}

TEST_F(FreshnessOfFrames, AnIncarnationIsBelievedOnceItAnswersWhateverItsNumber) {
  EXPECT_EQ(hear(peer(900, 1000)), Word::answers);
  // It begins anew, its clock an hour back, and has not heard this one yet.
  Beacon anew{7, 3, 1, 1, true, true};
  EXPECT_EQ(hear(anew), Word::unknown);
  Beacon next;
  freshness_.answer(next, now_ns_);
  EXPECT_EQ(next.echo_incarnation, 1000U);
  EXPECT_EQ(next.echo_counter, 900U);
  EXPECT_EQ(next.answer_incarnation, 3U);
  EXPECT_EQ(next.answer_counter, 1U);
  send();
  EXPECT_EQ(hear(peer(2, 3)), Word::answers);
  EXPECT_EQ(hear(peer(901, 1000)), Word::stale) << "it has gone, and its frames are recorded ones";
}

TEST_F(FreshnessOfFrames, WhatWasRecordedIsNoWordOfALivingPeer) {
  const Beacon recorded = peer(70);
  EXPECT_EQ(hear(peer(60)), Word::answers);
  now_ns_ += kAnswerNs - 1;
  EXPECT_EQ(hear(recorded), Word::answers);
  const Beacon other_zone = peer(71);
  now_ns_ += kAnswerNs;
  send();
  EXPECT_EQ(hear(other_zone, 1), Word::heard) << "newer there, but it answers nothing of late";
  // This data plane starts again.
  freshness_ = {};
  freshness_.begin(51, kIntervalNs);
  send();
  EXPECT_EQ(hear(peer(72), 0), Word::unknown) << "it answers the one before";
  Beacon ahead{7, 10, 73, 1, true, true, 51, sent_ + 1};
  EXPECT_EQ(hear(ahead), Word::unknown) << "nothing of that number has been sent";
  freshness_ = {};
  Beacon nobody{7, 10, 73, 1, true, true};
  EXPECT_EQ(hear(nobody), Word::unknown) << "one that has no number yet believes nobody";
}

// Somebody replays in one zone as fast as he can.
TEST_F(FreshnessOfFrames, AReplayKeepsNoOtherZoneFromItsTurn) {
  bool answered = false;
  for (std::uint64_t i = 1; i < 40; ++i) {
    EXPECT_EQ(hear({7, 8, i, 1, true, true}, 0), Word::unknown);
    EXPECT_EQ(hear({7, 9, i, 1, true, true}, 1), Word::unknown);
    Beacon next;
    freshness_.answer(next, now_ns_);
    answered = answered || (next.answer_incarnation == 9 && next.answer_counter == i);
  }
  EXPECT_TRUE(answered);
}

}  // namespace
}  // namespace bulkhead::replication
