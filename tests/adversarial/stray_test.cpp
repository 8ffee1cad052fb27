// Answers that answer nothing, or not what was asked: each costs itself alone, its bytes leave the
// stream, and both ends go on in numbers of their own; or the session, where the conduit says so or
// the protocol counts its messages.
#include <gtest/gtest.h>

#include "tests/support/talks.h"

namespace bulkhead {
namespace {

using protocols::Fault;
using support::Bytes;
using support::join;
using support::kControl;
using support::kSupervision;
using support::Plant;
using support::SentTcp;
using support::take;
using support::TcpSession;
using talks::Talk;
using wire::kTcpAck;
using wire::kTcpFin;
using wire::kTcpPsh;
using wire::kTcpRst;

std::uint32_t size(const Bytes& bytes) { return static_cast<std::uint32_t>(bytes.size()); }

// --- Modbus, as the case that all others follow

using talks::answer;
using talks::read;

policy::Tables tables(policy::OnDeny on_deny, bool reset_on_stray = false) {
  policy::Tables tables = support::modbus_tables(on_deny, support::modbus_rule({2, 5}, {{0, 99}}));
  tables.conduits[0].reset_on_stray = reset_on_stray;
  return tables;
}

class Stray : public testing::TestWithParam<policy::OnDeny> {
 protected:
  Stray() : plant_(tables(GetParam())), session_(plant_, 40000) { plant_.clear(); }

  void ask(std::uint8_t transaction) {
    session_.from_client(read(transaction));
    session_.server_acked += size(read(transaction));
    EXPECT_EQ(take(plant_, kControl).back().payload, read(transaction));
  }
  // The answer reaches the client as the next bytes of its stream, and it acknowledges them.
  void expect_answer(std::uint8_t transaction) {
    session_.from_server(answer(transaction));
    expect_arrived(answer(transaction));
  }
  void expect_arrived(const Bytes& bytes) {
    const auto arrived = take(plant_, kSupervision);
    ASSERT_EQ(arrived.size(), 1U);
    EXPECT_EQ(arrived[0].payload, bytes);
    EXPECT_EQ(arrived[0].header.sequence, session_.client_acked) << "in the client's numbers";
    session_.client_acked += size(bytes);
    take(plant_, kControl);
    session_.client_at(session_.client_next, {}, kTcpAck);
    const auto heard = take(plant_, kControl);
    ASSERT_EQ(heard.size(), 1U);
    EXPECT_EQ(heard[0].header.acknowledgement, session_.server_next) << "in the server's numbers";
  }
  // Nothing of it reaches the client, and to the server it has arrived.
  void expect_dropped(const Bytes& stray) {
    session_.from_server(stray);
    EXPECT_TRUE(take(plant_, kSupervision).empty());
    const auto heard = take(plant_, kControl);
    ASSERT_EQ(heard.size(), 1U);
    EXPECT_EQ(heard[0].header.flags, kTcpAck);
    EXPECT_EQ(heard[0].header.sequence, session_.server_acked);
    EXPECT_EQ(heard[0].header.acknowledgement, session_.server_next);
    EXPECT_EQ(heard[0].header.window, 65535);
    const pipeline::Event& event = plant_.verdicts.back();
    EXPECT_EQ(event.reason, Reason::protocol_fault);
    EXPECT_EQ(event.action, pipeline::Action::drop);
    EXPECT_EQ(event.unsound, pipeline::Unsound::none);
  }
  void expect_difference(std::string_view what, std::uint64_t asked, std::uint64_t answered) {
    const protocols::Difference& difference = plant_.verdicts.back().difference;
    EXPECT_EQ(difference.what, what);
    EXPECT_EQ(difference.asked, asked);
    EXPECT_EQ(difference.answered, answered);
  }

  Plant plant_;
  TcpSession session_;
};

INSTANTIATE_TEST_SUITE_P(OnDeny, Stray,
                         testing::Values(policy::OnDeny::drop, policy::OnDeny::reset,
                                         policy::OnDeny::reject));

TEST_P(Stray, AnAnswerThatComesTwiceIsDropped) {
  ask(1);
  expect_answer(1);
  expect_dropped(answer(1));
  EXPECT_EQ(plant_.verdicts.back().fault, Fault::unrequested_response);
  ask(2);
  expect_answer(2);
  expect_dropped(answer(1));
  ask(3);
  expect_answer(3);
}

TEST_P(Stray, OneUnderAnotherUnitIsDroppedAndBothAreTold) {
  ask(1);
  expect_dropped(answer(1, 255));
  EXPECT_EQ(plant_.verdicts.back().fault, Fault::mismatched_response);
  expect_difference("unit", 1, 255);
  expect_answer(1);
}

TEST_P(Stray, OneUnderAnotherNumberIsDroppedAndBothAreTold) {
  ask(5);
  expect_dropped(answer(7));
  expect_difference("transaction", 5, 7);
  expect_answer(5);
  expect_dropped(answer(5));
  EXPECT_TRUE(plant_.verdicts.back().difference.what.empty()) << "nothing is asked";
}

// What does not decode costs no more than what does.
TEST_P(Stray, OneThatIsMalformedIsDropped) {
  ask(1);
  Bytes malformed = answer(1);
  malformed[8] = 19;
  expect_dropped(malformed);
  EXPECT_EQ(plant_.verdicts.back().fault, Fault::bad_byte_count);
  expect_answer(1);
}

TEST_P(Stray, AmongAnswersInOneSegment) {
  ask(1);
  ask(2);
  session_.from_server(join({answer(1), answer(9), answer(2), answer(8)}));
  const auto arrived = take(plant_, kSupervision);
  ASSERT_EQ(arrived.size(), 2U);
  EXPECT_EQ(arrived[0].payload, answer(1));
  EXPECT_EQ(arrived[1].payload, answer(2));
  EXPECT_EQ(arrived[1].header.sequence, arrived[0].header.sequence + size(answer(1)));
  EXPECT_TRUE(take(plant_, kControl).empty()) << "the client is waited for";
  session_.client_acked += size(answer(1));
  session_.client_at(session_.client_next, {}, kTcpAck);
  auto heard = take(plant_, kControl);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].header.acknowledgement,
            session_.server_next - size(answer(2)) - size(answer(8)))
      << "with what was dropped behind it";
  session_.client_acked += size(answer(2));
  session_.client_at(session_.client_next, {}, kTcpAck);
  heard = take(plant_, kControl);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].header.acknowledgement, session_.server_next);
  ask(3);
  expect_answer(3);
}

TEST_P(Stray, InSeveralPieces) {
  ask(1);
  const Bytes stray = answer(9);
  session_.from_server(Bytes(stray.begin(), stray.begin() + 4));
  plant_.be_at(plant_.now_ns() + 2 * kMillisecondNs);  // the firewall acknowledges what it holds
  plant_.clear();
  session_.from_server(join({Bytes(stray.begin() + 4, stray.end()), Bytes{0, 1, 0, 0}}));
  EXPECT_TRUE(take(plant_, kSupervision).empty());
  const Bytes rest = answer(1);
  session_.from_server(Bytes(rest.begin() + 4, rest.end()));
  expect_arrived(answer(1));
  ask(2);
  expect_answer(2);
}

// Its sender may not have heard that it arrived, and says it again, alone or with more.
TEST_P(Stray, ThatIsSaidAgainIsAcknowledgedAgain) {
  ask(1);
  const std::uint32_t at = session_.server_next;
  expect_dropped(answer(9));
  session_.server_at(at, answer(9));
  const auto asked = take(plant_, kSupervision);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_TRUE(asked[0].payload.empty()) << "the client says what it has";
  session_.client_at(session_.client_next, {}, kTcpAck);
  const auto heard = take(plant_, kControl);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].header.acknowledgement, session_.server_next);
  session_.server_next += size(answer(1));
  session_.server_at(at, join({answer(9), answer(1)}));
  expect_arrived(answer(1));
  // Other bytes in its place are as lost as these were.
  session_.server_at(at, answer(1));
  for (const SentTcp& sent : take(plant_, kSupervision)) EXPECT_TRUE(sent.payload.empty());
}

TEST_P(Stray, InFrontOfTheEnd) {
  ask(1);
  session_.from_server(answer(9), kTcpAck | kTcpPsh | kTcpFin);
  const auto ended = take(plant_, kSupervision);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_TRUE(ended[0].payload.empty());
  EXPECT_NE(ended[0].header.flags & kTcpFin, 0);
  EXPECT_EQ(ended[0].header.sequence, session_.client_acked);
  take(plant_, kControl);
  session_.client_acked += 1;
  session_.client_at(session_.client_next, {}, kTcpAck);
  const auto heard = take(plant_, kControl);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].header.acknowledgement, session_.server_next + 1);
}

TEST_P(Stray, ThousandsLeaveTheSessionHealthy) {
  for (int round = 0; round < 3000; ++round) {
    const auto transaction = static_cast<std::uint8_t>(round);
    if (round % 3 == 0) {
      ask(transaction);
      expect_answer(transaction);
    } else {
      expect_dropped(answer(transaction));
    }
    plant_.verdicts.clear();
    if (testing::Test::HasFailure()) break;
  }
}

class StrayAndRefused : public Stray {};
INSTANTIATE_TEST_SUITE_P(Reject, StrayAndRefused, testing::Values(policy::OnDeny::reject));

// Both kinds change the server's stream, one by more bytes and one by less.
TEST_P(StrayAndRefused, InOneSession) {
  const Bytes forbidden = support::modbus_adu({6, 1, 0, 0, 7}, 2);
  const Bytes exception = support::modbus_adu({0x86, 2}, 2);
  ask(1);
  session_.from_client(forbidden);
  EXPECT_TRUE(take(plant_, kSupervision).empty()) << "an earlier request is not answered yet";
  session_.from_server(answer(9));
  for (const SentTcp& sent : take(plant_, kSupervision)) {
    EXPECT_TRUE(sent.payload.empty()) << "and this answers none";
  }
  session_.from_server(answer(1));
  const auto arrived = take(plant_, kSupervision);
  ASSERT_EQ(arrived.size(), 2U);
  EXPECT_EQ(arrived[0].payload, answer(1));
  EXPECT_EQ(arrived[1].payload, exception);
  EXPECT_EQ(arrived[1].header.sequence, arrived[0].header.sequence + size(answer(1)));
  session_.client_acked += size(answer(1)) + size(exception);
  session_.client_at(session_.client_next, {}, kTcpAck);
  EXPECT_EQ(take(plant_, kControl).back().header.acknowledgement, session_.server_next);
  ask(3);
  expect_dropped(answer(3, 2));
  expect_answer(3);
}

TEST(StrayPolicy, MayEndTheSessionInstead) {
  Plant plant(tables(policy::OnDeny::reject, true));
  TcpSession session(plant, 40000);
  session.from_client(read(5));
  session.server_acked += size(read(5));
  plant.clear();
  session.from_server(answer(7));
  EXPECT_EQ(plant.verdicts.back().fault, Fault::unrequested_response);
  EXPECT_EQ(plant.verdicts.back().action, pipeline::Action::reset);
  EXPECT_EQ(plant.verdicts.back().difference.what, "transaction");
  for (const std::uint16_t port : {kControl, kSupervision}) {
    const auto sent = take(plant, port);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_NE(sent[0].header.flags & kTcpRst, 0);
  }
}

TEST(StrayPolicy, WhereNoMoreSessionsCanBeCarriedItEndsTheSession) {
  pipeline::PipelineOptions options;
  options.limits.carried_sessions = 1;
  Plant plant(tables(policy::OnDeny::drop), options, support::PlantSize::as_configured);
  TcpSession first(plant, 40000);
  TcpSession second(plant, 40001);
  first.from_client(read(1));
  second.from_client(read(1));
  first.from_server(answer(2));
  EXPECT_EQ(plant.verdicts.back().action, pipeline::Action::drop);
  second.from_server(answer(2));
  EXPECT_EQ(plant.verdicts.back().unsound, pipeline::Unsound::too_many_carried);
  plant.clear();
  second.from_server(answer(1));
  EXPECT_EQ(plant.last(), Reason::flow_refused);
}

// --- all protocols over TCP

class StrayInProtocol : public testing::TestWithParam<Talk> {
 protected:
  StrayInProtocol()
      : plant_(talks::tables_for(GetParam(), policy::OnDeny::reset)),
        session_(plant_, 40000, 1000, 900000, GetParam().port) {
    bool from_client = true;
    for (const Bytes& message : GetParam().opening) {
      from_client ? ask(message) : expect_answer(message, message);
      from_client = !from_client;
    }
  }
  void ask(const Bytes& message) {
    plant_.clear();
    session_.from_client(message);
    session_.server_acked += size(message);
    const auto sent = take(plant_, kControl);
    ASSERT_FALSE(sent.empty()) << describe(plant_.last()).name;
    EXPECT_EQ(sent.back().payload, message);
    EXPECT_EQ(sent.back().header.acknowledgement, session_.server_next);
  }
  void expect_answer(const Bytes& message, const Bytes& as_heard) {
    plant_.clear();
    session_.from_server(message);
    const auto sent = take(plant_, kSupervision);
    ASSERT_FALSE(sent.empty()) << describe(plant_.last()).name;
    EXPECT_EQ(sent.back().payload, as_heard);
    EXPECT_EQ(sent.back().header.sequence, session_.client_acked);
    session_.client_acked += size(message);
    session_.client_at(session_.client_next, {}, kTcpAck);
  }
  void expect_dropped(const Bytes& message, Fault fault) {
    plant_.clear();
    session_.from_server(message);
    EXPECT_TRUE(take(plant_, kSupervision).empty());
    const pipeline::Event& event = plant_.verdicts.back();
    EXPECT_EQ(protocols::describe(event.fault).name, protocols::describe(fault).name);
    EXPECT_EQ(event.action, pipeline::Action::drop);
    const auto heard = take(plant_, kControl);
    ASSERT_EQ(heard.size(), 1U);
    EXPECT_EQ(heard[0].header.acknowledgement, session_.server_next);
  }

  Plant plant_;
  TcpSession session_;
};

INSTANTIATE_TEST_SUITE_P(All, StrayInProtocol,
                         testing::Values(talks::modbus(), talks::enip_services(),
                                         talks::enip_connected(), talks::dnp3_master(), talks::s7(),
                                         talks::mms_reads(), talks::opcua_reads()),
                         [](const auto& each) {
                           return each.param.protocol + std::string("_") + each.param.number;
                         });

TEST_P(StrayInProtocol, CostsItselfAlone) {
  const Talk& talk = GetParam();
  std::uint32_t nth = 0;
  ask(talk.ask(1));
  expect_answer(talk.answer(1, nth), talk.answer(1, nth));
  ++nth;
  expect_dropped(talk.answer(1, nth++), Fault::unrequested_response);
  ask(talk.ask(2));
  expect_dropped(talk.answer(7, nth++), talk.protocol == "dnp3" ? Fault::mismatched_response
                                                                : Fault::unrequested_response);
  const protocols::Difference& difference = plant_.verdicts.back().difference;
  EXPECT_EQ(difference.what, talk.number);
  EXPECT_EQ(difference.asked, talk.first_number + 2);
  EXPECT_EQ(difference.answered, talk.first_number + 7);
  // The client hears numbers without a gap.
  expect_answer(talk.answer(2, nth), talk.answer(2, nth - 2));
  ++nth;
  ask(talk.ask(3));
  expect_answer(talk.answer(3, nth), talk.answer(3, nth - 2));
}

TEST_P(StrayInProtocol, AnAnswerToSomethingElseToo) {
  const Talk& talk = GetParam();
  ask(talk.ask(1));
  expect_answer(talk.answer(1, 0), talk.answer(1, 0));
  ask(talk.ask(2));
  plant_.clear();
  session_.from_server(talk.mismatched);
  EXPECT_TRUE(take(plant_, kSupervision).empty());
  EXPECT_EQ(plant_.verdicts.back().action, pipeline::Action::drop);
  EXPECT_FALSE(plant_.verdicts.back().difference.what.empty());
  expect_answer(talk.answer(2, 2), talk.answer(2, 1));
}

// A frame of no kind that may stand there has no number to go on from.
TEST(StrayNumbered, MayEndASessionOfIec104) {
  Plant plant(talks::tables_for(talks::iec104_station(), policy::OnDeny::reject));
  TcpSession session(plant, 40000, 1000, 900000, 2404);
  session.from_client(support::control(0x07));
  session.from_server(support::control(0x0b));
  session.from_server(support::control(0x0b));
  EXPECT_EQ(plant.verdicts.back().action, pipeline::Action::drop) << "a frame without a number";
  session.from_client(support::one(45, 6, {1}));
  session.from_server(support::one(45, 7, {1}, {0, 1}));
  EXPECT_EQ(plant.last(), Reason::answers_request);
  session.from_server(support::one(45, 10, {1}, {1, 1}));
  session.from_server(support::one(45, 7, {1}, {7, 1}));
  EXPECT_EQ(plant.last(), Reason::protocol_fault);
  EXPECT_EQ(plant.verdicts.back().difference.what, "send_number");
  EXPECT_EQ(plant.verdicts.back().action, pipeline::Action::reset);
  EXPECT_EQ(plant.verdicts.back().unsound, pipeline::Unsound::numbering);
}

// What a server may not say unasked costs itself alone where requests do.
TEST(StrayUnasked, IsDroppedWhereRequestsAreRejected) {
  for (const policy::OnDeny on_deny : {policy::OnDeny::reject, policy::OnDeny::reset}) {
    policy::Rule rule = support::modbus_rule({});
    rule.ports = {{20000, 20000}};
    rule.protocol = *protocols::find_protocol("dnp3");
    const auto& functions = protocols::registry()[rule.protocol]->catalogue().functions;
    for (std::size_t i = 0; i < functions.size(); ++i) {
      rule.functions.set(i, functions[i].initiator == protocols::Initiator::client);
    }
    Plant plant(support::with_rules(support::two_zones(on_deny), {&rule}));
    TcpSession session(plant, 40000, 1000, 900000, 20000);
    plant.clear();
    session.from_server(support::from_outstation(130, {}, 0xf0));
    EXPECT_FALSE(is_allowed(plant.last()));
    EXPECT_TRUE(take(plant, kSupervision).empty() || on_deny == policy::OnDeny::reset);
    EXPECT_EQ(plant.verdicts.back().action,
              on_deny == policy::OnDeny::reject ? pipeline::Action::drop : pipeline::Action::reset);
    if (on_deny == policy::OnDeny::reset) continue;
    session.from_client(support::from_master(1, {60, 2, 6}, 1));
    EXPECT_EQ(plant.last(), Reason::granted);
  }
}

// DNP3 over UDP, whose datagrams may hold several messages.
class StrayDatagram : public ::testing::Test {
 protected:
  static policy::Tables tables(std::uint32_t observe_until_s) {
    policy::Tables tables = talks::tables_for(talks::dnp3_master(), policy::OnDeny::drop);
    policy::Conduit& conduit = tables.conduits[0];
    conduit.observe_until_s = observe_until_s;
    policy::Rule& rule = conduit.rules[0];
    rule.transport = policy::Transport::udp;
    const auto& functions = protocols::registry()[rule.protocol]->catalogue().functions;
    for (std::size_t i = 0; i < functions.size(); ++i) {
      rule.functions.set(i, functions[i].name == "read" || functions[i].name == "response");
    }
    return support::with_rules(std::move(tables), {});
  }
  static bool says(Plant& plant, bool master, const Bytes& payload) {
    const support::Host& from = master ? support::kHmi : support::kPlc;
    const support::Host& to = master ? support::kPlc : support::kHmi;
    plant.clear();
    plant.arrive(from, support::udp_frame(from, to, master ? 50000 : 20000, master ? 20000 : 50000,
                                          payload));
    return plant.sent.size() == 1;
  }
  static Bytes poll(std::uint8_t sequence) { return support::from_master(1, {60, 2, 6}, sequence); }
  static Bytes back(std::uint8_t sequence) {
    return support::from_outstation(129, {}, static_cast<std::uint8_t>(0xc0 | sequence));
  }
  // The last message is not granted.
  const Bytes refused_ = join({poll(2), poll(3), support::from_master(13, {}, 4)});
};

// A datagram leaves whole or not at all: what was asked in one that did not is not waited for, and
// what was asked before still is.
TEST_F(StrayDatagram, AnswersNothingThatDidNotLeave) {
  Plant plant(tables(0));
  EXPECT_TRUE(says(plant, true, poll(1)));
  EXPECT_FALSE(says(plant, true, refused_));
  EXPECT_EQ(plant.last(), Reason::function_not_granted);
  EXPECT_FALSE(says(plant, false, back(2)));
  EXPECT_FALSE(says(plant, false, back(3)));
  EXPECT_FALSE(says(plant, false, join({back(1), back(3)}))) << "nor is one alone";
  EXPECT_TRUE(says(plant, false, back(1)));
  EXPECT_TRUE(says(plant, true, join({poll(2), poll(3)})));
  EXPECT_TRUE(says(plant, false, join({back(2), back(3)})));
}

// Where it is observed it has left.
TEST_F(StrayDatagram, AnswersWhatWasAskedWhereTheConduitObserves) {
  Plant plant(tables(UINT32_MAX));
  EXPECT_TRUE(says(plant, true, refused_));
  EXPECT_EQ(support::refusals(plant).size(), 1U);
  for (std::uint8_t sequence = 2; sequence <= 3; ++sequence) {
    EXPECT_TRUE(says(plant, false, back(sequence)));
    EXPECT_TRUE(support::refusals(plant).empty()) << int{sequence};
  }
}

}  // namespace
}  // namespace bulkhead
