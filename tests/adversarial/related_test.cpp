// What a session opens beside itself, through the whole pipeline: datagrams that no rule names pass
// while the connection that a granted message opened is open, and only those.
#include <gtest/gtest.h>

#include "dataplane/flow/steering.h"
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

class Related : public ::testing::TestWithParam<bool> {
 protected:
  Related() {
    cyclic_.trigger = 0x01;
    session_.from_client(encapsulated(enip::kRegisterSession, {1, 0, 0, 0}, 9, 0));
    session_.from_server(encapsulated(enip::kRegisterSession, {1, 0, 0, 0}, 9));
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

INSTANTIATE_TEST_SUITE_P(AndItsOwnRule, Related, ::testing::Bool());

TEST_P(Related, OpensExactlyItsDatagrams) {
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

TEST_P(Related, ClosesThemWithItsConnection) {
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
TEST_P(Related, OutlivesTheSession) {
  open(cyclic_);
  session_.from_client({}, wire::kTcpRst | wire::kTcpAck);
  EXPECT_TRUE(there());
  EXPECT_TRUE(back());
}

TEST_P(Related, NothingIsOpenedThatIsNotGranted) {
  cyclic_.path = {0x20, 4, 0x24, 0x97, 0x2c, 0x97, 0x2c, 0x64};
  plant_.clear();
  session_.from_client(unconnected(cyclic_.request()));
  EXPECT_EQ(plant_.last(), Reason::values_not_granted);
  session_.from_server(unconnected(cyclic_.accepted(kToTarget, kToOriginator)));
  EXPECT_FALSE(there());
  EXPECT_FALSE(back());
}

TEST_P(Related, NothingIsOpenedByAnAnswerToNothing) {
  plant_.clear();
  session_.from_server(unconnected(cyclic_.accepted(kToTarget, kToOriginator)));
  EXPECT_EQ(plant_.last(), Reason::protocol_fault);
  EXPECT_FALSE(there());
}

TEST_P(Related, IsPoliced) {
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

TEST_P(Related, AChangeOfPolicyKeepsWhatItStillGrants) {
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

TEST_P(Related, NoRoomIsARefusalOfTheOpening) {
  for (std::uint16_t i = 0; i <= 24; ++i) {
    cyclic_.serial = i;
    plant_.clear();
    session_.from_client(unconnected(cyclic_.request(), static_cast<std::uint8_t>(i)));
    EXPECT_EQ(is_allowed(plant_.verdicts.front().reason), i < 24);
    if (i < 24) {
      session_.from_server(
          unconnected(cyclic_.accepted(100U + i, 200U + i), static_cast<std::uint8_t>(i)));
    }
  }
  EXPECT_EQ(plant_.verdicts.back().fault, protocols::Fault::too_many_outstanding);
}

std::uint32_t owner_of_segment(const Host& from, const Host& to, std::uint16_t source,
                               std::uint16_t destination) {
  support::TcpSpec segment;
  segment.source_port = source;
  segment.destination_port = destination;
  return flow::steering_hash(tcp_frame(from, to, segment));
}

TEST(RelatedWorkers, AllOfTwoHostsHasOneOwner) {
  const std::uint32_t session = owner_of_segment(kHmi, kPlc, 40000, kExplicit);
  EXPECT_EQ(owner_of_segment(kPlc, kHmi, kExplicit, 40001), session);
  for (const std::uint16_t source : {std::uint16_t{2222}, std::uint16_t{50000}}) {
    EXPECT_EQ(flow::steering_hash(udp_frame(kHmi, kPlc, source, kImplicit, {1})), session);
    EXPECT_EQ(flow::steering_hash(udp_frame(kPlc, kHmi, source, kImplicit, {1})), session);
  }
  EXPECT_NE(flow::steering_hash(udp_frame(kRogue, kPlc, kImplicit, kImplicit, {1})), session);
}

}  // namespace
}  // namespace bulkhead
