// Ethernet frames on which datagrams agreed, through the whole pipeline with a protocol of this
// test: what was not agreed on, or is not granted any more, does not pass.
#include "tests/support/agreement_module.h"
#include "tests/support/peer.h"

namespace bulkhead {
namespace {

using protocols::Fault;
using support::Agreement;
using support::Bytes;
using support::Host;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::kRogue;
using support::kSupervision;
using support::Peer;
using support::Plant;

constexpr std::uint16_t kToDevice = 0x8001;
constexpr std::uint16_t kToController = 0x8002;

wire::Prefix prefix_of(const wire::Mac& mac) { return {wire::IpAddress::from_mac(mac), 128}; }

policy::Tables agreement_policy(std::vector<Range> frames) {
  policy::Rule rule = support::modbus_rule({});
  rule.transport = policy::Transport::udp;
  rule.ports = {{Agreement::kPort, Agreement::kPort}};
  rule.protocol = Agreement::index();
  rule.functions.set(Agreement::kEnd);
  policy::Rule agrees = support::modbus_rule({});
  agrees.transport = rule.transport;
  agrees.ports = rule.ports;
  agrees.protocol = rule.protocol;
  agrees.functions.set(Agreement::kAgree);
  agrees.constraints.push_back({Agreement::kFrame, std::move(frames)});
  return support::with_rules(support::two_zones(policy::OnDeny::drop), {&agrees, &rule});
}

class AgreedFrames : public ::testing::Test {
 protected:
  void say(const Host& from, const Bytes& message) {
    const bool asks = from.port == kSupervision;
    plant_.arrive(from, asks ? udp_frame(kHmi, kPlc, 34000, Agreement::kPort, message)
                             : udp_frame(kPlc, kHmi, Agreement::kPort, 34000, message));
  }
  void agree(const wire::Mac& client = kHmi.mac, const wire::Mac& server = kPlc.mac) {
    say(kHmi, Agreement::message(Agreement::agree, kToDevice, client));
    say(kPlc, Agreement::message(Agreement::agreed, kToController, server));
  }
  static Bytes cyclic(const wire::Mac& from, const wire::Mac& to, std::uint16_t identifier,
                      std::size_t bytes = 46, std::uint16_t ethertype = Agreement::kEtherType) {
    Bytes frame(to.bytes.begin(), to.bytes.end());
    frame.insert(frame.end(), from.bytes.begin(), from.bytes.end());
    for (const std::uint16_t word : {ethertype, identifier}) {
      frame.push_back(static_cast<std::uint8_t>(word >> 8));
      frame.push_back(static_cast<std::uint8_t>(word));
    }
    frame.resize(14 + bytes, 0x5a);
    return frame;
  }
  // Whether it passes, and to the other side.
  static bool passes(Plant& plant, std::uint16_t port, const Bytes& frame) {
    plant.be_at(plant.now_ns() + 20 * kMillisecondNs);
    plant.clear();
    plant.arrive(port, frame);
    EXPECT_EQ(is_allowed(plant.last()), plant.sent.size() == 1);
    EXPECT_TRUE(plant.sent.empty() || (plant.sent[0].port != port && plant.sent[0].frame == frame));
    return !plant.sent.empty();
  }
  bool passes(std::uint16_t port, const Bytes& frame) { return passes(plant_, port, frame); }
  bool there(std::uint16_t identifier = kToDevice) {
    return passes(kSupervision, cyclic(kHmi.mac, kPlc.mac, identifier));
  }
  bool back(std::uint16_t identifier = kToController) {
    return passes(kControl, cyclic(kPlc.mac, kHmi.mac, identifier));
  }

  Plant plant_{agreement_policy({{0x8000, 0x8fff}})};
};

TEST_F(AgreedFrames, PassBetweenTheMacAddressesUnderTheirIdentifiers) {
  EXPECT_FALSE(there());
  EXPECT_EQ(plant_.last(), Reason::ethertype_not_granted);
  say(kHmi, Agreement::message(Agreement::agree, kToDevice, kHmi.mac));
  EXPECT_FALSE(there()) << "asked for, not agreed";
  say(kPlc, Agreement::message(Agreement::agreed, kToController, kPlc.mac));
  EXPECT_TRUE(there());
  EXPECT_EQ(plant_.verdicts.front().rule, 1);
  EXPECT_EQ(plant_.verdicts.front().direction, protocols::Direction::request);
  EXPECT_TRUE(back());
  EXPECT_EQ(plant_.verdicts.front().direction, protocols::Direction::response);
  EXPECT_FALSE(there(kToController)) << "of the other way";
  EXPECT_FALSE(back(kToDevice));
  EXPECT_FALSE(there(0x8003));
  EXPECT_TRUE(there());
}

// It leaves whole or not at all: nobody answers its first message if the second is refused.
TEST_F(AgreedFrames, ADatagramThatIsRefusedAsksForNothing) {
  Bytes two = Agreement::message(Agreement::agree, kToDevice, kHmi.mac);
  const Bytes second = Agreement::message(Agreement::agree, 0x9000, kHmi.mac);
  two.insert(two.end(), second.begin(), second.end());
  say(kHmi, two);
  EXPECT_EQ(plant_.last(), Reason::values_not_granted);
  EXPECT_EQ(plant_.pipeline().expected().size(), 0U);
  store_be16(two.data() + Agreement::kBytes + 2, 0x8003);
  say(kHmi, two);
  EXPECT_TRUE(is_allowed(plant_.last()));
  EXPECT_EQ(plant_.pipeline().expected().size(), 2U);
}

// What passes is parsed only where somebody is told what it asks for, and else counted alone.
TEST_F(AgreedFrames, AreReportedWithTheirOperationWhereThatIsAskedFor) {
  agree();
  ASSERT_TRUE(there());
  EXPECT_EQ(plant_.verdicts.front().function, Agreement::kCyclic);
  EXPECT_EQ(plant_.verdicts.front().present, 0U);
  EXPECT_FALSE(passes(kSupervision, cyclic(kHmi.mac, kPlc.mac, kToDevice, 61)));
  EXPECT_EQ(plant_.verdicts.front().fault, Fault::bad_length);
  EXPECT_EQ(plant_.verdicts.front().fields[Agreement::kFrame], Range::point(kToDevice));
  pipeline::PipelineOptions options;
  options.remember_verdicts = false;
  Plant watched{agreement_policy({{0x8000, 0x8fff}}), options};
  watched.arrive(kHmi, udp_frame(kHmi, kPlc, 34000, Agreement::kPort,
                                 Agreement::message(Agreement::agree, kToDevice, kHmi.mac)));
  watched.arrive(kPlc, udp_frame(kPlc, kHmi, Agreement::kPort, 34000,
                                 Agreement::message(Agreement::agreed, kToController, kPlc.mac)));
  ASSERT_TRUE(passes(watched, kSupervision, cyclic(kHmi.mac, kPlc.mac, kToDevice)));
  EXPECT_EQ(watched.verdicts.front().function, Agreement::kCyclic);
  EXPECT_EQ(watched.verdicts.front().fields[Agreement::kFrame], Range::point(kToDevice));
}

TEST_F(AgreedFrames, AreOfTheirHostsAlone) {
  agree();
  EXPECT_FALSE(passes(kSupervision, cyclic(kRogue.mac, kPlc.mac, kToDevice)));
  EXPECT_FALSE(passes(kSupervision, cyclic(kHmi.mac, support::mac(0x21), kToDevice)));
  EXPECT_FALSE(passes(kControl, cyclic(kHmi.mac, kPlc.mac, kToDevice))) << "from the wrong side";
  EXPECT_FALSE(passes(kSupervision, cyclic(kHmi.mac, kPlc.mac, kToDevice, 46, 0x88b7)));
  EXPECT_FALSE(passes(kSupervision, support::with_vlan(cyclic(kHmi.mac, kPlc.mac, kToDevice), 7)));
  EXPECT_TRUE(there());
}

TEST_F(AgreedFrames, ComeFromTheMacAddressesOfTheSessionsHosts) {
  agree(kRogue.mac, kPlc.mac);
  EXPECT_EQ(plant_.pipeline().expected().size(), 0U) << "another host's was named";
  EXPECT_FALSE(passes(kSupervision, cyclic(kRogue.mac, kPlc.mac, kToDevice)));
  agree(kHmi.mac, support::mac(0x21));
  EXPECT_EQ(plant_.pipeline().expected().size(), 0U);
  agree(kHmi.mac, wire::Mac{{1, 0, 0, 0, 0, 1}});
  EXPECT_EQ(plant_.pipeline().expected().size(), 0U);
  agree();
  EXPECT_TRUE(there());
}

TEST_F(AgreedFrames, HaveTheirSizeAndInterval) {
  agree();
  EXPECT_TRUE(passes(kSupervision, cyclic(kHmi.mac, kPlc.mac, kToDevice, 60)));
  EXPECT_FALSE(passes(kSupervision, cyclic(kHmi.mac, kPlc.mac, kToDevice, 61)));
  EXPECT_EQ(plant_.verdicts.front().fault, Fault::bad_length);
  unsigned passed = 0;
  for (int i = 0; i < 100; ++i) {
    plant_.clear();
    plant_.arrive(kSupervision, cyclic(kHmi.mac, kPlc.mac, kToDevice));
    passed += plant_.sent.empty() ? 0 : 1;
  }
  EXPECT_NEAR(passed, 14U, 1) << "four intervals and 10 ms ahead";
  EXPECT_EQ(plant_.verdicts.front().fault, Fault::too_often);
}

TEST_F(AgreedFrames, EndByAnAnswerOrBySilence) {
  agree();
  say(kHmi, Agreement::message(Agreement::end, kToDevice, kHmi.mac));
  EXPECT_TRUE(there()) << "not confirmed yet";
  say(kPlc, Agreement::message(Agreement::ended, kToDevice, kPlc.mac));
  EXPECT_FALSE(there());
  EXPECT_FALSE(back());
  agree();
  for (int i = 0; i < 40; ++i) EXPECT_EQ(there(), i < 25) << i;
  EXPECT_EQ(plant_.pipeline().expected().size(), 0U) << "the device was silent";
}

TEST_F(AgreedFrames, StandWhileThePolicyGrantsWhatWasAsked) {
  agree();
  EXPECT_TRUE(there());
  plant_.change_policy(agreement_policy({{kToDevice, kToDevice}}));
  EXPECT_TRUE(there());
  EXPECT_TRUE(back());
  plant_.change_policy(agreement_policy({{0x8002, 0x8fff}}));
  EXPECT_FALSE(there());
  EXPECT_FALSE(back());
  EXPECT_EQ(plant_.pipeline().expected().size(), 0U);
}

TEST_F(AgreedFrames, GoOnAtThePeer) {
  agree();
  EXPECT_TRUE(there());
  EXPECT_TRUE(back());
  Peer peer(plant_, agreement_policy({{0x8000, 0x8fff}}));
  Plant& standby = peer.take_over();
  EXPECT_TRUE(passes(standby, kSupervision, cyclic(kHmi.mac, kPlc.mac, kToDevice)));
  EXPECT_TRUE(passes(standby, kControl, cyclic(kPlc.mac, kHmi.mac, kToController)));
  EXPECT_FALSE(passes(standby, kSupervision, cyclic(kHmi.mac, kPlc.mac, 0x8003)));
}

// Opened by a message that Ethernet itself carries, and needs no answer.
TEST_F(AgreedFrames, MayBeOpenedFromEthernet) {
  policy::Tables tables = agreement_policy({{0x8000, 0x8fff}});
  tables.zones[0].networks.push_back(prefix_of(kHmi.mac));
  tables.zones[1].networks.push_back(prefix_of(kPlc.mac));
  policy::Rule& rule = tables.conduits[0].rules.emplace_back();
  rule.clients = {prefix_of(kHmi.mac)};
  rule.servers = {prefix_of(kPlc.mac)};
  rule.transport = policy::Transport::ethernet;
  rule.ports = {{Agreement::kAnnouncements, Agreement::kAnnouncements}};
  rule.protocol = Agreement::index();
  rule.functions.set(Agreement::kAgree);
  plant_.change_policy(std::move(tables));
  EXPECT_FALSE(there());
  const Bytes message = Agreement::message(Agreement::announce, kToDevice, kHmi.mac);
  Bytes frame = cyclic(kHmi.mac, kPlc.mac, 0, 46, Agreement::kAnnouncements);
  std::copy(message.begin(), message.end(), frame.begin() + 14);
  frame.resize(14 + message.size());
  plant_.arrive(kSupervision, frame);
  EXPECT_TRUE(is_allowed(plant_.last()));
  EXPECT_TRUE(there());
  EXPECT_FALSE(back());
}

}  // namespace
}  // namespace bulkhead
