// Datagrams to many: they reach the zone that has the group, in the frame that belongs to it, and
// nobody answers in the name of many.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::Host;
using support::kHmi;
using support::kPlc;
using support::Plant;

constexpr std::uint16_t kPort = 47808;
const wire::IpAddress kAll = support::ip4(255, 255, 255, 255);
const wire::IpAddress kSubnet = support::ip4(10, 10, 0, 255);
const wire::IpAddress kMulticast = support::ip4(239, 129, 2, 3);
const wire::IpAddress kMulticast6 = support::ip6("ff05::1:3");

Host at(const wire::IpAddress& group) { return {group, wire::group_mac(group), 0}; }

policy::Rule plain_rule(const Host& client, const wire::IpAddress& group) {
  policy::Rule rule;
  rule.clients = {{client.address, 128}};
  rule.servers = {{group, 128}};
  rule.transport = policy::Transport::udp;
  rule.ports = {{kPort, kPort}};
  return rule;
}

policy::Tables both_ways(policy::OnDeny on_deny = policy::OnDeny::reject) {
  constexpr std::uint16_t kReadHolding = 2;
  policy::Tables tables = support::two_zones(on_deny);
  tables.zones[0].groups = {kAll};
  tables.zones[1].groups = {kSubnet, kMulticast, kAll, kMulticast6};
  std::vector<policy::Rule>& rules = tables.conduits[0].rules;
  for (const wire::IpAddress& group : {kAll, kSubnet, kMulticast}) {
    rules.push_back(plain_rule(kHmi, group));
  }
  const Host hmi6{support::ip6("2001:db8:20::10"), kHmi.mac, kHmi.port};
  rules.push_back(plain_rule(hmi6, kMulticast6));
  policy::Rule modbus = support::modbus_rule({kReadHolding}, {{0, 99}});
  modbus.servers = {{kAll, 128}};
  modbus.transport = policy::Transport::udp;
  rules.push_back(std::move(modbus));
  policy::Conduit& back = tables.conduits.emplace_back();
  back.name = "announcements";
  back.from = 1;
  back.to = 0;
  back.rules.push_back(plain_rule(kPlc, kAll));
  return tables;
}

class Groups : public ::testing::Test {
 protected:
  Reason send(const Host& from, const Host& to, std::uint16_t port = kPort,
              const Bytes& payload = {1, 2, 3}) {
    plant_.clear();
    frame_ = support::udp_frame(from, to, 40000, port, payload);
    plant_.arrive(from, frame_);
    return plant_.last();
  }
  bool left_at(std::uint16_t port) const {
    return plant_.sent.size() == 1 && plant_.sent[0].port == port && plant_.sent[0].frame == frame_;
  }

  Plant plant_{both_ways()};
  Bytes frame_;
};

TEST_F(Groups, FramesOfMulticastAreAsTheStandardsSay) {
  EXPECT_EQ(wire::group_mac(kMulticast).to_integer(), 0x01005e010203U) << "23 bits";
  EXPECT_EQ(wire::group_mac(kMulticast6).to_integer(), 0x333300010003U);
  EXPECT_EQ(wire::group_mac(kAll).to_integer(), 0xffffffffffffU);
  EXPECT_EQ(wire::group_mac(kSubnet).to_integer(), 0xffffffffffffU);
}

TEST(Group, HasNoAddressOfOne) {
  const auto problem = [](const wire::IpAddress& group) {
    policy::Tables tables = support::two_zones(policy::OnDeny::drop);
    tables.zones[0].groups = {group};
    return policy::validate(tables);
  };
  for (const wire::IpAddress& group : {kAll, kSubnet, kMulticast, kMulticast6}) {
    EXPECT_EQ(problem(group), std::nullopt);
  }
  EXPECT_EQ(problem(wire::IpAddress::from_mac(at(kMulticast).mac)), std::nullopt);
  EXPECT_NE(problem(kPlc.address), std::nullopt);
  EXPECT_NE(problem(support::ip6("2001:db8::ff")), std::nullopt);
  EXPECT_NE(problem(wire::IpAddress::from_mac(kPlc.mac)), std::nullopt);
}

TEST_F(Groups, ReachTheZoneThatHasThem) {
  for (const wire::IpAddress& group : {kAll, kSubnet, kMulticast}) {
    EXPECT_EQ(send(kHmi, at(group)), Reason::service_granted);
    EXPECT_TRUE(left_at(support::kControl));
  }
  const Host hmi6{support::ip6("2001:db8:20::10"), kHmi.mac, kHmi.port};
  EXPECT_EQ(send(hmi6, at(kMulticast6)), Reason::service_granted);
  EXPECT_TRUE(left_at(support::kControl));
}

TEST_F(Groups, OfOneAddressInBothZonesReachTheOther) {
  EXPECT_EQ(send(kPlc, at(kAll)), Reason::service_granted);
  EXPECT_TRUE(left_at(support::kSupervision));
  EXPECT_EQ(send(kHmi, at(kAll)), Reason::service_granted);
  EXPECT_TRUE(left_at(support::kControl));
  EXPECT_EQ(send(kPlc, at(kMulticast)), Reason::not_for_another_zone) << "it stays in its own";
}

TEST_F(Groups, AreReachedInTheirFramesOnly) {
  EXPECT_EQ(send(kHmi, {kMulticast, at(kAll).mac, 0}), Reason::malformed_ethernet);
  EXPECT_EQ(send(kHmi, {kMulticast, kPlc.mac, 0}), Reason::malformed_ethernet);
  EXPECT_EQ(send(kHmi, {kAll, kPlc.mac, 0}), Reason::malformed_ethernet);
  EXPECT_EQ(send(kHmi, {kPlc.address, at(kAll).mac, 0}), Reason::malformed_ethernet);
  EXPECT_TRUE(plant_.sent.empty());
}

TEST_F(Groups, ThatThePolicyDoesNotHaveAreNotReached) {
  EXPECT_EQ(send(kHmi, at(support::ip4(239, 1, 1, 1))), Reason::malformed_ethernet);
  EXPECT_EQ(send(kHmi, at(support::ip4(10, 20, 0, 255))), Reason::malformed_ethernet);
  Plant without(support::two_zones(policy::OnDeny::reject));
  without.arrive(kHmi, support::udp_frame(kHmi, at(kAll), 40000, kPort, {1}));
  EXPECT_EQ(without.last(), Reason::malformed_ethernet);
  EXPECT_TRUE(without.sent.empty());
}

TEST_F(Groups, AreReachedOverUdpAndByNobodyElse) {
  support::TcpSpec syn;
  syn.destination_port = kPort;
  syn.flags = wire::kTcpSyn;
  plant_.arrive(kHmi, support::tcp_frame(kHmi, at(kAll), syn));
  EXPECT_EQ(plant_.last(), Reason::malformed_ethernet);
  plant_.arrive(kHmi, support::ip_frame(kHmi, at(kAll), 1, support::icmp_message(8, 0, 7)));
  EXPECT_EQ(plant_.last(), Reason::malformed_ethernet);
  EXPECT_EQ(send(support::kRogue, at(kAll)), Reason::no_rule);
  EXPECT_EQ(send(kHmi, at(kAll), 47809), Reason::no_rule);
  EXPECT_TRUE(plant_.sent.empty());
}

TEST_F(Groups, SendNothing) {
  const Host liar{kSubnet, kPlc.mac, support::kControl};
  EXPECT_EQ(send(liar, kHmi), Reason::malformed_ethernet);
  EXPECT_TRUE(plant_.sent.empty());
}

TEST_F(Groups, GetMessagesThatAreJudgedAndNobodyIsAnsweredInTheirName) {
  const Bytes granted = support::modbus_adu({3, 0, 0, 0, 10});
  EXPECT_EQ(send(kHmi, at(kAll), 502, granted), Reason::session_control);
  EXPECT_EQ(plant_.verdicts.front().reason, Reason::granted);
  EXPECT_TRUE(left_at(support::kControl));
  const Bytes outside = support::modbus_adu({3, 0, 95, 0, 10});
  EXPECT_EQ(send(kHmi, at(kAll), 502, outside), Reason::values_not_granted);
  EXPECT_TRUE(plant_.sent.empty());
}

// CIP volume 2, 2-4.2: whoever a ListIdentity concerns answers the address and port that asked.
class Questions : public ::testing::Test {
 protected:
  static constexpr std::uint16_t kEnip = 44818;
  static constexpr std::uint16_t kAsking = 50111;

  static policy::Tables tables() {
    policy::Tables tables = support::two_zones(policy::OnDeny::reject);
    tables.zones[1].groups = {kSubnet, kMulticast, kAll};
    policy::Rule rule = support::modbus_rule({});
    rule.protocol = *protocols::find_protocol("enip");
    rule.transport = policy::Transport::udp;
    rule.ports = {{kEnip, kEnip}};
    const auto functions = protocols::registry()[rule.protocol]->catalogue().functions;
    for (std::size_t i = 0; i < functions.size(); ++i) {
      const std::string_view name = functions[i].name;
      rule.functions.set(i, name == "list_identity" || name == "list_services");
    }
    rule.servers = {{kAll, 128}, {kSubnet, 128}, {kMulticast, 128}, {kPlc.address, 128}};
    std::sort(rule.servers.begin(), rule.servers.end(),
              [](const auto& one, const auto& other) { return one.address < other.address; });
    return support::with_rules(std::move(tables), {&rule});
  }
  static Bytes command(std::uint8_t command, std::uint8_t context, const Bytes& data = {}) {
    Bytes message(24, 0);
    message[0] = command;
    message[2] = static_cast<std::uint8_t>(data.size());
    message[12] = context;
    message.insert(message.end(), data.begin(), data.end());
    return message;
  }
  Reason ask(const Host& whom, const Bytes& question) {
    plant_.clear();
    plant_.arrive(kHmi, support::udp_frame(kHmi, whom, kAsking, kEnip, question));
    return plant_.last();
  }
  // Whether it arrives at the asking host.
  bool answers(const Host& from, const Bytes& answer, std::uint16_t from_port = kEnip,
               std::uint16_t to_port = kAsking) {
    plant_.clear();
    plant_.arrive(from, support::udp_frame(from, kHmi, from_port, to_port, answer));
    return plant_.sent.size() == 1 && plant_.sent[0].port == support::kSupervision;
  }

  const Host other_{support::ip4(10, 10, 0, 77), support::mac(0x77), support::kControl};
  const Bytes identity_ = {1, 0, 12, 0, 2, 0, 1, 0};
  Plant plant_{tables()};
};

TEST_F(Questions, ToManyAreAnsweredByEachOfThem) {
  for (const wire::IpAddress& group : {kAll, kSubnet, kMulticast}) {
    EXPECT_EQ(ask(at(group), command(0x63, 5)), Reason::session_control);
    EXPECT_TRUE(answers(kPlc, command(0x63, 5, identity_)));
    EXPECT_TRUE(answers(other_, command(0x63, 5, identity_)));
    EXPECT_EQ(plant_.verdicts.front().reason, Reason::answers_request);
    EXPECT_EQ(protocols::registry()[plant_.verdicts.front().protocol]
                  ->catalogue()
                  .functions[plant_.verdicts.front().function]
                  .name,
              "list_identity");
  }
}

TEST_F(Questions, AreAnsweredAsTheyWereAskedAndNotElse) {
  EXPECT_FALSE(answers(kPlc, command(0x63, 5, identity_))) << "before anybody asks";
  ask(at(kAll), command(0x63, 5));
  EXPECT_FALSE(answers(kPlc, command(0x04, 5, identity_))) << "another command";
  EXPECT_FALSE(answers(kPlc, command(0x63, 6, identity_))) << "another context";
  EXPECT_FALSE(answers(kPlc, command(0x63, 5))) << "no identity";
  EXPECT_FALSE(answers(kPlc, command(0x63, 5, identity_), kEnip, kAsking + 1));
  EXPECT_FALSE(answers(kPlc, command(0x63, 5, identity_), kEnip + 1));
  EXPECT_FALSE(answers(kPlc, {1, 2, 3, 4}));
  const Host rogue{support::kRogue.address, support::kRogue.mac, support::kSupervision};
  EXPECT_FALSE(answers(rogue, command(0x63, 5, identity_))) << "from the zone that asks";
  EXPECT_TRUE(answers(kPlc, command(0x63, 5, identity_)));
  plant_.pass_time(6 * kSecondNs);
  EXPECT_FALSE(answers(kPlc, command(0x63, 5, identity_))) << "too late";
}

TEST_F(Questions, ThatAreNotGrantedAreNotAnswered) {
  EXPECT_EQ(ask(at(kAll), command(0x64, 5)), Reason::function_not_granted);
  EXPECT_FALSE(answers(kPlc, command(0x64, 5, identity_)));
}

// A host that was asked alone before has a session there, in which nothing is asked now.
TEST_F(Questions, AreAnsweredBesideASessionOfTheSamePorts) {
  EXPECT_EQ(ask(kPlc, command(0x04, 1)), Reason::session_control);
  EXPECT_TRUE(answers(kPlc, command(0x04, 1, identity_)));
  ask(at(kAll), command(0x63, 5));
  EXPECT_TRUE(answers(kPlc, command(0x63, 5, identity_)));
  EXPECT_FALSE(answers(kPlc, command(0x63, 9, identity_)));
}

// What is asked takes two places: the second is not made by giving away the first.
TEST_F(Questions, DisplaceNotTheSessionThatTheyAreAskedIn) {
  flow::FlowTable& flows = plant_.pipeline().flows();
  const auto key = [](const wire::IpAddress& host, std::uint16_t port, const wire::IpAddress& to) {
    return flow::make_key(host, port, to, kEnip, wire::kProtocolUdp, {}).key;
  };
  const std::uint32_t scarce = flows.capacity() / 16 * 13;
  for (std::uint32_t i = 0; i < scarce; ++i) {
    const auto port = static_cast<std::uint16_t>(1024 + i);
    ASSERT_NE(flows.insert(key(support::ip4(10, 20, 0, 99), port, kPlc.address)), nullptr);
  }
  EXPECT_EQ(ask(at(kAll), command(0x63, 5)), Reason::session_control);
  ASSERT_EQ(plant_.sent.size(), 1U);
  EXPECT_EQ(plant_.sent[0].port, support::kControl);
  EXPECT_NE(flows.find(key(kHmi.address, kAsking, kAll)), nullptr);
  EXPECT_EQ(flows.size(), scarce + 2);
  EXPECT_TRUE(answers(kPlc, command(0x63, 5, identity_)));
}

TEST_F(Groups, GoWithThePolicy) {
  EXPECT_EQ(send(kHmi, at(kMulticast)), Reason::service_granted);
  policy::Tables later = both_ways();
  later.zones[1].groups = {kSubnet, kAll};
  plant_.change_policy(std::move(later));
  EXPECT_EQ(send(kHmi, at(kMulticast)), Reason::malformed_ethernet);
  later = both_ways();
  later.conduits[0].rules.erase(later.conduits[0].rules.begin() + 2);
  plant_.change_policy(std::move(later));
  EXPECT_EQ(send(kHmi, at(kMulticast)), Reason::no_rule);
  EXPECT_TRUE(plant_.sent.empty());
}

}  // namespace
}  // namespace bulkhead
