// Random Modbus conversations, cut in every way that a hostile sender can: the verdicts are those
// of the conversation sent whole, what leaves is the granted messages and nothing else, and at no
// moment has a part of a message left.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::kHmi;
using support::Plant;
using support::TcpSession;

constexpr std::uint16_t kReadHolding = 2;
constexpr std::uint16_t kWriteMultiple = 25;

using Random = std::mt19937;

std::uint32_t below(Random& random, std::uint32_t limit) {
  return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random);
}

struct Message {
  Bytes bytes;
  bool granted = false;
};

// Reads of up to 50 registers and writes of up to 100, inside and outside of what is granted.
Message random_message(Random& random, std::uint16_t transaction, bool granted) {
  const std::uint16_t first = static_cast<std::uint16_t>(granted ? below(random, 50) : 900);
  if (below(random, 2) == 0) {
    const auto count = static_cast<std::uint8_t>(1 + below(random, 50));
    return {support::modbus_adu({3, static_cast<std::uint8_t>(first >> 8),
                                 static_cast<std::uint8_t>(first), 0, count},
                                transaction),
            granted};
  }
  const auto count = static_cast<std::uint8_t>(1 + below(random, 100));
  Bytes pdu = {16,    static_cast<std::uint8_t>(first >> 8), static_cast<std::uint8_t>(first), 0,
               count, static_cast<std::uint8_t>(2 * count)};
  for (int i = 0; i < 2 * count; ++i) pdu.push_back(static_cast<std::uint8_t>(below(random, 256)));
  return {support::modbus_adu(pdu, transaction), granted};
}

struct Conversation {
  std::vector<Message> messages;
  Bytes stream;
  std::set<std::size_t> boundaries = {0};  // in what may leave
  Bytes expected;                          // all up to the first refusal
  std::size_t verdicts = 0;                // how many messages are judged
};

Conversation random_conversation(Random& random) {
  Conversation talk;
  const std::uint32_t count = 1 + below(random, 12);
  const std::uint32_t bad = below(random, 2) == 0 ? count : below(random, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    talk.messages.push_back(random_message(random, static_cast<std::uint16_t>(i), i != bad));
    const Bytes& bytes = talk.messages.back().bytes;
    talk.stream.insert(talk.stream.end(), bytes.begin(), bytes.end());
    if (i < bad) {
      talk.expected.insert(talk.expected.end(), bytes.begin(), bytes.end());
      talk.boundaries.insert(talk.expected.size());
    }
  }
  talk.verdicts = std::min(bad + 1, count);
  return talk;
}

struct Piece {
  std::size_t offset;
  std::size_t length;
};

enum class Cut { whole, messages, bytes, random, headers };

std::vector<Piece> cut(const Conversation& talk, Cut how, Random& random) {
  constexpr std::size_t kSegmentMax = 1400;
  std::vector<Piece> pieces;
  std::size_t message_end = 0;
  std::size_t message = 0;
  for (std::size_t at = 0; at < talk.stream.size();) {
    if (at >= message_end) message_end += talk.messages[message++].bytes.size();
    std::size_t length = kSegmentMax;
    if (how == Cut::messages) length = message_end - at;
    if (how == Cut::bytes) length = 1;
    if (how == Cut::random) length = 1 + below(random, 1 + below(random, 400));
    if (how == Cut::headers) length = std::min<std::size_t>(7, message_end - at);
    length = std::min(length, talk.stream.size() - at);
    pieces.push_back({at, length});
    at += length;
    while (at > message_end && message < talk.messages.size()) {
      message_end += talk.messages[message++].bytes.size();
    }
  }
  return pieces;
}

policy::Tables plant_policy(policy::OnDeny on_deny) {
  policy::Rule rule = support::modbus_rule({kReadHolding, kWriteMultiple}, {{0, 199}});
  return support::with_rules(support::two_zones(on_deny), {&rule});
}

// What the PLC's stack would have accepted: bytes in order, checked for gaps.
struct Receiver {
  std::uint32_t next;
  Bytes bytes;
  bool was_reset = false;

  void take(const std::vector<support::Sent>& sent) {
    for (const support::Sent& each : sent) {
      if (each.port != support::kControl) continue;
      const auto tcp = support::parse_sent(each.frame);
      ASSERT_TRUE(tcp.has_value()) << "a damaged frame left";
      if ((tcp->header.flags & wire::kTcpRst) != 0) {
        EXPECT_EQ(tcp->header.sequence, next) << "a reset that the PLC would not accept";
        was_reset = true;
        continue;
      }
      if (tcp->payload.empty()) continue;
      ASSERT_FALSE(was_reset) << "data behind the reset";
      const std::int32_t known = wire::sequence_distance(next, tcp->header.sequence);
      ASSERT_GE(known, 0) << "a gap in what left";
      if (known >= static_cast<std::int32_t>(tcp->payload.size())) continue;
      bytes.insert(bytes.end(), tcp->payload.begin() + known, tcp->payload.end());
      next = tcp->header.sequence + static_cast<std::uint32_t>(tcp->payload.size());
    }
  }
};

struct Outcome {
  std::vector<Reason> verdicts;
  Bytes left;
};

Outcome run(Plant& plant, const Conversation& talk, std::vector<Piece> pieces, std::uint16_t port,
            std::uint32_t isn, Random& random, bool acknowledge) {
  plant.clear();
  TcpSession session(plant, port, isn);
  Outcome outcome;
  Receiver receiver{session.client_next, {}};
  const std::uint32_t base = session.client_next;
  for (const Piece& piece : pieces) {
    plant.sent.clear();
    const auto begin = talk.stream.begin() + static_cast<std::ptrdiff_t>(piece.offset);
    session.client_at(base + static_cast<std::uint32_t>(piece.offset),
                      Bytes(begin, begin + static_cast<std::ptrdiff_t>(piece.length)));
    receiver.take(plant.sent);
    EXPECT_TRUE(talk.boundaries.count(receiver.bytes.size()) == 1)
        << "a part of a message left: " << receiver.bytes.size() << " bytes";
    if (acknowledge && below(random, 3) == 0) {
      session.server_acked = receiver.next;
      session.server_at(session.server_next, {}, wire::kTcpAck);
    }
  }
  // What was granted is delivered before the reset that a refusal brings.
  plant.sent.clear();
  session.server_acked = receiver.next;
  session.server_at(session.server_next, {}, wire::kTcpAck);
  receiver.take(plant.sent);
  for (const pipeline::Event& event : plant.verdicts) {
    if (event.is_message) outcome.verdicts.push_back(event.reason);
  }
  outcome.left = receiver.bytes;
  EXPECT_EQ(receiver.was_reset,
            talk.verdicts < talk.messages.size() || !talk.messages.back().granted);
  return outcome;
}

void expect_granted_only(const Conversation& talk, const Outcome& outcome) {
  EXPECT_EQ(outcome.left, talk.expected);
  ASSERT_EQ(outcome.verdicts.size(), talk.verdicts);
  for (std::size_t i = 0; i < talk.verdicts; ++i) {
    EXPECT_EQ(outcome.verdicts[i] == Reason::granted, talk.messages[i].granted) << "message " << i;
  }
}

TEST(Segmentation, EveryCutGivesTheVerdictsOfTheWhole) {
  Random random(20260101);
  std::uint16_t port = 1024;
  for (int round = 0; round < 60; ++round) {
    const Conversation talk = random_conversation(random);
    Plant plant(plant_policy(policy::OnDeny::reset));
    for (const Cut how : {Cut::whole, Cut::messages, Cut::bytes, Cut::random, Cut::headers}) {
      // Sequence numbers that wrap in the middle are part of the exercise.
      const std::uint32_t isn = below(random, 2) == 0 ? 0xffffff00U : below(random, 0xffffffffU);
      SCOPED_TRACE("round " + std::to_string(round) + " cut " +
                   std::to_string(static_cast<int>(how)));
      expect_granted_only(talk,
                          run(plant, talk, cut(talk, how, random), ++port, isn, random, true));
      if (::testing::Test::HasFailure()) return;
    }
  }
}

// Out of order, with overlaps and repetitions whose bytes agree.
TEST(Segmentation, OrderAndOverlapChangeNothing) {
  Random random(20260102);
  std::uint16_t port = 1024;
  for (int round = 0; round < 120; ++round) {
    const Conversation talk = random_conversation(random);
    std::vector<Piece> pieces = cut(talk, Cut::random, random);
    const std::vector<Piece> once = pieces;
    for (const Piece& piece : once) {
      if (below(random, 3) > 0) continue;
      const std::size_t back = std::min<std::size_t>(piece.offset, below(random, 40));
      const std::size_t length = std::min(piece.length + back + below(random, 40),
                                          talk.stream.size() - piece.offset + back);
      pieces.push_back({piece.offset - back, std::min<std::size_t>(length, 1400)});
    }
    std::shuffle(pieces.begin(), pieces.end(), random);
    // Nothing may be missing at the end: what overlapping pieces lost is sent again in order.
    pieces.insert(pieces.end(), once.begin(), once.end());
    Plant plant(plant_policy(policy::OnDeny::reset));
    SCOPED_TRACE("round " + std::to_string(round));
    expect_granted_only(
        talk, run(plant, talk, pieces, ++port, below(random, 0xffffffffU), random, false));
    if (::testing::Test::HasFailure()) return;
  }
}

// A repetition whose bytes differ never reaches the PLC, whether the first copy is held or gone.
TEST(Segmentation, InconsistentRepetitionsDoNotPass) {
  Random random(20260103);
  for (int round = 0; round < 200; ++round) {
    Plant plant(plant_policy(policy::OnDeny::reset));
    TcpSession session(plant, 2000);
    const Message message = random_message(random, 1, true);
    const std::size_t held = 1 + below(random, static_cast<std::uint32_t>(message.bytes.size()));
    Bytes lie = message.bytes;
    lie[below(random, static_cast<std::uint32_t>(held))] ^= 0xff;
    Receiver receiver{session.client_next, {}};
    const std::uint32_t base = session.client_next;
    session.client_at(base, Bytes(message.bytes.begin(),
                                  message.bytes.begin() + static_cast<std::ptrdiff_t>(held)));
    session.client_at(base, Bytes(lie.begin(), lie.begin() + static_cast<std::ptrdiff_t>(held)));
    session.client_at(base, message.bytes);
    receiver.take(plant.sent);
    EXPECT_EQ(receiver.bytes, message.bytes);
    for (const support::Sent& each : plant.sent) {
      const auto tcp = support::parse_sent(each.frame);
      if (each.port != support::kControl || !tcp || tcp->payload.empty()) continue;
      const auto offset = tcp->header.sequence - base;
      ASSERT_LE(offset + tcp->payload.size(), message.bytes.size());
      EXPECT_TRUE(std::equal(tcp->payload.begin(), tcp->payload.end(),
                             message.bytes.begin() + static_cast<std::ptrdiff_t>(offset)));
    }
  }
}

TEST(Segmentation, NothingIsLeakedWhenSessionsEnd) {
  Random random(20260104);
  Plant plant(plant_policy(policy::OnDeny::drop));
  for (std::uint16_t port = 3000; port < 3100; ++port) {
    TcpSession session(plant, port);
    const Message message = random_message(random, 1, true);
    session.from_client(Bytes(message.bytes.begin(), message.bytes.begin() + 5));
  }
  EXPECT_GE(plant.buffers_in_use(), 100U);
  plant.pass_time(24 * 3600 * kSecondNs);
  EXPECT_EQ(plant.buffers_in_use(), 0U);
  plant.pass_time(60 * kSecondNs);
  EXPECT_EQ(plant.pipeline().flows().size(), 0U);
}

}  // namespace
}  // namespace bulkhead
