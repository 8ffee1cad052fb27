// A TCP port that an answer names, through the whole pipeline with a protocol of this test:
// sessions to it are inspected under the rules of the session that it was named in, and no others
// pass.
#include "tests/support/locator_module.h"
#include "tests/support/peer.h"

namespace bulkhead {
namespace {

using protocols::Fault;
using support::Bytes;
using support::Host;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::kRogue;
using support::Locator;
using support::Peer;
using support::Plant;
using support::TcpSession;

constexpr std::uint16_t kNamed = 9000;
const Host kOtherPlc{support::ip4(10, 10, 0, 21), support::mac(0x21), kControl};

policy::Tables locator_policy(std::vector<Range> services, bool other_plc = false) {
  policy::Rule rule = support::modbus_rule({});
  rule.ports = {{Locator::kPort, Locator::kPort}};
  rule.protocol = Locator::index();
  if (other_plc) rule.servers.push_back({kOtherPlc.address, 128});
  policy::Rule locates = support::modbus_rule({});
  locates.clients = rule.clients;
  locates.servers = rule.servers;
  locates.ports = rule.ports;
  locates.protocol = rule.protocol;
  locates.functions.set(Locator::kLocate);
  locates.constraints.push_back({Locator::kService, std::move(services)});
  rule.functions.set(Locator::kRelease);
  policy::Rule runs = support::modbus_rule({});
  runs.clients = rule.clients;
  runs.servers = rule.servers;
  runs.ports = rule.ports;
  runs.protocol = rule.protocol;
  runs.functions.set(Locator::kRun);
  runs.constraints.push_back({Locator::kCommand, {{0, 99}}});
  return support::with_rules(support::two_zones(policy::OnDeny::reset), {&locates, &rule, &runs});
}

class NamedPort : public ::testing::Test {
 protected:
  NamedPort() { locate(session_, 5, kNamed); }

  // The other end acknowledges what comes.
  static void ask(TcpSession& session, const Bytes& message) {
    session.from_client(message);
    session.server_acked = session.client_next;
  }
  static void answer(TcpSession& session, const Bytes& message) {
    session.from_server(message);
    session.client_acked = session.server_next;
  }
  // Both ends say to another appliance where they stand.
  static void move(TcpSession& session, Plant& plant) {
    session.move_to(plant);
    session.client_at(session.client_next, {}, wire::kTcpAck);
    session.server_at(session.server_next, {}, wire::kTcpAck);
  }
  static void locate(TcpSession& session, std::uint16_t service, std::uint16_t port,
                     std::uint8_t host = 0) {
    ask(session, Locator::message(Locator::locate, service));
    answer(session, Locator::message(Locator::located, port, host));
  }
  static void release(TcpSession& session, std::uint16_t service) {
    ask(session, Locator::message(Locator::release, service));
    answer(session, Locator::message(Locator::released, service));
  }
  // Whether a SYN begins a session, or what is said of it.
  Reason knock(std::uint16_t port, const Host& client = kHmi, const Host& server = kPlc) {
    support::TcpSpec syn;
    syn.source_port = next_port_++;
    syn.destination_port = port;
    syn.sequence = 5;
    syn.flags = wire::kTcpSyn;
    plant_.clear();
    plant_.arrive(client, tcp_frame(client, server, syn));
    return plant_.last();
  }
  bool opens(std::uint16_t port) { return is_allowed(knock(port)); }
  static bool runs(Plant& plant, TcpSession& session, std::uint16_t command = 5) {
    plant.clear();
    ask(session, Locator::message(Locator::run, command));
    const bool passed = !plant.sent.empty() && plant.sent[0].port == kControl &&
                        is_allowed(plant.verdicts.front().reason);
    if (passed) answer(session, Locator::message(Locator::done, command));
    return passed;
  }
  bool runs(TcpSession& session, std::uint16_t command = 5) {
    return runs(plant_, session, command);
  }

  std::uint16_t next_port_ = 50000;
  Plant plant_{locator_policy({{1, 9}})};
  TcpSession session_{plant_, 40000, 1000, 900000, Locator::kPort};
};

TEST_F(NamedPort, OpensAndIsInspectedAsTheModulesProtocol) {
  EXPECT_FALSE(opens(kNamed + 1)) << "that nobody named";
  EXPECT_EQ(knock(kNamed, kRogue), Reason::no_rule);
  EXPECT_EQ(knock(kNamed, kHmi, kOtherPlc), Reason::no_rule);
  TcpSession opened{plant_, 41000, 2000, 800000, kNamed};
  EXPECT_TRUE(runs(opened));
  EXPECT_EQ(plant_.verdicts.front().rule, 3);
  EXPECT_TRUE(runs(opened, 99));
  EXPECT_TRUE(opens(kNamed)) << "a second session";
  EXPECT_FALSE(runs(opened, 100)) << "the rules of the session beside it hold";
  EXPECT_EQ(plant_.verdicts.front().reason, Reason::values_not_granted);
}

TEST_F(NamedPort, CarriesNoOtherProtocol) {
  TcpSession opened{plant_, 41000, 2000, 800000, kNamed};
  plant_.clear();
  opened.from_client(support::modbus_adu({3, 0, 0, 0, 1}));
  EXPECT_EQ(plant_.verdicts.front().fault, Fault::not_this_protocol);
  for (const support::SentTcp& each : take(plant_, kControl)) EXPECT_TRUE(each.payload.empty());
}

TEST_F(NamedPort, IsRefusedBeforeItIsNamed) {
  EXPECT_EQ(knock(9005), Reason::no_rule);
  session_.from_client(Locator::message(Locator::locate, 6));
  EXPECT_EQ(knock(9005), Reason::no_rule) << "asked for, not named";
  session_.from_server(Locator::message(Locator::unknown, 0));
  session_.from_server(Locator::message(Locator::located, 9005));
  EXPECT_EQ(knock(9005), Reason::no_rule) << "by an answer to nothing";
  EXPECT_EQ(plant_.pipeline().expected().size(), 1U);
  TcpSession other{plant_, 40001, 1000, 900000, Locator::kPort};
  other.from_client(Locator::message(Locator::locate, 10));
  other.from_server(Locator::message(Locator::located, 9005));
  EXPECT_EQ(knock(9005), Reason::no_rule) << "that service is not granted";
}

TEST_F(NamedPort, EndsWithItsRelation) {
  TcpSession opened{plant_, 41000, 2000, 800000, kNamed};
  EXPECT_TRUE(runs(opened));
  release(session_, 4);
  EXPECT_TRUE(runs(opened)) << "another was released";
  release(session_, 5);
  EXPECT_FALSE(runs(opened));
  EXPECT_EQ(plant_.verdicts.front().fault, Fault::not_started);
  EXPECT_FALSE(opens(kNamed));
}

TEST_F(NamedPort, OutlivesTheSessionThatNamedIt) {
  session_.from_client({}, wire::kTcpRst | wire::kTcpAck);
  TcpSession opened{plant_, 41000, 2000, 800000, kNamed};
  EXPECT_TRUE(runs(opened));
}

TEST_F(NamedPort, EndsWhenNothingUsesIt) {
  TcpSession opened{plant_, 41000, 2000, 800000, kNamed};
  for (int i = 0; i < 3; ++i) {
    plant_.pass_time(50 * kSecondNs);
    EXPECT_TRUE(runs(opened)) << i;
  }
  plant_.pass_time(61 * kSecondNs);
  EXPECT_FALSE(runs(opened));
  EXPECT_FALSE(opens(kNamed));
  EXPECT_EQ(plant_.pipeline().expected().size(), 0U);
}

TEST_F(NamedPort, AnotherAnswerOfTheSameNameReplacesIt) {
  locate(session_, 5, 9001);
  EXPECT_FALSE(opens(kNamed));
  EXPECT_TRUE(opens(9001));
}

TEST_F(NamedPort, StandsWhileThePolicyGrantsWhatWasAsked) {
  TcpSession opened{plant_, 41000, 2000, 800000, kNamed};
  EXPECT_TRUE(runs(opened));
  plant_.change_policy(locator_policy({{5, 5}}));
  EXPECT_TRUE(runs(opened));
  plant_.change_policy(locator_policy({{1, 4}}));
  EXPECT_FALSE(opens(kNamed));
  EXPECT_FALSE(runs(opened));
  plant_.change_policy(locator_policy({{1, 9}}));
  EXPECT_FALSE(opens(kNamed)) << "what was ended has to be opened again";
}

TEST_F(NamedPort, ASessionInItIsCutByTheChangeAlone) {
  TcpSession opened{plant_, 41000, 2000, 800000, kNamed};
  EXPECT_TRUE(runs(opened));
  plant_.change_policy(support::two_zones(policy::OnDeny::reset));
  EXPECT_FALSE(runs(opened));
  EXPECT_FALSE(opens(kNamed));
}

TEST_F(NamedPort, GoesOnAtThePeer) {
  TcpSession opened{plant_, 41000, 2000, 800000, kNamed};
  EXPECT_TRUE(runs(opened));
  locate(session_, 6, 9006);
  locate(session_, 7, 9007);
  Peer peer(plant_, locator_policy({{1, 9}}));
  peer.bring_over();
  EXPECT_EQ(peer.plant.pipeline().expected().size(), 3U);
  release(session_, 7);
  ask(session_, Locator::message(Locator::locate, 8));
  Plant& standby = peer.take_over();
  EXPECT_EQ(standby.pipeline().expected().size(), 3U) << "one more is asked for";
  move(opened, standby);
  EXPECT_TRUE(runs(standby, opened));
  move(session_, standby);
  answer(session_, Locator::message(Locator::located, 9008));
  TcpSession third{standby, 41003, 2000, 800000, 9008};
  EXPECT_TRUE(runs(standby, third)) << "the answer came behind the takeover";
  TcpSession second{standby, 41001, 2000, 800000, 9006};
  EXPECT_TRUE(runs(standby, second));
  TcpSession gone{standby, 41002, 2000, 800000, 9007};
  EXPECT_FALSE(runs(standby, gone)) << "it was released";
}

TEST_F(NamedPort, IsJudgedAnewUnderThePeersOwnPolicy) {
  Peer peer(plant_, locator_policy({{6, 9}}));
  Plant& standby = peer.take_over();
  TcpSession opened{standby, 41000, 2000, 800000, kNamed};
  EXPECT_FALSE(runs(standby, opened));
}

// Of a session that was itself opened so, rules name the first one's service.
TEST_F(NamedPort, NamesPortsAgain) {
  TcpSession opened{plant_, 41000, 2000, 800000, kNamed};
  locate(opened, 6, 9006);
  TcpSession next{plant_, 41001, 2000, 800000, 9006};
  EXPECT_TRUE(runs(next));
  plant_.change_policy(locator_policy({{1, 6}}));
  EXPECT_TRUE(runs(next));
  plant_.change_policy(locator_policy({{1, 5}}));
  EXPECT_FALSE(runs(next));
  EXPECT_TRUE(runs(opened));
}

TEST_F(NamedPort, MayBeAThirdHostsThatARuleNames) {
  plant_.change_policy(locator_policy({{1, 9}}));
  locate(session_, 6, 9006, 21);
  EXPECT_EQ(knock(9006, kHmi, kOtherPlc), Reason::no_rule) << "no rule names that host";
  EXPECT_FALSE(opens(9006)) << "it was said of another host";
  plant_.change_policy(locator_policy({{1, 9}}, true));
  EXPECT_TRUE(is_allowed(knock(9006, kHmi, kOtherPlc)));
  EXPECT_EQ(knock(kNamed, kHmi, kOtherPlc), Reason::no_rule);
}

TEST_F(NamedPort, OneHostHasAThirdOfTheTable) {
  pipeline::PipelineOptions options;
  options.limits.relations = 64;
  Plant small(locator_policy({{1, 999}}), options);
  TcpSession session{small, 40000, 1000, 900000, Locator::kPort};
  unsigned opened = 0;
  for (std::uint16_t service = 1; service <= 64; ++service) {
    small.clear();
    session.from_client(Locator::message(Locator::locate, service));
    if (!is_allowed(small.verdicts.front().reason)) break;
    ++opened;
    session.from_server(Locator::message(Locator::located, 9000));
  }
  EXPECT_EQ(opened, 22U);
  EXPECT_EQ(small.verdicts.front().fault, Fault::too_many_outstanding);
}

TEST_F(NamedPort, EveryRecordIsReadWholeOrNotAtAll) {
  const flow::Relation& relation = plant_.pipeline().expected().slot(0);
  Bytes record(replication::kRelationRecordBytesMax);
  record.resize(replication::encode_relation(relation, "locator", plant_.now_ns(), record));
  ASSERT_GT(record.size(), 0U);
  Plant other(locator_policy({{1, 9}}));
  flow::ExpectationTable& table = other.pipeline().expected();
  replication::FlowReceiver receiver({other.pipeline().flows(), other.pipeline().segments(),
                                      other.pipeline().timers(), other.buffers(), &table});
  using Taken = replication::FlowReceiver::Taken;
  for (std::size_t length = 0; length < record.size(); ++length) {
    EXPECT_EQ(receiver.take(ByteView(record).first(length), 0), Taken::malformed) << length;
  }
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(receiver.take(record, 0), Taken::taken);
  EXPECT_EQ(table.size(), 1U);
  // Who knows no relations reads that a session has gone.
  const auto read = replication::decode_record(record, 0);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->gone);
  EXPECT_EQ(other.pipeline().flows().find(read->flow.key), nullptr);
  record.push_back(0);
  EXPECT_EQ(receiver.take(record, 0), Taken::malformed);
  record[0] += 1;
  EXPECT_EQ(receiver.take(record, 0), Taken::taken) << "a later release may say more";
}

// An earlier release kept what was opened in entries of the flow table.
TEST_F(NamedPort, EntriesOfAnEarlierReleaseAreIgnored) {
  flow::Flow entry;
  flow::write_key_v4(entry.key, 0x0a140010, 2222, 0x0a0a0014, 2222, wire::kProtocolUdp, {});
  entry.transport = policy::Transport::udp;
  entry.ports = {0, 1};
  flow::FlowTable& flows = plant_.pipeline().flows();
  replication::FlowReceiver receiver({flows, plant_.pipeline().segments(),
                                      plant_.pipeline().timers(), plant_.buffers(),
                                      &plant_.pipeline().expected()});
  for (const std::uint32_t opened_by : {0U, 1U, 2U, 3U}) {
    entry.key.opened_by = opened_by;
    Bytes record(replication::kRecordFixedBytesMax);
    record.resize(replication::encode_flow(entry, plant_.pipeline().segments(), "enip", {}, false,
                                           plant_.now_ns(), record));
    ASSERT_EQ(receiver.take(record, plant_.now_ns()), replication::FlowReceiver::Taken::taken);
    EXPECT_EQ(flows.find(entry.key) != nullptr, opened_by == 0);
  }
}

}  // namespace
}  // namespace bulkhead
