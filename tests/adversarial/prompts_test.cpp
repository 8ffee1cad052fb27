// A takeover with segments in flight: both ends say what they have, and what was lost while nobody
// forwarded is repeated before its sender's timer expires.
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/flow/session_headers.h"
#include "tests/support/dialogue.h"
#include "tests/support/peer.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::kControl;
using support::kHmi;
using support::kPlc;
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
using wire::kTcpPsh;

constexpr std::uint32_t kDuplicates = 3;  // RFC 5681, 3.2

bool same_acknowledgement(const SentTcp& one, const SentTcp& other) {
  return one.payload.empty() && other.payload.empty() && one.header.flags == kTcpAck &&
         other.header.flags == kTcpAck && one.header.sequence == other.header.sequence &&
         one.header.acknowledgement == other.header.acknowledgement &&
         one.header.window == other.header.window;
}

class Prompts : public testing::Test {
 protected:
  explicit Prompts(policy::Tables (*tables)() = policy)
      : active_(tables()),
        peer_(active_, tables()),
        standby_(peer_.plant),
        session_(active_, 40000) {}

  static policy::Tables policy() {
    return support::modbus_tables(policy::OnDeny::reject,
                                  support::modbus_rule({2, 5, 25}, {{0, 99}}));
  }
  void exchange(std::uint8_t transaction) {
    session_.from_client(read(transaction));
    session_.server_acked += size(read(transaction));
    session_.from_server(answer(transaction));
    session_.client_acked += size(answer(transaction));
    session_.client_at(session_.client_next, {}, kTcpAck);
  }
  // The peer has all that the active one knew, which forwards no more.
  void take_over() {
    peer_.bring_over();
    go_on();
  }
  // It has what was brought over.
  void go_on() {
    peer_.go_on(standby_.now_ns());
    session_.move_to(standby_);
    standby_.clear();
  }
  void settle() { standby_.be_at(standby_.now_ns() + pipeline::kSettleNs); }
  // Both ends get a probe, and nothing else leaves.
  void expect_probes() {
    standby_.be_at(standby_.now_ns() + pipeline::kSettleNs - 1);
    EXPECT_TRUE(standby_.sent.empty()) << "what is under way arrives first";
    standby_.be_at(standby_.now_ns() + 1);
    const auto to_server = take(standby_, kControl);
    const auto to_client = take(standby_, kSupervision);
    ASSERT_EQ(to_server.size(), 1U);
    ASSERT_EQ(to_client.size(), 1U);
    for (const SentTcp& probe : {to_server[0], to_client[0]}) {
      EXPECT_TRUE(probe.payload.empty());
      EXPECT_EQ(probe.header.flags, kTcpAck);
    }
    EXPECT_LT(wire::sequence_distance(to_server[0].header.sequence, session_.server_acked), 0);
    EXPECT_LT(wire::sequence_distance(to_client[0].header.sequence, session_.client_acked), 0);
    EXPECT_TRUE(standby_.sent.empty());
  }
  // An end says what it has sent and received.
  void server_says() { session_.server_at(session_.server_next, {}, kTcpAck); }
  void client_says() { session_.client_at(session_.client_next, {}, kTcpAck); }
  static std::vector<SentTcp> messages_of(std::vector<SentTcp> all) {
    std::erase_if(all, [](const SentTcp& sent) { return sent.payload.empty(); });
    return all;
  }
  // The other end's answer went to this one, and the same three times more.
  static void expect_prompted(const std::vector<SentTcp>& sent, std::uint32_t lacks) {
    ASSERT_EQ(sent.size(), 1 + kDuplicates);
    for (const SentTcp& each : sent) {
      EXPECT_TRUE(same_acknowledgement(each, sent[0]));
      EXPECT_EQ(each.header.acknowledgement, lacks);
    }
  }

  Plant active_;
  support::Peer peer_;
  Plant& standby_;
  TcpSession session_;
};

class PromptsInOrder : public Prompts, public testing::WithParamInterface<bool> {
 protected:
  void answer_probes() {
    GetParam() ? client_says() : server_says();
    GetParam() ? server_says() : client_says();
  }
};

INSTANTIATE_TEST_SUITE_P(WhoAnswersFirst, PromptsInOrder, testing::Bool(),
                         [](const auto& row) { return row.param ? "Client" : "Server"; });

TEST_P(PromptsInOrder, NobodyWithNothingInFlightIsPrompted) {
  exchange(1);
  take_over();
  expect_probes();
  answer_probes();
  const auto to_client = take(standby_, kSupervision);
  const auto to_server = take(standby_, kControl);
  ASSERT_EQ(to_client.size(), 1U);
  ASSERT_EQ(to_server.size(), 1U);
  EXPECT_EQ(to_client[0].header.acknowledgement, session_.client_next);
  EXPECT_EQ(to_server[0].header.acknowledgement, session_.server_next);
  // Both are known now: the next request passes at once.
  session_.from_client(read(2));
  const auto asked = take(standby_, kControl);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].payload, read(2));
}

TEST_P(PromptsInOrder, TheSenderOfARequestThatNobodySawIsPrompted) {
  exchange(1);
  take_over();
  const std::uint32_t at = session_.client_next;
  session_.client_next += size(read(2));
  expect_probes();
  answer_probes();
  expect_prompted(take(standby_, kSupervision), at);
  EXPECT_EQ(take(standby_, kControl).size(), 1U);
  session_.client_at(at, read(2));
  const auto asked = take(standby_, kControl);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].payload, read(2));
  EXPECT_EQ(asked[0].header.sequence, session_.server_acked);
  session_.server_acked += size(read(2));
  session_.from_server(answer(2));
  EXPECT_EQ(standby_.last(), Reason::answers_request);
}

TEST_P(PromptsInOrder, TheSenderOfAnAnswerThatNobodySawIsPrompted) {
  exchange(1);
  session_.from_client(read(2));
  session_.server_acked += size(read(2));
  take_over();
  const std::uint32_t at = session_.server_next;
  session_.server_next += size(answer(2));
  expect_probes();
  answer_probes();
  expect_prompted(take(standby_, kControl), at);
  EXPECT_EQ(take(standby_, kSupervision).size(), 1U);
  session_.server_at(at, answer(2));
  const auto answered = take(standby_, kSupervision);
  ASSERT_EQ(answered.size(), 1U);
  EXPECT_EQ(answered[0].payload, answer(2));
}

// The peer told of it, so that it is known here byte by byte.
TEST_P(PromptsInOrder, ARequestThatLeftAndDidNotArriveIsSentAgain) {
  exchange(1);
  const std::uint32_t at = session_.client_next;
  session_.from_client(read(2));
  take_over();
  expect_probes();
  answer_probes();
  const auto asked = messages_of(take(standby_, kControl));
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].payload, read(2));
  EXPECT_EQ(asked[0].header.sequence, at);
  EXPECT_EQ(asked[0].header.acknowledgement, session_.server_next);
  EXPECT_EQ(take(standby_, kSupervision).size(), 1U) << "its sender has nothing to add";
}

// Each end counts in numbers of its own.
TEST_P(PromptsInOrder, OfASplicedSessionToo) {
  constexpr std::uint32_t kExceptionBytes = 9;
  exchange(1);
  session_.from_client(forbidden(2));
  session_.client_acked += kExceptionBytes;
  session_.client_at(session_.client_next, {}, kTcpAck);
  take_over();
  const std::uint32_t at = session_.client_next;
  session_.client_next += size(read(3));
  expect_probes();
  answer_probes();
  expect_prompted(take(standby_, kSupervision), at);
  session_.client_at(at, read(3));
  const auto asked = messages_of(take(standby_, kControl));
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].payload, read(3));
  EXPECT_EQ(asked[0].header.sequence, session_.server_acked);
}

// Its timer was faster than the server's answer to the probe.
TEST_F(Prompts, WhoHasRepeatedByItselfIsNot) {
  exchange(1);
  take_over();
  const std::uint32_t at = session_.client_next;
  session_.client_next += size(read(2));
  expect_probes();
  client_says();
  session_.client_at(at, read(2));
  take(standby_, kControl);
  take(standby_, kSupervision);
  server_says();
  EXPECT_EQ(take(standby_, kSupervision).size(), 1U);
  const auto asked = take(standby_, kControl);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].payload, read(2));
}

// The active one has let a request through of which it did not tell, and the server acknowledged
// what came before: by that, others would stand where the request does.
TEST_F(Prompts, AnAcknowledgementFromBeforeTheTakeoverSaysNothing) {
  exchange(1);
  peer_.bring_over();
  const std::uint32_t at = session_.client_next;
  session_.from_client(read(2));
  go_on();
  server_says();
  session_.client_at(at, read(3));
  EXPECT_TRUE(messages_of(take(standby_, kControl)).empty());
  standby_.clear();
  session_.server_acked += size(read(2));
  settle();
  take(standby_, kControl);
  server_says();
  client_says();
  EXPECT_TRUE(messages_of(take(standby_, kControl)).empty()) << "the server has another one there";
  session_.from_client(read(4));
  const auto asked = messages_of(take(standby_, kControl));
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].payload, read(4));
  EXPECT_EQ(asked[0].header.sequence, session_.server_acked);
}

// An answer reaches the new active one before acknowledgements count. Its sender repeats it in vain
// unless it is passed once both ends were heard.
TEST_P(PromptsInOrder, AnAnswerThatCameAtOnceIsPassed) {
  exchange(1);
  session_.from_client(read(2));
  session_.server_acked += size(read(2));
  take_over();
  session_.from_server(answer(2));
  EXPECT_TRUE(messages_of(take(standby_, kSupervision)).empty());
  expect_probes();
  answer_probes();
  const auto answered = messages_of(take(standby_, kSupervision));
  ASSERT_EQ(answered.size(), 1U);
  EXPECT_EQ(answered[0].payload, answer(2));
}

TEST_P(PromptsInOrder, OnlyOncePerTakeover) {
  exchange(1);
  take_over();
  session_.client_next += size(read(2));
  expect_probes();
  answer_probes();
  standby_.clear();
  for (int i = 0; i < 3; ++i) answer_probes();
  EXPECT_EQ(take(standby_, kSupervision).size(), 3U);
  EXPECT_EQ(take(standby_, kControl).size(), 3U);
  standby_.be_at(standby_.now_ns() + kMillisecondNs);
  EXPECT_TRUE(standby_.sent.empty());
}

TEST_F(Prompts, SessionsThatGoOnAreNotProbed) {
  exchange(1);
  take_over();
  expect_probes();
  client_says();
  server_says();
  standby_.clear();
  standby_.pipeline().probe_sessions(standby_.buffers(),
                                     standby_.now_ns());  // a lease that came back at once
  settle();
  EXPECT_TRUE(standby_.sent.empty());
}

// 256 a millisecond, and the worker does not sleep before the last.
TEST_F(Prompts, ManySessionsAreProbedOneAfterTheOther) {
  constexpr std::size_t kSessions = 600;
  std::vector<TcpSession> sessions;
  for (std::uint16_t i = 1; i < kSessions; ++i) {
    sessions.emplace_back(active_, static_cast<std::uint16_t>(41000 + i));
  }
  take_over();
  standby_.be_at(standby_.now_ns() + pipeline::kSettleNs - kMillisecondNs);
  std::vector<std::size_t> probed;
  while (!standby_.pipeline().is_probed()) {
    EXPECT_TRUE(standby_.pipeline().awaits_time());
    standby_.be_at(standby_.now_ns() + kMillisecondNs);
    probed.push_back(take(standby_, kControl).size());
    EXPECT_EQ(take(standby_, kSupervision).size(), probed.back());
    standby_.be_at(standby_.now_ns() + kMillisecondNs / 2);
    EXPECT_TRUE(standby_.sent.empty());
    standby_.be_at(standby_.now_ns() + kMillisecondNs / 2 - 1);
  }
  EXPECT_EQ(probed, (std::vector<std::size_t>{256, 256, kSessions - 512}));
}

class PromptsWithPrp : public Prompts {
 protected:
  PromptsWithPrp() : Prompts(redundant) {}
  static policy::Tables redundant() {
    policy::Tables tables = policy();
    for (policy::Zone& zone : tables.zones) zone.prp = true;
    return tables;
  }
};

// IEC 62439-3: frames that only one LAN has are nobody's.
TEST_F(PromptsWithPrp, NothingIsPutIn) {
  exchange(1);
  take_over();
  ASSERT_EQ(standby_.pipeline().flows().size(), 1U);
  settle();
  EXPECT_TRUE(standby_.sent.empty());
}

class PromptsOfPlainServices : public Prompts {
 protected:
  PromptsOfPlainServices() : Prompts(plain) {}
  static policy::Tables plain() {
    policy::Rule rule = support::modbus_rule({});
    rule.protocol = protocols::kNoProtocol;
    return support::modbus_tables(policy::OnDeny::reject, rule);
  }
};

TEST_F(PromptsOfPlainServices, NothingIsPutIn) {
  session_.from_client({1, 2, 3});
  take_over();
  ASSERT_EQ(standby_.pipeline().flows().size(), 1U);
  settle();
  EXPECT_TRUE(standby_.sent.empty());
}

// --- frames that are made without one

struct Way {
  const char* name;
  bool v4;
  wire::VlanIds vlan;
};

class Headers : public testing::TestWithParam<Way> {};

INSTANTIATE_TEST_SUITE_P(Ways, Headers,
                         testing::Values(Way{"ipv4", true, {}}, Way{"ipv6", false, {}},
                                         Way{"vlan", true, {7, 0}}, Way{"ipv6_vlan", false, {7, 0}},
                                         Way{"two_tags", true, {7, 9}},
                                         Way{"ipv6_two_tags", false, {7, 9}}),
                         [](const auto& row) { return row.param.name; });

TEST_P(Headers, AreThoseOfTheSession) {
  const Way& way = GetParam();
  Plant plant(support::modbus_tables(policy::OnDeny::reject, support::modbus_rule({2})));
  const wire::IpAddress client = way.v4 ? support::ip4(10, 20, 0, 10) : support::ip6("fd00::20:10");
  const wire::IpAddress server = way.v4 ? support::ip4(10, 10, 0, 20) : support::ip6("fd00::10:20");
  const flow::OrderedKey ordered =
      flow::make_key(client, 40000, server, 502, wire::kProtocolTcp, way.vlan);
  flow::Flow flow;
  flow.key = ordered.key;
  flow.client_is_low = ordered.source_is_low;
  flow.links[flow::kClient] = {kPlc.mac, kHmi.mac};
  flow.links[flow::kServer] = {kHmi.mac, kPlc.mac};
  for (const std::size_t end : {flow::kClient, flow::kServer}) {
    const flow::SessionHeaders headers(flow, end);
    flow::TcpNumbers numbers;
    numbers.sequence = 11;
    numbers.acknowledgement = 22;
    rte_mbuf* mbuf =
        flow::make_segment(headers.pattern(plant.buffers()), numbers, kTcpAck | kTcpPsh, {});
    ASSERT_NE(mbuf, nullptr);
    const std::uint8_t* bytes = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    const Bytes frame(bytes, bytes + mbuf->data_len);
    rte_pktmbuf_free(mbuf);
    wire::EthernetHeader ethernet;
    ASSERT_TRUE(wire::parse_ethernet(frame, ethernet));
    EXPECT_EQ(ethernet.vlan, way.vlan);
    EXPECT_EQ(ethernet.destination, flow.links[end].to);
    EXPECT_EQ(ethernet.source, flow.links[end].from);
    EXPECT_EQ(ethernet.ethertype, way.v4 ? wire::kEtherTypeIpv4 : wire::kEtherTypeIpv6);
    wire::IpHeader ip;
    const ByteView packet = ByteView{frame}.subspan(ethernet.payload_offset);
    way.v4 ? wire::parse_ipv4(packet, true, ip) : wire::parse_ipv6(packet, ip);
    const bool from_client = end == flow::kClient;
    EXPECT_EQ(ip.source, from_client ? client : server);
    EXPECT_EQ(ip.destination, from_client ? server : client);
    EXPECT_EQ(ip.hop_limit, 64);
    EXPECT_TRUE(!way.v4 || packet[6] == 0x40) << "may not be fragmented";
    const auto sent = support::parse_sent(frame);  // with its checksums
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->header.source_port, from_client ? 40000 : 502);
    EXPECT_EQ(sent->header.destination_port, from_client ? 502 : 40000);
    EXPECT_EQ(sent->header.sequence, 11U);
    EXPECT_EQ(sent->header.acknowledgement, 22U);
  }
}

}  // namespace
}  // namespace bulkhead
