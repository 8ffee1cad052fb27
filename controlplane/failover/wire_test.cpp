// Heartbeats as bytes: what comes back, and what does not count.
#include "controlplane/failover/wire.h"

#include <gtest/gtest.h>

#include <vector>

namespace bulkhead::failover {
namespace {

Key key_of(std::uint8_t fill) {
  Key key;
  key.fill(fill);
  return key;
}

const Key kKey = key_of(7);

Heartbeat example() {
  Heartbeat beat;
  beat.from = 0x0102030405060708;
  beat.incarnation = 11;
  beat.sequence = 12;
  beat.echo_incarnation = 13;
  beat.echo_sequence = 14;
  beat.role = Role::active;
  beat.term = 15;
  beat.active_term = 16;
  beat.grant = 17;
  beat.hands_over = true;
  beat.priority = 250;
  beat.eligible = true;
  beat.ready = false;
  beat.wants = true;
  beat.policy = {18, 0xffffffffffffffff};
  beat.lease_ns = 19;
  beat.answer_incarnation = 20;
  beat.answer_sequence = 21;
  beat.sent_ns = 22;
  beat.trial_ns = 23;
  return beat;
}

TEST(Wire, GivesBackWhatWasSent) {
  const Heartbeat beat = example();
  const auto bytes = encode(beat, 2, kKey);
  const auto read = decode(bytes, 2, kKey);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(encode(*read, 2, kKey), bytes);
  EXPECT_EQ(read->from, beat.from);
  EXPECT_EQ(read->sequence, 12U);
  EXPECT_EQ(read->echo_sequence, 14U);
  EXPECT_EQ(read->role, Role::active);
  EXPECT_EQ(read->grant, 17U);
  EXPECT_TRUE(read->hands_over && read->eligible && read->wants);
  EXPECT_FALSE(read->ready);
  EXPECT_EQ(read->priority, 250);
  EXPECT_EQ(read->policy, beat.policy);
  EXPECT_EQ(read->lease_ns, 19U);
  EXPECT_EQ(read->answer_incarnation, 20U);
  EXPECT_EQ(read->answer_sequence, 21U);
  EXPECT_EQ(read->sent_ns, 22U);
  EXPECT_EQ(read->trial_ns, 23U);
  EXPECT_TRUE(read->knows_trials);
}

TEST(Wire, EveryBitIsAuthenticated) {
  const auto bytes = encode(example(), 1, kKey);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto changed = bytes;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_FALSE(decode(changed, 1, kKey).has_value()) << "bit " << bit;
  }
}

TEST(Wire, NoPrefixOtherKeyOrOtherPathCounts) {
  const auto bytes = encode(example(), 1, kKey);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode(ByteView(bytes).first(length), 1, kKey).has_value()) << length;
  }
  EXPECT_FALSE(decode(bytes, 1, key_of(8)).has_value());
  EXPECT_FALSE(decode(bytes, kPairLink, kKey).has_value());
}

// In-band a short frame is padded.
TEST(Wire, BytesBehindItDoNotMatter) {
  const auto bytes = encode(example(), 1, kKey);
  std::vector<std::uint8_t> padded(bytes.begin(), bytes.end());
  padded.resize(200, 0x5a);
  EXPECT_TRUE(decode(padded, 1, kKey).has_value());
}

// RFC 4231 has test cases of the code itself; this one pins our layout down, for an appliance of
// another build has to read it.
TEST(Wire, TheLayoutIsFixed) {
  const auto bytes = encode(example(), 1, kKey);
  EXPECT_EQ(bytes.size(), 152U);
  EXPECT_EQ(load_be32(bytes.data()), 0x42554c4bU);
  EXPECT_EQ(bytes[4], 5);
  EXPECT_EQ(bytes[5], 1);
  EXPECT_EQ(load_be16(bytes.data() + 6), 152);
  EXPECT_EQ(load_be64(bytes.data() + 8), 0x0102030405060708U);
  for (std::size_t i = 1; i < 8; ++i) EXPECT_EQ(load_be64(bytes.data() + 8 + 8 * i), 10 + i);
  EXPECT_EQ(bytes[88], 1);
  EXPECT_EQ(bytes[89], 13);
  EXPECT_EQ(bytes[90], 250);
  EXPECT_EQ(load_be64(bytes.data() + 96), 19U);
  EXPECT_EQ(load_be64(bytes.data() + 104), 20U);
  EXPECT_EQ(load_be64(bytes.data() + 112), 21U);
  EXPECT_EQ(load_be64(bytes.data() + 120), 22U);
  EXPECT_EQ(load_be64(bytes.data() + 128), 23U);
}

// The example as a release before would send it: so many bytes, and the code.
std::optional<Heartbeat> as_sent_by(std::uint8_t version, std::ptrdiff_t length) {
  const auto bytes = encode(example(), 1, kKey);
  std::vector<std::uint8_t> sent(bytes.begin(), bytes.begin() + length);
  sent[4] = version;
  store_be16(sent.data() + 6, static_cast<std::uint16_t>(length + 16));
  const replication::Tag tag = replication::authenticate(sent, kKey);
  sent.insert(sent.end(), tag.begin(), tag.end());
  return decode(sent, 1, kKey);
}

// The oldest goes by a lease of 70 ms and does not say so.
TEST(Wire, TheVersionsBeforeAreRead) {
  const auto without_trial = as_sent_by(4, 128);
  ASSERT_TRUE(without_trial.has_value());
  EXPECT_EQ(without_trial->sent_ns, 22U);
  EXPECT_FALSE(without_trial->knows_trials);
  const auto without_time = as_sent_by(3, 120);
  ASSERT_TRUE(without_time.has_value());
  EXPECT_EQ(without_time->answer_sequence, 21U);
  EXPECT_EQ(without_time->sent_ns, 0U);
  const auto without_answer = as_sent_by(2, 104);
  ASSERT_TRUE(without_answer.has_value());
  EXPECT_EQ(without_answer->lease_ns, 19U);
  EXPECT_EQ(without_answer->answer_incarnation, 0U);
  const auto oldest = as_sent_by(1, 96);
  ASSERT_TRUE(oldest.has_value());
  EXPECT_EQ(oldest->policy, example().policy);
  EXPECT_EQ(oldest->lease_ns, 70 * kMillisecondNs);
}

TEST(Wire, ALeaseOfNoMeasureIsNone) {
  Heartbeat beat = example();
  beat.lease_ns = kLeaseMaxNs;
  EXPECT_TRUE(decode(encode(beat, 1, kKey), 1, kKey).has_value());
  beat.lease_ns = kLeaseMaxNs + 1;
  EXPECT_FALSE(decode(encode(beat, 1, kKey), 1, kKey).has_value());
}

}  // namespace
}  // namespace bulkhead::failover
