// Containment over living sessions: what is cut, from which packet on, and what is as it was when
// it ends. What a level cuts of each protocol's messages is in tests/policies.
#include <gtest/gtest.h>

#include "dataplane/wire/text.h"
#include "tests/support/talks.h"

namespace bulkhead {
namespace {

using policy::Contained;
using policy::ContainmentLevel;
using policy::OnDeny;
using support::Bytes;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::kSupervision;
using support::modbus_adu;
using support::Plant;
using support::take;
using support::TcpSession;
using talks::answer;
using talks::read;
using Kind = Contained::Kind;

constexpr std::uint16_t kPlain = 8080;
constexpr TimeNs kLongNs = 30 * kSecondNs;

Bytes write(std::uint16_t transaction) { return modbus_adu({6, 0, 50, 0, 7}, transaction); }

// Reads and writes of Modbus, writes of register 60 marked as essential; a plain service; ping.
policy::Tables site(OnDeny on_deny = OnDeny::reject) {
  policy::Rule modbus = support::modbus_rule({2, 5}, {{0, 99}});
  policy::Rule essential = support::modbus_rule({5}, {{60, 60}});
  essential.essential = true;
  policy::Rule plain;
  plain.clients = modbus.clients;
  plain.servers = modbus.servers;
  plain.ports = {{kPlain, kPlain}};
  policy::Rule ping;
  ping.clients = modbus.clients;
  ping.servers = modbus.servers;
  ping.transport = policy::Transport::icmp;
  return support::with_rules(support::two_zones(on_deny), {&modbus, &essential, &plain, &ping});
}

Contained zone(ContainmentLevel level) { return {Kind::zone, "control", level}; }
const Contained kIsolated = zone(ContainmentLevel::isolate);
const Contained kReads = zone(ContainmentLevel::read_only);
const Contained kEssential = zone(ContainmentLevel::essential);

class Contain : public testing::Test {
 protected:
  Contain() { plant_.clear(); }

  // Whether the client's bytes reach the server, whole.
  bool asks(TcpSession& session, const Bytes& message) {
    plant_.clear();
    session.from_client(message);
    Bytes arrived;
    for (const auto& each : take(plant_, kControl)) {
      arrived.insert(arrived.end(), each.payload.begin(), each.payload.end());
    }
    if (arrived == message) session.server_acked += static_cast<std::uint32_t>(message.size());
    EXPECT_TRUE(arrived.empty() || arrived == message);
    return !arrived.empty();
  }
  bool answers(TcpSession& session, const Bytes& message) {
    plant_.clear();
    session.from_server(message);
    for (const auto& each : take(plant_, kSupervision)) {
      if (each.payload == message) {
        session.client_acked += static_cast<std::uint32_t>(message.size());
        return true;
      }
    }
    return false;
  }
  // The verdict on the last message.
  const pipeline::Event& judged() const {
    static const pipeline::Event kNone{};
    const pipeline::Event* found = &kNone;
    for (const pipeline::Event& each : plant_.verdicts) {
      if (each.is_message) found = &each;
    }
    return *found;
  }
  bool pings() {
    plant_.clear();
    plant_.arrive(kHmi, support::ip_frame(kHmi, kPlc, 1, support::icmp_message(8, 0, 7)));
    return !plant_.sent.empty();
  }
  bool resolves() {
    plant_.clear();
    plant_.arrive(
        kHmi, support::arp_frame(kHmi, wire::Mac{{255, 255, 255, 255, 255, 255}}, 1, kPlc.address));
    return !plant_.sent.empty();
  }
  bool opens(std::uint16_t client_port, std::uint16_t server_port = 502) {
    plant_.clear();
    support::TcpSpec spec;
    spec.source_port = client_port;
    spec.destination_port = server_port;
    spec.sequence = 1;
    spec.flags = wire::kTcpSyn;
    plant_.arrive(kHmi, support::tcp_frame(kHmi, kPlc, spec));
    return !take(plant_, kControl).empty();
  }

  Plant plant_{site()};
  TcpSession session_{plant_, 40000};
};

TEST_F(Contain, IsolationIsACableThatIsCutAndJoinedAgain) {
  EXPECT_TRUE(asks(session_, read(1)));
  plant_.contain({kIsolated});
  EXPECT_FALSE(answers(session_, answer(1)));
  EXPECT_EQ(plant_.last(), Reason::contained);
  session_.server_next -= static_cast<std::uint32_t>(answer(1).size());  // it will say it again
  EXPECT_FALSE(asks(session_, read(2)));
  session_.client_next -= static_cast<std::uint32_t>(read(2).size());
  EXPECT_TRUE(plant_.sent.empty());
  EXPECT_FALSE(resolves());
  EXPECT_EQ(plant_.last(), Reason::contained);
  EXPECT_FALSE(pings());
  EXPECT_FALSE(opens(40001));
  EXPECT_FALSE(opens(40002, kPlain));
  EXPECT_TRUE(plant_.sent.empty()) << "not even a reset";
  plant_.contain({});
  EXPECT_TRUE(answers(session_, answer(1)));
  EXPECT_TRUE(asks(session_, read(2)));
  EXPECT_TRUE(resolves());
  EXPECT_TRUE(pings());
  EXPECT_TRUE(opens(40001));
}

// What the firewall holds and owns leaves by timers, without a packet that asks for it.
TEST_F(Contain, NoTimerSendsIntoAnIsolatedConduit) {
  const Bytes whole = read(1);
  session_.from_client({whole.begin(), whole.begin() + 5});
  plant_.contain({kIsolated});
  plant_.clear();
  plant_.pass_time(5 * kMillisecondNs);
  plant_.pass_time(kLongNs);
  EXPECT_TRUE(plant_.sent.empty());
}

TEST_F(Contain, NothingThatIsOwedIsSentAgain) {
  const Bytes whole = read(1);
  session_.from_client({whole.begin(), whole.begin() + 5});
  plant_.pass_time(2 * kMillisecondNs);  // acknowledged: the firewall owns it
  session_.from_client({whole.begin() + 5, whole.end()});
  ASSERT_FALSE(take(plant_, kControl).empty());
  plant_.contain({kIsolated});
  plant_.clear();
  plant_.pass_time(kSecondNs);
  EXPECT_TRUE(plant_.sent.empty());
  plant_.contain({});
  plant_.pass_time(4 * kSecondNs);
  EXPECT_FALSE(take(plant_, kControl).empty()) << "the cable is joined again";
}

// A session that has not been judged under a new policy yet is found by its hosts.
TEST_F(Contain, ANewPolicyLoosensNothing) {
  const Bytes whole = read(1);
  session_.from_client({whole.begin(), whole.begin() + 5});
  plant_.pass_time(2 * kMillisecondNs);
  session_.from_client({whole.begin() + 5, whole.end()});
  plant_.contain({kIsolated});
  policy::Tables other = site();
  policy::Zone office;
  office.name = "office";
  office.vlan = {9, 0};
  office.networks = {{wire::read_ip("10.30.0.0").value(), 120}};
  other.zones.insert(other.zones.begin(), office);
  other.conduits[0].from = 1;
  other.conduits[0].to = 2;
  plant_.change_policy(std::move(other));
  plant_.clear();
  plant_.pass_time(kSecondNs);
  EXPECT_TRUE(plant_.sent.empty());
  EXPECT_FALSE(asks(session_, read(2)));
  EXPECT_EQ(plant_.last(), Reason::contained);
}

TEST_F(Contain, WhatWaitsForThePeerDoesNotLeaveLater) {
  plant_.pipeline().waiting().set_peer(true);
  const Bytes whole = read(1);
  session_.from_client({whole.begin(), whole.begin() + 5});
  plant_.clear();
  plant_.pass_time(2 * kMillisecondNs);
  ASSERT_TRUE(plant_.sent.empty()) << "the acknowledgement waits for the peer";
  ASSERT_FALSE(plant_.pipeline().waiting().is_empty());
  plant_.contain({kIsolated});
  plant_.pass_time(kMillisecondNs);
  plant_.pipeline().let_all_go(plant_);
  EXPECT_TRUE(plant_.sent.empty());
}

TEST_F(Contain, ReadOnlyRefusesAWriteAloneAndTheSessionGoesOn) {
  EXPECT_TRUE(asks(session_, write(1)));  // remembered as granted
  EXPECT_TRUE(asks(session_, write(2)));
  plant_.contain({kReads});
  // Granted before: what was asked is answered.
  EXPECT_TRUE(answers(session_, write(1)));
  EXPECT_FALSE(asks(session_, write(3)));
  EXPECT_EQ(judged().reason, Reason::contained);
  EXPECT_EQ(judged().rule, 1U) << "that would grant it";
  EXPECT_EQ(judged().action, pipeline::Action::reject);
  EXPECT_TRUE(answers(session_, write(2)));
  EXPECT_TRUE(resolves());
}

TEST_F(Contain, ReadOnlyPassesReadsAndTheirAnswers) {
  plant_.contain({kReads});
  EXPECT_TRUE(asks(session_, read(1)));
  EXPECT_TRUE(answers(session_, answer(1)));
  EXPECT_TRUE(opens(40001));
  plant_.contain({});
  EXPECT_TRUE(asks(session_, write(2)));
}

// A part of it stood here when the level came.
TEST_F(Contain, AWriteThatIsHeldIsJudgedWhenItIsWhole) {
  const Bytes whole = write(1);
  session_.from_client({whole.begin(), whole.begin() + 7});
  plant_.contain({kReads});
  plant_.clear();
  session_.from_client({whole.begin() + 7, whole.end()});
  EXPECT_EQ(judged().reason, Reason::contained);
  for (const auto& each : take(plant_, kControl)) EXPECT_TRUE(each.payload.empty());
}

TEST_F(Contain, ReadOnlyEndsPlainServicesAsOnDenySays) {
  TcpSession plain(plant_, 40010, 5000, 80000, kPlain);
  const Bytes bytes = {1, 2, 3};
  EXPECT_TRUE(asks(plain, bytes));
  EXPECT_TRUE(pings());
  plant_.contain({kReads});
  plant_.clear();
  plain.from_client(bytes);
  const auto reset = take(plant_, kControl);
  ASSERT_EQ(reset.size(), 1U);
  EXPECT_EQ(reset[0].header.flags & wire::kTcpRst, wire::kTcpRst);
  EXPECT_TRUE(reset[0].payload.empty());
  EXPECT_FALSE(opens(40011, kPlain));
  EXPECT_EQ(plant_.last(), Reason::contained);
  EXPECT_FALSE(pings());
  plant_.contain({});
  EXPECT_TRUE(opens(40012, kPlain));
  EXPECT_TRUE(pings());
}

TEST(ContainDropping, NobodyIsToldWhereTheConduitDrops) {
  Plant plant(site(OnDeny::drop));
  TcpSession plain(plant, 40010, 5000, 80000, kPlain);
  plant.contain({kReads});
  plant.clear();
  plain.from_client({1, 2, 3});
  EXPECT_TRUE(plant.sent.empty());
  EXPECT_EQ(plant.last(), Reason::contained);
}

TEST_F(Contain, EssentialPassesWhatMarkedRulesGrant) {
  plant_.contain({kEssential});
  EXPECT_FALSE(asks(session_, read(1)));
  EXPECT_EQ(judged().reason, Reason::contained);
  EXPECT_FALSE(opens(40020, kPlain)) << "no rule of the service is essential";
  EXPECT_FALSE(pings());
  plant_.contain({});
  plant_.contain({kEssential});
  TcpSession other(plant_, 40021);
  EXPECT_FALSE(asks(other, write(1)));
  TcpSession third(plant_, 40022);
  EXPECT_TRUE(asks(third, modbus_adu({6, 0, 60, 0, 7}, 2)));
  EXPECT_EQ(judged().rule, 2U);
}

// Read-only and essential: what both pass.
TEST_F(Contain, LevelsAddUp) {
  plant_.contain({kEssential, {Kind::conduit, "scada", ContainmentLevel::read_only}});
  EXPECT_FALSE(asks(session_, modbus_adu({6, 0, 60, 0, 7}, 1)));
  TcpSession other(plant_, 40030);
  EXPECT_FALSE(asks(other, read(2)));
}

TEST_F(Contain, TargetsAreNamedAndOthersGoOn) {
  for (const Contained& each : {Contained{Kind::zone, "supervision", ContainmentLevel::isolate},
                                Contained{Kind::zone, "control", ContainmentLevel::isolate},
                                Contained{Kind::conduit, "scada", ContainmentLevel::isolate},
                                Contained{Kind::all, "", ContainmentLevel::isolate}}) {
    plant_.contain({each});
    EXPECT_FALSE(pings());
  }
  for (const Contained& each : {Contained{Kind::zone, "scada", ContainmentLevel::isolate},
                                Contained{Kind::conduit, "control", ContainmentLevel::isolate},
                                Contained{Kind::zone, "", ContainmentLevel::isolate},
                                Contained{Kind::all, "", ContainmentLevel::normal}}) {
    plant_.contain({each});
    EXPECT_TRUE(pings());
  }
}

// A conduit that is not isolated joins the same two zones the other way.
TEST_F(Contain, AddressesAreResolvedWhereAnotherConduitJoinsTheHosts) {
  policy::Tables both = site();
  policy::Conduit& back = both.conduits.emplace_back();
  back.name = "back";
  back.from = 1;
  back.to = 0;
  policy::Rule ping;
  ping.clients = {{kPlc.address, 128}};
  ping.servers = {{kHmi.address, 128}};
  ping.transport = policy::Transport::icmp;
  back.rules.push_back(std::move(ping));
  plant_.change_policy(std::move(both));
  plant_.contain({{Kind::conduit, "scada", ContainmentLevel::isolate}});
  EXPECT_TRUE(resolves());
  EXPECT_FALSE(pings());
  plant_.contain({kIsolated});
  EXPECT_FALSE(resolves());
}

}  // namespace
}  // namespace bulkhead
