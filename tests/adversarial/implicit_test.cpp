// EtherNet/IP's class 1 connections through the whole pipeline: datagrams that no rule names pass
// while the connection that a granted message opened is open, and only those.
#include <gtest/gtest.h>

#include "dataplane/flow/steering.h"
#include "dataplane/replication/replicator.h"
#include "tests/support/cip_messages.h"
#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using namespace support::cip;
using support::Bytes;
using support::Host;
using support::kHmi;
using support::kPlc;
using support::kRogue;
using support::Plant;
using support::TcpSession;

constexpr std::uint16_t kExplicit = 44818;
constexpr std::uint16_t kImplicit = 2222;
constexpr std::uint32_t kToTarget = 0x11;
constexpr std::uint32_t kToOriginator = 0x22;

std::uint8_t field_of(std::string_view name) {
  const auto& fields = support::module_of("enip").catalogue().fields;
  std::uint8_t field = 0;
  while (fields[field].name != name) ++field;
  return field;
}

// Everything but what has `points`: those connection points alone may be opened.
policy::Tables line_policy(std::vector<Range> points, policy::OnDeny on_deny,
                           bool datagrams_too = false) {
  policy::Tables tables = support::two_zones(on_deny);
  const std::uint8_t enip = *protocols::find_protocol("enip");
  const auto& functions = support::module_of("enip").catalogue().functions;
  policy::Rule any;
  any.clients = {{kHmi.address, 128}};
  any.servers = {{kPlc.address, 128}};
  any.ports = {{kExplicit, kExplicit}};
  any.protocol = enip;
  const auto copy = [](const policy::Rule& rule) {
    policy::Rule other;
    other.clients = rule.clients;
    other.servers = rule.servers;
    other.ports = rule.ports;
    other.protocol = rule.protocol;
    return other;
  };
  policy::Rule opening = copy(any);
  for (std::size_t i = 0; i < functions.size(); ++i) {
    const bool opens = functions[i].name == "forward_open_implicit";
    if (functions[i].name == "io_data") continue;
    any.functions.set(i, !opens);
    opening.functions.set(i, opens);
  }
  opening.constraints.push_back({field_of("connection_point"), std::move(points)});
  policy::Rule datagrams = copy(any);
  datagrams.functions = any.functions;
  datagrams.transport = policy::Transport::udp;
  datagrams.ports = {{kImplicit, kImplicit}};
  if (!datagrams_too) return support::with_rules(std::move(tables), {&any, &opening});
  return support::with_rules(std::move(tables), {&any, &opening, &datagrams});
}

void register_at(TcpSession& session) {
  session.from_client(encapsulated(enip::kRegisterSession, {1, 0, 0, 0}, 9, 0));
  session.from_server(encapsulated(enip::kRegisterSession, {1, 0, 0, 0}, 9));
}

class Implicit : public ::testing::TestWithParam<bool> {
 protected:
  Implicit() {
    cyclic_.trigger = 0x01;
    register_at(session_);
  }

  void open(const Opening& opening) {
    session_.from_client(unconnected(opening.request()));
    session_.from_server(unconnected(opening.accepted(kToTarget, kToOriginator)));
  }
  // Whether it passes, and to where it should.
  bool datagram(const Host& from, const Host& to, std::uint32_t connection,
                std::uint16_t source_port = kImplicit, std::uint16_t port = kImplicit) {
    plant_.clear();
    plant_.arrive(from, udp_frame(from, to, source_port, port, io_packet(connection, 20)));
    EXPECT_EQ(is_allowed(plant_.last()), plant_.sent.size() == 1);
    EXPECT_TRUE(plant_.sent.empty() || plant_.sent[0].port == to.port);
    return !plant_.sent.empty();
  }
  bool there(std::uint16_t source_port = kImplicit) {
    return datagram(kHmi, kPlc, kToTarget, source_port);
  }
  bool back(std::uint16_t source_port = kImplicit) {
    return datagram(kPlc, kHmi, kToOriginator, source_port);
  }

  // With and without a rule that lets the hosts speak on UDP 2222, but grants no data.
  Plant plant_{line_policy({{100, 150}}, policy::OnDeny::reject, GetParam())};
  TcpSession session_{plant_, 40000, 1000, 900000, kExplicit};
  Opening cyclic_{{0x20, 4, 0x24, 0x97, 0x2c, 0x96, 0x2c, 0x64}};
};

INSTANTIATE_TEST_SUITE_P(AndItsOwnRule, Implicit, ::testing::Bool());

TEST_P(Implicit, OpensExactlyItsDatagrams) {
  EXPECT_FALSE(there());
  EXPECT_FALSE(back());
  open(cyclic_);
  EXPECT_TRUE(there());
  ASSERT_FALSE(plant_.verdicts.empty());
  EXPECT_EQ(plant_.verdicts.front().rule, 2) << "which granted the opening";
  EXPECT_TRUE(back());
  EXPECT_TRUE(there(50000)) << "the source's port is free (EIP 3-2)";
  EXPECT_TRUE(back(50000));
  EXPECT_FALSE(datagram(kHmi, kPlc, kToOriginator));
  EXPECT_FALSE(datagram(kHmi, kPlc, 0x33));
  EXPECT_FALSE(datagram(kHmi, kPlc, kToTarget, kImplicit, 2223));
  EXPECT_FALSE(datagram(kRogue, kPlc, kToTarget));
  EXPECT_FALSE(datagram(kPlc, kRogue, kToOriginator));
}

// Outputs are the opener's requests, inputs come back, whoever sends the first packet.
TEST_P(Implicit, TellsOutputsFromInputs) {
  open(cyclic_);
  EXPECT_TRUE(back());
  ASSERT_FALSE(plant_.verdicts.empty());
  EXPECT_EQ(plant_.verdicts.front().direction, protocols::Direction::response);
  EXPECT_TRUE(there());
  ASSERT_FALSE(plant_.verdicts.empty());
  EXPECT_EQ(plant_.verdicts.front().direction, protocols::Direction::request);
}

TEST_P(Implicit, ClosesThemWithItsConnection) {
  open(cyclic_);
  EXPECT_TRUE(there());
  session_.from_client(unconnected(cyclic_.close(), 2));
  session_.from_server(unconnected(reply(enip::kForwardClose, 0, cyclic_.name()), 2));
  EXPECT_FALSE(there());
  EXPECT_FALSE(back());
  cyclic_.serial = 2;
  open(cyclic_);
  EXPECT_TRUE(there());
}

// EIP 2-4.1.1: a scanner may end the TCP session while its connections go on.
TEST_P(Implicit, OutlivesTheSession) {
  open(cyclic_);
  session_.from_client({}, wire::kTcpRst | wire::kTcpAck);
  EXPECT_TRUE(there());
  EXPECT_TRUE(back());
}

// They are of the class of the message that opened them.
TEST_P(Implicit, ContainmentCutsThemWhileItStands) {
  open(cyclic_);
  using policy::ContainmentLevel;
  for (const auto level :
       {ContainmentLevel::read_only, ContainmentLevel::essential, ContainmentLevel::isolate}) {
    EXPECT_TRUE(there());
    EXPECT_TRUE(back());
    plant_.contain({{policy::Contained::Kind::zone, "control", level}});
    EXPECT_FALSE(there());
    EXPECT_EQ(plant_.last(), Reason::contained);
    EXPECT_FALSE(back());
    plant_.contain({});
  }
  EXPECT_TRUE(there());
}

TEST_P(Implicit, NothingIsOpenedThatIsNotGranted) {
  cyclic_.path = {0x20, 4, 0x24, 0x97, 0x2c, 0x97, 0x2c, 0x64};
  plant_.clear();
  session_.from_client(unconnected(cyclic_.request()));
  EXPECT_EQ(plant_.last(), Reason::values_not_granted);
  session_.from_server(unconnected(cyclic_.accepted(kToTarget, kToOriginator)));
  EXPECT_FALSE(there());
  EXPECT_FALSE(back());
}

TEST_P(Implicit, NothingIsOpenedByAnAnswerToNothing) {
  plant_.clear();
  session_.from_server(unconnected(cyclic_.accepted(kToTarget, kToOriginator)));
  EXPECT_EQ(plant_.last(), Reason::protocol_fault);
  EXPECT_FALSE(there());
}

// EIP 2-4.4: no session is registered, so that the request is refused although a rule grants it.
TEST_P(Implicit, ARefusedRequestAsksForNothing) {
  TcpSession unregistered{plant_, 40001, 1000, 900000, kExplicit};
  plant_.clear();
  unregistered.from_client(unconnected(cyclic_.request()));
  EXPECT_EQ(plant_.verdicts.front().fault, protocols::Fault::not_started);
  EXPECT_EQ(plant_.pipeline().expected().size(), 0U);
  // Nor does it replace what another one asked for under the same name.
  session_.from_client(unconnected(cyclic_.request()));
  TcpSession other{plant_, 40002, 1000, 900000, kExplicit};
  Opening larger = cyclic_;
  larger.size = 400;
  plant_.clear();
  other.from_client(unconnected(larger.request()));
  EXPECT_EQ(plant_.verdicts.front().fault, protocols::Fault::not_started);
  EXPECT_EQ(plant_.pipeline().expected().size(), 1U);
  session_.from_server(unconnected(cyclic_.accepted(kToTarget, kToOriginator)));
  EXPECT_TRUE(there());
  plant_.arrive(kHmi, udp_frame(kHmi, kPlc, kImplicit, kImplicit, io_packet(kToTarget, 101)));
  EXPECT_EQ(plant_.verdicts.back().fault, protocols::Fault::bad_length);
}

// What passes is counted by its function, whoever watches.
TEST_P(Implicit, DatagramsHaveTheFunctionOfTheCatalogue) {
  open(cyclic_);
  ASSERT_TRUE(there());
  const auto& functions = support::module_of("enip").catalogue().functions;
  ASSERT_LT(plant_.verdicts.front().function, functions.size());
  EXPECT_EQ(functions[plant_.verdicts.front().function].name, "io_data");
}

TEST_P(Implicit, IsPoliced) {
  open(cyclic_);
  plant_.clear();
  plant_.arrive(kHmi, udp_frame(kHmi, kPlc, kImplicit, kImplicit, io_packet(kToTarget, 101)));
  EXPECT_EQ(plant_.last(), Reason::protocol_fault);
  EXPECT_EQ(plant_.verdicts.back().fault, protocols::Fault::bad_length);
  unsigned passed = 0;
  for (int i = 0; i < 20; ++i) passed += there() ? 1 : 0;
  EXPECT_EQ(passed, 6U);
  EXPECT_EQ(plant_.verdicts.back().fault, protocols::Fault::too_often);
}

TEST_P(Implicit, AChangeOfPolicyKeepsWhatItStillGrants) {
  open(cyclic_);
  EXPECT_TRUE(there());
  plant_.change_policy(line_policy({{90, 160}}, policy::OnDeny::reject, GetParam()));
  EXPECT_TRUE(there());
  EXPECT_TRUE(back());
  plant_.change_policy(line_policy({{100, 149}}, policy::OnDeny::reject, GetParam()));
  EXPECT_FALSE(there()) << "150 is granted no more";
  EXPECT_FALSE(back());
  plant_.change_policy(line_policy({{100, 150}}, policy::OnDeny::reject, GetParam()));
  EXPECT_FALSE(there()) << "what was ended has to be opened again";
  cyclic_.serial = 2;
  open(cyclic_);
  EXPECT_TRUE(there());
  plant_.change_policy(support::two_zones(policy::OnDeny::reject));
  EXPECT_FALSE(there());
}

TEST_P(Implicit, NoRoomIsARefusalOfTheOpening) {
  pipeline::PipelineOptions options;
  options.limits.relations = 64;
  Plant small(line_policy({{100, 150}}, policy::OnDeny::reject, GetParam()), options);
  TcpSession session{small, 40000, 1000, 900000, kExplicit};
  register_at(session);
  unsigned open = 0;
  for (std::uint16_t i = 0; i < 64; ++i) {
    cyclic_.serial = i;
    small.clear();
    session.from_client(unconnected(cyclic_.request(), static_cast<std::uint8_t>(i)));
    if (!is_allowed(small.verdicts.front().reason)) break;
    ++open;
    session.from_server(
        unconnected(cyclic_.accepted(100U + i, 200U + i), static_cast<std::uint8_t>(i)));
  }
  EXPECT_EQ(open, 22U) << "a third";
  EXPECT_EQ(small.verdicts.back().fault, protocols::Fault::too_many_outstanding);
}

TEST_P(Implicit, NothingIsOpenedByAnAnswerThatComesTooLate) {
  session_.from_client(unconnected(cyclic_.request()));
  plant_.pass_time(30 * kSecondNs);
  session_.from_server(unconnected(cyclic_.accepted(kToTarget, kToOriginator)));
  EXPECT_FALSE(there());
  EXPECT_EQ(plant_.pipeline().expected().size(), 0U);
}

TEST_P(Implicit, ARefusedOpeningOpensNothing) {
  session_.from_client(unconnected(cyclic_.request()));
  session_.from_server(
      unconnected(reply(enip::kForwardOpen, 1, support::join({cyclic_.name(), {0, 0}}))));
  EXPECT_EQ(plant_.pipeline().expected().size(), 0U);
  EXPECT_FALSE(there());
}

TEST_P(Implicit, EndsWhenASideIsSilent) {
  open(cyclic_);
  for (int i = 0; i < 12; ++i) {
    plant_.pass_time(kSecondNs);
    EXPECT_EQ(there(), i < 9) << "the way back was silent for too long";
  }
  EXPECT_EQ(plant_.pipeline().expected().size(), 0U);
}

// CIP 3-4.4.3: one sends, and all that opened the connection listen.
class ImplicitToMany : public ::testing::Test {
 protected:
  static policy::Tables of_line(std::vector<wire::IpAddress> groups, std::vector<Range> points) {
    policy::Tables tables = line_policy(std::move(points), policy::OnDeny::reject);
    tables.zones[0].groups = std::move(groups);
    return tables;
  }
  ImplicitToMany() {
    cyclic_.trigger = 0x01;
    cyclic_.type_back = 1;
    register_at(session_);
  }
  void open_in(TcpSession& session, const Bytes& group = {239, 192, 1, 32}) {
    session.from_client(unconnected(cyclic_.request()));
    session.from_server(unconnected_to_group(cyclic_.accepted(kToTarget, kToOriginator), group));
  }
  void open(const Bytes& group = {239, 192, 1, 32}) { open_in(session_, group); }
  void close_in(TcpSession& session) {
    session.from_client(unconnected(cyclic_.close(), 2));
    session.from_server(unconnected(reply(enip::kForwardClose, 0, cyclic_.name()), 2));
  }
  static bool told_through(Plant& plant, const wire::IpAddress& group,
                           std::uint16_t port = kImplicit, const Host& from = kPlc) {
    plant.clear();
    const Host to{group, wire::group_mac(group), 0};
    plant.arrive(from, udp_frame(from, to, kImplicit, port, io_packet(kToOriginator, 20)));
    EXPECT_EQ(is_allowed(plant.last()), plant.sent.size() == 1);
    EXPECT_TRUE(plant.sent.empty() || plant.sent[0].port == kHmi.port);
    return !plant.sent.empty();
  }
  bool told(const wire::IpAddress& group, std::uint16_t port = kImplicit, const Host& from = kPlc) {
    return told_through(plant_, group, port, from);
  }

  const wire::IpAddress group_ = support::ip4(239, 192, 1, 32);
  const wire::IpAddress other_ = support::ip4(239, 192, 1, 33);
  Plant plant_{of_line({group_, other_}, {{100, 150}})};
  TcpSession session_{plant_, 40000, 1000, 900000, kExplicit};
  Opening cyclic_{{0x20, 4, 0x24, 0x97, 0x2c, 0x96, 0x2c, 0x64}};
};

TEST_F(ImplicitToMany, HearsWhatAGrantedOpeningOpened) {
  EXPECT_FALSE(told(group_));
  open();
  EXPECT_TRUE(told(group_));
  ASSERT_FALSE(plant_.verdicts.empty());
  EXPECT_EQ(plant_.verdicts.front().rule, 2) << "which granted the opening";
  EXPECT_FALSE(told(other_));
  EXPECT_FALSE(told(group_, 2223));
  EXPECT_FALSE(told(group_, kImplicit, kRogue));
  EXPECT_TRUE(told(group_));
  session_.from_client({}, wire::kTcpRst | wire::kTcpAck);
  EXPECT_TRUE(told(group_)) << "it outlives the session";
}

TEST_F(ImplicitToMany, EndsWithItsConnection) {
  open();
  EXPECT_TRUE(told(group_));
  close_in(session_);
  EXPECT_FALSE(told(group_));
  cyclic_.serial = 2;
  open({239, 192, 1, 33});
  EXPECT_FALSE(told(group_));
  EXPECT_TRUE(told(other_));
}

TEST_F(ImplicitToMany, IsOfTheOpenersZone) {
  plant_.change_policy(of_line({other_}, {{100, 150}}));
  open();
  EXPECT_FALSE(told(group_)) << "no zone has it";
  policy::Tables elsewhere = of_line({other_}, {{100, 150}});
  elsewhere.zones[1].groups = {group_};
  plant_.change_policy(std::move(elsewhere));
  cyclic_.serial = 2;
  open();
  EXPECT_FALSE(told(group_));
}

TEST_F(ImplicitToMany, AChangeOfPolicyKeepsWhatItStillGrants) {
  open();
  EXPECT_TRUE(told(group_));
  plant_.change_policy(of_line({group_}, {{90, 160}}));
  EXPECT_TRUE(told(group_));
  plant_.change_policy(of_line({other_}, {{90, 160}}));
  EXPECT_FALSE(told(group_)) << "the zone has the group no more";
  plant_.change_policy(of_line({group_}, {{90, 160}}));
  EXPECT_TRUE(told(group_));
  plant_.change_policy(of_line({group_}, {{100, 149}}));
  EXPECT_FALSE(told(group_)) << "150 is granted no more";
  plant_.change_policy(of_line({group_}, {{100, 150}}));
  EXPECT_FALSE(told(group_)) << "what was ended has to be opened again";
}

TEST_F(ImplicitToMany, GoesOnAtThePeer) {
  Plant peer{of_line({group_, other_}, {{100, 150}})};
  peer.be_at(5000 * kSecondNs);
  replication::RecordRing ring{1 << 16};
  replication::FlowSender sender(plant_.pipeline().flows(), plant_.pipeline().segments(), ring,
                                 &plant_.pipeline().expected());
  replication::FlowReceiver receiver({peer.pipeline().flows(), peer.pipeline().segments(),
                                      peer.pipeline().timers(), peer.buffers(),
                                      &peer.pipeline().expected()});
  open();
  EXPECT_TRUE(told(group_));
  EXPECT_FALSE(told_through(peer, group_));
  do {
    sender.run(64, plant_.now_ns());
    for (; !ring.front().empty(); ring.release()) {
      ASSERT_EQ(receiver.take(ring.front(), peer.now_ns()),
                replication::FlowReceiver::Taken::taken);
    }
  } while (!sender.is_done());
  peer.pipeline().set_clock_offset(plant_.now_ns() - peer.now_ns());
  EXPECT_TRUE(told_through(peer, group_));
  EXPECT_FALSE(told_through(peer, other_));
}

TEST_F(ImplicitToMany, HoldsWhileOneOfThoseThatOpenedItDoes) {
  policy::Tables all = of_line({group_}, {{100, 150}});
  for (policy::Rule& rule : all.conduits[0].rules)
    rule.clients = {{support::ip4(10, 20, 0, 0), 120}};
  plant_.change_policy(std::move(all));
  std::vector<TcpSession> sessions;
  const auto scanner = [&](std::uint8_t last) -> TcpSession& {
    const Host host{support::ip4(10, 20, 0, last), support::mac(last), kHmi.port};
    sessions.emplace_back(plant_, 40000, 1000, 900000, kExplicit, host);
    register_at(sessions.back());
    return sessions.back();
  };
  constexpr std::uint8_t kScanners = 16;
  for (std::uint8_t i = 0; i < kScanners; ++i) open_in(scanner(static_cast<std::uint8_t>(100 + i)));
  plant_.be_at(plant_.now_ns() + kSecondNs);
  EXPECT_TRUE(told(group_));
  for (std::uint8_t i = 0; i + 1 < kScanners; ++i) close_in(sessions[i]);
  plant_.be_at(plant_.now_ns() + kSecondNs);
  EXPECT_TRUE(told(group_)) << "one holds it";
  close_in(sessions[kScanners - 1]);
  EXPECT_FALSE(told(group_));
}

std::uint32_t owner_of_segment(const Host& from, const Host& to, std::uint16_t source,
                               std::uint16_t destination) {
  support::TcpSpec segment;
  segment.source_port = source;
  segment.destination_port = destination;
  return flow::steering_hash(tcp_frame(from, to, segment));
}

TEST(ImplicitWorkers, AllThatMayBelongTogetherHasOneOwner) {
  const std::uint32_t session = owner_of_segment(kHmi, kPlc, 40000, kExplicit);
  EXPECT_EQ(owner_of_segment(kPlc, kHmi, kExplicit, 40001), session);
  for (const std::uint16_t source : {std::uint16_t{2222}, std::uint16_t{50000}}) {
    EXPECT_EQ(flow::steering_hash(udp_frame(kHmi, kPlc, source, kImplicit, {1})), session);
    EXPECT_EQ(flow::steering_hash(udp_frame(kPlc, kHmi, source, kImplicit, {1})), session);
  }
  const wire::IpAddress group = support::ip4(239, 192, 1, 32);
  const Host many{group, wire::group_mac(group), 0};
  EXPECT_EQ(flow::steering_hash(udp_frame(kPlc, many, kImplicit, kImplicit, {1})), session);
  EXPECT_EQ(owner_of_segment(kRogue, kPlc, 40000, kExplicit), session) << "it may share the group";
  EXPECT_NE(flow::steering_hash(udp_frame(kHmi, kPlc, 40000, 2223, {1})), session);
  const Bytes tagged = support::with_vlan(udp_frame(kPlc, many, kImplicit, kImplicit, {1}), 7);
  EXPECT_NE(flow::steering_hash(tagged), session);
}

}  // namespace
}  // namespace bulkhead
