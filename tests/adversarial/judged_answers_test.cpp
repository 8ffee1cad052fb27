// Answers that need a rule (protocols::Initiator::nobody), through the whole pipeline with the
// protocol of tests/support/gauge_module.h: one that no rule grants costs itself alone or its
// session, as a request would.
#include <gtest/gtest.h>

#include "tests/support/gauge_module.h"

namespace bulkhead {
namespace {

using protocols::Fault;
using support::Bytes;
using support::Gauge;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::kSupervision;
using support::Plant;
using support::SentTcp;
using support::take;
using support::TcpSession;
using wire::kTcpAck;
using wire::kTcpRst;

constexpr std::uint8_t kChannel = 3;

policy::Rule rule(Gauge::Function function, policy::Transport transport,
                  std::vector<policy::Constraint> constraints) {
  policy::Rule rule = support::modbus_rule({});
  rule.transport = transport;
  rule.ports = {{Gauge::kPort, Gauge::kPort}};
  rule.protocol = Gauge::index();
  rule.functions.set(function);
  rule.constraints = std::move(constraints);
  return rule;
}

// Channels 0 to 5 may be read, and values up to 100 may come back.
policy::Tables gauge_policy(policy::OnDeny on_deny, std::int64_t value_max = 100) {
  using policy::Transport;
  policy::Rule reads = rule(Gauge::kRead, Transport::tcp, {{Gauge::kChannel, {{0, 5}}}});
  policy::Rule readings =
      rule(Gauge::kReading, Transport::tcp, {{Gauge::kValue, {{0, value_max}}}});
  policy::Rule read_udp = rule(Gauge::kRead, Transport::udp, {});
  policy::Rule readings_udp = rule(Gauge::kReading, Transport::udp, readings.constraints);
  return support::with_rules(support::two_zones(on_deny),
                             {&reads, &readings, &read_udp, &readings_udp});
}

Bytes read(std::uint8_t transaction, std::uint8_t channel = kChannel) {
  return Gauge::message(Gauge::read, transaction, channel);
}
Bytes reading(std::uint8_t transaction, std::uint8_t value, std::uint8_t channel = kChannel) {
  return Gauge::message(Gauge::reading, transaction, channel, value);
}

class JudgedAnswers : public testing::TestWithParam<policy::OnDeny> {
 protected:
  void ask(std::uint8_t transaction) {
    session_.from_client(read(transaction));
    session_.server_acked += Gauge::kBytes;
    const auto arrived = take(plant_, kControl);
    ASSERT_FALSE(arrived.empty());
    EXPECT_EQ(arrived.back().payload, read(transaction));
  }
  // The answer reaches the client as the next bytes of its stream, and it acknowledges them.
  void expect_arrived(const Bytes& answer) {
    const auto arrived = take(plant_, kSupervision);
    ASSERT_EQ(arrived.size(), 1U);
    EXPECT_EQ(arrived[0].payload, answer);
    EXPECT_EQ(arrived[0].header.sequence, session_.client_acked) << "in the client's numbers";
    session_.client_acked += Gauge::kBytes;
    take(plant_, kControl);
    session_.client_at(session_.client_next, {}, kTcpAck);
    const auto heard = take(plant_, kControl);
    ASSERT_EQ(heard.size(), 1U);
    EXPECT_EQ(heard[0].header.acknowledgement, session_.server_next) << "in the server's numbers";
  }
  std::vector<Bytes> payloads(std::uint16_t port) {
    std::vector<Bytes> all;
    for (const SentTcp& sent : take(plant_, port)) {
      if (!sent.payload.empty()) all.push_back(sent.payload);
    }
    return all;
  }

  Plant plant_{gauge_policy(GetParam())};
  TcpSession session_{plant_, 40000, 1000, 900000, Gauge::kPort};
};

INSTANTIATE_TEST_SUITE_P(OnDeny, JudgedAnswers,
                         testing::Values(policy::OnDeny::drop, policy::OnDeny::reset,
                                         policy::OnDeny::reject));

TEST_P(JudgedAnswers, PassWhereARuleGrantsThem) {
  plant_.clear();
  ask(1);
  session_.from_server(reading(1, 100));
  EXPECT_EQ(plant_.verdicts.back().reason, Reason::granted);
  EXPECT_EQ(plant_.verdicts.back().rule, 2);
  expect_arrived(reading(1, 100));
}

TEST_P(JudgedAnswers, AreStillAnswers) {
  plant_.clear();
  ask(1);
  session_.from_server(reading(2, 50));
  EXPECT_EQ(plant_.verdicts.back().fault, Fault::unrequested_response) << "no such transaction";
  EXPECT_TRUE(payloads(kSupervision).empty());
  session_.from_server(reading(1, 50));
  EXPECT_EQ(payloads(kSupervision), std::vector<Bytes>{reading(1, 50)});
}

TEST_P(JudgedAnswers, AreNobodysToBegin) {
  plant_.clear();
  session_.from_client(reading(1, 50));
  EXPECT_EQ(plant_.verdicts.front().fault, Fault::wrong_direction);
  EXPECT_TRUE(payloads(kControl).empty());
}

// As a request that is refused: of a session that goes on it is taken out, else that ends.
TEST_P(JudgedAnswers, ThatNoRuleGrantsDoNotPass) {
  plant_.clear();
  ask(1);
  session_.from_server(reading(1, 101));
  const pipeline::Event& event = plant_.verdicts.back();
  EXPECT_EQ(event.reason, Reason::values_not_granted);
  EXPECT_EQ(event.direction, protocols::Direction::response);
  EXPECT_EQ(event.fields[Gauge::kValue], Range::point(101));
  if (GetParam() == policy::OnDeny::reject) {
    EXPECT_EQ(event.action, pipeline::Action::drop);
    EXPECT_EQ(event.unsound, pipeline::Unsound::none);
    EXPECT_TRUE(take(plant_, kSupervision).empty());
    const auto heard = take(plant_, kControl);
    ASSERT_EQ(heard.size(), 1U);
    EXPECT_EQ(heard[0].header.flags, kTcpAck) << "to the server it has arrived";
    EXPECT_EQ(heard[0].header.acknowledgement, session_.server_next);
    ask(2);
    session_.from_server(reading(2, 7));
    expect_arrived(reading(2, 7));
    return;
  }
  const bool resets = GetParam() == policy::OnDeny::reset;
  for (const std::uint16_t port : {kControl, kSupervision}) {
    const auto sent = take(plant_, port);
    ASSERT_EQ(sent.size(), resets ? 1U : 0U);
    if (resets) {
      EXPECT_NE(sent[0].header.flags & kTcpRst, 0);
    }
  }
  session_.from_server(reading(1, 7));
  EXPECT_EQ(plant_.last(), Reason::flow_refused);
}

class JudgedAndTakenOut : public JudgedAnswers {};
INSTANTIATE_TEST_SUITE_P(Reject, JudgedAndTakenOut, testing::Values(policy::OnDeny::reject));

TEST_P(JudgedAndTakenOut, TheirRequestIsAnswered) {
  plant_.clear();
  ask(1);
  session_.from_server(reading(1, 101));
  session_.from_server(reading(1, 50));
  EXPECT_EQ(plant_.verdicts.back().fault, Fault::unrequested_response) << "the second answer";
  EXPECT_TRUE(payloads(kSupervision).empty());
}

// The refusal of a later request waits for the answers to earlier ones, of which this was one.
TEST_P(JudgedAndTakenOut, RefusalsDoNotWaitForThem) {
  plant_.clear();
  ask(1);
  session_.from_client(read(2, 9));
  EXPECT_TRUE(payloads(kSupervision).empty()) << "the first is not answered yet";
  session_.from_server(reading(1, 101));
  EXPECT_EQ(payloads(kSupervision), std::vector<Bytes>{Gauge::message(Gauge::refused, 2, 9)});
}

TEST_P(JudgedAndTakenOut, AChangeOfPolicyIsForTheNextAnswer) {
  plant_.clear();
  ask(1);
  plant_.change_policy(gauge_policy(GetParam(), 50));
  session_.from_server(reading(1, 51));
  EXPECT_EQ(plant_.verdicts.back().reason, Reason::values_not_granted);
  EXPECT_TRUE(payloads(kSupervision).empty());
}

TEST_P(JudgedAnswers, WithoutARuleNonePasses) {
  policy::Rule reads = rule(Gauge::kRead, policy::Transport::tcp, {});
  plant_.change_policy(support::with_rules(support::two_zones(GetParam()), {&reads}));
  plant_.clear();
  ask(1);
  session_.from_server(reading(1, 0));
  EXPECT_EQ(plant_.verdicts.back().reason, Reason::function_not_granted);
  EXPECT_TRUE(payloads(kSupervision).empty());
}

TEST_P(JudgedAnswers, OverUdpCostThemselvesAlone) {
  const auto passes = [&](bool asks, const Bytes& message) {
    plant_.clear();
    plant_.arrive(asks ? kHmi : kPlc, asks ? udp_frame(kHmi, kPlc, 41000, Gauge::kPort, message)
                                           : udp_frame(kPlc, kHmi, Gauge::kPort, 41000, message));
    return !plant_.sent.empty();
  };
  EXPECT_TRUE(passes(true, read(1)));
  EXPECT_FALSE(passes(false, reading(1, 101)));
  EXPECT_EQ(plant_.last(), Reason::values_not_granted);
  EXPECT_TRUE(passes(true, read(2)));
  EXPECT_TRUE(passes(false, reading(2, 100)));
}

}  // namespace
}  // namespace bulkhead
