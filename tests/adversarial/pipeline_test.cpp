// What packet, what verdict: rows over the whole pipeline, from Ethernet to Modbus.
#include <gtest/gtest.h>

#include "dataplane/wire/checksum.h"
#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::Host;
using support::kHmi;
using support::kPlc;
using support::kRogue;
using support::Plant;
using support::TcpSession;
using support::TcpSpec;
using wire::kTcpAck;
using wire::kTcpFin;
using wire::kTcpPsh;
using wire::kTcpRst;
using wire::kTcpSyn;

constexpr std::uint16_t kReadHolding = 2;
constexpr std::uint16_t kWriteSingle = 5;

policy::Tables plant_policy(policy::OnDeny on_deny = policy::OnDeny::reset) {
  policy::Rule modbus = support::modbus_rule({kReadHolding, kWriteSingle}, {{0, 99}});
  policy::Rule datagrams = support::modbus_rule({kReadHolding}, {{0, 99}});
  datagrams.transport = policy::Transport::udp;
  policy::Rule ssh;
  ssh.clients = {{kHmi.address, 128}};
  ssh.servers = {{kPlc.address, 128}};
  ssh.ports = {{22, 22}};
  policy::Rule ping = support::modbus_rule({kReadHolding});
  ping = policy::Rule{};
  ping.clients = {{kHmi.address, 128}};
  ping.servers = {{kPlc.address, 128}};
  ping.transport = policy::Transport::icmp;
  return support::with_rules(support::two_zones(on_deny), {&modbus, &datagrams, &ssh, &ping});
}

const Bytes kRead = support::modbus_adu({3, 0, 0, 0, 10});
const auto kReadBytes = static_cast<std::uint32_t>(kRead.size());
const Bytes kReadOutside = support::modbus_adu({3, 0, 95, 0, 10});
const Bytes kAnswer =
    support::modbus_adu({3, 20, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 0, 9});

TcpSpec syn(std::uint16_t port = 502) {
  TcpSpec spec;
  spec.destination_port = port;
  spec.sequence = 1000;
  spec.flags = kTcpSyn;
  return spec;
}

class PipelineTest : public ::testing::Test {
 protected:
  Reason hmi(const Bytes& frame) {
    plant_.clear();
    plant_.arrive(kHmi, frame);
    return plant_.last();
  }
  std::size_t left() const { return plant_.sent.size(); }

  Plant plant_{plant_policy()};
};

TEST_F(PipelineTest, ASessionPassesAndItsMessagesAreJudged) {
  TcpSession session(plant_, 40000);
  plant_.clear();
  session.from_client(kRead);
  EXPECT_EQ(plant_.last(), Reason::granted);
  ASSERT_EQ(left(), 1U);
  EXPECT_EQ(plant_.sent[0].port, support::kControl);
  session.server_acked = session.client_next;
  session.from_server(kAnswer);
  EXPECT_EQ(plant_.last(), Reason::answers_request);
  EXPECT_EQ(plant_.sent.back().port, support::kSupervision);
}

TEST_F(PipelineTest, ARefusedMessageResetsBothEndsAtTheirNextNumbers) {
  TcpSession session(plant_, 40000);
  session.from_client(kRead);
  session.server_acked = session.client_next;
  session.from_server({});
  plant_.clear();
  const std::uint32_t expected_by_plc = session.client_next;
  session.from_client(kReadOutside);
  EXPECT_EQ(plant_.last(), Reason::values_not_granted);
  ASSERT_EQ(left(), 2U);
  const auto to_plc = support::parse_sent(plant_.sent[0].frame);
  const auto to_hmi = support::parse_sent(plant_.sent[1].frame);
  ASSERT_TRUE(to_plc && to_hmi);
  EXPECT_EQ(plant_.sent[0].port, support::kControl);
  EXPECT_EQ(to_plc->header.sequence, expected_by_plc);
  EXPECT_EQ(to_plc->header.flags & kTcpRst, kTcpRst);
  EXPECT_EQ(plant_.sent[1].port, support::kSupervision);
  EXPECT_EQ(to_hmi->header.sequence, session.server_next);
  EXPECT_EQ(to_hmi->header.acknowledgement, expected_by_plc);
  plant_.clear();
  session.from_client(kRead);
  EXPECT_EQ(plant_.last(), Reason::flow_refused);
}

TEST_F(PipelineTest, DropSaysNothing) {
  Plant silent(plant_policy(policy::OnDeny::drop));
  TcpSession session(silent, 40000);
  silent.clear();
  session.from_client(kReadOutside);
  EXPECT_EQ(silent.last(), Reason::values_not_granted);
  EXPECT_TRUE(silent.sent.empty());
}

// Containment: a read that is granted does not carry a write that is not, nor the other way round.
TEST_F(PipelineTest, EveryOperationOfAMessageMustBeGranted) {
  constexpr std::uint16_t kWriteHalf = 30;
  constexpr std::uint16_t kReadHalf = 31;
  const auto verdict_of = [&](std::uint8_t read_address, std::uint8_t write_address) {
    policy::Rule copy = support::modbus_rule({kWriteHalf, kReadHalf}, {{0, 99}});
    Plant plant(support::with_rules(support::two_zones(policy::OnDeny::drop), {&copy}));
    TcpSession session(plant, 40000);
    plant.clear();
    session.from_client(
        support::modbus_adu({23, 0, read_address, 0, 2, 0, write_address, 0, 1, 2, 0, 7}));
    EXPECT_EQ(plant.sent.size(), plant.last() == Reason::granted ? 1U : 0U);
    return plant.last();
  };
  EXPECT_EQ(verdict_of(98, 99), Reason::granted);
  EXPECT_EQ(verdict_of(99, 99), Reason::values_not_granted);
  EXPECT_EQ(verdict_of(98, 100), Reason::values_not_granted);
}

// The granted message before a refused one in the same segment is delivered, and no byte behind it;
// its receiver is reset when it has it.
TEST_F(PipelineTest, AGrantedMessageBeforeARefusedOneIsDelivered) {
  TcpSession session(plant_, 40000);
  plant_.clear();
  Bytes both = kRead;
  both.insert(both.end(), kReadOutside.begin(), kReadOutside.end());
  session.from_client(both);
  ASSERT_EQ(left(), 2U);
  const auto data = support::parse_sent(plant_.sent[0].frame);
  ASSERT_TRUE(data);
  EXPECT_EQ(data->payload, kRead);
  EXPECT_EQ(plant_.sent[1].port, support::kSupervision);
  plant_.clear();
  session.server_acked = data->header.sequence + static_cast<std::uint32_t>(kRead.size());
  session.from_server({});
  ASSERT_EQ(left(), 1U);
  EXPECT_EQ(plant_.sent[0].port, support::kControl);
  const auto reset = support::parse_sent(plant_.sent[0].frame);
  ASSERT_TRUE(reset);
  EXPECT_NE(reset->header.flags & kTcpRst, 0);
  EXPECT_EQ(reset->header.sequence, session.server_acked);
}

TEST_F(PipelineTest, AnUnaskedResponseDoesNotPass) {
  TcpSession session(plant_, 40000);
  plant_.clear();
  session.from_server(kAnswer);
  EXPECT_EQ(plant_.last(), Reason::protocol_fault);
  EXPECT_EQ(plant_.verdicts.back().fault, protocols::Fault::unrequested_response);
  ASSERT_EQ(plant_.sent.size(), 1U);
  EXPECT_EQ(plant_.sent[0].port, support::kControl) << "the server hears that it arrived";
}

TEST_F(PipelineTest, FramesThatAreRefusedBeforeTheirContentIsRead) {
  const Bytes good = support::tcp_frame(kHmi, kPlc, syn());
  Bytes bad_ip = good;
  bad_ip[24] ^= 1;
  Bytes bad_tcp = good;
  bad_tcp[50] ^= 1;
  Bytes group = good;
  group[6] |= 1;
  Bytes truncated(good.begin(), good.begin() + 40);
  Bytes lldp = good;
  lldp[12] = 0x88;
  lldp[13] = 0xcc;
  Bytes fragment = good;
  fragment[20] = 0x20;
  store_be16(fragment.data() + 24, 0);
  store_be16(fragment.data() + 24,
             wire::checksum_finish(wire::checksum_add(0, ByteView{fragment.data() + 14, 20})));
  EXPECT_EQ(hmi(bad_ip), Reason::bad_ip_checksum);
  EXPECT_EQ(hmi(bad_tcp), Reason::bad_transport_checksum);
  Bytes nowhere = good;
  std::fill(nowhere.begin(), nowhere.begin() + 6, std::uint8_t{0});
  EXPECT_EQ(hmi(nowhere), Reason::malformed_ethernet);  // a reset back would come from nowhere
  EXPECT_EQ(hmi(group), Reason::malformed_ethernet);
  EXPECT_EQ(hmi(truncated), Reason::malformed_ip);
  EXPECT_EQ(hmi(lldp), Reason::ethertype_not_granted);
  EXPECT_EQ(hmi(fragment), Reason::fragment);
  EXPECT_EQ(hmi({1, 2, 3}), Reason::malformed_ethernet);
  EXPECT_EQ(hmi(support::ip_frame(kHmi, kPlc, 47, Bytes(20))), Reason::unknown_transport);
  EXPECT_EQ(left(), 0U);
}

TEST_F(PipelineTest, HostsThatAreNotWhoTheySay) {
  const Host spoofer{kPlc.address, kHmi.mac, support::kSupervision};
  EXPECT_EQ(hmi(support::tcp_frame(spoofer, kPlc, syn())), Reason::spoofed_source);
  EXPECT_EQ(hmi(support::tcp_frame(kRogue, kPlc, syn())), Reason::no_rule);
  EXPECT_EQ(hmi(support::tcp_frame(kHmi, kPlc, syn(8502))), Reason::no_rule);
  EXPECT_EQ(hmi(support::tcp_frame(kHmi, kRogue, syn())), Reason::not_for_another_zone);
  EXPECT_EQ(hmi(support::with_vlan(support::tcp_frame(kHmi, kPlc, syn()), 7)),
            Reason::unknown_zone);
  const Host false_plc{kPlc.address, support::mac(0x21), support::kControl};
  plant_.clear();
  plant_.arrive(false_plc, support::tcp_frame(false_plc, kHmi, syn()));
  EXPECT_EQ(plant_.last(), Reason::binding_mismatch);
}

TEST_F(PipelineTest, SegmentsThatNoStackSends) {
  const auto reason = [&](TcpSpec spec) { return hmi(support::tcp_frame(kHmi, kPlc, spec)); };
  TcpSpec spec = syn();
  spec.flags = kTcpSyn | kTcpFin;
  EXPECT_EQ(reason(spec), Reason::tcp_bad_flags);
  spec.flags = 0;
  EXPECT_EQ(reason(spec), Reason::tcp_bad_flags);
  spec.flags = kTcpAck | wire::kTcpUrg;
  EXPECT_EQ(reason(spec), Reason::tcp_urgent);
  spec = syn();
  spec.payload = kRead;
  EXPECT_EQ(reason(spec), Reason::tcp_data_on_syn);
  spec = syn();
  spec.flags = kTcpAck;
  spec.source_port = 40001;
  EXPECT_EQ(reason(spec), Reason::tcp_not_a_session_start);
  spec = syn();
  spec.source_port = 40002;
  spec.options = {3, 9, 1, 1};  // an option that runs over its end
  EXPECT_EQ(reason(spec), Reason::malformed_transport);
}

TEST_F(PipelineTest, NumbersOutsideTheSession) {
  TcpSession session(plant_, 40000);
  plant_.clear();
  session.client_at(session.client_next + 70000, kRead);
  EXPECT_EQ(plant_.last(), Reason::tcp_out_of_window);
  session.client_at(session.client_next - 200000, kRead);
  EXPECT_EQ(plant_.last(), Reason::tcp_out_of_window);
  session.client_acked = session.server_next + 1;
  session.client_at(session.client_next, kRead);
  EXPECT_EQ(plant_.last(), Reason::tcp_bad_acknowledgement);
  session.client_acked = session.server_next;
  session.client_at(session.client_next + 1, {}, kTcpRst);
  EXPECT_EQ(plant_.last(), Reason::tcp_reset_out_of_sequence);
  session.server_at(session.server_next, {}, kTcpSyn);
  EXPECT_EQ(plant_.last(), Reason::tcp_unexpected_syn);
  // One challenge to the client, however often (RFC 5961, 7 and 10), and nothing to the PLC.
  ASSERT_EQ(left(), 1U);
  EXPECT_EQ(plant_.sent[0].port, support::kSupervision);
  const auto challenge = support::parse_sent(plant_.sent[0].frame);
  EXPECT_EQ(challenge->header.flags, kTcpAck);
  EXPECT_EQ(challenge->header.sequence, session.server_next);
  EXPECT_EQ(challenge->header.acknowledgement, session.client_next);
}

// A client that lost power and comes back on its old port: its SYN is challenged in the server's
// name, its reset ends the old session, and its next SYN begins a new one (RFC 5961, 4.2).
TEST_F(PipelineTest, AClientThatRestartedGetsThrough) {
  TcpSession session(plant_, 40000);
  session.from_client(kRead);
  session.server_acked = session.client_next;
  plant_.clear();
  session.client_at(77777, {}, kTcpSyn);
  ASSERT_EQ(left(), 1U);
  EXPECT_EQ(plant_.sent[0].port, support::kSupervision);
  const auto challenge = support::parse_sent(plant_.sent[0].frame);
  session.client_at(challenge->header.acknowledgement, {}, kTcpRst);
  EXPECT_EQ(plant_.last(), Reason::session_control);
  TcpSession again(plant_, 40000, 77777);
  again.from_client(kRead);
  EXPECT_EQ(plant_.last(), Reason::granted);
}

// A SYN into a living session does not let anything through that the session would not.
TEST_F(PipelineTest, ASynInALivingSessionChangesNothing) {
  TcpSession session(plant_, 40000);
  session.client_at(session.client_next + 100, {}, kTcpSyn);
  plant_.clear();
  session.client_at(session.client_next + 101, kReadOutside);
  ASSERT_EQ(left(), 1U);  // what lies behind the hole stays held, and the client hears of the hole
  EXPECT_EQ(plant_.sent[0].port, support::kSupervision);
  plant_.clear();
  session.from_client(kRead);
  ASSERT_EQ(left(), 1U);
  EXPECT_EQ(support::parse_sent(plant_.sent[0].frame)->payload, kRead);
}

TEST_F(PipelineTest, AResetBehindHeldBytesGoesOutAtTheReceiversNumber) {
  TcpSession session(plant_, 40000);
  session.from_client(Bytes(kRead.begin(), kRead.begin() + 5));
  plant_.clear();
  session.client_at(session.client_next, {}, kTcpRst);
  ASSERT_EQ(left(), 1U);
  const auto reset = support::parse_sent(plant_.sent[0].frame);
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->header.sequence, session.client_next - 5);
}

TEST_F(PipelineTest, KeepAlivesAndRetransmissionsPass) {
  TcpSession session(plant_, 40000);
  session.from_client(kRead);
  plant_.clear();
  session.client_at(session.client_next - kReadBytes, kRead);  // lost on the way to the PLC
  ASSERT_EQ(left(), 1U);
  EXPECT_EQ(support::parse_sent(plant_.sent[0].frame)->payload, kRead);
  session.server_acked = session.client_next;
  session.server_at(session.server_next, {}, kTcpAck);
  plant_.clear();
  session.client_at(session.client_next - 1, {0}, kTcpAck);  // a keep-alive with its garbage byte
  ASSERT_EQ(left(), 1U);
  EXPECT_TRUE(support::parse_sent(plant_.sent[0].frame)->payload.empty());
  plant_.clear();
  session.client_at(session.client_next - kReadBytes, kReadOutside);  // acknowledged long ago
  for (const auto& each : plant_.sent) {
    EXPECT_TRUE(support::parse_sent(each.frame)->payload.empty());
  }
}

TEST_F(PipelineTest, ALyingRetransmissionIsToldAndDropped) {
  TcpSession session(plant_, 40000);
  session.from_client(kRead);
  plant_.clear();
  session.client_at(session.client_next - kReadBytes, kReadOutside);
  EXPECT_EQ(plant_.last(), Reason::tcp_inconsistent_retransmission);
  EXPECT_EQ(left(), 0U);
}

TEST_F(PipelineTest, ClosingInTheMiddleOfAMessageIsRefused) {
  TcpSession session(plant_, 40000);
  session.from_client(Bytes(kRead.begin(), kRead.begin() + 9));
  plant_.clear();
  session.client_at(session.client_next, {}, kTcpFin | kTcpAck);
  EXPECT_EQ(plant_.last(), Reason::stream_ended_in_message);
}

TEST_F(PipelineTest, SessionsCloseAndTheirPortsAreUsedAgain) {
  for (int round = 0; round < 3; ++round) {
    TcpSession session(plant_, 40000, 5000U + 777U * static_cast<std::uint32_t>(round));
    session.from_client(kRead, kTcpAck | kTcpPsh | kTcpFin);
    EXPECT_EQ(plant_.verdicts.back().reason, Reason::granted);
    session.client_next += 1;
    session.server_acked = session.client_next;
    plant_.clear();
    session.from_server(kAnswer, kTcpAck | kTcpFin);  // an answer after the client's FIN
    EXPECT_EQ(plant_.last(), Reason::answers_request);
    session.server_next += 1;
    session.client_acked = session.server_next;
    session.client_at(session.client_next, {}, kTcpAck);
    EXPECT_EQ(plant_.last(), Reason::session_control);
  }
  EXPECT_EQ(plant_.pipeline().flows().size(), 1U);
}

TEST_F(PipelineTest, DataBehindTheEndIsRefused) {
  TcpSession session(plant_, 40000);
  session.from_client({}, kTcpAck | kTcpFin);
  session.client_next += 1;
  session.client_at(session.client_next, kRead);
  EXPECT_EQ(plant_.last(), Reason::tcp_after_end);
}

TEST_F(PipelineTest, ARequestAndItsAnswerMayShareABurst) {
  TcpSession session(plant_, 40000);
  TcpSpec request{40000, 502,  session.client_next, session.client_acked, kTcpAck, 65535, 0,
                  {},    kRead};
  TcpSpec answer{502, 40000,  session.server_next, session.client_next + 12, kTcpAck, 65535, 0,
                 {},  kAnswer};
  plant_.clear();
  plant_.arrive_burst({{support::kSupervision, support::tcp_frame(kHmi, kPlc, request)},
                       {support::kControl, support::tcp_frame(kPlc, kHmi, answer)}});
  EXPECT_EQ(left(), 2U);
}

TEST_F(PipelineTest, APolicyChangeCutsSessionsAtTheirNextPacket) {
  TcpSession session(plant_, 40000);
  TcpSession ssh(plant_, 40001, 1, 2, 22);
  policy::Rule only_ssh;
  only_ssh.clients = {{kHmi.address, 128}};
  only_ssh.servers = {{kPlc.address, 128}};
  only_ssh.ports = {{22, 22}};
  plant_.change_policy(support::with_rules(support::two_zones(policy::OnDeny::drop), {&only_ssh}));
  plant_.clear();
  session.from_client(kRead);
  EXPECT_EQ(plant_.last(), Reason::no_rule);
  EXPECT_EQ(left(), 2U);  // the resets that the conduit promised when the session was granted
  plant_.clear();
  ssh.from_client({1, 2, 3});
  EXPECT_EQ(plant_.last(), Reason::service_granted);
}

TEST_F(PipelineTest, APolicyChangeJudgesLivingSessionsByTheNewRules) {
  TcpSession session(plant_, 40000);
  policy::Rule narrower = support::modbus_rule({kReadHolding}, {{0, 5}});
  plant_.change_policy(support::with_rules(support::two_zones(policy::OnDeny::reset), {&narrower}));
  plant_.clear();
  session.from_client(kRead);
  EXPECT_EQ(plant_.last(), Reason::values_not_granted);
}

// The same bytes once more are not asked about again: under another policy they are.
TEST_F(PipelineTest, ARequestThatWasGrantedIsGrantedAgainUnderItsPolicyOnly) {
  TcpSession session(plant_, 40000);
  const auto ask = [&](const Bytes& request) {
    plant_.clear();
    session.from_client(request);
    return plant_.verdicts.back();
  };
  for (std::uint16_t transaction = 1; transaction < 4; ++transaction) {
    const pipeline::Event verdict = ask(support::modbus_adu({3, 0, 0, 0, 10}, transaction));
    EXPECT_EQ(verdict.reason, Reason::granted);
    EXPECT_EQ(verdict.rule, 1);
    EXPECT_EQ(verdict.function, kReadHolding);
  }
  policy::Rule narrower = support::modbus_rule({kReadHolding}, {{0, 5}});
  plant_.change_policy(support::with_rules(support::two_zones(policy::OnDeny::reset), {&narrower}));
  EXPECT_EQ(ask(support::modbus_adu({3, 0, 0, 0, 10}, 4)).reason, Reason::values_not_granted);
}

TEST_F(PipelineTest, ARateIsKeptThoughTheRequestRepeats) {
  policy::Rule limited = support::modbus_rule({kReadHolding}, {{0, 99}});
  limited.budget = 0;
  policy::Tables tables =
      support::with_rules(support::two_zones(policy::OnDeny::reset), {&limited});
  tables.conduits[0].budgets.emplace_back(kSecondNs, 2);
  Plant plant(std::move(tables));
  TcpSession session(plant, 40000);
  for (const Reason expected : {Reason::granted, Reason::granted, Reason::rate_exceeded}) {
    session.from_client(kRead);
    EXPECT_EQ(plant.last(), expected);
  }
}

TEST_F(PipelineTest, ARefusedMessageSpendsNoBudget) {
  policy::Rule limited = support::modbus_rule({kReadHolding}, {{0, 9}});
  limited.budget = 0;
  policy::Tables tables =
      support::with_rules(support::two_zones(policy::OnDeny::reject), {&limited});
  tables.conduits[0].budgets.emplace_back(60 * kSecondNs, 1);
  Plant plant(std::move(tables));
  TcpSession session(plant, 40000);
  for (const Reason expected : {Reason::values_not_granted, Reason::values_not_granted}) {
    session.from_client(support::modbus_adu({3, 0, 5, 0, 10}));  // 5 to 14, of which 10 are granted
    EXPECT_EQ(plant.last(), expected);
  }
  session.from_client(kRead);
  EXPECT_EQ(plant.last(), Reason::granted);
}

// What offloads that were left on make of frames is named, since its senders are not to blame.
TEST_F(PipelineTest, WhatOffloadsLeaveOutHasNamesOfItsOwn) {
  const Bytes segment = support::tcp_frame(kHmi, kPlc, syn());
  Bytes partial = segment;
  const auto length = static_cast<std::uint32_t>(segment.size() - 34);
  const std::uint32_t pseudo =
      wire::pseudo_header_sum(kHmi.address, kPlc.address, wire::kProtocolTcp, length);
  store_be16(partial.data() + 34 + 16, static_cast<std::uint16_t>(~wire::checksum_finish(pseudo)));
  EXPECT_EQ(hmi(partial), Reason::partial_checksum);
  partial[34 + 16] ^= 1;
  EXPECT_EQ(hmi(partial), Reason::bad_transport_checksum);
  const auto long_one = [&](std::uint16_t total) {
    Bytes frame = segment;
    store_be16(frame.data() + 16, total);
    store_be16(frame.data() + 24, 0);
    store_be16(frame.data() + 24,
               wire::checksum_finish(wire::checksum_add(0, ByteView{frame.data() + 14, 20})));
    return frame;
  };
  EXPECT_EQ(hmi(long_one(1501)), Reason::longer_than_mtu);
  EXPECT_EQ(hmi(long_one(20000)), Reason::longer_than_mtu);
  EXPECT_EQ(hmi(long_one(1500)), Reason::malformed_ip);  // cut short by somebody
  const Host six{support::ip6("2001:db8:20::10"), kHmi.mac, kHmi.port};
  const Host six_plc{support::ip6("2001:db8:10::20"), kPlc.mac, kPlc.port};
  Bytes frame = support::tcp_frame(six, six_plc, syn());
  store_be16(frame.data() + 18, 1461);
  EXPECT_EQ(hmi(frame), Reason::longer_than_mtu);
  store_be16(frame.data() + 18, 1460);
  EXPECT_EQ(hmi(frame), Reason::malformed_ip);
}

// What a port has verified is not summed again; what it has not is.
TEST_F(PipelineTest, ChecksumsAreVerifiedOnceByThePortOrHere) {
  constexpr std::uint64_t kGood = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  constexpr std::uint64_t kBad = RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD;
  Bytes wrong = support::tcp_frame(kHmi, kPlc, syn());
  wrong[14 + 20 + 16] ^= 1;
  for (const std::uint64_t flags :
       {std::uint64_t{0}, kBad, std::uint64_t{RTE_MBUF_F_RX_IP_CKSUM_GOOD}}) {
    plant_.arrive(kHmi.port, wrong, flags);
    EXPECT_EQ(plant_.last(), Reason::bad_transport_checksum) << flags;
  }
  plant_.arrive(kHmi.port, wrong, kGood);
  EXPECT_EQ(plant_.last(), Reason::session_control);
  plant_.arrive(kHmi.port, support::tcp_frame(kHmi, kPlc, syn()), kBad);
  EXPECT_EQ(plant_.last(), Reason::session_control);  // the port was wrong: the sum is right
}

TEST_F(PipelineTest, DatagramsAreRefusedOneByOne) {
  const auto send = [&](const Bytes& payload) {
    return hmi(support::udp_frame(kHmi, kPlc, 5000, 502, payload));
  };
  EXPECT_EQ(send(kRead), Reason::session_control);
  EXPECT_EQ(left(), 1U);
  EXPECT_EQ(send(kReadOutside), Reason::values_not_granted);
  EXPECT_EQ(left(), 0U);
  Bytes longer = kRead;
  longer.push_back(0);
  EXPECT_EQ(send(longer), Reason::protocol_fault);
  EXPECT_EQ(send(support::modbus_adu({3, 0, 0, 0, 10}, 2)), Reason::session_control);
  plant_.clear();
  plant_.arrive(kPlc, support::udp_frame(kPlc, kHmi, 502, 5000, kAnswer));
  EXPECT_EQ(left(), 1U);
}

TEST_F(PipelineTest, EchoesAreAnsweredAndErrorsMustQuoteASession) {
  EXPECT_EQ(hmi(support::ip_frame(kHmi, kPlc, 1, support::icmp_message(8, 0, 77))),
            Reason::service_granted);
  plant_.clear();
  plant_.arrive(kPlc, support::ip_frame(kPlc, kHmi, 1, support::icmp_message(0, 0, 77)));
  EXPECT_EQ(plant_.last(), Reason::service_granted);
  plant_.arrive(kPlc, support::ip_frame(kPlc, kHmi, 1, support::icmp_message(0, 0, 78)));
  EXPECT_EQ(plant_.last(), Reason::icmp_unsolicited);
  const Bytes asked = support::udp_frame(kHmi, kPlc, 5000, 502, kRead);
  hmi(asked);
  const Bytes quote(asked.begin() + 14, asked.begin() + 14 + 28);
  plant_.arrive(kPlc, support::ip_frame(kPlc, kHmi, 1, support::icmp_message(3, 3, 0, quote)));
  EXPECT_EQ(plant_.last(), Reason::icmp_for_session);
  Bytes other = quote;
  other[21] ^= 1;  // another port
  plant_.arrive(kPlc, support::ip_frame(kPlc, kHmi, 1, support::icmp_message(3, 3, 0, other)));
  EXPECT_EQ(plant_.last(), Reason::icmp_unsolicited);
}

// The record of a packet has had another one before, which may have been such an error.
TEST_F(PipelineTest, WhatIsNoIcmpErrorIsNoneBehindOne) {
  hmi(support::udp_frame(kHmi, kPlc, 5000, 502, kRead));
  const Bytes answered = support::udp_frame(kPlc, kHmi, 502, 5000, kAnswer);
  plant_.arrive(kPlc, answered);
  const Bytes quote(answered.begin() + 14, answered.begin() + 14 + 28);
  const Bytes error = support::ip_frame(kHmi, kPlc, 1, support::icmp_message(3, 3, 0, quote));
  // Of two buffers that are given back the second is the next one, so that the error's bytes stay.
  const Bytes echo = support::ip_frame(kHmi, kPlc, 1, support::icmp_message(8, 0, 77));
  const auto after_an_error = [&](const Bytes& frame) {
    plant_.arrive_burst({{support::kSupervision, error}, {support::kSupervision, echo}});
    plant_.clear();
    plant_.arrive(kHmi, frame);
    return plant_.last();
  };
  support::TcpSpec spec;
  spec.flags = wire::kTcpSyn;
  spec.destination_port = 8502;
  EXPECT_EQ(after_an_error(support::tcp_frame(kHmi, kPlc, spec)), Reason::no_rule);
  spec.flags = wire::kTcpAck | wire::kTcpPsh;
  spec.destination_port = 502;
  spec.payload = kRead;
  EXPECT_EQ(after_an_error(support::tcp_frame(kHmi, kPlc, spec)), Reason::tcp_not_a_session_start);
  EXPECT_EQ(after_an_error(support::udp_frame(kHmi, kPlc, 5000, 8502, kRead)), Reason::no_rule);
  for (const support::Sent& sent : plant_.sent) EXPECT_NE(sent.port, support::kControl);
}

TEST_F(PipelineTest, ArpPassesBetweenHostsThatMaySpeak) {
  const wire::Mac everyone{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  EXPECT_EQ(hmi(support::arp_frame(kHmi, everyone, 1, kPlc.address)), Reason::address_resolution);
  EXPECT_EQ(plant_.sent[0].port, support::kControl);
  EXPECT_EQ(hmi(support::arp_frame(kRogue, everyone, 1, kPlc.address)), Reason::no_rule);
  const Host liar{kHmi.address, support::mac(0x99), support::kSupervision};
  Bytes contradiction = support::arp_frame(liar, everyone, 1, kPlc.address);
  contradiction[11] = 0x10;  // the frame comes from another station than the message says
  EXPECT_EQ(hmi(contradiction), Reason::malformed_arp);
  const Host false_plc{kPlc.address, support::mac(0x21), support::kControl};
  plant_.clear();
  plant_.arrive(false_plc, support::arp_frame(false_plc, kHmi.mac, 2, kHmi.address));
  EXPECT_EQ(plant_.last(), Reason::binding_mismatch);
  plant_.arrive(kPlc, support::arp_frame(kPlc, kHmi.mac, 2, kHmi.address));
  EXPECT_EQ(plant_.last(), Reason::address_resolution);
}

// RFC 5227, 3, and 2.1.1 for the probe; RFC 5944, 4.6: both forms, to everybody.
TEST_F(PipelineTest, WhatAHostAnnouncesCrossesWhereItMaySpeak) {
  const wire::Mac everyone{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  const Host moved{kHmi.address, support::mac(0x11), support::kSupervision};
  for (const std::uint16_t operation : {std::uint16_t{1}, std::uint16_t{2}}) {
    EXPECT_EQ(hmi(support::arp_frame(moved, everyone, operation, moved.address)),
              Reason::address_resolution);
    ASSERT_EQ(left(), 1U);
    EXPECT_EQ(plant_.sent[0].port, support::kControl);
  }
  EXPECT_EQ(hmi(support::arp_frame(kRogue, everyone, 1, kRogue.address)), Reason::no_rule);
  const Host thief{kPlc.address, support::mac(0x21), support::kControl};  // the PLC's is bound
  plant_.clear();
  plant_.arrive(thief, support::arp_frame(thief, everyone, 2, thief.address));
  EXPECT_EQ(plant_.last(), Reason::binding_mismatch);
  const Host elsewhere{kPlc.address, kPlc.mac, support::kSupervision};
  EXPECT_EQ(hmi(support::arp_frame(elsewhere, everyone, 1, kPlc.address)), Reason::spoofed_source);
  EXPECT_EQ(hmi(support::arp_frame(kHmi, everyone, 2, kPlc.address)), Reason::malformed_arp);
  const Host nobody{support::ip4(0, 0, 0, 0), kHmi.mac, support::kSupervision};
  EXPECT_EQ(hmi(support::arp_frame(nobody, everyone, 1, kHmi.address)), Reason::own_link_only);
  EXPECT_EQ(left(), 0U);
}

// RFC 4861, 7.2.6; RFC 4862, 5.4.2 and 4.1 to 4.3; RFC 3810, 5.
TEST_F(PipelineTest, WhatIpv6HostsSayToGroups) {
  const auto to_group = [&](const char* from, const char* group, const Bytes& message) {
    const Host sender{support::ip6(from), kHmi.mac, support::kSupervision};
    return hmi(support::icmp6_frame(sender, support::ip6(group), message));
  };
  const auto about = [](std::uint8_t type, std::uint8_t flags, const char* target,
                        const Bytes& option) {
    return support::neighbour_message(type, flags, support::ip6(target), option);
  };
  const Bytes own = {2, 1, 2, 0, 0, 0, 0, 0x10};
  constexpr auto kHost = "2001:db8:20::10";
  EXPECT_EQ(to_group(kHost, "ff02::1", about(136, 0x20, kHost, own)), Reason::address_resolution);
  ASSERT_EQ(left(), 1U);
  EXPECT_EQ(plant_.sent[0].port, support::kControl);
  EXPECT_EQ(to_group(kHost, "ff02::1", about(136, 0x60, kHost, own)), Reason::malformed_arp);
  EXPECT_EQ(to_group(kHost, "ff02::2", about(136, 0x20, kHost, own)), Reason::malformed_arp);
  EXPECT_EQ(to_group("2001:db8:20::11", "ff02::1", about(136, 0x20, "2001:db8:20::11", own)),
            Reason::no_rule);
  EXPECT_EQ(to_group("::", "ff02::1:ff00:10", about(135, 0, kHost, {})), Reason::own_link_only);
  EXPECT_TRUE(plant_.verdicts.back().has_addresses);
  for (const std::uint8_t type : {std::uint8_t{133}, std::uint8_t{134}, std::uint8_t{143}}) {
    EXPECT_EQ(to_group("fe80::1", "ff02::1", Bytes{type, 0, 0, 0, 0, 0, 0, 0}),
              Reason::own_link_only);
  }
  EXPECT_EQ(to_group("fe80::1", "ff02::1", Bytes{128, 0, 0, 0, 0, 0, 0, 0}), Reason::no_rule);
  EXPECT_EQ(left(), 0U);
}

TEST_F(PipelineTest, Ipv6SessionsAndNeighbours) {
  const Host hmi6{support::ip6("2001:db8:20::10"), kHmi.mac, support::kSupervision};
  const Host plc6{support::ip6("2001:db8:10::20"), kPlc.mac, support::kControl};
  EXPECT_EQ(hmi(support::tcp_frame(hmi6, plc6, syn())), Reason::session_control);
  const Bytes solicitation =
      support::neighbour_message(135, 0, plc6.address, {1, 1, 2, 0, 0, 0, 0, 0x10});
  EXPECT_EQ(hmi(support::icmp6_frame(hmi6, support::ip6("ff02::1:ff00:20"), solicitation)),
            Reason::address_resolution);
  Bytes extension = support::tcp_frame(hmi6, plc6, syn());
  extension[20] = 0;  // hop-by-hop options
  EXPECT_EQ(hmi(extension), Reason::ip_options);
  extension[20] = 44;
  EXPECT_EQ(hmi(extension), Reason::fragment);
}

TEST_F(PipelineTest, TaggedZones) {
  policy::Tables tables = plant_policy();
  for (policy::Zone& zone : tables.zones) zone.vlan = {100, 10};
  Plant tagged(std::move(tables));
  const Bytes frame = support::tcp_frame(kHmi, kPlc, syn());
  const Bytes inner = support::with_vlan(frame, 10);
  const Bytes both = support::with_vlan(inner, 100, 0x88a8);
  tagged.arrive(kHmi, inner);
  EXPECT_EQ(tagged.last(), Reason::unknown_zone);
  tagged.arrive(kHmi, both);
  EXPECT_EQ(tagged.last(), Reason::session_control);
  ASSERT_EQ(tagged.sent.size(), 1U);
  EXPECT_EQ(tagged.sent[0].frame, both);
  tagged.arrive(kHmi, support::with_vlan(both, 5));
  EXPECT_EQ(tagged.last(), Reason::malformed_ethernet);
}

// More than the usual room holds: the session gets more, and each answer still finds its request.
TEST_F(PipelineTest, ManyRequestsUnderWay) {
  constexpr std::uint16_t kRequests = 60;
  TcpSession session(plant_, 40000);
  for (std::uint16_t i = 0; i < kRequests; ++i) {
    session.from_client(support::modbus_adu({3, 0, 0, 0, 10}, i));
    ASSERT_EQ(plant_.last(), Reason::granted) << i;
  }
  EXPECT_EQ(plant_.pipeline().flows().deep_sessions(), 1U);
  session.server_acked = session.client_next;
  Bytes pdu = {3, 20};
  pdu.resize(22);
  for (std::uint16_t i = 0; i < kRequests; ++i) {
    session.from_server(support::modbus_adu(pdu, i));
    ASSERT_EQ(plant_.last(), Reason::answers_request) << i;
  }
  session.from_client({}, kTcpRst | kTcpAck);
  plant_.pass_time(60 * kSecondNs);
  EXPECT_EQ(plant_.pipeline().flows().deep_sessions(), 0U);
}

TEST(NoRoomForMore, OneRequestTooManyIsRefused) {
  pipeline::PipelineOptions options;
  options.limits.deep_sessions = 0;
  Plant plant(plant_policy(), options);
  TcpSession session(plant, 40000);
  for (std::uint16_t i = 0; i < 7; ++i) {
    session.from_client(support::modbus_adu({3, 0, 0, 0, 10}, i));
    ASSERT_EQ(plant.last(), Reason::granted) << i;
  }
  session.from_client(support::modbus_adu({3, 0, 0, 0, 10}, 7));
  EXPECT_EQ(plant.last(), Reason::protocol_fault);
}

TEST_F(PipelineTest, PaddingDoesNotTravelOn) {
  Bytes frame = support::tcp_frame(kHmi, kPlc, syn());
  const std::size_t whole = frame.size();
  frame.insert(frame.end(), {'s', 'e', 'c', 'r', 'e', 't'});
  EXPECT_EQ(hmi(frame), Reason::session_control);
  EXPECT_EQ(plant_.sent[0].frame.size(), whole);
}

TEST(EmptyPolicy, NothingPasses) {
  policy::Tables tables = support::two_zones(policy::OnDeny::drop);
  Plant plant(std::move(tables));
  plant.arrive(kHmi, support::tcp_frame(kHmi, kPlc, syn()));
  plant.arrive(kHmi, support::arp_frame(kHmi, kPlc.mac, 1, kPlc.address));
  EXPECT_TRUE(plant.sent.empty());
}

}  // namespace
}  // namespace bulkhead
