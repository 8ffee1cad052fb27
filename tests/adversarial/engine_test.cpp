// What the stream engine does of its own accord, case by case; the adversary looks for the cases
// that nobody thought of.
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/wire/checksum.h"
#include "tests/support/dialogue.h"
#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::fragment_of;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::kSupervision;
using support::Part;
using support::Plant;
using support::SentTcp;
using support::TcpSession;
using support::TcpSpec;
using support::dialogue::answer;
using support::dialogue::forbidden;
using support::dialogue::read;
using support::dialogue::size;
using wire::kTcpAck;
using wire::kTcpFin;
using wire::kTcpPsh;
using wire::kTcpRst;
using wire::kTcpSyn;

constexpr std::uint16_t kReadHolding = 2;
constexpr std::uint16_t kWriteSingle = 5;

policy::Tables engine_policy(policy::OnDeny on_deny, bool reassemble = false) {
  policy::Tables tables = support::modbus_tables(
      on_deny, support::modbus_rule({kReadHolding, kWriteSingle}, {{0, 99}}));
  tables.conduits[0].reassemble = reassemble;
  return tables;
}

Bytes exception(std::uint8_t transaction, std::uint8_t function, std::uint8_t code) {
  return support::modbus_adu({static_cast<std::uint8_t>(function | 0x80), code}, transaction);
}
Bytes operator+(Bytes one, const Bytes& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

class Engine : public ::testing::Test {
 protected:
  // What left towards a port since the last call, in order.
  std::vector<SentTcp> take(Plant& plant, std::uint16_t port) {
    std::vector<SentTcp> out;
    std::vector<support::Sent> rest;
    for (const support::Sent& each : plant.sent) {
      if (each.port != port) {
        rest.push_back(each);
        continue;
      }
      const auto tcp = support::parse_sent(each.frame);
      EXPECT_TRUE(tcp.has_value());
      if (tcp) out.push_back(*tcp);
    }
    plant.sent = rest;
    return out;
  }
  // A request in two pieces, of which the first is acknowledged here: the firewall owes it now.
  void send_owned(Plant& plant, TcpSession& session, const Bytes& request) {
    session.from_client(Bytes(request.begin(), request.begin() + 5));
    wait(plant, 2 * kMillisecondNs);
    session.from_client(Bytes(request.begin() + 5, request.end()));
    plant.clear();
  }
  void wait(Plant& plant, TimeNs by_ns) { plant.be_at(plant.now_ns() + by_ns); }
};

TEST_F(Engine, HeldBytesAreAcknowledgedAfterAMillisecond) {
  Plant plant(engine_policy(policy::OnDeny::reset));
  TcpSession session(plant, 40000);
  plant.clear();
  const Bytes request = read(1);
  session.from_client(Bytes(request.begin(), request.begin() + 5));
  wait(plant, 900 * kMicrosecondNs);
  EXPECT_TRUE(plant.sent.empty());
  wait(plant, 600 * kMicrosecondNs);
  const auto acks = take(plant, kSupervision);
  ASSERT_EQ(acks.size(), 1U);
  EXPECT_EQ(acks[0].header.flags, kTcpAck);
  EXPECT_EQ(acks[0].header.acknowledgement, session.client_next);
  EXPECT_EQ(acks[0].header.sequence, session.server_next);
  EXPECT_GT(acks[0].header.window, 0);
  EXPECT_TRUE(take(plant, kControl).empty());  // and nothing of it left
  session.from_client(Bytes(request.begin() + 5, request.end()));
  const auto whole = take(plant, kControl);
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_EQ(whole[0].payload, request);
}

TEST_F(Engine, OwnedBytesAreSentAgainUntilTheReceiverHasThem) {
  Plant plant(engine_policy(policy::OnDeny::reset));
  TcpSession session(plant, 40000);
  const Bytes request = read(1);
  send_owned(plant, session, request);
  wait(plant, 1100 * kMillisecondNs);  // RFC 6298, 2.1: a second before the first measurement
  auto again = take(plant, kControl);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].payload, request);
  wait(plant, 1500 * kMillisecondNs);
  EXPECT_TRUE(take(plant, kControl).empty());  // 5.5: twice as long
  wait(plant, 700 * kMillisecondNs);
  EXPECT_EQ(take(plant, kControl).size(), 1U);
  session.server_acked = session.client_next;
  session.server_at(session.server_next, {}, kTcpAck);
  plant.clear();
  wait(plant, 30 * kSecondNs);
  EXPECT_TRUE(take(plant, kControl).empty());
}

TEST_F(Engine, WhatCannotBeDeliveredEndsTheSessionAtBothEnds) {
  Plant plant(engine_policy(policy::OnDeny::reset));
  TcpSession session(plant, 40000);
  send_owned(plant, session, read(1));
  for (int i = 0; i < 1700; ++i) wait(plant, 100 * kMillisecondNs);
  EXPECT_EQ(plant.last(), Reason::undeliverable);
  const auto to_plc = take(plant, kControl);
  const auto to_hmi = take(plant, kSupervision);
  ASSERT_FALSE(to_plc.empty());
  ASSERT_EQ(to_hmi.size(), 1U);
  EXPECT_NE(to_plc.back().header.flags & kTcpRst, 0);
  EXPECT_EQ(to_hmi[0].header.sequence, session.server_next);
  EXPECT_NE(to_hmi[0].header.flags & kTcpRst, 0);
  EXPECT_EQ(plant.buffers_in_use(), 0U);
}

// Found by the adversary (seed 12644): a byte at the number of a FIN was taken for a repetition of
// it, and would have been data to a receiver that the FIN had not reached.
TEST_F(Engine, NoByteStandsAtTheNumberOfAFin) {
  Plant plant(engine_policy(policy::OnDeny::reset));
  TcpSession session(plant, 40000);
  session.from_client(read(1), kTcpAck | kTcpPsh | kTcpFin);
  plant.clear();
  session.client_at(session.client_next, {7});
  EXPECT_EQ(plant.last(), Reason::tcp_after_end);
  EXPECT_TRUE(take(plant, kControl).empty());
  session.client_at(session.client_next, {}, kTcpAck | kTcpFin);  // the FIN itself again
  const auto again = take(plant, kControl);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_NE(again[0].header.flags & kTcpFin, 0);
}

// Found by the adversary (seed 114): bytes on a RST are no message, and no stack needs them.
TEST_F(Engine, DataOnAResetDoesNotPass) {
  Plant plant(engine_policy(policy::OnDeny::reset));
  TcpSession session(plant, 40000);
  plant.clear();
  session.client_at(session.client_next, forbidden(1), kTcpRst | kTcpAck);
  const auto reset = take(plant, kControl);
  ASSERT_EQ(reset.size(), 1U);
  EXPECT_TRUE(reset[0].payload.empty());
}

TEST_F(Engine, OneRefusalCostsOneMessage) {
  Plant plant(engine_policy(policy::OnDeny::reject));
  TcpSession session(plant, 40000);
  plant.clear();
  const std::uint32_t begin = session.client_next;
  session.from_client(forbidden(1));
  EXPECT_EQ(plant.last(), Reason::values_not_granted);
  EXPECT_TRUE(take(plant, kControl).empty());
  const auto refusal = take(plant, kSupervision);
  ASSERT_EQ(refusal.size(), 1U);
  EXPECT_EQ(refusal[0].payload, exception(1, 6, 2));
  EXPECT_EQ(refusal[0].header.sequence, session.server_next);
  EXPECT_EQ(refusal[0].header.acknowledgement, session.client_next);
  EXPECT_EQ(plant.verdicts.back().action, pipeline::Action::reject);
  // The client counts the refusal, the PLC does not count the request.
  session.client_acked += size(refusal[0].payload);
  session.from_client(read(2));
  const auto request = take(plant, kControl);
  ASSERT_EQ(request.size(), 1U);
  EXPECT_EQ(request[0].payload, read(2));
  EXPECT_EQ(request[0].header.sequence, begin);
  EXPECT_EQ(request[0].header.acknowledgement, session.server_next);
  session.server_acked = begin + size(read(2));
  session.from_server(answer(2));
  const auto answered = take(plant, kSupervision);
  ASSERT_EQ(answered.size(), 1U);
  EXPECT_EQ(answered[0].payload, answer(2));
  EXPECT_EQ(answered[0].header.sequence, session.server_next - size(answer(2)) + 9);
  EXPECT_EQ(answered[0].header.acknowledgement, session.client_next);
}

// Before, between and after granted ones in one segment; the answers keep the order of asking.
TEST_F(Engine, RefusedAmongGrantedInOneSegment) {
  Plant plant(engine_policy(policy::OnDeny::reject));
  TcpSession session(plant, 40000);
  plant.clear();
  session.from_client(forbidden(1) + read(2) + forbidden(3) + read(4) + forbidden(5));
  Bytes forwarded;
  for (const SentTcp& each : take(plant, kControl)) forwarded = forwarded + each.payload;
  EXPECT_EQ(forwarded, read(2) + read(4));
  Bytes heard;
  for (const SentTcp& each : take(plant, kSupervision)) heard = heard + each.payload;
  EXPECT_EQ(heard, exception(1, 6, 2));
  session.server_acked += size(forwarded);
  session.from_server(answer(2) + answer(4));
  for (const SentTcp& each : take(plant, kSupervision)) heard = heard + each.payload;
  EXPECT_EQ(heard,
            exception(1, 6, 2) + answer(2) + exception(3, 6, 2) + answer(4) + exception(5, 6, 2));
}

// A server that keeps silent does not keep the refusal back for ever.
TEST_F(Engine, ARefusalDoesNotWaitForASilentServer) {
  Plant plant(engine_policy(policy::OnDeny::reject));
  TcpSession session(plant, 40000);
  plant.clear();
  session.from_client(read(1) + forbidden(2));
  for (const SentTcp& each : take(plant, kSupervision)) EXPECT_TRUE(each.payload.empty());
  wait(plant, 400 * kMillisecondNs);
  Bytes heard;
  for (const SentTcp& each : take(plant, kSupervision)) heard = heard + each.payload;
  EXPECT_EQ(heard, exception(2, 6, 2));
}

TEST_F(Engine, TheExceptionTellsTheCause) {
  policy::Rule rule = support::modbus_rule({kWriteSingle}, {{0, 99}});
  constexpr std::uint8_t kValueField = 3;
  rule.constraints.push_back({kValueField, {{0, 10}}});
  Plant plant(support::with_rules(support::two_zones(policy::OnDeny::reject), {&rule}));
  TcpSession session(plant, 40000);
  const auto code_of = [&](const Bytes& pdu) {
    plant.clear();
    session.from_client(support::modbus_adu(pdu, 9));
    const auto heard = take(plant, kSupervision);
    if (heard.size() != 1 || heard[0].payload.size() != 9) return 0;
    session.client_acked += 9;
    return static_cast<int>(heard[0].payload[8]);
  };
  EXPECT_EQ(code_of({3, 0, 0, 0, 1}), 1);     // function
  EXPECT_EQ(code_of({6, 0, 100, 0, 1}), 2);   // address
  EXPECT_EQ(code_of({6, 0, 1, 0, 11}), 3);    // value
  EXPECT_EQ(code_of({6, 0, 200, 0, 11}), 2);  // both
  EXPECT_EQ(code_of({99, 1, 2}), 1);          // not granted by number
  EXPECT_EQ(code_of({3, 0, 0, 0, 0}), 3);     // a quantity that cannot be
}

TEST_F(Engine, ThousandsOfRefusalsLeaveTheSessionHealthy) {
  Plant plant(engine_policy(policy::OnDeny::reject));
  TcpSession session(plant, 40000, 0xffffff00U, 0xffff0000U);
  for (int i = 0; i < 5000; ++i) {
    const auto transaction = static_cast<std::uint8_t>(i);
    plant.clear();
    session.from_client(forbidden(transaction));
    auto heard = take(plant, kSupervision);
    ASSERT_EQ(heard.size(), 1U) << i;
    ASSERT_EQ(heard[0].payload, exception(transaction, 6, 2));
    ASSERT_EQ(heard[0].header.sequence, session.client_acked);
    session.client_acked += 9;
    plant.clear();
    session.from_client(read(transaction));
    ASSERT_EQ(take(plant, kControl).size(), 1U) << i;
    session.server_acked += size(read(transaction));
    session.from_server(answer(transaction));
    heard = take(plant, kSupervision);
    ASSERT_EQ(heard.size(), 1U) << i;
    ASSERT_EQ(heard[0].header.sequence, session.client_acked);
    session.client_acked += size(answer(transaction));
  }
}

TEST_F(Engine, AnUnsoundSpliceIsAResetThatSaysWhy) {
  Plant plant(engine_policy(policy::OnDeny::reject));
  TcpSession session(plant, 40000);
  plant.clear();
  session.from_client({0, 1, 0, 9, 0, 2, 1, 1});  // no boundary: this is not Modbus
  EXPECT_EQ(plant.verdicts.back().action, pipeline::Action::reset);
  EXPECT_EQ(plant.verdicts.back().unsound, pipeline::Unsound::no_boundary);
  ASSERT_FALSE(plant.sent.empty());
  policy::Tables resetting = engine_policy(policy::OnDeny::reject);
  resetting.conduits[0].reset_on_stray = true;
  plant.change_policy(std::move(resetting));
  TcpSession other(plant, 40001);
  plant.clear();
  other.from_server(answer(1));  // an answer to nothing
  EXPECT_EQ(plant.verdicts.back().unsound, pipeline::Unsound::not_a_request);
}

TEST_F(Engine, WhereNoMoreSessionsCanBeCarriedARefusalIsAReset) {
  pipeline::PipelineOptions options;
  options.limits.carried_sessions = 1;
  Plant plant(engine_policy(policy::OnDeny::reject), options);
  TcpSession first(plant, 40000);
  TcpSession second(plant, 40001);
  first.from_client(forbidden(1));
  EXPECT_EQ(plant.verdicts.back().action, pipeline::Action::reject);
  plant.clear();
  second.from_client(forbidden(1));
  EXPECT_EQ(plant.verdicts.back().action, pipeline::Action::reset);
  EXPECT_EQ(plant.verdicts.back().unsound, pipeline::Unsound::too_many_carried);
  EXPECT_EQ(plant.sent.size(), 2U);  // both ends hear of it
  // Held bytes of a third are not acknowledged, and what it asks whole still passes.
  TcpSession third(plant, 40002);
  const Bytes request = read(1);
  third.from_client(Bytes(request.begin(), request.begin() + 5));
  plant.clear();
  wait(plant, 2 * kMillisecondNs);
  EXPECT_TRUE(plant.sent.empty());
  third.from_client(Bytes(request.begin() + 5, request.end()));
  EXPECT_EQ(plant.last(), Reason::granted);
  // The first one ends and leaves its place.
  first.client_at(first.client_next, {}, wire::kTcpRst | wire::kTcpAck);
  plant.pass_time(60 * kSecondNs);
  TcpSession fourth(plant, 40003);
  fourth.from_client(forbidden(1));
  EXPECT_EQ(plant.verdicts.back().action, pipeline::Action::reject);
}

TEST_F(Engine, RefusedDatagramsAreAnswered) {
  Plant plant(engine_policy(policy::OnDeny::reject));
  plant.arrive(kHmi, support::udp_frame(kHmi, kPlc, 5000, 502, forbidden(7)));
  ASSERT_EQ(plant.sent.size(), 1U);
  EXPECT_EQ(plant.sent[0].port, kSupervision);
  EXPECT_EQ(plant.sent[0].frame, support::udp_frame(kPlc, kHmi, 502, 5000, exception(7, 6, 1)));
  EXPECT_EQ(plant.verdicts.back().action, pipeline::Action::reject);
}

// In a spliced session the ends count differently: an error about a segment reaches its sender in
// the sender's numbers, or not at all if it is not about anything under way.
TEST_F(Engine, IcmpErrorsQuoteTheSendersNumbers) {
  Plant plant(engine_policy(policy::OnDeny::reject));
  TcpSession session(plant, 40000);
  session.from_client(forbidden(1));
  plant.clear();
  const std::uint32_t number = session.client_next;
  session.from_client(read(2));
  ASSERT_EQ(plant.sent.size(), 1U);
  const Bytes& request = plant.sent[0].frame;
  Bytes quote(request.begin() + 14, request.begin() + 14 + 28);
  ASSERT_EQ(load_be32(quote.data() + 24), number - size(forbidden(1)));
  const auto error_about = [&](const Bytes& quoted) {
    plant.clear();
    plant.arrive(kPlc, support::ip_frame(kPlc, kHmi, 1, support::icmp_message(3, 1, 0, quoted)));
    return plant.last();
  };
  EXPECT_EQ(error_about(quote), Reason::icmp_for_session);
  ASSERT_EQ(plant.sent.size(), 1U);
  const Bytes message(plant.sent[0].frame.begin() + 34, plant.sent[0].frame.end());
  EXPECT_EQ(load_be32(message.data() + 8 + 24), number);
  EXPECT_EQ(wire::checksum_finish(wire::checksum_add(0, message)), 0);
  quote[26] ^= 1;
  EXPECT_EQ(error_about(quote), Reason::icmp_unsolicited);
}

TEST_F(Engine, SynOptionsAreNormalised) {
  const auto left_of = [&](policy::OnDeny on_deny, const Bytes& options,
                           bool reset_on_stray = true) {
    policy::Tables tables = engine_policy(on_deny);
    tables.conduits[0].reset_on_stray = reset_on_stray;
    Plant plant(std::move(tables));
    TcpSpec spec;
    spec.flags = kTcpSyn;
    spec.options = options;
    plant.arrive(kHmi, support::tcp_frame(kHmi, kPlc, spec));
    if (plant.sent.size() != 1) return Bytes{};
    const Bytes& frame = plant.sent[0].frame;
    EXPECT_TRUE(support::parse_sent(frame).has_value());  // checksums too
    return Bytes(frame.begin() + 54, frame.end());
  };
  const Bytes usual = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
  Bytes left = usual;
  std::fill(left.begin() + 6, left.begin() + 16, std::uint8_t{1});  // time stamps, see PAWS
  EXPECT_EQ(left_of(policy::OnDeny::reset, usual), left);
  Bytes without_sack = left;
  without_sack[4] = without_sack[5] = 1;
  EXPECT_EQ(left_of(policy::OnDeny::reject, usual), without_sack);
  EXPECT_EQ(left_of(policy::OnDeny::reset, usual, false), without_sack) << "answers are dropped";
  EXPECT_EQ(left_of(policy::OnDeny::reset, {34, 4, 9, 9, 2, 4, 5, 180}),
            (Bytes{1, 1, 1, 1, 2, 4, 5, 180}));
  EXPECT_EQ(left_of(policy::OnDeny::reset, {2, 4, 5, 180, 2, 4, 1, 1}), Bytes{});  // twice
  EXPECT_EQ(left_of(policy::OnDeny::reset, {2, 3, 5, 0}), Bytes{});                // wrong length
}

TEST_F(Engine, UnknownOptionsInASessionAreRefused) {
  Plant plant(engine_policy(policy::OnDeny::reset));
  TcpSession session(plant, 40000);
  for (const Bytes& options : {Bytes{30, 4, 0, 0}, Bytes{3, 3, 7, 1}, Bytes{2, 4, 5, 180}}) {
    TcpSpec spec;
    spec.sequence = session.client_next;
    spec.acknowledgement = session.client_acked;
    spec.options = options;
    spec.payload = read(1);
    plant.clear();
    plant.arrive(kHmi, support::tcp_frame(kHmi, kPlc, spec));
    EXPECT_EQ(plant.last(), Reason::tcp_unknown_option);
    EXPECT_TRUE(take(plant, kControl).empty());
  }
}

// --- sessions that are open already

class Midstream : public Engine {
 protected:
  explicit Midstream(policy::Tables tables = resuming_policy()) : plant_(std::move(tables)) {}

  static policy::Tables resuming_policy() {
    policy::Tables tables = engine_policy(policy::OnDeny::reset);
    tables.conduits[0].resume = true;
    return tables;
  }
  void from_hmi(std::uint32_t sequence, std::uint32_t acknowledgement, const Bytes& payload,
                std::uint16_t port = 502) {
    TcpSpec spec;
    spec.destination_port = port;
    spec.sequence = sequence;
    spec.acknowledgement = acknowledgement;
    spec.payload = payload;
    plant_.arrive(kHmi, support::tcp_frame(kHmi, kPlc, spec));
  }
  void from_plc(std::uint32_t sequence, std::uint32_t acknowledgement, const Bytes& payload) {
    TcpSpec spec;
    spec.source_port = 502;
    spec.destination_port = 40000;
    spec.sequence = sequence;
    spec.acknowledgement = acknowledgement;
    spec.payload = payload;
    plant_.arrive(kPlc, support::tcp_frame(kPlc, kHmi, spec));
  }

  Plant plant_;
};

// The first request asks the PLC where it stands; sent again at that number it is judged.
TEST_F(Midstream, IsTakenUpWhereTheReceiverStands) {
  from_hmi(5000, 7000, read(1));
  const auto asked = take(plant_, kControl);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_TRUE(asked[0].payload.empty());
  EXPECT_EQ(asked[0].header.sequence, 4999U);
  from_plc(7000, 5000, {});
  from_hmi(5000, 7000, read(1));
  EXPECT_EQ(plant_.last(), Reason::granted);
  const auto request = take(plant_, kControl);
  ASSERT_EQ(request.size(), 1U);
  EXPECT_EQ(request[0].payload, read(1));
  from_plc(7000, 5000 + size(read(1)), answer(1));
  EXPECT_EQ(plant_.last(), Reason::answers_request);
  from_hmi(5000 + size(read(1)), 7000 + size(answer(1)), read(2, 95));
  EXPECT_EQ(plant_.last(), Reason::values_not_granted);
}

// The PLC is asked already when the firewall comes; its answer is on its way, and comes again.
TEST_F(Midstream, AnAnswerThatIsUnderWayPasses) {
  from_plc(7000, 5000, answer(1));
  from_hmi(5000, 7000, {});
  from_plc(7000, 5000, answer(1));
  EXPECT_EQ(plant_.last(), Reason::answers_request);
  const auto answered = take(plant_, kSupervision);
  ASSERT_FALSE(answered.empty());
  EXPECT_EQ(answered.back().payload, answer(1));
  from_hmi(5000, 7000 + size(answer(1)), read(2));
  EXPECT_EQ(plant_.last(), Reason::granted);
  from_plc(7000 + size(answer(1)), 5000 + size(read(2)), answer(2));
  EXPECT_EQ(plant_.last(), Reason::answers_request);
  // From the first answer to what was seen on, each has to answer something.
  from_plc(7000 + 2 * size(answer(1)), 5000 + size(read(2)), answer(3));
  EXPECT_EQ(plant_.last(), Reason::protocol_fault);
}

// A byte below what the other end has: it says that the session lives, and nothing of where it
// stands.
TEST_F(Midstream, AKeepAliveThatComesFirstDoesNoHarm) {
  from_plc(6999, 5000, {0});
  from_hmi(5000, 7000, {});
  from_plc(6999, 5000, {0});
  for (const auto port : {kControl, kSupervision}) {
    for (const SentTcp& each : take(plant_, port)) EXPECT_TRUE(each.payload.empty());
  }
  from_hmi(5000, 7000, read(1));
  EXPECT_EQ(plant_.last(), Reason::granted);
  from_plc(7000, 5000 + size(read(1)), answer(1));
  EXPECT_EQ(plant_.last(), Reason::answers_request);
}

// Numbers are compared by their distance (RFC 9293, 3.4): none of them is the first.
class MidstreamAt : public Midstream, public testing::WithParamInterface<std::uint32_t> {};

TEST_P(MidstreamAt, IsTakenUpAtAnyNumber) {
  const std::uint32_t client = GetParam();
  const std::uint32_t server = GetParam() + 0x60000000;
  from_hmi(client, server, read(1));
  from_plc(server, client, {});
  from_hmi(client, server, read(1));
  EXPECT_EQ(plant_.last(), Reason::granted);
  from_plc(server, client + size(read(1)), answer(1));
  EXPECT_EQ(plant_.last(), Reason::answers_request);
}

INSTANTIATE_TEST_SUITE_P(Numbers, MidstreamAt,
                         testing::Values(0U, 0x1fffffffU, 0x40000000U, 0x7fffffffU, 0x80000000U,
                                         0xbfffffffU, 0xffffffffU));

TEST_F(Midstream, WhatStraddlesTheBoundaryIsAReset) {
  from_plc(7000, 5006, {});
  plant_.clear();
  from_hmi(5000, 7000, read(1));
  EXPECT_EQ(plant_.last(), Reason::tcp_no_boundary);
  EXPECT_TRUE(take(plant_, kControl).empty());
  const auto reset = take(plant_, kSupervision);
  ASSERT_EQ(reset.size(), 1U);
  EXPECT_NE(reset[0].header.flags & kTcpRst, 0);
}

TEST_F(Midstream, NothingPassesBeforeTheBoundaryIsKnown) {
  for (int i = 0; i < 5; ++i) from_hmi(5000, 7000, read(1));
  for (int i = 0; i < 5; ++i) from_plc(7100, 4000, answer(1));  // behind a gap
  for (const auto port : {kControl, kSupervision}) {
    for (const SentTcp& each : take(plant_, port)) EXPECT_TRUE(each.payload.empty());
  }
}

// --- where no boundary is to be found

class FailsOpen : public Midstream {
 protected:
  FailsOpen() : Midstream(open_policy(true)) {
    plant_.pipeline().begin_forwarding(plant_.now_ns());
  }

  static constexpr std::uint16_t kPlain = 9100;  // a service that is not inspected
  static policy::Tables open_policy(bool open) {
    policy::Rule plain = support::modbus_rule({});
    plain.protocol = protocols::kNoProtocol;
    plain.ports = {{kPlain, kPlain}};
    policy::Tables tables = support::with_rules(engine_policy(policy::OnDeny::reset), {&plain});
    tables.conduits[0].fail_open = open;
    return tables;
  }
  // The PLC has the first six bytes of a request already.
  void straddle() {
    from_plc(7000, 5006, {});
    plant_.clear();
    from_hmi(5000, 7000, read(1));
  }
  std::size_t told_of() const {
    return static_cast<std::size_t>(
        std::ranges::count(plant_.verdicts, Reason::fails_open, &pipeline::Event::reason));
  }
};

TEST_F(FailsOpen, WhatNobodyCanJudgePassesUntilItEnds) {
  straddle();
  EXPECT_EQ(told_of(), 1U);
  EXPECT_EQ(plant_.last(), Reason::unjudged);
  auto passed = take(plant_, kControl);
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(passed[0].payload, read(1));
  EXPECT_EQ(passed[0].header.sequence, 5000U);
  from_hmi(5000 + size(read(1)), 7000, forbidden(2));
  from_plc(7000, 5000 + size(read(1)) + size(forbidden(2)), answer(1));
  EXPECT_EQ(plant_.last(), Reason::unjudged);
  EXPECT_EQ(told_of(), 1U);
  EXPECT_EQ(take(plant_, kControl).size(), 1U);
  EXPECT_EQ(take(plant_, kSupervision).size(), 1U);
  // The time in which such sessions are taken up is not the time in which they may go on.
  plant_.be_at(plant_.now_ns() + 600 * kSecondNs);
  from_hmi(5000 + size(read(1)) + size(forbidden(2)), 7000 + size(answer(1)), read(3));
  EXPECT_EQ(plant_.last(), Reason::unjudged);
}

TEST_F(FailsOpen, WhereABoundaryIsKnownMessagesAreJudged) {
  from_plc(7000, 5000, {});
  from_hmi(5000, 7000, read(1, 95));
  EXPECT_EQ(plant_.last(), Reason::values_not_granted);
  EXPECT_EQ(told_of(), 0U);
}

TEST_F(FailsOpen, SessionsThatBeginAreJudged) {
  TcpSession session(plant_, 41000);
  plant_.clear();
  session.from_client(forbidden(1));
  EXPECT_EQ(plant_.last(), Reason::values_not_granted);
  for (const SentTcp& each : take(plant_, kControl)) EXPECT_TRUE(each.payload.empty());
}

TEST_F(FailsOpen, LongBehindTheStartNothingDoes) {
  plant_.be_at(plant_.now_ns() + 60 * kSecondNs);
  from_plc(7000, 5006, {});
  plant_.clear();
  from_hmi(5000, 7000, read(1));
  EXPECT_EQ(plant_.last(), Reason::tcp_not_a_session_start);
  EXPECT_TRUE(take(plant_, kControl).empty());
}

TEST_F(FailsOpen, WhatNoRuleGrantsStaysOut) {
  from_hmi(5000, 7000, read(1), 503);
  EXPECT_EQ(plant_.last(), Reason::tcp_not_a_session_start);
  EXPECT_TRUE(take(plant_, kControl).empty());
}

TEST_F(FailsOpen, APlainServiceHasNoBoundaries) {
  from_hmi(5000, 7000, {'a', 'b'}, kPlain);
  EXPECT_EQ(told_of(), 1U);
  EXPECT_EQ(take(plant_, kControl).size(), 1U);
}

TEST_F(FailsOpen, APolicyThatSaysOtherwiseEndsIt) {
  straddle();
  plant_.change_policy(open_policy(true));
  from_hmi(5000 + size(read(1)), 7000, read(2));
  EXPECT_EQ(plant_.last(), Reason::unjudged);
  plant_.change_policy(open_policy(false));
  plant_.clear();
  from_hmi(5000 + 2 * size(read(1)), 7000, read(3));
  EXPECT_EQ(plant_.last(), Reason::flow_refused);
  for (const SentTcp& each : take(plant_, kControl)) EXPECT_TRUE(each.payload.empty());
}

TEST_F(Engine, ByDefaultAnOpenSessionIsNotTakenUp) {
  Plant plant(engine_policy(policy::OnDeny::reset));
  TcpSpec spec;
  spec.sequence = 5000;
  spec.acknowledgement = 7000;
  spec.payload = read(1);
  plant.arrive(kHmi, support::tcp_frame(kHmi, kPlc, spec));
  EXPECT_EQ(plant.last(), Reason::tcp_not_a_session_start);
}

// Found by the adversary (seed 1002501): a late copy of the first SYN made an end of the session
// while its last bytes were still owed.
TEST_F(Engine, ALateCopyOfTheFirstSynBeginsNothing) {
  Plant plant(engine_policy(policy::OnDeny::reset));
  TcpSession session(plant, 40000, 1000);
  session.from_client({}, kTcpAck | kTcpFin);
  session.from_server({}, kTcpAck | kTcpFin);
  session.client_at(1000, {}, kTcpSyn);
  EXPECT_EQ(plant.last(), Reason::tcp_unexpected_syn);
  plant.clear();
  session.client_at(900000, {}, kTcpSyn);  // a new one, in TIME-WAIT
  EXPECT_EQ(plant.last(), Reason::session_control);
  EXPECT_EQ(take(plant, kControl).size(), 1U);
}

// Found by the adversary (seed 60332688): a late copy of the first SYN took the place of a session
// that was refused, and the server was left with a part of a message.
TEST_F(Engine, NoSynEndsWhatIsStillOwed) {
  Plant plant(engine_policy(policy::OnDeny::reset));
  TcpSession session(plant, 40000, 1000);
  const Bytes request = read(1);
  send_owned(plant, session, request);
  session.from_client(forbidden(2));
  EXPECT_EQ(plant.verdicts.back().action, pipeline::Action::reset);
  plant.clear();
  for (const std::uint32_t sequence : {1000U, 900000U}) {
    session.client_at(sequence, {}, kTcpSyn);
    EXPECT_EQ(plant.last(), Reason::flow_refused);
    EXPECT_TRUE(plant.sent.empty());  // whoever opens anew asks again
  }
  wait(plant, 1100 * kMillisecondNs);
  const auto again = take(plant, kControl);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].payload, request);
  session.server_acked += size(request);
  session.server_at(session.server_next, {}, kTcpAck);
  plant.clear();
  session.client_at(900000, {}, kTcpSyn);
  EXPECT_EQ(plant.last(), Reason::session_control);
  EXPECT_EQ(take(plant, kControl).size(), 1U);
}

// --- fragments
// ------------------------------------------------------------------------------------

TEST_F(Engine, FragmentsAreDroppedUnlessTheConduitSaysOtherwise) {
  const Bytes whole = support::udp_frame(kHmi, kPlc, 5000, 502, read(1));
  Plant plant(engine_policy(policy::OnDeny::drop));
  plant.arrive(kHmi, fragment_of(whole, {0, 8, true}, 1));
  EXPECT_EQ(plant.last(), Reason::fragment);
}

TEST_F(Engine, ReassembledPacketsAreJudgedWhole) {
  Plant plant(engine_policy(policy::OnDeny::drop, true));
  const Bytes good = support::udp_frame(kHmi, kPlc, 5000, 502, read(1));
  plant.arrive(kHmi, fragment_of(good, {8, 12, false}, 1));
  EXPECT_TRUE(plant.sent.empty());
  EXPECT_TRUE(plant.verdicts.empty());
  plant.arrive(kHmi, fragment_of(good, {0, 8, true}, 1));
  ASSERT_EQ(plant.sent.size(), 1U);
  EXPECT_EQ(Bytes(plant.sent[0].frame.begin() + 34, plant.sent[0].frame.end()),
            Bytes(good.begin() + 34, good.end()));
  plant.clear();
  const Bytes bad = support::udp_frame(kHmi, kPlc, 5000, 502, read(1, 95));
  plant.arrive(kHmi, fragment_of(bad, {0, 16, true}, 2));
  plant.arrive(kHmi, fragment_of(bad, {16, 4, false}, 2));
  EXPECT_EQ(plant.last(), Reason::values_not_granted);
  EXPECT_TRUE(plant.sent.empty());
  EXPECT_EQ(plant.buffers_in_use(), 0U);
}

// Segments that came in fragments and stay unacknowledged leave the buffers for long packets alone.
TEST_F(Engine, ReassembledSegmentsPinNoLongBuffers) {
  Plant plant(engine_policy(policy::OnDeny::drop, true));
  Bytes two = read(1);
  const Bytes second = read(2);
  two.insert(two.end(), second.begin(), second.end());
  for (std::uint16_t i = 0; i < 100; ++i) {
    const support::TcpSession session(plant, static_cast<std::uint16_t>(20000 + i));
    support::TcpSpec spec;
    spec.source_port = session.client_port;
    spec.sequence = session.client_next;
    spec.acknowledgement = session.client_acked;
    spec.flags = kTcpAck;
    spec.payload = two;
    const Bytes whole = support::tcp_frame(kHmi, kPlc, spec);
    const std::size_t length = whole.size() - 34;
    plant.arrive(kHmi, fragment_of(whole, {0, 24, true}, i));
    plant.arrive(kHmi, fragment_of(whole, {24, length - 24, false}, i));
    ASSERT_EQ(plant.last(), Reason::granted) << i;
    plant.clear();
  }
}

// RFC 9293, 3.7.1: no host sends a segment longer than the MSS that it was told.
TEST_F(Engine, ReassembledSegmentsThatNeedLongBuffersAreRefused) {
  Plant plant(engine_policy(policy::OnDeny::drop, true));
  const support::TcpSession session(plant, 20000);
  support::TcpSpec spec;
  spec.source_port = session.client_port;
  spec.sequence = session.client_next;
  spec.acknowledgement = session.client_acked;
  spec.flags = kTcpAck;
  while (spec.payload.size() < 3000) {
    const Bytes request = read(static_cast<std::uint8_t>(spec.payload.size()));
    spec.payload.insert(spec.payload.end(), request.begin(), request.end());
  }
  const Bytes whole = support::tcp_frame(kHmi, kPlc, spec);
  const std::size_t length = whole.size() - 34;
  plant.clear();
  for (std::size_t at = 0; at < length; at += 1480) {
    const std::size_t count = std::min<std::size_t>(1480, length - at);
    plant.arrive(kHmi, fragment_of(whole, {at, count, at + count < length}, 9));
  }
  EXPECT_EQ(plant.last(), Reason::longer_than_mtu);
  EXPECT_TRUE(plant.sent.empty());
  EXPECT_EQ(plant.buffers_in_use(), 0U);
}

// However many fragments others send, a packet whose fragments come one behind the other is whole.
TEST_F(Engine, FragmentsOfOthersDisplaceNone) {
  constexpr std::uint32_t kTimes = 16;
  policy::Tables tables = engine_policy(policy::OnDeny::drop, true);
  tables.bindings.clear();
  Plant plant(std::move(tables));
  const auto flood = [&](bool many, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      support::Host host = support::kRogue;
      if (many) host.mac = wire::Mac::from_integer(0x020000500000 + i);
      const Bytes whole = support::udp_frame(host, kPlc, 5000, 502, read(1));
      plant.arrive(host, fragment_of(whole, {0, 8, true}, static_cast<std::uint16_t>(i)));
    }
  };
  for (const bool many : {false, true}) {
    const std::uint32_t between = many ? 100 : 2000;
    std::size_t whole_ones = 0;
    flood(many, 2000);
    for (std::uint32_t i = 0; i < kTimes; ++i) {
      support::Host host = kHmi;
      host.mac = support::mac(static_cast<std::uint8_t>(0x40 + i));  // lest it shares a counter
      const Bytes good = support::udp_frame(host, kPlc, 5000, 502, read(1));
      plant.arrive(host, fragment_of(good, {0, 8, true}, 700));
      flood(many, between);
      plant.clear();
      plant.arrive(host, fragment_of(good, {8, 12, false}, 700));
      whole_ones += plant.sent.size();
    }
    EXPECT_GE(whole_ones, kTimes - 4) << many;
    // Those that came back from control have a share of their own.
    const Bytes answer = support::udp_frame(kPlc, kHmi, 502, 5000, read(1));
    plant.arrive(kPlc, fragment_of(answer, {0, 8, true}, 1));
    flood(many, 2000);
    plant.clear();
    plant.arrive(kPlc, fragment_of(answer, {8, 12, false}, 1));
    EXPECT_FALSE(plant.verdicts.empty());
  }
}

// A part of the payload of a whole IPv6 frame.
Bytes fragment6_of(const Bytes& whole, const Part& part, std::uint32_t identification) {
  constexpr std::size_t kHeaders = 14 + 40;
  Bytes frame(kHeaders + 8 + part.length);
  std::copy_n(whole.begin(), kHeaders, frame.begin());
  std::uint8_t* ip = frame.data() + 14;
  std::uint8_t* header = ip + 40;
  header[0] = ip[6];
  store_be16(header + 2, static_cast<std::uint16_t>(part.offset | (part.more ? 1U : 0U)));
  store_be32(header + 4, identification);
  ip[6] = 44;
  store_be16(ip + 4, static_cast<std::uint16_t>(8 + part.length));
  std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(kHeaders + part.offset), part.length,
              frame.begin() + kHeaders + 8);
  return frame;
}

TEST_F(Engine, FragmentsOfIpv6) {
  const support::Host hmi{support::ip6("2001:db8:20::10"), support::mac(0x10), kSupervision};
  const support::Host plc{support::ip6("2001:db8:10::20"), support::mac(0x20), kControl};
  Plant plant(engine_policy(policy::OnDeny::drop, true));
  const Bytes good = support::udp_frame(hmi, plc, 5000, 502, read(1));
  plant.arrive(hmi, fragment6_of(good, {16, 4, false}, 1));
  EXPECT_TRUE(plant.sent.empty());
  plant.arrive(hmi, fragment6_of(good, {0, 16, true}, 1));
  ASSERT_EQ(plant.sent.size(), 1U);
  EXPECT_EQ(plant.sent[0].frame, good);
  plant.clear();
  const Bytes bad = support::udp_frame(hmi, plc, 5000, 502, read(1, 95));
  plant.arrive(hmi, fragment6_of(bad, {0, 16, true}, 2));
  plant.arrive(hmi, fragment6_of(bad, {16, 4, false}, 2));
  EXPECT_EQ(plant.last(), Reason::values_not_granted);
  plant.arrive(hmi, fragment6_of(good, {0, 16, true}, 3));
  plant.arrive(hmi, fragment6_of(bad, {8, 12, false}, 3));   // overlaps
  plant.arrive(hmi, fragment6_of(good, {0, 20, false}, 4));  // a header, but no fragment
  EXPECT_EQ(plant.last(), Reason::fragment_conflict);
  EXPECT_TRUE(plant.sent.empty());
}

TEST_F(Engine, OverlappingFragmentsNeverMakeAPacket) {
  const Bytes good = support::udp_frame(kHmi, kPlc, 5000, 502, read(1));
  const Bytes bad = support::udp_frame(kHmi, kPlc, 5000, 502, forbidden(1));
  const std::vector<std::vector<Part>> overlaps = {
      {{0, 16, true}, {8, 12, false}},                 // the second begins inside the first
      {{0, 8, true}, {0, 8, true}, {8, 12, false}},    // the first twice
      {{8, 12, false}, {8, 12, false}, {0, 8, true}},  // the last twice
      {{0, 8, true}, {8, 8, true}, {8, 8, true}, {16, 4, false}}};
  std::uint16_t identification = 10;
  for (const auto& parts : overlaps) {
    Plant plant(engine_policy(policy::OnDeny::drop, true));
    ++identification;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      plant.arrive(kHmi, fragment_of(i % 2 == 0 ? good : bad, parts[i], identification));
    }
    EXPECT_TRUE(plant.sent.empty());
    for (int i = 0; i < 20; ++i) plant.pass_time(kSecondNs);
    EXPECT_EQ(plant.buffers_in_use(), 0U);
  }
}

// RFC 8200, 4.5: what lies behind the last fragment is of another packet, or a lie.
TEST_F(Engine, NoFragmentEndsBeyondTheLast) {
  const Bytes whole = support::udp_frame(kHmi, kPlc, 5000, 502, Bytes(40, 1));
  const std::vector<std::vector<Part>> beyond = {
      {{8, 12, false}, {24, 8, true}},   // as many bytes as the packet has
      {{8, 8, false}, {16, 8, true}},    // it begins where the last one ends
      {{24, 8, true}, {8, 12, false}}};  // the last one comes last
  std::uint16_t identification = 50;
  for (const auto& parts : beyond) {
    Plant plant(engine_policy(policy::OnDeny::drop, true));
    ++identification;
    for (const Part& part : parts) plant.arrive(kHmi, fragment_of(whole, part, identification));
    EXPECT_EQ(plant.last(), Reason::fragment_conflict);
    EXPECT_EQ(plant.buffers_in_use(), 0U);
    plant.arrive(kHmi, fragment_of(whole, {0, 8, true}, identification));
    EXPECT_TRUE(plant.sent.empty());
  }
}

TEST_F(Engine, FragmentsThatNeverCompleteAreBoundedAndForgotten) {
  Plant plant(engine_policy(policy::OnDeny::drop, true));
  const Bytes good = support::udp_frame(kHmi, kPlc, 5000, 502, read(1));
  for (std::uint16_t i = 0; i < 2000; ++i) {
    plant.arrive(kHmi, fragment_of(good, {0, 8, true}, i));
    ASSERT_LE(plant.buffers_in_use(), 256U);
  }
  for (int i = 0; i < 20; ++i) plant.pass_time(kSecondNs);
  EXPECT_EQ(plant.buffers_in_use(), 0U);
}

// What is too long for the wire leaves in fragments that make the same packet.
TEST_F(Engine, ALongPacketLeavesInFragments) {
  Plant plant(engine_policy(policy::OnDeny::drop, true));
  Bytes echo(8 + 4000);
  echo[0] = 8;
  for (std::size_t i = 8; i < echo.size(); ++i) echo[i] = static_cast<std::uint8_t>(i);
  store_be16(echo.data() + 2, wire::checksum_finish(wire::checksum_add(0, echo)));
  const Bytes whole = support::ip_frame(kHmi, kPlc, 1, echo);
  for (std::size_t at = 0; at < echo.size(); at += 1480) {
    const std::size_t length = std::min<std::size_t>(1480, echo.size() - at);
    plant.arrive(kHmi, fragment_of(whole, {at, length, at + length < echo.size()}, 77));
  }
  ASSERT_EQ(plant.sent.size(), 3U);
  Bytes joined;
  for (const support::Sent& each : plant.sent) {
    EXPECT_LE(each.frame.size(), 1514U);
    EXPECT_EQ(wire::checksum_add(0, ByteView{each.frame}.subspan(14, 20)), 0xffffU);
    const std::size_t offset = (load_be16(each.frame.data() + 20) & 0x1fff) * 8U;
    EXPECT_EQ(offset, joined.size());
    joined.insert(joined.end(), each.frame.begin() + 34, each.frame.end());
  }
  EXPECT_EQ(joined, echo);
  EXPECT_EQ(plant.buffers_in_use(), 0U);
}

}  // namespace
}  // namespace bulkhead
