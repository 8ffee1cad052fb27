// An observed conduit: its frames leave as they came, and what enforcing would make of them is
// said.
//
//   HMI, rogue (supervision) port 0 ---- scada, observes ---- port 1 PLC (control)
//                                   `--- trip, enforces  ---- port 2 relay (safety)
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/policy/observed.h"
#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::Host;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::kRogue;
using support::kSupervision;
using support::Plant;
using support::Refusal;
using support::Sent;
using support::TcpSession;
using support::TcpSpec;
using wire::kTcpAck;
using wire::kTcpPsh;
using wire::kTcpSyn;

constexpr std::uint16_t kReadHolding = 2;
constexpr std::uint16_t kSafety = 2;
constexpr std::uint64_t kUntilS = 1000;

const Host kRelay{support::ip4(10, 30, 0, 5), support::mac(0x30), kSafety};
const Bytes kRead = support::modbus_adu({3, 0, 0, 0, 10});
const Bytes kReadOutside = support::modbus_adu({3, 0, 95, 0, 10});
const Bytes kWrite = support::modbus_adu({6, 0, 7, 0, 1});
const Bytes kAnswer =
    support::modbus_adu({3, 20, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 0, 9});
const Bytes kWritten = support::modbus_adu({6, 0, 7, 0, 1});

policy::Tables plant_policy(policy::OnDeny on_deny = policy::OnDeny::reject) {
  policy::Tables tables =
      support::modbus_tables(on_deny, support::modbus_rule({kReadHolding}, {{0, 99}}));
  tables.conduits[0].reassemble = true;
  return tables;
}

policy::Tables observed(policy::Tables tables) {
  tables.conduits[0].observe_until_s = kUntilS;
  return tables;
}

// With a conduit beside it that enforces.
policy::Tables with_neighbour(policy::Tables tables) {
  tables.zones.push_back({"safety", kSafety, {}, {{support::ip4(10, 30, 0, 0), 120}}});
  policy::Conduit& trip = tables.conduits.emplace_back();
  trip.name = "trip";
  trip.to = 2;
  policy::Rule modbus = support::modbus_rule({kReadHolding}, {{0, 99}});
  modbus.servers = {{kRelay.address, 128}};
  trip.rules.push_back(std::move(modbus));
  return tables;
}

class Observe : public ::testing::Test {
 protected:
  // Whether the frame left to the one port, as it came.
  ::testing::AssertionResult leaves(const Host& from, const Bytes& frame, std::uint16_t to) {
    plant_.clear();
    plant_.arrive(from, frame);
    if (plant_.sent.size() != 1) {
      return ::testing::AssertionFailure() << plant_.sent.size() << " frames left";
    }
    if (plant_.sent[0].port != to) {
      return ::testing::AssertionFailure() << "to port " << plant_.sent[0].port;
    }
    if (plant_.sent[0].frame != frame) return ::testing::AssertionFailure() << "not as it came";
    return ::testing::AssertionSuccess();
  }

  Plant plant_{observed(plant_policy())};
};

TEST_F(Observe, EveryFrameLeavesAsItCame) {
  const Bytes syn =
      support::tcp_frame(kHmi, kPlc, {.flags = kTcpSyn, .options = {}, .payload = {}});
  Bytes hop = syn;
  hop[14 + 8] = 1;
  Bytes bad_sum = syn;
  bad_sum[14 + 10] ^= 0xff;
  Bytes options = syn;
  options[14] = 0x46;
  Bytes cut = syn;
  cut.resize(40);
  Bytes padded = syn;
  padded.resize(60, 0xa5);
  TcpSpec urgent;
  urgent.urgent = 3;
  urgent.flags = wire::kTcpUrg | kTcpAck;
  urgent.payload = kRead;
  for (const Bytes& frame :
       {syn, hop, bad_sum, options, cut, padded, support::tcp_frame(kHmi, kPlc, urgent),
        support::udp_frame(kRogue, kPlc, 9, 9, {1, 2, 3}), support::ip_frame(kHmi, kPlc, 89, {1}),
        support::with_vlan(syn, 0)}) {
    EXPECT_TRUE(leaves(kHmi, frame, kControl)) << frame.size();
  }
}

TEST_F(Observe, FramesOfLinksAreOfTheConduitToo) {
  const wire::Mac all = wire::Mac::from_integer(0xffffffffffff);
  const Bytes asks = support::arp_frame(kRogue, all, 1, kPlc.address);
  const Bytes announces = support::arp_frame(kHmi, all, 1, kHmi.address);
  const Host spoofer{support::ip4(192, 0, 2, 9), kRogue.mac, kSupervision};
  const Host elsewhere{support::ip4(192, 0, 2, 9), support::mac(0x77), kControl};
  Bytes goose = {1, 0x0c, 0xcd, 1, 0, 1, 2, 0, 0, 0, 0, 0x10, 0x88, 0xb8, 0, 1, 0, 8, 0, 0, 0, 0};
  goose.resize(60);
  Bytes runt = {1, 2, 3};
  Bytes bad_arp = asks;
  bad_arp[14] = 9;
  EXPECT_TRUE(leaves(kRogue, asks, kControl));
  EXPECT_TRUE(leaves(kHmi, announces, kControl));
  EXPECT_TRUE(leaves(spoofer, support::udp_frame(spoofer, kPlc, 1, 2, {1}), kControl));
  EXPECT_TRUE(leaves(kHmi, support::udp_frame(kHmi, elsewhere, 1, 2, {1}), kControl))
      << "to a host that no zone has";
  EXPECT_TRUE(leaves(kPlc, support::udp_frame(kPlc, kHmi, 1, 2, {1}), kSupervision));
  EXPECT_TRUE(leaves(kHmi, goose, kControl));
  EXPECT_TRUE(leaves(kHmi, runt, kControl));
  EXPECT_TRUE(leaves(kHmi, bad_arp, kControl));
  EXPECT_TRUE(leaves(kHmi, support::with_vlan(support::with_vlan(goose, 0), 0), kControl))
      << "tags that are read in more than one way";
}

TEST_F(Observe, OtherFramesAreNotOfIt) {
  const Bytes tagged = support::with_vlan(support::udp_frame(kHmi, kPlc, 1, 2, {1}), 7);
  plant_.arrive(kHmi, tagged);
  EXPECT_TRUE(plant_.sent.empty());
  EXPECT_EQ(plant_.last(), Reason::unknown_zone);
  plant_.clear();
  plant_.arrive(kHmi, support::udp_frame(kHmi, kRogue, 1, 2, {1}));
  EXPECT_TRUE(plant_.sent.empty()) << "it is for its sender's own zone";
  EXPECT_FALSE(plant_.verdicts.back().observed);
}

TEST_F(Observe, FragmentsLeaveOneByOneAndAreJudgedTogether) {
  const Bytes whole = support::udp_frame(kHmi, kPlc, 40000, 502, kReadOutside);
  const Bytes first = support::fragment_of(whole, {0, 16, true}, 7);
  const Bytes second = support::fragment_of(whole, {16, whole.size() - 34 - 16, false}, 7);
  EXPECT_TRUE(leaves(kHmi, second, kControl));
  EXPECT_TRUE(refusals(plant_).empty());
  EXPECT_TRUE(leaves(kHmi, first, kControl));
  EXPECT_EQ(refusals(plant_),
            (std::vector<Refusal>{{Reason::values_not_granted, protocols::Fault::none}}));
}

TEST_F(Observe, NeighboursEnforce) {
  Plant plant(with_neighbour(observed(plant_policy())));
  const auto arrives = [&plant](const Host& from, const Bytes& frame) {
    plant.clear();
    plant.arrive(from, frame);
    std::uint32_t ports = 0;
    for (const Sent& each : plant.sent) ports |= 1U << each.port;
    return ports;
  };
  const wire::Mac all = wire::Mac::from_integer(0xffffffffffff);
  EXPECT_EQ(arrives(kHmi, support::udp_frame(kHmi, kPlc, 1, 2, {1})), 1U << kControl);
  EXPECT_EQ(arrives(kHmi, support::udp_frame(kHmi, kRelay, 1, 2, {1})), 0U);
  EXPECT_EQ(plant.last(), Reason::no_rule);
  EXPECT_FALSE(plant.verdicts.back().observed);
  EXPECT_EQ(arrives(kRogue, support::arp_frame(kRogue, all, 1, kRelay.address)), 0U);
  EXPECT_EQ(arrives(kHmi, support::arp_frame(kHmi, all, 1, kRelay.address)), 1U << kSafety);
  // What is for all goes to either, by each one's own law.
  EXPECT_EQ(arrives(kHmi, support::arp_frame(kHmi, all, 1, kHmi.address)),
            1U << kControl | 1U << kSafety);
  EXPECT_EQ(arrives(kRogue, support::arp_frame(kRogue, all, 1, kRogue.address)), 1U << kControl);
  Bytes goose = {1, 0x0c, 0xcd, 1, 0, 1, 2, 0, 0, 0, 0, 0x10, 0x88, 0xb8, 0, 1, 0, 8, 0, 0, 0, 0};
  EXPECT_EQ(arrives(kHmi, goose), 1U << kControl);
  // From a zone with no observed conduit.
  EXPECT_EQ(arrives(kRelay, goose), 0U);
  EXPECT_EQ(arrives(kRelay, support::udp_frame(kRelay, kPlc, 1, 2, {1})), 0U);
}

TEST_F(Observe, WhatEnforcingWouldRefuseIsSaidOnceAndTheSessionGoesOn) {
  TcpSession session(plant_, 40000);
  plant_.clear();
  session.from_client(kRead);
  session.from_server(kAnswer);
  EXPECT_TRUE(refusals(plant_).empty());
  session.client_acked = session.server_next;
  session.from_client(kReadOutside);
  ASSERT_EQ(plant_.verdicts.back().reason, Reason::values_not_granted);
  EXPECT_TRUE(plant_.verdicts.back().observed);
  EXPECT_EQ(plant_.verdicts.back().action, pipeline::Action::reject);
  session.server_acked = session.client_next;
  session.from_server(kAnswer);  // it has arrived, and is answered
  session.from_client(kWrite);
  session.server_acked = session.client_next;
  session.from_server(kWritten);
  session.from_client(kRead);
  EXPECT_EQ(plant_.last(), Reason::granted);
  EXPECT_EQ(refusals(plant_),
            (std::vector<Refusal>{{Reason::values_not_granted, protocols::Fault::none},
                                  {Reason::function_not_granted, protocols::Fault::none}}));
  EXPECT_EQ(plant_.sent.size(), 7U);
}

TEST_F(Observe, AStrayAnswerIsForetold) {
  TcpSession session(plant_, 40000);
  session.from_client(kRead);
  session.server_acked = session.client_next;
  session.from_server(kAnswer);
  plant_.clear();
  session.from_server(kAnswer);
  EXPECT_EQ(
      refusals(plant_),
      (std::vector<Refusal>{{Reason::protocol_fault, protocols::Fault::unrequested_response}}));
  EXPECT_EQ(plant_.verdicts.back().action, pipeline::Action::drop);
}

// A server that was asked what nobody can read may say so, though it was asked something else
// before.
TEST_F(Observe, WhatMayAnswerARequestThatCannotBeReadIsNotForetold) {
  const Bytes unknown = support::modbus_adu({60, 1, 2, 3}, 2);
  const Bytes nothing = support::modbus_adu({3, 0, 0, 0, 0}, 3);  // a quantity of 0
  const Bytes unknown_refused = support::modbus_adu({60 | 0x80, 1}, 2);
  const Bytes nothing_refused = support::modbus_adu({3 | 0x80, 3}, 3);
  TcpSession session(plant_, 40000);
  plant_.clear();
  for (const Bytes& request : {kRead, unknown, nothing}) session.from_client(request);
  EXPECT_EQ(count(plant_, Reason::protocol_fault), 2U);
  session.server_acked = session.client_next;
  for (const Bytes& answer : {kAnswer, unknown_refused, nothing_refused}) {
    session.from_server(answer);
  }
  EXPECT_EQ(count(plant_, Reason::protocol_fault), 2U);
  EXPECT_EQ(count(plant_, Reason::not_judged), 1U) << "what cannot be read either";
  session.from_server(nothing_refused);
  EXPECT_EQ(refusals(plant_).back(),
            (Refusal{Reason::protocol_fault, protocols::Fault::unrequested_response}));
}

// The receiver acknowledges bytes that here still wait for the rest of their message.
TEST_F(Observe, AReceiverIsNotAskedToWaitForAVerdict) {
  TcpSession session(plant_, 40000);
  plant_.clear();
  const Bytes first(kReadOutside.begin(), kReadOutside.begin() + 5);
  const Bytes rest(kReadOutside.begin() + 5, kReadOutside.end());
  session.from_client(first);
  session.server_acked = session.client_next;
  session.from_server({}, kTcpAck);
  plant_.pass_time(2 * kMillisecondNs);
  session.from_client(rest);
  session.server_acked = session.client_next;
  session.from_server({}, kTcpAck);
  EXPECT_EQ(plant_.sent.size(), 4U) << "nothing is made here";
  EXPECT_EQ(refusals(plant_),
            (std::vector<Refusal>{{Reason::values_not_granted, protocols::Fault::none}}));
}

TEST_F(Observe, BytesOutOfOrderLeaveAtOnceAndAreJudgedInOrder) {
  TcpSession session(plant_, 40000);
  plant_.clear();
  const auto begin = session.client_next;
  session.client_at(begin + static_cast<std::uint32_t>(kRead.size()), kWrite);
  EXPECT_EQ(plant_.sent.size(), 1U);
  EXPECT_TRUE(refusals(plant_).empty());
  session.client_at(begin, kRead);
  EXPECT_EQ(plant_.sent.size(), 2U);
  EXPECT_EQ(refusals(plant_),
            (std::vector<Refusal>{{Reason::function_not_granted, protocols::Fault::none}}));
}

TEST_F(Observe, AnAcknowledgementOfWhatWasNeverSentIsForetold) {
  TcpSession session(plant_, 40000);
  plant_.clear();
  session.server_acked = session.client_next + 1000;
  session.from_server({}, kTcpAck);
  EXPECT_EQ(plant_.last(), Reason::tcp_bad_acknowledgement);
  EXPECT_EQ(plant_.sent.size(), 1U);
}

// Of a segment that is refused its receiver may have taken the bytes: the stream goes on there.
TEST_F(Observe, AfterAGapJudgementBeginsAnew) {
  TcpSession session(plant_, 40000);
  session.from_client(kRead);
  session.server_acked = session.client_next;
  session.from_server(kAnswer);
  plant_.clear();
  TcpSpec urgent;
  urgent.sequence = session.client_next;
  urgent.acknowledgement = session.client_acked;
  urgent.flags = wire::kTcpUrg | kTcpAck;
  urgent.urgent = 1;
  urgent.payload = kRead;
  plant_.arrive(kHmi, support::tcp_frame(kHmi, kPlc, urgent));
  session.client_next += static_cast<std::uint32_t>(kRead.size());
  session.server_acked = session.client_next;
  session.from_server({}, kTcpAck);
  session.from_client(kReadOutside);
  session.server_acked = session.client_next;
  session.from_server({}, kTcpAck);
  EXPECT_EQ(refusals(plant_),
            (std::vector<Refusal>{{Reason::tcp_urgent, protocols::Fault::none},
                                  {Reason::values_not_granted, protocols::Fault::none}}));
  EXPECT_EQ(count(plant_, Reason::not_judged), 1U) << "the urgent segment's bytes";
}

TEST_F(Observe, WhereAMessageBeginsIsFoundAgain) {
  TcpSession session(plant_, 40000);
  session.from_client(kRead);
  session.server_acked = session.client_next;
  session.from_server(kAnswer);
  plant_.clear();
  session.from_client({0, 9, 0, 9, 0, 6, 1, 3, 0, 0});  // no protocol identifier of Modbus
  ASSERT_EQ(count(plant_, Reason::protocol_fault), 1U);
  session.from_client({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  EXPECT_EQ(count(plant_, Reason::protocol_fault), 1U);
  EXPECT_EQ(count(plant_, Reason::not_judged), 1U);
  session.from_client(kWrite);
  EXPECT_EQ(plant_.last(), Reason::function_not_granted);
  session.from_client(kRead);
  EXPECT_EQ(plant_.last(), Reason::granted);
  EXPECT_EQ(plant_.sent.size(), 4U);
}

TEST_F(Observe, ASessionThatWasOpenBeforeIsJudgedFromItsFirstWholeMessage) {
  TcpSpec spec;
  spec.sequence = 5000;
  spec.acknowledgement = 7000;
  spec.payload = Bytes(kRead.begin() + 3, kRead.end());
  EXPECT_TRUE(leaves(kHmi, support::tcp_frame(kHmi, kPlc, spec), kControl));
  EXPECT_TRUE(refusals(plant_).empty());
  spec.sequence += static_cast<std::uint32_t>(spec.payload.size());
  spec.payload = kWrite;
  EXPECT_TRUE(leaves(kHmi, support::tcp_frame(kHmi, kPlc, spec), kControl));
  EXPECT_EQ(plant_.last(), Reason::function_not_granted);
}

// A keep-alive repeats the byte before the next.
TEST_F(Observe, AnIdleSessionThatWasOpenBeforeIsJudged) {
  TcpSpec keep_alive;
  keep_alive.source_port = 502;
  keep_alive.destination_port = 40000;
  keep_alive.sequence = 6999;
  keep_alive.acknowledgement = 5000;
  EXPECT_TRUE(leaves(kPlc, support::tcp_frame(kPlc, kHmi, keep_alive), kSupervision));
  TcpSpec spec;
  spec.sequence = 5000;
  spec.acknowledgement = 7000;
  EXPECT_TRUE(leaves(kHmi, support::tcp_frame(kHmi, kPlc, spec), kControl));
  EXPECT_TRUE(refusals(plant_).empty());
  spec.payload = kWrite;
  EXPECT_TRUE(leaves(kHmi, support::tcp_frame(kHmi, kPlc, spec), kControl));
  EXPECT_EQ(plant_.last(), Reason::function_not_granted);
}

TEST_F(Observe, ARefusedOpeningIsSaidOnce) {
  TcpSession session(plant_, 40000, 1000, 900000, 4444);
  EXPECT_EQ(refusals(plant_), (std::vector<Refusal>{{Reason::no_rule, protocols::Fault::none}}));
  for (int i = 0; i < 5; ++i) session.from_client(kRead);
  session.from_server(kAnswer);
  EXPECT_EQ(refusals(plant_).size(), 1U);
  EXPECT_EQ(plant_.sent.size(), 9U);
  // Each datagram that nobody granted is refused for itself; its answer follows from it.
  plant_.clear();
  for (int i = 0; i < 2; ++i) {
    plant_.arrive(kHmi, support::udp_frame(kHmi, kPlc, 5000, 5001, {1}));
    plant_.arrive(kPlc, support::udp_frame(kPlc, kHmi, 5001, 5000, {2}));
  }
  EXPECT_EQ(refusals(plant_).size(), 2U);
  EXPECT_EQ(plant_.sent.size(), 4U);
}

TEST_F(Observe, RefusedDatagramsAndTheirAnswers) {
  const auto asks = [](const Bytes& adu) {
    return support::udp_frame(kHmi, kPlc, 40000, 502, adu);
  };
  const auto answers = [](const Bytes& adu) {
    return support::udp_frame(kPlc, kHmi, 502, 40000, adu);
  };
  EXPECT_TRUE(leaves(kHmi, asks(kWrite), kControl));
  EXPECT_EQ(plant_.last(), Reason::function_not_granted);
  EXPECT_TRUE(leaves(kPlc, answers(kWritten), kSupervision));
  EXPECT_TRUE(refusals(plant_).empty());
  EXPECT_TRUE(leaves(kHmi, asks(kRead), kControl));
  EXPECT_TRUE(refusals(plant_).empty());
}

TEST_F(Observe, ItsEndIsItsOwn) {
  plant_.set_wall_s(kUntilS - 1);
  plant_.arrive(kRogue, support::udp_frame(kRogue, kPlc, 1, 2, {1}));
  EXPECT_EQ(plant_.sent.size(), 1U);
  plant_.clear();
  plant_.set_wall_s(kUntilS);
  plant_.arrive(kRogue, support::udp_frame(kRogue, kPlc, 1, 2, {1}));
  EXPECT_TRUE(plant_.sent.empty());
  EXPECT_EQ(plant_.last(), Reason::no_rule);
  EXPECT_FALSE(plant_.verdicts.back().observed);
}

TEST_F(Observe, AContainmentEnforces) {
  plant_.contain({{policy::Contained::Kind::conduit, "scada", policy::ContainmentLevel::isolate}});
  plant_.arrive(kHmi, support::udp_frame(kHmi, kPlc, 1, 2, {1}));
  EXPECT_TRUE(plant_.sent.empty());
  plant_.contain({});
  plant_.arrive(kHmi, support::udp_frame(kHmi, kPlc, 1, 2, {1}));
  EXPECT_EQ(plant_.sent.size(), 1U);
}

// Where nothing can be judged frames pass all the same, and that is said.
TEST_F(Observe, WantOfRoomCostsTheJudgementAlone) {
  pipeline::PipelineOptions options;
  options.limits.observed_sessions = 0;
  Plant plant(observed(plant_policy()), options);
  plant.arrive(kHmi, support::udp_frame(kHmi, kPlc, 1, 2, {1}));
  EXPECT_EQ(plant.sent.size(), 1U);
  EXPECT_EQ(plant.last(), Reason::not_judged);
  options.limits.observed_sessions = 16;
  Plant small(observed(plant_policy()), options);
  for (std::uint16_t port = 0; port < 64; ++port) {
    TcpSession session(small, static_cast<std::uint16_t>(40000 + port));
    session.from_client(kRead);
  }
  EXPECT_EQ(small.sent.size(), 64U * 4);
  EXPECT_GT(count(small, Reason::not_judged), 0U);
  EXPECT_TRUE(refusals(small).empty());
}

TEST_F(Observe, BuffersComeBack) {
  TcpSession session(plant_, 40000);
  for (int i = 0; i < 50; ++i) {
    session.from_client(i % 3 == 0 ? kWrite : kRead);
    session.server_acked = session.client_next;
    session.from_server(i % 3 == 0 ? kWritten : kAnswer);
    session.client_acked = session.server_next;
  }
  session.from_client({}, kTcpAck);
  plant_.observation().forget_all();
  EXPECT_EQ(plant_.buffers_in_use(), 0U);
}

// A session that the firewall has spliced cannot go on without it.
TEST_F(Observe, WhatWasSplicedWhenObservingBeganIsReset) {
  policy::Tables enforcing = plant_policy();
  policy::Tables first = observed(plant_policy());
  Plant plant(std::move(first));
  plant.set_wall_s(kUntilS);  // it enforces
  TcpSession session(plant, 40000);
  session.from_client(kRead);
  session.server_acked = session.client_next;
  session.from_server(kAnswer);
  session.client_acked = session.server_next;
  plant.clear();
  session.from_client(kWrite);
  EXPECT_EQ(plant.verdicts.back().action, pipeline::Action::reject);
  plant.clear();
  plant.set_wall_s(1);
  plant.pass_time(kMillisecondNs);
  std::uint32_t resets = 0;
  for (const Sent& each : plant.sent) {
    const auto tcp = support::parse_sent(each.frame);
    if (tcp && (tcp->header.flags & wire::kTcpRst) != 0) resets |= 1U << each.port;
  }
  EXPECT_EQ(resets, 1U << kSupervision | 1U << kControl);
  EXPECT_EQ(plant.pipeline().flows().size(), 0U);
}

TEST(ObservedTables, NeighboursThatFramesWouldReachAreRefused) {
  EXPECT_FALSE(policy::find_conflict(observed(plant_policy())));
  EXPECT_FALSE(policy::find_conflict(with_neighbour(observed(plant_policy()))));
  policy::Tables shared = with_neighbour(observed(plant_policy()));
  shared.zones[2].port = kControl;
  const auto conflict = policy::find_conflict(shared);
  ASSERT_TRUE(conflict);
  EXPECT_TRUE(conflict->is_zone);
  EXPECT_EQ(conflict->other, 2U);
  EXPECT_TRUE(policy::validate(shared));
  shared.conduits[1].observe_until_s = kUntilS;
  EXPECT_FALSE(policy::find_conflict(shared)) << "both observe";
  EXPECT_FALSE(policy::validate(shared));
  policy::Tables back = observed(plant_policy());
  back.conduits.push_back({});
  back.conduits[1].name = "back";
  back.conduits[1].from = 1;
  back.conduits[1].to = 0;
  ASSERT_TRUE(policy::find_conflict(back));
  EXPECT_FALSE(policy::find_conflict(back)->is_zone);
  back.conduits[1].observe_until_s = kUntilS + 1;
  EXPECT_TRUE(policy::find_conflict(back));
  back.conduits[1].observe_until_s = kUntilS;
  EXPECT_FALSE(policy::find_conflict(back));
}

}  // namespace
}  // namespace bulkhead
