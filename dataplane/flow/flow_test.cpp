// The parts of the stream engine that need no packets: the retransmission timer and the wheel.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "dataplane/flow/keyed_hash.h"
#include "dataplane/flow/proofs.h"
#include "dataplane/flow/rtt.h"
#include "dataplane/flow/segments.h"
#include "dataplane/flow/timer_wheel.h"

namespace bulkhead::flow {
namespace {

// RFC 6298, 2 and 5.
TEST(RttEstimator, FollowsTheStandard) {
  RttEstimator rtt;
  EXPECT_EQ(rtt.timeout_ns(), kRtoInitialNs);
  rtt.sample(500 * kMillisecondNs);
  EXPECT_EQ(rtt.timeout_ns(), 500 * kMillisecondNs + 4 * 250 * kMillisecondNs);
  rtt.sample(500 * kMillisecondNs);  // variation 3/4, smoothed the same
  EXPECT_EQ(rtt.timeout_ns(), 500 * kMillisecondNs + 4 * (250 * kMillisecondNs * 3 / 4));
  rtt.back_off();
  EXPECT_EQ(rtt.timeout_ns(), 2 * (500 + 750) * kMillisecondNs);
  for (int i = 0; i < 40; ++i) rtt.back_off();
  EXPECT_EQ(rtt.timeout_ns(), kRtoMaxNs);
  rtt.recover();
  EXPECT_EQ(rtt.timeout_ns(), (500 + 750) * kMillisecondNs);
}

TEST(RttEstimator, AFastNetworkIsNotAskedFasterThanTheBound) {
  RttEstimator rtt;
  for (int i = 0; i < 20; ++i) rtt.sample(50 * kMicrosecondNs);
  EXPECT_EQ(rtt.timeout_ns(), kRtoMinNs);
}

// Against a map: each timer fires once, not early, and late by no more than a tick and a step.
TEST(TimerWheel, FiresLikeAMapWould) {
  std::mt19937_64 random(7);
  TimerWheel wheel(64);
  std::map<std::uint32_t, TimeNs> armed;
  TimeNs now_ns = 5 * kSecondNs;
  for (int round = 0; round < 20000; ++round) {
    const auto timer = static_cast<std::uint32_t>(random() % 64);
    if (random() % 4 == 0) {
      wheel.disarm(timer);
      armed.erase(timer);
    } else {
      const TimeNs deadline_ns =
          now_ns + random() % (random() % 50 == 0 ? 3 * kSecondNs : 20 * kMillisecondNs);
      wheel.arm(timer, deadline_ns);
      armed[timer] = deadline_ns;
    }
    const TimeNs step_ns = random() % 100 == 0 ? 2 * kSecondNs : random() % kMillisecondNs;
    now_ns += step_ns;
    wheel.advance(now_ns, 1000, [&](std::uint32_t fired) {
      ASSERT_EQ(armed.count(fired), 1U);
      EXPECT_LE(armed[fired], now_ns);
      armed.erase(fired);
      if (random() % 8 == 0) {  // a timer may arm itself or another inside the call
        const auto next = static_cast<std::uint32_t>(random() % 64);
        wheel.arm(next, now_ns + kMillisecondNs);
        armed[next] = now_ns + kMillisecondNs;
      }
    });
    for (const auto& [timer_left, deadline_ns] : armed) {
      ASSERT_GT(deadline_ns + TimerWheel::kTickNs, now_ns) << "timer " << timer_left << " is late";
    }
  }
}

TEST(TimerWheel, AtABoundTheRestComesWithTheNextCall) {
  TimerWheel wheel(16);
  for (std::uint32_t i = 0; i < 16; ++i) wheel.arm(i, 10 * kMillisecondNs);
  int fired = 0;
  const auto count = [&fired](std::uint32_t) { ++fired; };
  wheel.advance(20 * kMillisecondNs, 5, count);
  EXPECT_EQ(fired, 5);
  wheel.advance(20 * kMillisecondNs, 100, count);
  EXPECT_EQ(fired, 16);
}

// The vectors of the authors' reference: key and message count up from 0.
TEST(KeyedHash, IsSipHash24) {
  const HashKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::uint8_t message[64];
  for (std::size_t i = 0; i < sizeof(message); ++i) message[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(keyed_hash(key, {message, 0}), 0x726fdb47dd0e0e31U);
  EXPECT_EQ(keyed_hash(key, {message, 1}), 0x74f839c593dc67fdU);
  EXPECT_EQ(keyed_hash(key, {message, 8}), 0x93f5f5799a932462U);
  EXPECT_EQ(keyed_hash(key, {message, 15}), 0xa129ca6149be45e5U);
}

TEST(Proofs, OfOnePortForgetNoneOfAnother) {
  const HashKey key = HashKey::make();
  const TimeNs now = 1000 * kSecondNs;
  Proofs proofs;
  const auto host = [&](std::uint64_t number, std::uint16_t port) {
    return HostAt{{}, wire::Mac::from_integer(0x020000000000 + number), port}.hash(key);
  };
  proofs.note(host(1, 0), 0, now);
  EXPECT_TRUE(proofs.holds(host(1, 0), 0, now));
  EXPECT_FALSE(proofs.holds(host(1, 1), 1, now));
  for (std::uint64_t i = 0; i < 100000; ++i) proofs.note(host(i, 1), 1, now + kSecondNs);
  EXPECT_TRUE(proofs.holds(host(1, 0), 0, now + 10 * kSecondNs));
  // One that is used stays, where others come and go.
  for (std::uint64_t i = 0; i < 100000; ++i) {
    const TimeNs then = now + (2 + i / 64) * kSecondNs;
    proofs.note(host(5000 + i, 0), 0, then);
    proofs.note(host(1, 0), 0, then + kSecondNs);
  }
  EXPECT_TRUE(proofs.holds(host(1, 0), 0, now + 1600 * kSecondNs));
  EXPECT_FALSE(proofs.holds(host(104000, 0), 0, now + 2 * 3600 * kSecondNs)) << "it ages";
}

// A session of the peer's is nobody's until its first packet, and its timer may keep something of
// it before: what is freed later must not be freed of another's share.
TEST(SegmentPool, WhatAFlowKeepsIsItsOwnersAlsoWhenTheOwnerBecomesKnown) {
  constexpr ShareIds kOwner = {7, 3};
  SegmentPool pool(64);
  Flow flow;
  flow.sides[0].retained_count = 20;
  pool.settle(flow);
  pool.charge_to(flow, kOwner);
  Flow other;
  other.shares = kOwner;
  other.sides[0].retained_count = 20;
  pool.settle(other);
  EXPECT_FALSE(pool.may_take(other)) << "both are charged to the owner";
  flow.sides[0].retained_count = 0;
  pool.settle(flow);
  EXPECT_TRUE(pool.may_take(other));
  other.sides[0].retained_count = 0;
  pool.settle(other);
  EXPECT_TRUE(pool.may_take(other));
}

}  // namespace
}  // namespace bulkhead::flow
