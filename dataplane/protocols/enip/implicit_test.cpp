// Connections whose data travels in datagrams: what opens them, what may travel, what ends them.
#include "dataplane/protocols/enip/implicit.h"

#include "tests/support/cip_messages.h"

namespace bulkhead::enip {
namespace {

using protocols::Direction;
using protocols::Fault;
using namespace support::cip;
using support::join;
using support::Message;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

// CIP 3-4: connections that a forward open asked for.
class Implicit : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kToTarget = 0x11;
  static constexpr std::uint32_t kToOriginator = 0x22;
  static constexpr std::uint32_t kOneHost = protocols::RelatedTraffic::kOneHost;
  static constexpr std::uint32_t kGroup = 0xefc00120;  // 239.192.1.32

  Implicit() { cyclic.trigger = 0x01; }

  std::span<std::byte> block() { return std::as_writable_bytes(std::span(block_)); }
  Fault note(const Message& cip, protocols::Direction direction) {
    return note_message(unconnected(cip), direction);
  }
  Fault note_message(const Message& message, protocols::Direction direction) {
    EXPECT_TRUE(related.concerns(message, direction));
    return related.note(block(), message, direction, now_ms);
  }
  Fault open(const Opening& opening, std::uint32_t to_target = kToTarget,
             std::uint32_t to_originator = kToOriginator) {
    const Fault fault = note(opening.request(), kAsk);
    EXPECT_EQ(note(opening.accepted(to_target, to_originator), kBack), Fault::none);
    return fault;
  }
  Fault send(std::uint32_t connection, std::size_t bytes, protocols::Direction direction = kAsk,
             std::uint32_t group = kOneHost) {
    return related.admit(block(), io_packet(connection, bytes), direction, group, now_ms);
  }
  // How many of a burst pass.
  unsigned burst(unsigned packets, std::uint32_t connection = kToTarget) {
    unsigned passed = 0;
    for (unsigned i = 0; i < packets; ++i) passed += send(connection, 100) == Fault::none ? 1 : 0;
    return passed;
  }

  const protocols::RelatedTraffic& related = implicit_connections();
  std::vector<std::uint64_t> block_ = std::vector<std::uint64_t>(related.bytes() / 8);
  std::uint32_t now_ms = 0xffffff00U;
  Opening cyclic{{0x20, 4, 0x24, 0x97, 0x2c, 0x96, 0x2c, 0x64}};
};

TEST_F(Implicit, AreOpenFromTheirReplyToTheirClose) {
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started);
  EXPECT_EQ(note(cyclic.request(), kAsk), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started) << "asked for, not open";
  EXPECT_EQ(note(cyclic.accepted(kToTarget, kToOriginator), kBack), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::none);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::none);
  EXPECT_EQ(send(kToOriginator, 100), Fault::not_started) << "of the other way";
  EXPECT_EQ(send(0x33, 100), Fault::not_started);
  Opening other = cyclic;
  other.serial = 2;
  EXPECT_EQ(note(reply(kForwardClose, 0, other.name()), kBack), Fault::none);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::none) << "another was closed";
  EXPECT_EQ(note(reply(kForwardClose, 1, cyclic.name()), kBack), Fault::none);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::none) << "the close failed";
  EXPECT_EQ(note(reply(kForwardClose, 0, cyclic.name()), kBack), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::not_started);
}

TEST_F(Implicit, AreNoneWithoutTheRequest) {
  EXPECT_EQ(note(cyclic.accepted(kToTarget, kToOriginator), kBack), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started);
  EXPECT_EQ(note(cyclic.request(), kAsk), Fault::none);
  EXPECT_EQ(note(reply(kForwardOpen, 1, join({cyclic.name(), {0, 0}})), kBack), Fault::none);
  EXPECT_EQ(note(cyclic.accepted(kToTarget, kToOriginator), kBack), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started) << "it was refused";
  EXPECT_EQ(note(cyclic.request(), kAsk), Fault::none);
  now_ms += 30'001;
  Opening other = cyclic;
  other.serial = 2;
  EXPECT_EQ(note(other.request(), kAsk), Fault::none);
  EXPECT_EQ(note(cyclic.accepted(kToTarget, kToOriginator), kBack), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started) << "long ago";
  Opening explicit_one = cyclic;
  explicit_one.trigger = 0xa3;
  EXPECT_EQ(open(explicit_one), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started) << "its messages travel on TCP";
}

TEST_F(Implicit, PacketsHaveTheSizeThatWasAsked) {
  EXPECT_EQ(open(cyclic), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::none);
  EXPECT_EQ(send(kToTarget, 101), Fault::bad_length);
  EXPECT_EQ(send(kToTarget, 2), Fault::none) << "an idle scanner sends its count alone";
}

TEST_F(Implicit, PacketsComeAtTheirIntervalAtMost) {
  EXPECT_EQ(open(cyclic), Fault::none);  // 10 ms
  EXPECT_EQ(burst(20), 6U) << "four intervals and 10 ms ahead";
  now_ms += 10;
  EXPECT_EQ(burst(20), 1U);
  unsigned passed = 0;
  for (int i = 0; i < 100; ++i) {
    now_ms += 5;
    passed += burst(1);
  }
  EXPECT_EQ(passed, 50U) << "twice as often as was granted";
  now_ms += 1000;
  EXPECT_EQ(burst(20), 6U) << "what was not sent is not saved up";
  Opening on_change = cyclic;
  on_change.serial = 2;
  on_change.trigger = 0x11;
  EXPECT_EQ(open(on_change, 0x51, 0x52), Fault::none);
  EXPECT_EQ(burst(40, 0x51), 9U) << "a quarter of the interval: 2.5 ms";
}

// CIP 3-5.5.2: the actual interval may be shorter, but not by much.
TEST_F(Implicit, ATargetMayBeFasterThanAsked) {
  EXPECT_EQ(note(cyclic.request(), kAsk), Fault::none);
  Opening faster = cyclic;
  faster.to_target_us = 8'000;
  faster.to_originator_us = 1;
  EXPECT_EQ(note(faster.accepted(kToTarget, kToOriginator), kBack), Fault::none);
  unsigned to_target = 0;
  unsigned to_originator = 0;
  for (int i = 0; i < 1000; ++i) {
    now_ms += 1;
    to_target += send(kToTarget, 100) == Fault::none ? 1 : 0;
    to_originator += send(kToOriginator, 100, kBack) == Fault::none ? 1 : 0;
  }
  EXPECT_NEAR(to_target, 1000 / 8, 7);
  EXPECT_NEAR(to_originator, 1000 / 10, 7) << "half of 20 ms";
}

TEST_F(Implicit, EndWhenASideIsSilent) {
  EXPECT_EQ(open(cyclic), Fault::none);
  now_ms += 10'000;
  EXPECT_EQ(send(kToTarget, 100), Fault::none);
  now_ms += 1;
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started) << "the other side was silent for too long";
  Opening slow = cyclic;
  slow.to_target_us = slow.to_originator_us = 2'000'000;
  slow.multiplier = 2;  // 16 packets
  EXPECT_EQ(open(slow), Fault::none);
  now_ms += 32'000;
  EXPECT_EQ(send(kToTarget, 100), Fault::none);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::none);
  now_ms += 32'001;
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started);
}

TEST_F(Implicit, TheWayBackMayBeToMany) {
  const Message named = {239, 192, 1, 32};
  Opening listening = cyclic;
  listening.type_back = 1;
  const auto answer = [&](const Message& address, std::uint16_t port = 2222) {
    EXPECT_EQ(note(listening.request(), kAsk), Fault::none);
    const Message message =
        unconnected_to_group(listening.accepted(kToTarget, kToOriginator), address, port);
    EXPECT_EQ(note_message(message, kBack), Fault::none);
    return related.group_of(message);
  };
  EXPECT_EQ(answer(named), kGroup);
  EXPECT_EQ(send(kToTarget, 100), Fault::none);
  EXPECT_EQ(send(kToOriginator, 100, kBack, kGroup), Fault::none);
  EXPECT_EQ(send(kToOriginator, 101, kBack, kGroup), Fault::bad_length);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::not_started) << "it goes to the group";
  EXPECT_EQ(send(kToTarget, 100, kAsk, kGroup), Fault::not_started);
  EXPECT_EQ(send(kToOriginator, 100, kBack, kGroup + 1), Fault::not_started);
  now_ms += 10'001;
  EXPECT_EQ(send(kToOriginator, 100, kBack, kGroup), Fault::not_started) << "it was silent";
  // The reply names no group that can be.
  EXPECT_EQ(answer({10, 10, 0, 20}), kOneHost);
  EXPECT_EQ(answer(named, 2223), kOneHost);
  EXPECT_EQ(send(kToOriginator, 100, kBack, kGroup), Fault::not_started);
  EXPECT_EQ(send(kToTarget, 100), Fault::none) << "the other way stands";
  // Nobody asked for a group.
  listening.type_back = 2;
  EXPECT_EQ(answer(named), kGroup);
  EXPECT_EQ(send(kToOriginator, 100, kBack, kGroup), Fault::not_started);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::none);
}

TEST_F(Implicit, AWayToTheTargetIsNeverToMany) {
  Opening listening = cyclic;
  listening.type = listening.type_back = 1;
  EXPECT_EQ(open(listening), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started);
  EXPECT_EQ(send(kToTarget, 100, kAsk, kGroup), Fault::not_started);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::not_started);
}

TEST_F(Implicit, AreBoundedAndJudgedAnew) {
  protocols::OperationList* const operations = new protocols::OperationList;
  const std::unique_ptr<protocols::OperationList> owner(operations);
  for (std::uint16_t i = 0; i < kImplicitMax; ++i) {
    cyclic.serial = i;
    cyclic.size = static_cast<std::uint16_t>(10 + i);
    EXPECT_EQ(open(cyclic, 100U + i, 200U + i), Fault::none);
  }
  cyclic.serial = 999;
  EXPECT_EQ(note(cyclic.request(), kAsk), Fault::too_many_outstanding);
  EXPECT_TRUE(related.opening(block(), 3, *operations));
  ASSERT_EQ(operations->size(), 2U);
  EXPECT_EQ(support::operation_text(catalogue(), (*operations)[1]),
            "forward_open_implicit service=84 class=4 instance=151 connection_point=100 "
            "connection_size=13 rpi=20000 transport=1 connection_type=2 priority=0 variable=1");
  related.end(block(), 3);
  EXPECT_EQ(send(103, 10), Fault::not_started);
  EXPECT_EQ(send(104, 10), Fault::none);
  EXPECT_FALSE(related.opening(block(), kImplicitMax - 1, *operations));
  Opening of_tag = cyclic;
  of_tag.path = symbol("Line.Speed");
  EXPECT_EQ(open(of_tag, 103, 203), Fault::none);
  EXPECT_TRUE(related.opening(block(), kImplicitMax - 1, *operations));
  EXPECT_EQ(support::operation_text(catalogue(), (*operations)[0]),
            "forward_open_implicit service=84 tag=Line.Speed connection_size=33 rpi=10000 "
            "transport=1 connection_type=2 priority=0 variable=1");
  of_tag.path = symbol(std::string(65, 'a'));
  EXPECT_EQ(note(of_tag.request(), kAsk), Fault::bad_length);
}

// A change of policy judges the opening with all that it asked for: its route and configuration.
TEST_F(Implicit, AreJudgedAnewWithRouteAndConfiguration) {
  const auto operations = std::make_unique<protocols::OperationList>();
  cyclic.path = join({kSlot0, cyclic.path, {0x80, 1, 0xaa, 0xaa}});
  cyclic.to_originator_us = cyclic.to_target_us;
  EXPECT_EQ(open(cyclic), Fault::none);
  ASSERT_TRUE(related.opening(block(), 0, *operations));
  ASSERT_EQ(operations->size(), 3U);
  EXPECT_EQ(support::operation_text(catalogue(), (*operations)[2]),
            "forward_open_configuration service=84 class=4 instance=151 port=1 link=0 "
            "size=2");
  Opening sent = cyclic;
  sent.serial = 2;
  EXPECT_EQ(note(unconnected_send(sent.request(), {2, 7}), kAsk), Fault::none);
  ASSERT_TRUE(related.opening(block(), 1, *operations));
  EXPECT_EQ(support::operation_text(catalogue(), (*operations)[2]),
            "forward_open_configuration service=84 class=4 instance=151 path=2/7/1/0 "
            "size=2");
}

}  // namespace
}  // namespace bulkhead::enip
