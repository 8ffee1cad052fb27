// In which zones hosts and groups are, which tags the zones have, and what all of them are called.
#include "controlplane/learn/zones.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/learned_policies.h"

namespace bulkhead::learn {
namespace {

using controlplane::Compilation;
using controlplane::compile_policy;

TEST(Learn, ZonesAreNetworksOrRoles) {
  const Observations seen = quickstart();
  const Proposal networks = propose(seen, {});
  ASSERT_EQ(networks.zones.size(), 2U);
  EXPECT_EQ(networks.zones[0].name, "net-10.10.0.0");
  EXPECT_EQ(errors_of(reviewed(text_of(seen, {}))), "");
  Observations flat(false);
  const Session near{ip("10.0.0.1"), ip("10.0.0.2"), policy::Transport::tcp, 502};
  for (int i = 0; i < 2; ++i) flat.note_operation(near, modbus().protocol, read(0, 1), kStart);
  const Proposal roles = propose(flat, {});
  ASSERT_EQ(roles.zones.size(), 2U);
  EXPECT_EQ(roles.zones[0].name, "clients");
  EXPECT_EQ(roles.zones[1].name, "servers");
  EXPECT_EQ(errors_of(text_of(flat, {})), "");
}

// PROFINET's device answers from another port than was asked, which makes it one that asks.
TEST(Learn, AClientThatIsAskedAtAPortOfItsOwnIsAClient) {
  Observations flat(false);
  const auto controller = ip("10.0.0.1");
  const auto device = ip("10.0.0.2");
  flat.note_service({controller, device, policy::Transport::udp, 34964}, kStart);
  flat.note_service({device, controller, policy::Transport::udp, 65151}, kStart);
  const Proposal roles = propose(flat, {});
  ASSERT_EQ(roles.zones.size(), 2U);
  EXPECT_EQ(roles.zones[0].networks.at(0).address, controller);
  EXPECT_EQ(roles.zones[1].networks.at(0).address, device);
  EXPECT_EQ(roles.conduits.size(), 2U);
  // Who asks nobody is a server at any port.
  Observations other(false);
  other.note_service({controller, device, policy::Transport::udp, 65151}, kStart);
  EXPECT_EQ(propose(other, {}).conduits.size(), 1U);
}

TEST(Learn, AnIpv4HostIsInNoZoneOfIpv6) {
  Observations seen = quickstart();
  const Session loop{ip("::1"), ip("10.10.0.20"), policy::Transport::tcp, 502};
  seen.note_operation(loop, modbus().protocol, read(0, 1), kStart);
  seen.note_service({ip("169.254.1.2"), ip("10.10.0.20"), policy::Transport::udp, 547}, kStart);
  for (const ProposedAsset& asset : propose(seen, {}).assets) {
    EXPECT_NE(asset.address, ip("169.254.1.2"));
  }
}

// RFC 4291, 2.5.6: they say nothing of networks.
TEST(Learn, LinkLocalAddressesMakeNoZone) {
  Observations flat(false);
  const Session near{ip("10.0.0.1"), ip("10.0.0.2"), policy::Transport::tcp, 502};
  for (int i = 0; i < 2; ++i) flat.note_operation(near, modbus().protocol, read(0, 1), kStart);
  const Session dhcp{ip("fe80::1"), ip("ff02::1:2"), policy::Transport::udp, 547};
  flat.note_service(dhcp, kStart);
  const Proposal guessed = propose(flat, {});
  ASSERT_EQ(guessed.zones.size(), 2U);
  EXPECT_EQ(guessed.zones[0].name, "clients");
  EXPECT_EQ(guessed.zones[1].name, "servers");
  EXPECT_EQ(guessed.conduits.size(), 1U);
  EXPECT_EQ(guessed.apart, std::vector<std::string>{
                               "in no zone, and not learned: 1 link-local address (fe80::1)"});
  flat.note_service({ip("169.254.1.2"), ip("10.0.0.2"), policy::Transport::udp, 547}, kStart);
  EXPECT_EQ(propose(flat, {}).apart,
            std::vector<std::string>{
                "in no zone, and not learned: 2 link-local addresses (169.254.1.2, fe80::1)"});
  // Where they are wished for, or alone, they have their zones.
  const Proposal wished =
      propose(flat, {{"a", {{ip("10.0.0.0"), 96 + 24}}}, {"b", {{ip("fe80::"), 64}}}});
  EXPECT_EQ(wished.conduits.size(), 1U);
  Observations alone(false);
  const Session link{ip("fe80::1"), ip("fe80::2"), policy::Transport::tcp, 502};
  for (int i = 0; i < 2; ++i) alone.note_operation(link, modbus().protocol, read(0, 1), kStart);
  EXPECT_EQ(propose(alone, {}).conduits.size(), 1U);
}

// The frames of 10.20.0.10 and 10.10.0.20.
std::string tagged_text(const std::vector<wire::VlanIds>& client,
                        const std::vector<wire::VlanIds>& server) {
  HostTags tags;
  for (const wire::VlanIds& each : client) tags.note(kPolls.client, each);
  for (const wire::VlanIds& each : server) tags.note(kPolls.server, each);
  return proposal_text(propose(quickstart(), kZones, {}, tags),
                       {"s", {"day.pcap"}, 1, kStart, kStart});
}

TEST(Learn, ZonesHaveTheTagsOfTheirHostsFrames) {
  std::string text = tagged_text({{10, 0}, {10, 0}}, {{10, 0}});
  EXPECT_NE(text.find("  supervision: {port: 0, vlan: 10, networks: "), std::string::npos) << text;
  EXPECT_NE(text.find("  control: {port: 1, vlan: 10, networks: "), std::string::npos);
  EXPECT_EQ(errors_of(reviewed(text)), "");
  text = tagged_text({{100, 20}}, {{100, 20}});
  EXPECT_NE(text.find("  control: {port: 1, vlan: [100, 20], networks: "), std::string::npos);
  EXPECT_EQ(errors_of(reviewed(text)), "");
  EXPECT_EQ(tagged_text({{}}, {}).find("vlan"), std::string::npos);
}

// A listener's side of it: what is sent there has the sender's tag, which an appliance keeps.
TEST(Learn, AZoneThatSaysNothingHasTheTagOfWhatIsSentThere) {
  std::string text = tagged_text({{10, 0}}, {});
  EXPECT_NE(text.find("  control: {port: 1, vlan: 10, networks: "), std::string::npos) << text;
  EXPECT_NE(text.find("  supervision: {port: 0, vlan: 10, networks: "), std::string::npos);
  EXPECT_EQ(text.find("for you to state"), std::string::npos) << text;
  EXPECT_EQ(errors_of(reviewed(text)), "");
  text = tagged_text({}, {{100, 20}});
  EXPECT_NE(text.find("  supervision: {port: 0, vlan: [100, 20], networks: "), std::string::npos);
  text = tagged_text({{10, 0}, {20, 0}}, {});
  EXPECT_EQ(text.find(", vlan: "), std::string::npos) << "which of them is not known";
}

TEST(Learn, TagsThatDifferAreLeftToAPerson) {
  std::string text = tagged_text({{10, 0}, {}}, {{100, 20}, {}});
  EXPECT_EQ(text.find(", vlan: "), std::string::npos) << text;
  EXPECT_NE(text.find("# zone supervision: frames of its hosts have no tag, VLAN 10; its `vlan:` "
                      "is for you to state\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("have no tag, VLAN 100 with 20 inside;"), std::string::npos) << text;
  text = tagged_text({{10, 0}}, {{20, 0}});
  EXPECT_EQ(text.find(", vlan: "), std::string::npos) << text;
  EXPECT_NE(text.find("# zones supervision and control: frames have VLAN 10 and VLAN 20, which an "
                      "appliance does not change; their `vlan:` is for you to state\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(errors_of(reviewed(text)), "");
}

// Of a policy that there is: a zone whose tag no frame of its hosts has.
TEST(Learn, OtherTagsThanAZonesAreFound) {
  const std::string text = tagged_text({{10, 0}}, {{10, 0}});
  const Compilation compiled = compile_policy(reviewed(text), "p.yaml");
  ASSERT_TRUE(compiled.tables);
  const auto tables = policy::finished(controlplane::lower_policy(*compiled.model));
  ASSERT_TRUE(tables);
  HostTags tags;
  tags.note(kPolls.client, {});
  tags.note(kPolls.server, {10, 0});
  tags.note(ip("192.0.2.1"), {30, 0});
  std::vector<OtherTags> others = other_tags(tables.value(), tags);
  ASSERT_EQ(others.size(), 1U);
  EXPECT_EQ(others[0].zone, "supervision");
  EXPECT_EQ(tags_words({others[0].expected}), "VLAN 10");
  EXPECT_EQ(tags_words(others[0].seen), "no tag");
  tags.note(ip("10.20.0.11"), {10, 0});
  EXPECT_TRUE(other_tags(tables.value(), tags).empty()) << "one of its hosts has it";
}

TEST(Learn, HostsHaveTheNamesThatTheCaptureTells) {
  HostNames names;
  say_name(names, 20, "PLC Hall 3");
  const std::string text = named_text(quickstart(), names);
  EXPECT_NE(text.find("  PLC-Hall-3: {zone: control, address: \"10.10.0.20\"}"), std::string::npos)
      << text;
  EXPECT_NE(text.find("# LLDP says PLC Hall 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("server: PLC-Hall-3\n"), std::string::npos);
  EXPECT_EQ(errors_of(reviewed(text)), "");
}

// Several of one product, and text that would be YAML.
TEST(Learn, ANameIsForeignTextAndNoKey) {
  Observations seen = quickstart();
  Session other = kPolls;
  other.server = ip("10.10.0.21");
  for (int i = 0; i < 2; ++i) seen.note_operation(other, modbus().protocol, read(0, 9), kStart);
  HostNames names;
  say_name(names, 20, "M340");
  say_name(names, 21, "M340");
  std::string text = named_text(seen, names);
  EXPECT_NE(text.find("M340-10.10.0.20: {"), std::string::npos) << text;
  EXPECT_NE(text.find("M340-10.10.0.21: {"), std::string::npos) << text;
  EXPECT_EQ(errors_of(reviewed(text)), "");
  HostNames evil;
  say_name(evil, 20, "x: {zone: y}\nconduits:\x1b[2J");
  text = named_text(seen, evil);
  EXPECT_NE(text.find("x-zone-y-conduits-2J: {"), std::string::npos) << text;
  EXPECT_NE(text.find("# LLDP says x: {zone: y}\\x0aconduits:\\x1b[2J\n"), std::string::npos)
      << text;
  EXPECT_EQ(errors_of(reviewed(text)), "");
}

// One calls itself what another is called for having its name from a third.
TEST(Learn, NamesThatComeToTheSameAreToldApart) {
  HostNames names;
  Observations seen(false);
  for (std::uint8_t host = 20; host <= 22; ++host) {
    say_name(names, host, host == 22 ? "M340-10.10.0.20" : "M340");
    const Session session{ip("10.20.0.10"), ip("10.10.0." + std::to_string(host)),
                          policy::Transport::tcp, 502};
    for (int i = 0; i < 2; ++i) seen.note_operation(session, modbus().protocol, read(0, 9), kStart);
  }
  const std::string text = named_text(seen, names);
  EXPECT_NE(text.find("  M340-10.10.0.20: {zone: control, address: \"10.10.0.20\"}"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("  M340-10.10.0.20-2: {zone: control, address: \"10.10.0.22\"}"),
            std::string::npos)
      << text;
  EXPECT_EQ(errors_of(text), "");
}

// A scanner's, and those of a server that is switched off.
TEST(Learn, WhatNeverOpenedIsNotLearned) {
  Observations seen = quickstart();
  const auto to = [](const char* server, std::uint16_t port) {
    return Session{ip("10.20.0.66"), ip(server), policy::Transport::tcp, port};
  };
  for (std::uint16_t port = 1000; port < 1100; ++port) {
    seen.note_service(to("10.10.0.20", port), kStart, false);
  }
  seen.note_service(to("10.10.0.99", 22), kStart, false);
  const std::string text = text_of(seen);
  EXPECT_EQ(text.find("service:"), std::string::npos) << text;
  EXPECT_EQ(text.find("host-10.10.0.99"), std::string::npos) << "no host answered there";
  EXPECT_NE(text.find("# never opened, and not learned: 10.20.0.66 to 10.10.0.20, TCP 1000, 1001, "
                      "1002, 1003, 1004, 1005, 1006, 1007 and 92 more\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("# never opened, and not learned: 10.20.0.66 to 10.10.0.99, TCP 22\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(errors_of(reviewed(text)), "");
  // It opens after all; and what has opened once stays a service.
  seen.note_opened(to("10.10.0.20", 1000));
  seen.note_service(to("10.10.0.20", 1000), kStart, false);
  EXPECT_NE(text_of(seen).find("service: tcp/1000"), std::string::npos);
  EXPECT_NE(text_of(seen).find("TCP 1001, "), std::string::npos);
}

// BACnet's Who-Is and the I-Am of the other side, both to all.
TEST(Learn, ABroadcastThatTwoZonesSendToHasListenersInBoth) {
  const Operations bacnet("bacnet");
  const auto all = ip("255.255.255.255");
  Observations seen(false);
  for (int i = 0; i < 2; ++i) {
    seen.note_operation({ip("10.20.0.10"), all, policy::Transport::udp, 47808}, bacnet.protocol,
                        bacnet.make("who_is", {{"to_all", {1, 1}}}), kStart);
    seen.note_operation({ip("10.10.0.20"), all, policy::Transport::udp, 47808}, bacnet.protocol,
                        bacnet.make("i_am", {{"to_all", {1, 1}}}), kStart);
  }
  const Proposal proposal = propose(seen, kZones);
  EXPECT_EQ(proposal.apart, std::vector<std::string>{});
  ASSERT_EQ(proposal.conduits.size(), 2U);
  EXPECT_EQ(proposal.conduits[0].from, 0U);
  EXPECT_EQ(proposal.conduits[0].rules.at(0).servers,
            std::vector<std::string>{"group-255.255.255.255-control"});
  EXPECT_EQ(proposal.conduits[1].from, 1U);
  EXPECT_EQ(proposal.conduits[1].rules.at(0).servers,
            std::vector<std::string>{"group-255.255.255.255-supervision"});
  EXPECT_EQ(errors_of(text_of(seen)), "");
}

// In a network that is larger than it looks.
TEST(Learn, AHostWhoseLastOctetIs255IsOneOverTcp) {
  Observations seen(false);
  const Session session{ip("10.20.0.10"), ip("10.10.0.255"), policy::Transport::tcp, 502};
  for (int i = 0; i < 2; ++i) seen.note_operation(session, modbus().protocol, read(0, 9), kStart);
  const std::string text = text_of(seen, {{"supervision", {{ip("10.20.0.0"), 96 + 24}}},
                                          {"control", {{ip("10.10.0.0"), 96 + 16}}}});
  EXPECT_NE(text.find("  host-10.10.0.255: {zone: control, address: \"10.10.0.255\"}"),
            std::string::npos)
      << text;
  EXPECT_EQ(errors_of(text), "");
  Session datagrams = session;
  datagrams.transport = policy::Transport::udp;
  Observations group(false);
  for (int i = 0; i < 2; ++i) group.note_service(datagrams, kStart);
  EXPECT_NE(text_of(group).find("group-10.10.0.255: {"), std::string::npos) << text_of(group);
}

// Names of zones may have the sign that joins them.
TEST(Learn, ConduitsHaveNamesOfTheirOwn) {
  Observations seen(false);
  const auto poll = [&seen](const char* client, const char* server) {
    const Session session{ip(client), ip(server), policy::Transport::tcp, 502};
    for (int i = 0; i < 2; ++i) seen.note_operation(session, modbus().protocol, read(0, 9), kStart);
  };
  poll("10.1.0.1", "10.2.0.1");
  poll("10.3.0.1", "10.4.0.1");
  const std::vector<ZoneWish> zones = {{"a", {{ip("10.1.0.0"), 96 + 24}}},
                                       {"b-c", {{ip("10.2.0.0"), 96 + 24}}},
                                       {"a-b", {{ip("10.3.0.0"), 96 + 24}}},
                                       {"c", {{ip("10.4.0.0"), 96 + 24}}}};
  const Proposal proposal = propose(seen, zones);
  ASSERT_EQ(proposal.conduits.size(), 2U);
  EXPECT_NE(proposal.conduits[0].name, proposal.conduits[1].name);
  EXPECT_EQ(errors_of(text_of(seen, zones)), "");
}

}  // namespace
}  // namespace bulkhead::learn
