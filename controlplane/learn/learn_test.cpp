// What is proposed from what was seen: which rules, which of them must be looked at, and that the
// text compiles to a policy that grants just that.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <regex>

#include "controlplane/learn/usage.h"
#include "controlplane/learn/words.h"
#include "controlplane/learn/write.h"
#include "controlplane/policy/compiler.h"
#include "controlplane/policy/literals.h"
#include "tests/support/spoken_operations.h"

namespace bulkhead::learn {
namespace {

using controlplane::Compilation;
using controlplane::compile_policy;

constexpr TimeNs kStart = 1'700'000'000 * kSecondNs;

const Session kPolls{ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::tcp, 502};

protocols::Operation read(std::int64_t low, std::int64_t high) {
  return modbus().make("read_holding_registers",
                       {{"unit", {1, 1}}, {"address", {low, high}}, {"quantity", {10, 10}}});
}

// The quickstart's traffic: ten registers polled each second, one set point now and then.
Observations quickstart(bool with_values = false) {
  Observations seen(with_values);
  for (int i = 0; i < 100; ++i) {
    seen.note_operation(kPolls, modbus().protocol, read(0, 9), kStart + i * kSecondNs);
  }
  for (const std::uint16_t value : std::array<std::uint16_t, 3>{700, 710, 705}) {
    seen.note_operation(kPolls, modbus().protocol, Write(42, value).operation, kStart + value);
  }
  return seen;
}

const std::vector<ZoneWish> kZones = {{"supervision", {{ip("10.20.0.0"), 96 + 24}}},
                                      {"control", {{ip("10.10.0.0"), 96 + 24}}}};

std::string text_of(const Observations& seen, const std::vector<ZoneWish>& zones = kZones) {
  return proposal_text(propose(seen, zones),
                       {"water-works", {"day.pcap"}, 206, kStart, kStart + 99 * kSecondNs});
}

std::string reviewed(const std::string& text) {
  return std::regex_replace(text, std::regex("reviewed_by:( null)?(?=[\n}])"), "reviewed_by: me");
}

std::string errors_of(const std::string& text) {
  const Compilation compiled = compile_policy(text, "p.yaml");
  std::string errors;
  for (const auto& each : compiled.diagnostics.list()) {
    if (each.severity == controlplane::Severity::error) {
      errors += compiled.diagnostics.to_text(each) + "\n";
    }
  }
  return errors;
}

TEST(Learn, TheQuickstartIsOneConduitWithTwoRules) {
  const std::string text = text_of(quickstart());
  EXPECT_EQ(text,
            "# Learned from 206 packets, 2023-11-14 22:13:20 to 2023-11-14 22:14:59 UTC:\n"
            "#   day.pcap\n"
            "# Ports of zones are a guess. A rule with an empty reviewed_by does not compile.\n"
            "bulkhead: v1\n"
            "site: \"water-works\"\n"
            "written_for: 0.2\n"
            "zones:\n"
            "  supervision: {port: 0, networks: [\"10.20.0.0/24\"]}\n"
            "  control: {port: 1, networks: [\"10.10.0.0/24\"]}\n"
            "assets:\n"
            "  host-10.10.0.20: {zone: control, address: \"10.10.0.20\"}\n"
            "  host-10.20.0.10: {zone: supervision, address: \"10.20.0.10\"}\n"
            "conduits:\n"
            "  supervision-control:\n"
            "    from: supervision\n"
            "    to: control\n"
            "    on_deny: reject\n"
            "    allow:\n"
            "      # 100 times, 2023-11-14 22:13:20 to 2023-11-14 22:14:59\n"
            "      - protocol: modbus\n"
            "        client: host-10.20.0.10\n"
            "        server: host-10.10.0.20\n"
            "        functions: [read_holding_registers]\n"
            "        where: {unit: 1, address: 0-9}\n"
            "      # 3 times, 2023-11-14 22:13:20 to 2023-11-14 22:13:20; write: look at it\n"
            "      - protocol: modbus\n"
            "        client: host-10.20.0.10\n"
            "        server: host-10.10.0.20\n"
            "        functions: [write_single_register]\n"
            "        where: {unit: 1, address: 42}\n"
            "        reviewed_by:\n");
  EXPECT_NE(errors_of(text).find("p.yaml:26:9: error: nobody has reviewed this rule"),
            std::string::npos)
      << errors_of(text);
  EXPECT_EQ(errors_of(reviewed(text)), "");
  EXPECT_EQ(text_of(quickstart()), text);
}

TEST(Learn, ValuesAreLimitedWhereThatIsAskedFor) {
  const std::string text = text_of(quickstart(true));
  EXPECT_NE(text.find("where: {unit: 1, address: 42, value: [700, 705, 710]}"), std::string::npos)
      << text;
  EXPECT_EQ(errors_of(reviewed(text)), "");
}

// The same, judged by what was proposed: all passes, and what was not there does not.
TEST(Learn, WhatWasSeenPassesAndNothingElse) {
  const Compilation compiled = compile_policy(reviewed(text_of(quickstart())), "p.yaml");
  ASSERT_TRUE(compiled.tables);
  const auto tables = policy::finished(controlplane::lower_policy(*compiled.model));
  ASSERT_TRUE(tables);
  Usage usage(tables.value());
  usage.note_operation(kPolls, modbus().protocol, read(0, 9), kStart);
  EXPECT_EQ(usage.used().at(0), (std::set<std::uint16_t>{1}));
  usage.note_operation(kPolls, modbus().protocol, Write(42, 9).operation, kStart);
  EXPECT_EQ(usage.used().at(0), (std::set<std::uint16_t>{1, 2}));
  EXPECT_TRUE(usage.refused().empty());
  usage.note_operation(kPolls, modbus().protocol, read(0, 10), kStart);
  usage.note_operation(kPolls, modbus().protocol, Write(43, 9).operation, kStart);
  Session other = kPolls;
  other.client = ip("10.20.0.11");
  usage.note_operation(other, modbus().protocol, read(0, 9), kStart);
  usage.note_service({ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::tcp, 22}, kStart);
  std::vector<Reason> reasons;
  for (const auto& [refused, seen] : usage.refused()) reasons.push_back(refused.reason);
  std::sort(reasons.begin(), reasons.end());
  EXPECT_EQ(reasons, (std::vector<Reason>{Reason::no_rule, Reason::no_rule,
                                          Reason::values_not_granted, Reason::values_not_granted}));
}

// A read that came once, and what cannot be inspected.
TEST(Learn, SingleOccurrencesAndServicesAreLookedAt) {
  Observations seen = quickstart();
  seen.note_operation(kPolls, modbus().protocol,
                      modbus().make("read_coils", {{"unit", {1, 1}}, {"address", {5, 5}}}), kStart);
  const Session telnet{ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::tcp, 23};
  for (int i = 0; i < 5; ++i) seen.note_service(telnet, kStart);
  const Proposal proposal = propose(seen, kZones);
  std::vector<std::string> reviews;
  for (const ProposedRule& rule : proposal.conduits.at(0).rules) reviews.push_back(rule.review);
  EXPECT_EQ(reviews, (std::vector<std::string>{"", "seen once", "write", "not inspected"}));
  EXPECT_EQ(proposal.apart.at(0),
            "passwords in clear text: Telnet, 10.20.0.10 to 10.10.0.20, TCP 23");
  EXPECT_EQ(errors_of(reviewed(text_of(seen))), "");
}

// Hosts that ask for the same are one rule; another address is another.
TEST(Learn, AlikeHostsShareARule) {
  Observations seen(false);
  for (int client = 1; client <= 3; ++client) {
    for (int server = 1; server <= 4; ++server) {
      const Session session{ip("10.20.0." + std::to_string(client)),
                            ip("10.10.0." + std::to_string(server)), policy::Transport::tcp, 502};
      for (int i = 0; i < 2; ++i) {
        seen.note_operation(session, modbus().protocol, read(0, server == 4 ? 4 : 9), kStart);
      }
    }
  }
  const Proposal proposal = propose(seen, kZones);
  ASSERT_EQ(proposal.conduits.at(0).rules.size(), 2U);
  const ProposedRule& most = proposal.conduits[0].rules[0];
  EXPECT_EQ(most.clients.size(), 3U);
  EXPECT_EQ(most.servers,
            (std::vector<std::string>{"host-10.10.0.1", "host-10.10.0.2", "host-10.10.0.3"}));
  EXPECT_EQ(most.seen.count, 18U);
  EXPECT_EQ(errors_of(text_of(seen)), "");
}

// Reading is made readable by closing the smallest gaps, and says so; writing never is.
TEST(Learn, ManyRangesOfReadsAreMadeFewer) {
  Observations seen(false);
  for (int i = 0; i < 40; ++i) {
    for (int twice = 0; twice < 2; ++twice) {
      seen.note_operation(kPolls, modbus().protocol, read(i * 10, i * 10 + 4), kStart);
      seen.note_operation(kPolls, modbus().protocol, Write(i * 10, 1).operation, kStart);
    }
  }
  const Proposal proposal = propose(seen, kZones);
  const auto& rules = proposal.conduits.at(0).rules;
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[0].where.at(1).ranges.size(), 16U);
  EXPECT_EQ(rules[0].widened, "address");
  EXPECT_EQ(rules[1].where.at(1).ranges.size(), 40U);
  EXPECT_EQ(rules[1].widened, "");
  EXPECT_NE(text_of(seen).find("; wider than seen: address\n"), std::string::npos);
}

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

TEST(Learn, WhatNoRuleSaysStandsApart) {
  Observations seen = quickstart();
  seen.note_fault(kPolls, modbus().protocol, protocols::Fault::truncated, kStart);
  const Session within{ip("10.10.0.20"), ip("10.10.0.21"), policy::Transport::tcp, 502};
  seen.note_operation(within, modbus().protocol, read(0, 1), kStart);
  const Session homeless{ip("192.0.2.1"), ip("10.10.0.20"), policy::Transport::tcp, 502};
  seen.note_operation(homeless, modbus().protocol, read(0, 1), kStart);
  EXPECT_EQ(propose(seen, kZones).apart,
            (std::vector<std::string>{
                "not decoded: modbus, truncated, 1 message, 10.20.0.10 to 10.10.0.20, TCP 502",
                "within zone control: 1 kind of traffic, which does not pass the firewall",
                "in no zone, and not learned: 192.0.2.1"}));
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

// What a station says of itself by LLDP (IEEE 802.1AB, 8.5.6), with its management address.
void say_name(HostNames& names, std::uint8_t host, const std::string& name) {
  std::vector<std::uint8_t> lldp = {0x0a, static_cast<std::uint8_t>(name.size())};
  lldp.insert(lldp.end(), name.begin(), name.end());
  const std::vector<std::uint8_t> rest = {0x10, 0x0c, 5, 1, 10, 10, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0};
  lldp.insert(lldp.end(), rest.begin(), rest.end());
  lldp[2 + name.size() + 7] = host;
  const wire::Mac station{{2, 0, 0, 0, 0, host}};
  names.note(
      {policy::Transport::ethernet, station, wire::IpAddress::from_mac(station), 0, 0x88cc, lldp});
}

std::string named_text(const Observations& seen, const HostNames& names) {
  return proposal_text(propose(seen, kZones, names), {"s", {"day.pcap"}, 1, kStart, kStart});
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

TEST(Learn, APingIsAServiceToBeLookedAt) {
  Observations seen = quickstart();
  seen.note_service({ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::icmp, 0}, kStart);
  const std::string text = text_of(seen);
  EXPECT_NE(text.find("service: ping"), std::string::npos) << text;
  EXPECT_EQ(errors_of(reviewed(text)), "");
}

TEST(Values, AreDisjointAndSorted) {
  Values values;
  for (const Range& range : {Range{10, 12}, Range{1, 2}, Range{4, 4}, Range{3, 3}, Range{12, 20},
                             Range{22, 22}, Range{21, 21}, Range{11, 11}}) {
    values.add(range);
  }
  EXPECT_EQ(values.ranges, (std::vector<Range>{{1, 4}, {10, 22}}));
  for (std::int64_t i = 0; i < 5000; ++i) values.add(Range::point(100 + 2 * i));
  EXPECT_TRUE(values.any);
  EXPECT_TRUE(values.ranges.empty());
}

// The policy learned from one write of a real number, by its order number.
std::string learned_from_real(std::int64_t order) {
  static const Operations s7("s7comm");
  const Session session{ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::tcp, 102};
  Observations seen(true);
  seen.note_operation(
      session, s7.protocol,
      s7.make("write_var",
              {{"transport_size", {8, 8}}, {"address", {0, 3}}, {"value", {order, order}}}),
      kStart);
  return text_of(seen);
}

// What is written stands in a form that policies read, to the last bit.
TEST(Learn, RealValuesAreReadBack) {
  const auto& catalogue = protocols::registry()[*protocols::find_protocol("s7comm")]->catalogue();
  const auto value = std::find_if(catalogue.fields.begin(), catalogue.fields.end(),
                                  [](const auto& each) { return each.name == "value"; });
  for (const double number : {1.5184998373247989e+35, -1e+300, 2.5e-7, 0.5, -3.0}) {
    const std::int64_t order = float64_order(number).value();
    const std::string text = range_text({order, order}, *value);
    const auto range = controlplane::read_real_range(text, 64);
    ASSERT_TRUE(range) << text;
    EXPECT_EQ(*range, (Range{order, order})) << text;
    const std::string policy = learned_from_real(order);
    EXPECT_EQ(errors_of(reviewed(policy)), "") << policy;
  }
}

// No number of a policy's: then the rule leaves the value open, and says so.
TEST(Learn, InfiniteValuesAreLeftOpen) {
  const std::string text =
      learned_from_real(float64_order(std::numeric_limits<double>::infinity()).value());
  EXPECT_NE(text.find("value: any"), std::string::npos) << text;
  EXPECT_NE(text.find("wider than seen: value"), std::string::npos) << text;
  EXPECT_EQ(errors_of(reviewed(text)), "");
}

// Names from the wire cannot leave their quotes.
TEST(Learn, NamesAreForeignText) {
  const Operations enip("enip");
  protocols::Operation operation = enip.make("read_tag", {});
  const auto& catalogue = protocols::registry()[enip.protocol]->catalogue();
  const std::string evil = std::string("a\"}\n- x\\\x80\x01 #", 12);
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    if (catalogue.fields[i].name != "tag") continue;
    operation.set_name(i, {reinterpret_cast<const std::uint8_t*>(evil.data()), evil.size()});
  }
  Observations seen(false);
  const Session session{ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::tcp, 44818};
  for (int i = 0; i < 2; ++i) seen.note_operation(session, enip.protocol, operation, kStart);
  const std::string text = text_of(seen);
  EXPECT_NE(text.find("where: {tag: \"a\\\"}*- x\\\\* #\"}"), std::string::npos) << text;
  EXPECT_EQ(errors_of(text), "");
}

// Each of them is asked for a register of its own, twice, and has another one written.
Observations many_devices(std::uint32_t count) {
  Observations seen(false);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Session session{ip("10.20.0.10"), wire::IpAddress::from_v4_number(0x0a0a0001U + i),
                          policy::Transport::tcp, 502};
    const auto address = static_cast<std::uint16_t>(100 * i);
    for (int twice = 0; twice < 2; ++twice) {
      seen.note_operation(session, modbus().protocol, read(address, address), kStart);
    }
    seen.note_operation(session, modbus().protocol, Write(address, 7).operation, kStart);
  }
  return seen;
}

TEST(Learn, ManyDevicesAreReadByOneRuleAndWrittenByTheirOwn) {
  const Proposal few = propose(many_devices(12), kZones);
  ASSERT_EQ(few.conduits.size(), 1U);
  EXPECT_EQ(few.conduits[0].rules.size(), 24U) << "that many can be read";
  const Proposal many = propose(many_devices(13), kZones);
  ASSERT_EQ(many.conduits.size(), 1U);
  ASSERT_EQ(many.conduits[0].rules.size(), 14U);
  std::size_t reading = 0;
  for (const ProposedRule& rule : many.conduits[0].rules) {
    if (!rule.review.empty()) {
      EXPECT_EQ(rule.servers.size(), 1U) << "what writes stays as it was seen";
      EXPECT_EQ(rule.widened, "");
      continue;
    }
    ++reading;
    EXPECT_EQ(rule.servers.size(), 13U);
    EXPECT_EQ(rule.seen.count, 26U);
    EXPECT_EQ(rule.widened, "what any of these hosts was asked for, all may be");
  }
  EXPECT_EQ(reading, 1U);
  EXPECT_EQ(errors_of(reviewed(text_of(many_devices(13)))), "");
}

}  // namespace
}  // namespace bulkhead::learn
