// How an observed conduit judges what it cannot know all of: openings that enforcing would refuse,
// sessions that were not seen to open, and bytes that may have been taken.
#include <gtest/gtest.h>

#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::Host;
using support::kHmi;
using support::kPlc;
using support::Plant;
using support::Refusal;
using support::TcpSpec;
using wire::kTcpAck;
using wire::kTcpPsh;
using wire::kTcpSyn;

constexpr std::uint16_t kReadHolding = 2;
constexpr std::uint16_t kHmiPort = 40000;

const Bytes kRead = support::modbus_adu({3, 0, 0, 0, 1});
const Bytes kAnswer = support::modbus_adu({3, 2, 0, 7});
const Bytes kWrite = support::modbus_adu({6, 0, 7, 0, 1});

policy::Tables plant_policy() {
  policy::Tables tables = support::modbus_tables(policy::OnDeny::reject,
                                                 support::modbus_rule({kReadHolding}, {{0, 99}}));
  tables.conduits[0].reassemble = true;
  return tables;
}

policy::Tables observed_policy() {
  policy::Tables tables = plant_policy();
  tables.conduits[0].observe_until_s = UINT32_MAX;
  return tables;
}

// The same frames under the same rules.
class ObservedUnknowns : public ::testing::Test {
 protected:
  // What either says of the frame: reason and conduit.
  struct Said {
    Reason reason = Reason::no_policy;
    std::uint16_t conduit = policy::kNoConduit;
    bool operator==(const Said&) const = default;
  };
  static Said said_of(Plant& plant, const Host& from, const Bytes& frame) {
    plant.clear();
    plant.arrive(from, frame);
    if (plant.verdicts.empty()) return {};
    return {plant.verdicts.back().reason, plant.verdicts.back().conduit};
  }
  void is_foretold(const Host& from, const Bytes& frame, Said refused) {
    EXPECT_EQ(said_of(enforcing_, from, frame), refused);
    EXPECT_EQ(said_of(observing_, from, frame), refused);
  }

  // A segment of one session arrives where it is observed.
  void from_hmi(std::uint32_t sequence, std::uint32_t acknowledgement, const Bytes& payload,
                std::uint8_t flags = kTcpAck | kTcpPsh) {
    arrive(kHmi, kPlc, {kHmiPort, 502, sequence, acknowledgement, flags, 65535, 0, {}, payload});
  }
  void from_plc(std::uint32_t sequence, std::uint32_t acknowledgement, const Bytes& payload,
                std::uint8_t flags = kTcpAck | kTcpPsh) {
    arrive(kPlc, kHmi, {502, kHmiPort, sequence, acknowledgement, flags, 65535, 0, {}, payload});
  }
  void arrive(const Host& from, const Host& to, const TcpSpec& spec) {
    observing_.arrive(from, support::tcp_frame(from, to, spec));
  }

  Plant observing_{observed_policy()};
  Plant enforcing_{plant_policy()};
};

// Its sender opens what it would open; it is not taken for the answer of a host that is silent.
TEST_F(ObservedUnknowns, ADatagramThatNobodyGrants) {
  constexpr std::uint16_t kScada = 0;
  is_foretold(kHmi, support::udp_frame(kHmi, kPlc, 5000, 9, {1}), {Reason::no_rule, kScada});
  is_foretold(kPlc, support::udp_frame(kPlc, kHmi, 5001, 9, {1}),
              {Reason::no_conduit, policy::kNoConduit});
  is_foretold(kPlc, support::ip_frame(kPlc, kHmi, 1, support::icmp_message(8, 0, 7)),
              {Reason::no_conduit, policy::kNoConduit});
}

// Enforcing never takes up what a datagram may be an answer to.
TEST_F(ObservedUnknowns, ADatagramThatAnswersNothing) {
  is_foretold(kPlc, support::udp_frame(kPlc, kHmi, 502, kHmiPort, kAnswer),
              {Reason::no_conduit, policy::kNoConduit});
}

// Whichever end's segment comes first, it is refused in the conduit of the session.
TEST_F(ObservedUnknowns, ASessionThatNobodyGrantsAndWasOpenBefore) {
  for (const bool asks : {true, false}) {
    TcpSpec spec;
    spec.source_port = asks ? 40001 : 9;
    spec.destination_port = asks ? 9 : 40002;
    spec.payload = {1, 2, 3};
    const Host& from = asks ? kHmi : kPlc;
    const Said said = said_of(observing_, from, support::tcp_frame(from, asks ? kPlc : kHmi, spec));
    EXPECT_EQ(said, (Said{Reason::no_rule, 0})) << asks;
  }
}

// Enforcing refuses it, and its sender says it again, whole; here it has passed as it is.
TEST_F(ObservedUnknowns, ASynInFragmentsOpensItsSession) {
  TcpSpec syn;
  syn.source_port = kHmiPort;
  syn.sequence = 999;
  syn.flags = kTcpSyn;
  syn.options = {2, 4, 2, 0};
  const Bytes whole = support::tcp_frame(kHmi, kPlc, syn);
  const std::size_t rest = whole.size() - 34 - 8;
  observing_.arrive(kHmi, support::fragment_of(whole, {0, 8, true}, 7));
  observing_.arrive(kHmi, support::fragment_of(whole, {8, rest, false}, 7));
  EXPECT_EQ(refusals(observing_),
            (std::vector<Refusal>{{Reason::fragment, protocols::Fault::none}}));
  const auto read_length = static_cast<std::uint32_t>(kRead.size());
  const auto answer_length = static_cast<std::uint32_t>(kAnswer.size());
  from_plc(4999, 1000, {}, kTcpSyn | kTcpAck);
  from_hmi(1000, 5000, kRead);
  from_plc(5000, 1000 + read_length, kAnswer);
  EXPECT_EQ(refusals(observing_).size(), 1U);
  // Nothing can have been asked before.
  from_plc(5000 + answer_length, 1000 + read_length, kAnswer);
  EXPECT_EQ(refusals(observing_).back(),
            (Refusal{Reason::protocol_fault, protocols::Fault::unrequested_response}));
}

TEST_F(ObservedUnknowns, ASynInFragmentsThatNobodyGrantsIsRefusedOnce) {
  TcpSpec syn;
  syn.destination_port = 9;
  syn.flags = kTcpSyn;
  syn.options = {2, 4, 2, 0};
  const Bytes whole = support::tcp_frame(kHmi, kPlc, syn);
  observing_.arrive(kHmi, support::fragment_of(whole, {0, 8, true}, 7));
  observing_.arrive(kHmi, support::fragment_of(whole, {8, whole.size() - 42, false}, 7));
  EXPECT_EQ(refusals(observing_),
            (std::vector<Refusal>{{Reason::fragment, protocols::Fault::none}}));
}

// Whether its receiver has taken the bytes is not known; its answer is right.
TEST_F(ObservedUnknowns, ASynWithData) {
  from_hmi(999, 0, kRead, kTcpSyn);
  EXPECT_EQ(refusals(observing_),
            (std::vector<Refusal>{{Reason::tcp_data_on_syn, protocols::Fault::none}}));
  const std::uint32_t next = 1000 + static_cast<std::uint32_t>(kRead.size());
  from_plc(4999, next, {}, kTcpSyn | kTcpAck);
  from_plc(5000, next, kAnswer);
  from_hmi(next, 5000, kWrite);
  EXPECT_EQ(refusals(observing_),
            (std::vector<Refusal>{{Reason::tcp_data_on_syn, protocols::Fault::none},
                                  {Reason::function_not_granted, protocols::Fault::none}}));
}

// An end where other bytes stand is refused, and its receiver may have taken it all the same.
TEST_F(ObservedUnknowns, AnEndThatIsRefused) {
  from_hmi(999, 0, {}, kTcpSyn);
  from_plc(4999, 1000, {}, kTcpSyn | kTcpAck);
  from_hmi(1001, 5000, {1, 2, 3});
  from_hmi(1000, 5000, {}, kTcpAck | wire::kTcpFin);
  ASSERT_EQ(
      refusals(observing_),
      (std::vector<Refusal>{{Reason::tcp_inconsistent_retransmission, protocols::Fault::none}}));
  from_plc(5000, 1001, {}, kTcpAck);
  EXPECT_EQ(refusals(observing_).size(), 1U);
}

// Of its pieces one came twice and was not the same; the client has put them together all the same.
TEST_F(ObservedUnknowns, AnAnswerToASynThatCannotBePutTogether) {
  from_hmi(999, 0, {}, kTcpSyn);
  TcpSpec answer;
  answer.source_port = 502;
  answer.destination_port = kHmiPort;
  answer.sequence = 4999;
  answer.acknowledgement = 1000;
  answer.flags = kTcpSyn | kTcpAck;
  const Bytes whole = support::tcp_frame(kPlc, kHmi, answer);
  const std::size_t rest = whole.size() - 34 - 8;
  for (const bool more : {false, true}) {
    observing_.arrive(kPlc, support::fragment_of(whole, {8, rest, more}, 7));
  }
  observing_.arrive(kPlc, support::fragment_of(whole, {0, 8, true}, 7));
  ASSERT_EQ(refusals(observing_),
            (std::vector<Refusal>{{Reason::fragment_conflict, protocols::Fault::none}}));
  from_hmi(1000, 5000, kWrite);
  EXPECT_EQ(observing_.last(), Reason::function_not_granted);
}

// What a receiver has offered may be under way: bytes beyond that may have been taken.
TEST_F(ObservedUnknowns, BytesBeyondTheWindow) {
  from_hmi(999, 0, {}, kTcpSyn);
  arrive(kPlc, kHmi, {502, kHmiPort, 4999, 1000, kTcpSyn | kTcpAck, 18, 0, {}, {}});
  from_hmi(1000, 5000, {}, kTcpAck);
  Bytes two = kRead;
  two.insert(two.end(), kRead.begin(), kRead.end());
  from_hmi(1000, 5000, two);
  EXPECT_EQ(count(observing_, Reason::granted), 1U);
  from_plc(5000, 1000 + static_cast<std::uint32_t>(two.size()), {}, kTcpAck);
  EXPECT_TRUE(refusals(observing_).empty());
  EXPECT_EQ(count(observing_, Reason::not_judged), 1U);
}

// An answer that fits ends what may have been asked before, not what was and could not be read.
TEST_F(ObservedUnknowns, WhatCannotBeReadInASessionThatWasOpenBefore) {
  const Bytes unknown = support::modbus_adu({60, 1, 2, 3}, 2);
  const Bytes unknown_refused = support::modbus_adu({60 | 0x80, 1}, 2);
  std::uint32_t client = 5000, server = 7000;
  const auto ask = [&](const Bytes& message) {
    from_hmi(client, server, message);
    client += static_cast<std::uint32_t>(message.size());
  };
  const auto answer = [&](const Bytes& message) {
    from_plc(server, client, message);
    server += static_cast<std::uint32_t>(message.size());
  };
  ask(kRead);
  ask(unknown);
  const std::vector<Refusal> once = refusals(observing_);
  ASSERT_EQ(once.size(), 1U);
  EXPECT_EQ(once[0].reason, Reason::protocol_fault);
  answer(kAnswer);
  answer(unknown_refused);
  EXPECT_EQ(refusals(observing_), once);
  answer(kAnswer);
  EXPECT_EQ(refusals(observing_).back(),
            (Refusal{Reason::protocol_fault, protocols::Fault::unrequested_response}));
}

}  // namespace
}  // namespace bulkhead
