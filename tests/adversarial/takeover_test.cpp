// One of a pair goes, and the other goes on with its sessions from what it was told of them: two
// whole pipelines, and between them the records of the product.
#include <gtest/gtest.h>

#include "dataplane/replication/replicator.h"
#include "tests/support/dialogue.h"
#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using replication::FlowReceiver;
using support::Bytes;
using support::kControl;
using support::kSupervision;
using support::Plant;
using support::SentTcp;
using support::take;
using support::TcpSession;
using support::dialogue::answer;
using support::dialogue::forbidden;
using support::dialogue::read;
using support::dialogue::size;
using wire::kTcpAck;
using wire::kTcpRst;

// Longer than one segment through a plant of these tests.
Bytes long_write(std::uint8_t transaction) {
  constexpr std::uint8_t kRegisters = 50;
  Bytes pdu = {16, 0, 0, 0, kRegisters, 2 * kRegisters};
  pdu.resize(6 + 2 * kRegisters, transaction);
  return support::modbus_adu(pdu, transaction);
}

class Takeover : public testing::Test {
 protected:
  Takeover()
      : active_(policy(), narrow()),
        standby_(policy(), narrow()),
        sender_(active_.pipeline().flows(), active_.pipeline().segments(), ring_),
        receiver_({standby_.pipeline().flows(), standby_.pipeline().segments(),
                   standby_.pipeline().timers(), standby_.buffers()}),
        session_(active_, 40000) {
    standby_.be_at(5000 * kSecondNs);  // another machine, another clock
  }

  static constexpr std::uint16_t kPlain = 9100;  // a service that is not inspected
  static policy::Tables policy() {
    policy::Rule plain = support::modbus_rule({});
    plain.protocol = protocols::kNoProtocol;
    plain.ports = {{kPlain, kPlain}};
    return support::with_rules(
        support::modbus_tables(policy::OnDeny::reject, support::modbus_rule({2, 5, 25}, {{0, 99}})),
        {&plain});
  }
  // A wire whose segments have room for few bytes.
  static constexpr std::uint16_t kRoom = 80;
  static pipeline::PipelineOptions narrow() {
    pipeline::PipelineOptions options;
    options.mtu = kRoom + 40;
    return options;
  }

  void replicate() {
    do {
      sender_.run(64, active_.now_ns());
      for (; !ring_.front().empty(); ring_.release()) {
        ASSERT_EQ(receiver_.take(ring_.front(), standby_.now_ns()), FlowReceiver::Taken::taken);
      }
    } while (!sender_.is_done());
    standby_.pipeline().set_clock_offset(active_.now_ns() - standby_.now_ns());
  }
  // From now on frames wait for the peer where they must.
  void hear_peer() { active_.pipeline().waiting().set_peer(true); }
  // All that waits for the peer is told to it and acknowledged.
  void acknowledge() {
    ASSERT_TRUE(sender_.run_urgent(active_.now_ns()));
    active_.pipeline().waiting().note_recorded(sender_.records());
    replicate();
    active_.pipeline().let_go(sender_.records(), active_);
  }
  // The active one has gone with all that it had.
  void take_over() {
    session_.move_to(standby_);
    standby_.clear();
  }

  // Those with payload.
  std::vector<SentTcp> take_messages(Plant& plant, std::uint16_t port) {
    std::vector<SentTcp> all = take(plant, port);
    std::erase_if(all, [](const SentTcp& sent) { return sent.payload.empty(); });
    return all;
  }

  // A request that is asked and answered through a plant.
  void exchange(std::uint8_t transaction) {
    session_.from_client(read(transaction));
    session_.server_acked += size(read(transaction));
    session_.from_server(answer(transaction));
    session_.client_acked += size(answer(transaction));
  }
  // One that the firewall refuses: the server never hears of it, the client hears from the
  // firewall.
  void refused_exchange(std::uint8_t transaction) {
    constexpr std::uint32_t kExceptionBytes = 9;
    session_.from_client(forbidden(transaction));
    session_.client_acked += kExceptionBytes;
    session_.client_at(session_.client_next, {}, kTcpAck);
  }
  // An answer to nothing, which the firewall takes out.
  void stray(std::uint8_t transaction) { session_.from_server(answer(transaction)); }
  // The server has the request, and its answer passes.
  void expect_answer(std::uint8_t transaction) {
    session_.server_acked += size(read(transaction));
    session_.from_server(answer(transaction));
    const auto answered = take(standby_, kSupervision);
    ASSERT_EQ(answered.size(), 1U);
    EXPECT_EQ(answered[0].payload, answer(transaction));
    EXPECT_EQ(answered[0].header.sequence, session_.client_acked);
    session_.client_acked += size(answer(transaction));
  }
  // Request and answer pass at once, each in its receiver's numbers.
  void expect_exchange(std::uint8_t transaction) {
    session_.from_client(read(transaction));
    const auto to_server = take(standby_, kControl);
    ASSERT_EQ(to_server.size(), 1U);
    EXPECT_EQ(to_server[0].payload, read(transaction));
    EXPECT_EQ(to_server[0].header.sequence, session_.server_acked);
    EXPECT_EQ(to_server[0].header.acknowledgement, session_.server_next);
    expect_answer(transaction);
  }
  // The client's request meets an appliance that does not know where the server stands: it keeps
  // the request, and asks the server first.
  void expect_resumed(std::uint8_t transaction) {
    const std::uint32_t at = session_.client_next;
    session_.from_client(read(transaction));
    auto to_server = take(standby_, kControl);
    ASSERT_EQ(to_server.size(), 1U);
    EXPECT_TRUE(to_server[0].payload.empty());
    EXPECT_LT(wire::sequence_distance(to_server[0].header.sequence, session_.server_acked), 0)
        << "in the server's numbers";
    EXPECT_EQ(to_server[0].header.acknowledgement, session_.server_next);
    session_.server_at(session_.server_next, {}, kTcpAck);
    const auto to_client = take(standby_, kSupervision);
    ASSERT_EQ(to_client.size(), 1U);
    EXPECT_EQ(to_client[0].header.sequence, session_.client_acked) << "in the client's numbers";
    EXPECT_EQ(to_client[0].header.acknowledgement, at);
    to_server = take(standby_, kControl);
    ASSERT_EQ(to_server.size(), 1U);
    EXPECT_EQ(to_server[0].payload, read(transaction));
    EXPECT_EQ(to_server[0].header.sequence, session_.server_acked);
    expect_answer(transaction);
  }

  // The server's answer meets one that does not know where the client stands.
  void expect_late_answer(std::uint8_t transaction) {
    session_.from_server(answer(transaction));
    auto to_client = take(standby_, kSupervision);
    ASSERT_EQ(to_client.size(), 1U);
    EXPECT_TRUE(to_client[0].payload.empty());
    session_.client_at(session_.client_next, {}, kTcpAck);
    to_client = take(standby_, kSupervision);
    ASSERT_EQ(to_client.size(), 1U);
    EXPECT_EQ(to_client[0].payload, answer(transaction));
    session_.client_acked += size(answer(transaction));
    take(standby_, kControl);
  }

  Plant active_;
  Plant standby_;
  replication::RecordRing ring_{1 << 16};
  replication::FlowSender sender_;
  FlowReceiver receiver_;
  TcpSession session_;
};

TEST_F(Takeover, AQuietSessionGoesOn) {
  exchange(1);
  replicate();
  take_over();
  expect_resumed(2);
  expect_exchange(3);
  EXPECT_EQ(standby_.last(), Reason::answers_request);
}

TEST_F(Takeover, ASessionInWhichARequestWasRefusedGoesOnTranslated) {
  exchange(1);
  refused_exchange(2);
  refused_exchange(3);
  replicate();
  take_over();
  expect_resumed(4);
  // And what is forbidden still is.
  const Bytes request = forbidden(5);
  session_.from_client(request);
  EXPECT_TRUE(take_messages(standby_, kControl).empty());
  const auto refused = take_messages(standby_, kSupervision);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].payload[7], 0x86);
  EXPECT_EQ(refused[0].header.sequence, session_.client_acked);
}

// One that the firewall takes out: the client never hears of it, the server that it arrived.
TEST_F(Takeover, ASessionInWhichAnswersWereDroppedGoesOnTranslated) {
  exchange(1);
  stray(9);
  stray(1);
  replicate();
  take_over();
  expect_resumed(2);
  expect_exchange(3);
  // And what answers nothing still does not pass.
  standby_.clear();
  stray(8);
  EXPECT_EQ(standby_.last(), Reason::protocol_fault);
  EXPECT_TRUE(take_messages(standby_, kSupervision).empty());
  standby_.clear();
  expect_exchange(4);
}

TEST_F(Takeover, WhatWasDroppedAndSaidAgainStaysDropped) {
  exchange(1);
  const std::uint32_t at = session_.server_next;
  stray(9);
  replicate();
  take_over();
  session_.server_at(at, answer(9));
  session_.client_at(session_.client_next, {}, kTcpAck);
  session_.server_at(at, answer(9));
  EXPECT_TRUE(take_messages(standby_, kSupervision).empty());
  take(standby_, kSupervision);
  take(standby_, kControl);
  session_.from_client(read(2));
  EXPECT_EQ(take_messages(standby_, kControl).size(), 1U);
  take(standby_, kControl);
  expect_answer(2);
}

// Nothing leaves that depends on it before the peer knows.
TEST_F(Takeover, ADropIsToldBeforeAnythingElseLeaves) {
  exchange(1);
  session_.client_at(session_.client_next, {}, kTcpAck);
  replicate();
  hear_peer();
  active_.clear();
  stray(9);
  EXPECT_TRUE(active_.sent.empty()) << "not even that it arrived";
  session_.from_client(read(2));
  EXPECT_TRUE(active_.sent.empty());
  acknowledge();
  const auto to_server = take(active_, kControl);
  ASSERT_EQ(to_server.size(), 2U);
  EXPECT_EQ(to_server[0].header.acknowledgement, session_.server_next);
  EXPECT_EQ(to_server[1].payload, read(2));
  take_over();
  session_.server_acked += size(read(2));
  expect_late_answer(2);
}

TEST_F(Takeover, WhatWasAskedBeforeMayBeAnsweredBehindIt) {
  session_.from_client(read(7));
  session_.server_acked += size(read(7));
  replicate();
  take_over();
  expect_late_answer(7);
  EXPECT_EQ(standby_.last(), Reason::answers_request);
}

TEST_F(Takeover, WhatWasNotAskedIsNoAnswer) {
  exchange(1);
  replicate();
  take_over();
  expect_resumed(2);
  standby_.clear();
  session_.from_server(answer(9));
  EXPECT_EQ(standby_.last(), Reason::protocol_fault);
  EXPECT_TRUE(take_messages(standby_, kSupervision).empty());
}

// The newest news had not arrived when the active one went.
TEST_F(Takeover, AReplicaThatIsAMomentOldCatchesUpWithTheEnds) {
  exchange(1);
  replicate();
  exchange(2);
  exchange(3);
  take_over();
  expect_resumed(4);
}

// The peer knows of the request, and its answer has passed: a refusal that waited for it would come
// late, and each one of the next half minute.
TEST_F(Takeover, ARefusalDoesNotWaitForAnAnswerThatPassedBefore) {
  exchange(1);
  session_.client_at(session_.client_next, {}, kTcpAck);
  session_.from_client(read(2));
  session_.server_acked += size(read(2));
  replicate();
  session_.from_server(answer(2));
  session_.client_acked += size(answer(2));
  take_over();
  session_.client_at(session_.client_next, {}, kTcpAck);
  session_.server_at(session_.server_next, {}, kTcpAck);
  standby_.clear();
  session_.from_client(forbidden(3));
  const auto refused = take_messages(standby_, kSupervision);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].payload[7], 0x86);
  session_.client_acked += size(refused[0].payload);
  // What is asked from now on is answered first.
  session_.from_client(read(4));
  session_.server_acked += size(read(4));
  session_.from_client(forbidden(5));
  EXPECT_TRUE(take_messages(standby_, kSupervision).empty());
  session_.from_server(answer(4));
  const auto answered = take_messages(standby_, kSupervision);
  ASSERT_EQ(answered.size(), 2U);
  EXPECT_EQ(answered[0].payload, answer(4));
  EXPECT_EQ(answered[1].payload[7], 0x86);
}

// The request had left, but the active one went before it told.
TEST_F(Takeover, AnAnswerToARequestOfWhichThePeerDidNotTellPasses) {
  exchange(1);
  session_.client_at(session_.client_next, {}, kTcpAck);
  replicate();
  session_.from_client(read(2));
  take_over();
  session_.server_acked += size(read(2));
  expect_late_answer(2);
  expect_exchange(3);
  // As many as may have been asked, and no more.
  standby_.clear();
  session_.from_server(answer(9));
  EXPECT_EQ(standby_.last(), Reason::protocol_fault);
}

// The active one let the answer through and told of it, but the client never got it.
TEST_F(Takeover, AnAnswerThatWasLostOnItsWayPassesAgain) {
  exchange(1);
  session_.client_at(session_.client_next, {}, kTcpAck);
  session_.from_client(read(2));
  session_.server_acked += size(read(2));
  const std::uint32_t at = session_.server_next;
  session_.from_server(answer(2));
  replicate();
  take_over();
  session_.server_at(at, answer(2));  // again: the client has not acknowledged it
  take(standby_, kSupervision);
  session_.client_at(session_.client_next, {}, kTcpAck);  // where the client stands
  const auto answered = take_messages(standby_, kSupervision);
  ASSERT_EQ(answered.size(), 1U);
  EXPECT_EQ(answered[0].payload, answer(2));
  session_.client_acked += size(answer(2));
  standby_.clear();
  expect_exchange(3);
}

TEST_F(Takeover, ARequestThatWasLostOnItsWayPassesAgain) {
  exchange(1);
  session_.client_at(session_.client_next, {}, kTcpAck);
  const std::uint32_t at = session_.client_next;
  session_.from_client(read(2));
  replicate();
  take_over();
  session_.client_at(at, read(2));
  take(standby_, kControl);
  session_.server_at(session_.server_next, {}, kTcpAck);
  const auto asked = take_messages(standby_, kControl);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].payload, read(2));
  standby_.clear();
  expect_answer(2);
  expect_exchange(3);
}

TEST_F(Takeover, ARefusalLeavesWhenThePeerKnowsOfIt) {
  exchange(1);
  replicate();
  hear_peer();
  active_.clear();
  session_.from_client(forbidden(2));
  EXPECT_TRUE(take(active_, kSupervision).empty());
  EXPECT_TRUE(take(active_, kControl).empty());
  acknowledge();
  const auto refused = take_messages(active_, kSupervision);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].payload[7], 0x86);
}

// Nobody has seen the refusal: the request comes again, and is refused once more.
TEST_F(Takeover, ARefusalThatThePeerDoesNotKnowOfHasNotHappened) {
  exchange(1);
  replicate();
  hear_peer();
  const std::uint32_t at = session_.client_next;
  session_.from_client(forbidden(2));
  take_over();
  session_.client_at(at, forbidden(2));
  session_.server_at(session_.server_next, {}, kTcpAck);
  const auto refused = take_messages(standby_, kSupervision);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].payload[7], 0x86);
  session_.client_acked += size(refused[0].payload);
  standby_.clear();
  expect_exchange(3);
}

// The peer knows of it, and the client may have seen it or not.
TEST_F(Takeover, ARefusalThatThePeerKnowsOfComesFromThere) {
  exchange(1);
  replicate();
  hear_peer();
  session_.from_client(forbidden(2));
  replicate();
  take_over();
  standby_.pass_time(2 * kSecondNs);
  const auto refused = take_messages(standby_, kSupervision);
  ASSERT_FALSE(refused.empty());
  EXPECT_EQ(refused[0].payload[7], 0x86);
  EXPECT_EQ(refused[0].header.sequence, session_.client_acked);
  EXPECT_EQ(refused[0].header.acknowledgement, session_.client_next);
  session_.client_acked += size(refused[0].payload);
  session_.client_at(session_.client_next, {}, kTcpAck);
  take(standby_, kControl);
  expect_resumed(3);
}

TEST_F(Takeover, ARequestThatWasRefusedAndComesAgainIsAnsweredFromThere) {
  exchange(1);
  replicate();
  hear_peer();
  const std::uint32_t at = session_.client_next;
  session_.from_client(forbidden(2));
  replicate();
  take_over();
  session_.client_at(at, forbidden(2));
  standby_.pass_time(kSecondNs);
  const auto refused = take_messages(standby_, kSupervision);
  ASSERT_FALSE(refused.empty());
  EXPECT_EQ(refused[0].payload[7], 0x86);
  EXPECT_EQ(refused[0].header.sequence, session_.client_acked);
  EXPECT_TRUE(take_messages(standby_, kControl).empty());
  session_.client_acked += size(refused[0].payload);
  session_.client_at(session_.client_next, {}, kTcpAck);
  standby_.clear();
  expect_resumed(3);
}

// A message that one segment does not take leaves in two.
TEST_F(Takeover, AMessageInSeveralSegmentsLeavesWhenThePeerKnowsOfIt) {
  exchange(1);
  replicate();
  hear_peer();
  active_.clear();
  session_.from_client(long_write(2));
  EXPECT_TRUE(take_messages(active_, kControl).empty());
  acknowledge();
  EXPECT_EQ(take_messages(active_, kControl).size(), 2U);
}

TEST_F(Takeover, NoMessageBeginsInsideOfOneThatLeftInSeveralSegments) {
  exchange(1);
  replicate();
  hear_peer();
  const std::uint32_t at = session_.client_next;
  const Bytes request = long_write(2);
  session_.from_client(request);
  replicate();
  take_over();
  // The server has the first segment of it.
  session_.server_acked = at + kRoom;
  session_.server_at(session_.server_next, {}, kTcpAck);
  session_.client_at(at + kRoom, read(9));
  EXPECT_EQ(standby_.last(), Reason::tcp_inconsistent_retransmission);
  EXPECT_TRUE(take_messages(standby_, kControl).empty());
  // What it lacks comes from here, however its sender cuts it now.
  session_.client_at(at + kRoom, {request.begin() + kRoom, request.begin() + kRoom + 1});
  const auto rest = take_messages(standby_, kControl);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].payload, Bytes(request.begin() + kRoom, request.end()));
  EXPECT_EQ(rest[0].header.sequence, at + kRoom);
}

// Of two requests under way the server may have the second behind a gap, of which it says nothing.
TEST_F(Takeover, NoOtherBytesStandWhereSomeWereLetThrough) {
  exchange(1);
  session_.client_at(session_.client_next, {}, kTcpAck);
  const std::uint32_t at = session_.client_next;
  session_.from_client(read(2));
  session_.from_client(read(3));
  replicate();
  take_over();
  session_.server_at(session_.server_next, {}, kTcpAck);
  standby_.clear();
  session_.client_at(at, read(4));
  EXPECT_EQ(standby_.last(), Reason::tcp_inconsistent_retransmission);
  session_.client_at(at + size(read(2)), read(5));
  EXPECT_EQ(standby_.last(), Reason::tcp_inconsistent_retransmission);
  Bytes both = read(4);
  both.insert(both.end(), 40, 0);
  session_.client_at(at, both);
  EXPECT_TRUE(take_messages(standby_, kControl).empty());
  session_.client_at(at, read(2));
  const auto again = take_messages(standby_, kControl);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].payload, read(2));
  session_.server_acked = session_.client_next;
  standby_.clear();
  session_.from_server(answer(2));
  EXPECT_EQ(standby_.last(), Reason::answers_request);
}

TEST_F(Takeover, ASecondSegmentUnderWayLeavesWhenThePeerKnowsOfIt) {
  exchange(1);
  session_.client_at(session_.client_next, {}, kTcpAck);
  replicate();
  hear_peer();
  active_.clear();
  session_.from_client(read(2));
  EXPECT_EQ(take_messages(active_, kControl).size(), 1U);
  session_.from_client(read(3));
  EXPECT_TRUE(take_messages(active_, kControl).empty());
  acknowledge();
  EXPECT_EQ(take_messages(active_, kControl).size(), 1U);
}

// The request left and was executed, but the peer did not tell of it: what its sender says now at
// its number would be taken for a message from the middle on.
// Of what waits for the peer one host has a third, and others have theirs.
TEST(WaitingRoom, IsShared) {
  constexpr std::uint32_t kPlaces = 64;
  Plant plant(support::modbus_tables(policy::OnDeny::reject, support::modbus_rule({2})));
  flow::FlowTable& flows = plant.pipeline().flows();
  const auto open = [&](std::uint16_t port, flow::ShareIds owner) {
    flow::Flow* flow =
        flows.insert(flow::make_key(support::kHmi.address, port, support::kPlc.address, 502,
                                    wire::kProtocolTcp, {})
                         .key);
    flow->shares = owner;
    return flow;
  };
  flow::Flow& greedy = *open(1, {1, 1});
  flow::Flow& other = *open(2, {2, 2});
  pipeline::WaitingRoom room(kPlaces);
  room.set_peer(true);
  const auto waiting = [&](flow::Flow& flow, std::uint32_t frames) {
    room.hold(flows, flow);
    const std::uint64_t before = room.dropped();
    for (std::uint32_t i = 0; i < frames; ++i) {
      EXPECT_TRUE(room.take(flow, rte_pktmbuf_alloc(plant.buffers()), kControl));
    }
    return frames - (room.dropped() - before);
  };
  std::uint32_t identification = 0;
  pipeline::Egress out(plant, 1500, identification);
  for (int round = 0; round < 3; ++round) {
    const std::uint64_t most = waiting(greedy, 2 * kPlaces);
    EXPECT_GE(most, kPlaces / 4);
    EXPECT_LE(most, kPlaces / 3 + 1);
    EXPECT_EQ(waiting(other, 8), 8U);
    EXPECT_EQ(waiting(greedy, 1), 0U);
    EXPECT_EQ(plant.buffers_in_use(), most + 8);
    room.let_all_go(out);
    EXPECT_EQ(plant.buffers_in_use(), 0U) << "and its share is free again";
    plant.clear();
  }
}

TEST_F(Takeover, AMessageBeginsOnlyWhereTheReceiverStands) {
  exchange(1);
  session_.client_at(session_.client_next, {}, kTcpAck);
  replicate();
  const std::uint32_t at = session_.client_next;
  session_.from_client(read(2));
  take_over();
  session_.client_at(at, long_write(3));
  EXPECT_TRUE(take_messages(standby_, kControl).empty());
  session_.server_acked = at + size(read(2));
  session_.server_at(session_.server_next, {}, kTcpAck);
  EXPECT_TRUE(take_messages(standby_, kControl).empty());
  session_.client_at(at + size(read(2)), read(4));
  const auto next = take_messages(standby_, kControl);
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].payload, read(4));
}

// Nothing of it is judged, so that nothing has to be known of it.
TEST_F(Takeover, ASessionOfAPlainServiceGoesOn) {
  TcpSession plain(active_, 40001, 1000, 900000, kPlain);
  plain.from_client({1, 2, 3});
  replicate();
  plain.from_client({4, 5, 6});
  plain.move_to(standby_);
  standby_.clear();
  plain.client_at(plain.client_next - 3, {4, 5, 6});
  EXPECT_EQ(standby_.last(), Reason::service_granted);
  plain.server_acked = plain.client_next;
  plain.from_server({7});
  EXPECT_EQ(standby_.last(), Reason::service_granted);
  EXPECT_EQ(take_messages(standby_, kControl).size(), 1U);
  EXPECT_EQ(take_messages(standby_, kSupervision).size(), 1U);
}

TEST_F(Takeover, EndedSessionsAreGoneThereToo) {
  exchange(1);
  replicate();
  EXPECT_EQ(standby_.pipeline().flows().size(), 1U);
  session_.client_at(session_.client_next, {}, kTcpRst);
  active_.pass_time(600 * kSecondNs);
  replicate();
  EXPECT_EQ(standby_.pipeline().flows().size(), 0U);
}

TEST_F(Takeover, ARequestThatTheStandbysPolicyForbidsDoesNotPass) {
  exchange(1);
  replicate();
  standby_.change_policy(
      support::modbus_tables(policy::OnDeny::reject, support::modbus_rule({5}, {{0, 99}})));
  take_over();
  session_.from_client(read(2));
  session_.server_at(session_.server_next, {}, kTcpAck);
  EXPECT_TRUE(take_messages(standby_, kControl).empty());
  EXPECT_EQ(standby_.last(), Reason::function_not_granted);
}

}  // namespace
}  // namespace bulkhead
