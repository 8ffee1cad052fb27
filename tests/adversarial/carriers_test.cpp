// What carries a message, and whose it is: frames without IP, between stations that the policy
// names, and protocols that use one port between the same hosts.
#include <gtest/gtest.h>

#include "tests/support/dnp3_frames.h"
#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::Host;
using support::kHmi;
using support::kPlc;
using support::Plant;
using support::TcpSession;

constexpr std::uint16_t kLldp = 0x88cc;
const wire::Mac kGroup{{0x01, 0x0c, 0xcd, 0x01, 0x00, 0x01}};

wire::Prefix station(const wire::Mac& mac) { return {wire::IpAddress::from_mac(mac), 128}; }

// The station of the HMI may send LLDP to the group, whose listeners are in the zone control.
policy::Tables non_ip_policy() {
  policy::Tables tables = support::two_zones(policy::OnDeny::reject);
  tables.zones[0].networks.push_back(station(kHmi.mac));
  tables.zones[1].networks.push_back(station(kGroup));
  policy::Rule& rule = tables.conduits[0].rules.emplace_back();
  rule.clients = {station(kHmi.mac)};
  rule.servers = {station(kGroup)};
  rule.transport = policy::Transport::ethernet;
  rule.ports = {{kLldp, kLldp}};
  return tables;
}

Bytes non_ip_frame(const wire::Mac& from, const wire::Mac& to, std::uint16_t ethertype) {
  Bytes frame(to.bytes.begin(), to.bytes.end());
  frame.insert(frame.end(), from.bytes.begin(), from.bytes.end());
  frame.push_back(static_cast<std::uint8_t>(ethertype >> 8));
  frame.push_back(static_cast<std::uint8_t>(ethertype));
  frame.resize(60, 0x5a);
  return frame;
}

class NonIpFrames : public ::testing::Test {
 protected:
  Reason arrive(std::uint16_t port, const Bytes& frame) {
    plant_.clear();
    plant_.arrive(port, frame);
    return plant_.last();
  }

  Plant plant_{non_ip_policy()};
};

TEST_F(NonIpFrames, PassAsTheyAreWhereARuleGrantsThem) {
  const Bytes frame = non_ip_frame(kHmi.mac, kGroup, kLldp);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(arrive(support::kSupervision, frame), Reason::service_granted);
    ASSERT_EQ(plant_.sent.size(), 1U);
    EXPECT_EQ(plant_.sent[0].port, support::kControl);
    EXPECT_EQ(plant_.sent[0].frame, frame);
  }
  const Bytes tagged = support::with_vlan(frame, 0);
  EXPECT_EQ(arrive(support::kSupervision, tagged), Reason::service_granted);
  EXPECT_EQ(plant_.sent.at(0).frame, tagged) << "a priority tag is no VLAN";
}

TEST_F(NonIpFrames, AreRefusedWhereNoRuleDoes) {
  const auto refused = [&](std::uint16_t port, const Bytes& frame, Reason reason) {
    EXPECT_EQ(arrive(port, frame), reason);
    EXPECT_TRUE(plant_.sent.empty());
  };
  const auto& hmi = kHmi.mac;
  refused(support::kSupervision, non_ip_frame(hmi, kGroup, 0x88b8), Reason::ethertype_not_granted);
  refused(support::kSupervision, non_ip_frame(support::mac(0x66), kGroup, kLldp),
          Reason::ethertype_not_granted);
  refused(support::kSupervision, non_ip_frame(hmi, support::mac(0x66), kLldp), Reason::no_conduit);
  refused(support::kControl, non_ip_frame(hmi, kGroup, kLldp), Reason::ethertype_not_granted);
  refused(support::kSupervision, support::with_vlan(non_ip_frame(hmi, kGroup, kLldp), 7),
          Reason::unknown_zone);
  refused(support::kSupervision, non_ip_frame(hmi, kGroup, 60), Reason::ethertype_not_granted);
}

TEST_F(NonIpFrames, AChangeOfPolicyEndsThem) {
  const Bytes frame = non_ip_frame(kHmi.mac, kGroup, kLldp);
  EXPECT_EQ(arrive(support::kSupervision, frame), Reason::service_granted);
  policy::Tables other = non_ip_policy();
  other.conduits[0].rules[0].ports = {{0x88cb, 0x88cb}};
  plant_.change_policy(std::move(other));
  EXPECT_FALSE(is_allowed(arrive(support::kSupervision, frame)));
  plant_.change_policy(non_ip_policy());
  EXPECT_EQ(arrive(support::kSupervision, frame), Reason::service_granted);
}

// An IPv6 packet cannot pretend to come from a station.
TEST_F(NonIpFrames, AddressesOfStationsAreNoneOfIp) {
  const Host station_as_host{wire::IpAddress::from_mac(kHmi.mac), kHmi.mac, support::kSupervision};
  Bytes frame = support::udp_frame(station_as_host, kPlc, 1, 2, {1});
  frame[12] = 0x86;
  frame[13] = 0xdd;
  EXPECT_EQ(arrive(support::kSupervision, frame), Reason::malformed_ip);
}

// BACnet in IEEE 802.2: the type field is the length of what two access points say to each other.
constexpr std::uint16_t kBacnetSap = 0x82;

Bytes lpdu_frame(const wire::Mac& from, const wire::Mac& to, const Bytes& lpdu) {
  Bytes frame = non_ip_frame(from, to, static_cast<std::uint16_t>(lpdu.size()));
  std::copy(lpdu.begin(), lpdu.end(), frame.begin() + 14);
  return frame;
}

policy::Tables lpdu_policy() {
  policy::Tables tables = support::two_zones(policy::OnDeny::reject);
  tables.zones[0].networks.push_back(station(kHmi.mac));
  tables.zones[1].networks.push_back(station(kPlc.mac));
  const wire::Mac all = wire::Mac::from_integer(0xffffffffffff);
  tables.zones[1].groups = {wire::IpAddress::from_mac(all)};
  policy::Rule& rule = tables.conduits[0].rules.emplace_back();
  rule.clients = {station(kHmi.mac)};
  rule.servers = {station(kPlc.mac), station(all)};
  rule.transport = policy::Transport::ethernet;
  rule.ports = {{kBacnetSap, kBacnetSap}};
  rule.protocol = *protocols::find_protocol("bacnet");
  const auto functions = protocols::registry()[rule.protocol]->catalogue().functions;
  for (std::size_t f = 0; f < functions.size(); ++f) {
    if (functions[f].name == "read_property" || functions[f].name == "who_is") {
      rule.functions.set(f);
    }
  }
  return tables;
}

TEST(Lpdus, AreJudgedAsWhatTheirAccessPointsSay) {
  Plant plant(lpdu_policy());
  const auto arrive = [&](const Host& from, const wire::Mac& to, const Bytes& lpdu) {
    plant.clear();
    plant.arrive(from, lpdu_frame(from.mac, to, lpdu));
    return plant.verdicts.front().reason;  // of the message; the last is the frame's
  };
  const Bytes read = {0x82, 0x82, 3, 1, 4, 0, 5, 1, 12, 0x0c, 0, 0, 0, 3, 0x19, 0x55};
  EXPECT_EQ(arrive(kHmi, kPlc.mac, read), Reason::granted);
  ASSERT_EQ(plant.sent.size(), 1U);
  EXPECT_EQ(plant.sent[0].port, support::kControl);
  EXPECT_EQ(plant.sent[0].frame.size(), 14 + read.size()) << "without what pads the frame";
  const Bytes answer = {0x82, 0x82, 3,    1,    0,    0x30, 1,    12,   0x0c, 0, 0,
                        0,    3,    0x19, 0x55, 0x3e, 0x44, 0x41, 0xa0, 0,    0, 0x3f};
  EXPECT_EQ(arrive(kPlc, kHmi.mac, answer), Reason::answers_request);
  EXPECT_EQ(arrive(kPlc, kHmi.mac, answer), Reason::protocol_fault) << "nobody asked twice";
  const Bytes who_is = {0x82, 0x82, 3, 1, 0, 0x10, 8};
  const wire::Mac all = wire::Mac::from_integer(0xffffffffffff);
  EXPECT_EQ(arrive(kHmi, all, who_is), Reason::granted);
  EXPECT_EQ(plant.sent.size(), 1U);
  const Bytes on_all_networks = {0x82, 0x82, 3, 1, 0x20, 0xff, 0xff, 0, 0xff, 0x10, 8};
  EXPECT_EQ(arrive(kHmi, all, on_all_networks), Reason::values_not_granted) << "by name only";
}

TEST(Lpdus, AreRefusedWhereNoRuleGrantsThem) {
  Plant plant(lpdu_policy());
  const auto refused = [&](const Bytes& lpdu, Reason reason) {
    plant.clear();
    plant.arrive(kHmi, lpdu_frame(kHmi.mac, kPlc.mac, lpdu));
    EXPECT_EQ(plant.last(), reason);
    EXPECT_TRUE(plant.sent.empty());
  };
  const Bytes write = {0x82, 0x82, 3, 1, 4,    0,    5,    1,    15, 0x0c,
                       0,    0x80, 0, 1, 0x19, 0x55, 0x3e, 0x21, 1,  0x3f};
  refused(write, Reason::function_not_granted);
  refused({0x42, 0x42, 3, 0, 0, 0, 0}, Reason::ethertype_not_granted);
  refused({0x82, 0x42, 3, 1, 0, 0x10, 8}, Reason::ethertype_not_granted);
  refused({0x82, 0x82, 0x7f, 1, 0, 0x10, 8}, Reason::protocol_fault);
  refused({0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, Reason::ethertype_not_granted);
  refused({0x82, 0x82}, Reason::ethertype_not_granted);
}

TEST(BareRules, AreOfStationsAndTypes) {
  policy::Tables tables = non_ip_policy();
  tables.conduits[0].rules[0].clients = {{kHmi.address, 128}};
  EXPECT_NE(policy::validate(tables), std::nullopt);
  tables = non_ip_policy();
  tables.conduits[0].rules[0].ports = {{0x500, 0x500}};
  EXPECT_NE(policy::validate(tables), std::nullopt);
  tables = non_ip_policy();
  tables.conduits[0].rules[0].transport = policy::Transport::udp;
  EXPECT_NE(policy::validate(tables), std::nullopt);
  EXPECT_EQ(policy::validate(non_ip_policy()), std::nullopt);
}

// ISO on TCP: the connection, and data units of three protocols.
constexpr std::uint16_t kIsoOnTcp = 102;
const Bytes kConnect = {3, 0, 0, 18, 13, 0xe0, 0, 0, 0, 1, 0, 0xc2, 2, 1, 2, 0xc0, 1, 10};
const Bytes kS7 = {3, 0, 0, 25, 2,    0xf0, 0x80, 0x32, 1, 0, 0, 0,   1,
                   0, 8, 0, 0,  0xf0, 0,    0,    1,    0, 1, 1, 0xe0};
const Bytes kPlus = {3, 0, 0, 33, 2, 0xf0, 0x80, 0x72, 2, 0, 18, 0x31, 0,    0, 0x05, 0x4c, 0,
                     0, 0, 5, 0,  0, 3,    0x88, 0x34, 0, 0, 0,  0,    0x72, 2, 0,    0};
const Bytes kMms = {3,  0,    0, 23, 2, 0xf0, 0x80, 1, 0,    1, 0, 0x61,
                    10, 0x30, 8, 2,  1, 3,    0xa0, 3, 0x8b, 1, 0};

policy::Tables iso_policy(const std::vector<std::string_view>& names) {
  policy::Tables tables = support::two_zones(policy::OnDeny::reset);
  for (const std::string_view name : names) {
    policy::Rule& rule = tables.conduits[0].rules.emplace_back();
    rule.clients = {{kHmi.address, 128}};
    rule.servers = {{kPlc.address, 128}};
    rule.ports = {{kIsoOnTcp, kIsoOnTcp}};
    rule.protocol = *protocols::find_protocol(name);
    const auto& catalogue = protocols::registry()[rule.protocol]->catalogue();
    for (std::size_t f = 0; f < catalogue.functions.size(); ++f) rule.functions.set(f);
  }
  return tables;
}

// How the last message was read, or why it was refused.
std::string read_as(Plant& plant, TcpSession& session, const Bytes& message) {
  plant.clear();
  session.from_client(message);
  const pipeline::Event& last = plant.verdicts.back();
  if (!is_allowed(last.reason)) return std::string(describe(last.reason).name);
  return std::string(protocols::registry()[last.protocol]->catalogue().name);
}

TEST(SharedPort, TheFirstDataUnitTellsWhoseTheSessionIs) {
  Plant plant(iso_policy({"mms", "s7comm", "s7comm_plus"}));
  std::uint16_t port = 40000;
  const std::vector<std::pair<Bytes, std::string>> rows = {{kS7, "s7comm"}, {kPlus, "s7comm_plus"}};
  for (const auto& [message, name] : rows) {
    TcpSession session(plant, port++, 1000, 900000, kIsoOnTcp);
    EXPECT_EQ(read_as(plant, session, kConnect), "mms") << "the first whose rule grants it";
    EXPECT_EQ(read_as(plant, session, message), name);
    EXPECT_EQ(read_as(plant, session, message == kS7 ? kPlus : kS7), "protocol_fault")
        << "and it stays that";
  }
}

TEST(SharedPort, OnlyWhatHasARule) {
  Plant plant(iso_policy({"s7comm", "mms"}));
  TcpSession session(plant, 40000, 1000, 900000, kIsoOnTcp);
  EXPECT_EQ(read_as(plant, session, kConnect), "s7comm");
  EXPECT_EQ(read_as(plant, session, kPlus), "protocol_fault");
  TcpSession other(plant, 40001, 1000, 900000, kIsoOnTcp);
  EXPECT_EQ(read_as(plant, other, kMms), "protocol_fault") << "no PDU, but MMS by its beginning";
}

// A policy that still grants the protocol which the session turned out to be leaves it alone.
TEST(SharedPort, AChangeOfPolicyKeepsWhatIsStillGranted) {
  Plant plant(iso_policy({"mms", "s7comm", "s7comm_plus"}));
  TcpSession session(plant, 40000, 1000, 900000, kIsoOnTcp);
  EXPECT_EQ(read_as(plant, session, kConnect), "mms");
  EXPECT_EQ(read_as(plant, session, kS7), "s7comm");
  plant.change_policy(iso_policy({"s7comm_plus", "s7comm"}));
  EXPECT_EQ(read_as(plant, session, kS7), "s7comm");
  plant.change_policy(iso_policy({"s7comm_plus"}));
  EXPECT_FALSE(plant.verdicts.empty());
  plant.clear();
  session.from_client(kS7);
  EXPECT_FALSE(is_allowed(plant.last()));
}

// Class 0 data, or all counters to be frozen (IEEE 1815, 4.4).
Bytes dnp3_request(std::uint8_t function, std::uint8_t sequence) {
  const Bytes objects = function == 1 ? Bytes{60, 1, 6} : Bytes{20, 0, 6};
  return support::from_master(function, objects, sequence);
}

// A datagram leaves whole or not at all, and what does not leave costs nothing.
TEST(Datagrams, OneRefusedMessageGivesBackWhatTheOthersCost) {
  constexpr std::uint8_t kRead = 1;
  constexpr std::uint8_t kFreeze = 7;
  policy::Tables tables = support::two_zones(policy::OnDeny::drop);
  policy::Rule& rule = tables.conduits[0].rules.emplace_back(support::modbus_rule({0}));
  rule.protocol = *protocols::find_protocol("dnp3");
  rule.transport = policy::Transport::udp;
  rule.ports = {{20000, 20000}};
  rule.functions.reset();
  const auto functions = protocols::registry()[rule.protocol]->catalogue().functions;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    rule.functions.set(i, functions[i].name == "read");
  }
  rule.budget = 0;
  tables.conduits[0].budgets.emplace_back(60 * kSecondNs, 1);
  policy::finish(tables);
  Plant plant(std::move(tables));
  const auto send = [&](std::initializer_list<Bytes> messages) {
    Bytes payload;
    for (const Bytes& each : messages) payload.insert(payload.end(), each.begin(), each.end());
    plant.clear();
    plant.arrive(kHmi, support::udp_frame(kHmi, kPlc, 40000, 20000, payload));
    return plant.sent.size();
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(send({dnp3_request(kRead, 1), dnp3_request(kFreeze, 2)}), 0U);
    EXPECT_EQ(plant.last(), Reason::function_not_granted);
  }
  EXPECT_EQ(send({dnp3_request(kRead, 3)}), 1U);
  EXPECT_EQ(plant.verdicts.front().reason, Reason::granted);
  EXPECT_EQ(send({dnp3_request(kRead, 4)}), 0U);
  EXPECT_EQ(plant.last(), Reason::rate_exceeded);
}

}  // namespace
}  // namespace bulkhead
