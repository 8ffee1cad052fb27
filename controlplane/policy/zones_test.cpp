// Where hosts are and how zones are joined: networks, stations, groups, links.
#include <gtest/gtest.h>

#include "controlplane/policy/compiler.h"
#include "dataplane/artefact/artefact.h"
#include "tests/support/policy_text.h"

namespace bulkhead::controlplane {
namespace {

// A bridge between a router and the controllers' own subnet.
TEST(Zones, ANetworkMayLieInAnotherZones) {
  const auto policy = [](const std::string& networks) {
    return "bulkhead: v1\nsite: s\nzones:\n  uplink: {port: 0, networks: [" + networks +
           "]}\n  control: {port: 1, networks: [10.10.0.0/24]}\nassets:\n"
           "  router: {zone: uplink, address: 10.10.0.1}\n"
           "  plc: {zone: control, address: 10.10.0.20}\n"
           "conduits:\n  c:\n    from: uplink\n    to: control\n"
           "    allow: [{service: ssh, client: router, server: plc}]\n";
  };
  EXPECT_EQ(messages(policy("10.20.0.0/24, 10.10.0.1/32")),
            (std::vector<std::string>{
                "p.yaml:4:3: warning: network 10.10.0.1/32 of zone uplink lies in 10.10.0.0/24 of "
                "zone control: its hosts are in zone uplink"}));
  EXPECT_EQ(first(policy("10.20.0.0/24")),
            "p.yaml:7:3: error: asset router: address 10.10.0.1 is in a network of zone control: "
            "add 10.10.0.1/32 to the networks of zone uplink if it stands there");
}

// What Ethernet itself carries passes between stations.
TEST(Zones, ZonesWithPrp) {
  const auto policy = [](const std::string& a, const std::string& b, const std::string& conduit) {
    return "bulkhead: v1\nsite: t\nwritten_for: 0.2\nzones:\n"
           "  a: {port: 0, networks: [10.20.0.0/24]" +
           a +
           "}\n"
           "  b: {port: 1, networks: [10.10.0.0/24]" +
           b +
           "}\n"
           "conduits:\n  k:\n    from: a\n    to: b\n" +
           conduit + "    allow: [{protocol: modbus, client: any, server: any, access: [read]}]\n";
  };
  const std::string prp = ", prp: true";
  const Compilation both = compile_policy(policy(prp, prp, ""), "p.yaml");
  ASSERT_TRUE(both.tables);
  EXPECT_TRUE(messages(policy(prp, prp, "")).empty());
  const auto loaded = artefact::decode(artefact::encode(*both.tables));
  ASSERT_TRUE(loaded.ok());
  EXPECT_TRUE(loaded.value().zones[0].prp);
  EXPECT_EQ(loaded.value().prp_ports, 0b11U);
  EXPECT_EQ(first(policy(prp, "", "")),
            "p.yaml:8:3: warning: conduit k: zone a has prp: true and zone b has not, but they are "
            "one Ethernet");
  EXPECT_EQ(first(policy(prp, prp, "    on_deny: reject\n")),
            "p.yaml:8:3: warning: conduit k: zone a has prp: true, where nothing is put into a "
            "session: on_deny: reject resets it, as on_deny: reset does");
  EXPECT_EQ(first(policy(prp, prp, "    fragments: reassemble\n")),
            "p.yaml:8:3: error: conduit k: zone a has prp: true, where frames leave as they came: "
            "fragments cannot be put together");
  EXPECT_NE(first(policy(", prp: yes", "", "")).find("prp must be false or true"),
            std::string::npos);
}

TEST(Zones, LinksThatFollow) {
  const auto policy = [](const std::string& link) {
    return with_rules("      - {service: ping, client: hmi, server: plc1}\n", link);
  };
  for (const auto& [text, follows] : {std::pair<std::string, bool>{"", false},
                                      {"    link: alone\n", false},
                                      {"    link: follow\n", true}}) {
    const Compilation result = compile_policy(policy(text), "p.yaml");
    ASSERT_TRUE(result.tables) << text;
    const auto loaded = artefact::decode(artefact::encode(*result.tables));
    ASSERT_TRUE(loaded.ok());
    EXPECT_EQ(loaded.value().conduits[0].link_follow, follows);
  }
  EXPECT_NE(first(policy("    link: folow\n")).find("did you mean follow"), std::string::npos);
}

TEST(Containment, RulesThatAreEssentialAndWhoReleases) {
  const auto policy = [](const std::string& essential, const std::string& release = "") {
    return with_rules("      - {service: ping, client: hmi, server: plc1" + essential +
                      "}\n      - {service: ssh, client: hmi, server: plc1}\n") +
           release;
  };
  const Compilation result =
      compile_policy(policy(", essential: true", "containment: {release: approver}\n"), "p.yaml");
  ASSERT_TRUE(result.tables && result.model);
  const auto loaded = artefact::decode(artefact::encode(*result.tables));
  ASSERT_TRUE(loaded.ok());
  EXPECT_TRUE(loaded.value().conduits[0].rules[0].essential);
  EXPECT_FALSE(loaded.value().conduits[0].rules[1].essential);
  EXPECT_EQ(loaded.value().containment_release, "approver");
  const std::string explained = explain_policy(*result.model, Listing::classes);
  EXPECT_NE(explained.find("Under containment `essential` too."), std::string::npos);
  EXPECT_NE(explained.find("released by role approver alone"), std::string::npos);
  EXPECT_TRUE(messages(policy(", essential: false")).empty());
  EXPECT_NE(first(policy(", essential: yes")).find("essential must be true or false, not `yes`"),
            std::string::npos);
  EXPECT_NE(first(policy("", "containment: {release: aprover}\n")).find("did you mean approver"),
            std::string::npos);
  EXPECT_NE(first(policy("", "containment: {release: viewer}\n"))
                .find("release must be a role that may release a containment (operator, engineer, "
                      "approver, administrator), not `viewer`"),
            std::string::npos);
  EXPECT_NE(first(policy("", "containment: {releases: operator}\n")).find("releases"),
            std::string::npos);
}

TEST(Zones, StationsAndEtherTypes) {
  const auto policy = [](const std::string& rule, const std::string& more = "") {
    return "bulkhead: v1\nsite: s\nzones:\n  bay: {port: 0}\n"
           "  station: {port: 1, networks: [10.1.0.0/16]}\nassets:\n"
           "  ied: {zone: bay, mac: \"02:00:00:00:00:01\"}\n"
           "  group: {zone: station, mac: \"01:0c:cd:01:00:01\"}\n"
           "  hmi: {zone: station, address: 10.1.0.1}\n" +
           more + "conduits:\n  bus:\n    from: bay\n    to: station\n    allow:\n      - {" +
           rule + "}\n";
  };
  const Compilation result = compile_policy(
      policy("protocol: goose, client: ied, server: group, access: [publish]"), "p.yaml");
  ASSERT_TRUE(result.tables);
  const v1::Rule rule = artefact::to_message(*result.tables).conduits(0).rules(0);
  EXPECT_EQ(rule.transport(), v1::TRANSPORT_ETHERNET);
  EXPECT_EQ(rule.ports(0).low(), 0x88b8U);
  EXPECT_EQ(artefact::to_message(*result.tables).zones(0).networks_size(), 1);
  EXPECT_EQ(artefact::to_message(*result.tables).zones(1).networks_size(), 1);
  EXPECT_EQ(artefact::to_message(*result.tables).zones(1).groups_size(), 1);
  EXPECT_EQ(
      explain_rule(*result.model, result.model->conduits[0], 0, Listing::functions).substr(0, 80),
      "ied (02:00:00:00:00:01) may ask group (01:0c:cd:01:00:01) over Generic object or");
  EXPECT_TRUE(compile_policy(policy("service: ethernet/0x88cc, client: any, server: any"), "p.yaml")
                  .tables);
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {policy("protocol: goose, client: group, server: group, access: [publish]"),
       "client group is in zone station"},
      {policy("protocol: goose, client: ied, server: hmi, access: [publish]"),
       "server hmi needs a mac"},
      {policy("protocol: modbus, client: ied, server: hmi, access: [read]"),
       "client ied has no address, only a mac"},
      {policy("protocol: goose, client: ied, server: group, access: [publish], transport: udp"),
       "Ethernet itself carries goose"},
      {policy("service: ethernet/100, client: ied, server: group"), "an EtherType is a number"},
      {policy("service: ethernet/0x892f, client: ied, server: group"), "HSR ring (0x892f)"},
      {policy("protocol: goose, client: ied, server: group, access: [publish]",
              "  other: {zone: station, mac: \"02:00:00:00:00:01\"}\n"),
       "station 02:00:00:00:00:01 is in zone bay and in zone station"},
      {policy("protocol: modbus, transport: ethernet, client: ied, server: hmi, access: [read]"),
       "modbus has no form over `ethernet`, but over tcp, udp"},
      {policy("protocol: bacnet, transport: tls, client: ied, server: group, access: [read]"),
       "bacnet has no form over `tls`, but over udp, ethernet"},
  };
  for (const auto& [text, message] : wrong) {
    EXPECT_NE(first(text).find(message), std::string::npos) << first(text);
  }
  EXPECT_NE(first("bulkhead: v1\nsite: s\nzones:\n  a: {port: 0}\n").find("zone a has no hosts"),
            std::string::npos);
}

// The service access point of BACnet in IEEE 802.2.
TEST(Zones, BacnetOverEthernet) {
  const Compilation result = compile_policy(
      "bulkhead: v1\nsite: s\nzones:\n  a: {port: 0}\n  b: {port: 1}\nassets:\n"
      "  one: {zone: a, mac: \"02:00:00:00:00:01\"}\n"
      "  all: {zone: b, mac: \"ff:ff:ff:ff:ff:ff\"}\nconduits:\n  c:\n    from: a\n    to: b\n"
      "    allow:\n      - {protocol: bacnet, transport: ethernet, client: one, server: all, "
      "functions: [who_is]}\n",
      "p.yaml");
  ASSERT_TRUE(result.tables);
  EXPECT_EQ(artefact::to_message(*result.tables).conduits(0).rules(0).ports(0).low(), 0x82U);
  EXPECT_EQ(artefact::to_message(*result.tables).zones(1).networks_size(), 0)
      << "who listens says nothing";
  EXPECT_TRUE(artefact::decode(artefact::encode(*result.tables)).ok());
  EXPECT_NE(explain_policy(*result.model, Listing::classes).find("IEEE 802.2 LSAP 0x82"),
            std::string::npos);
}

// Groups of hosts, that datagrams reach together.
TEST(Zones, GroupsOfHosts) {
  const std::string head =
      "bulkhead: v1\nsite: s\nzones:\n"
      "  a: {port: 0, networks: [10.1.0.0/24]}\n"
      "  b: {port: 1, networks: [10.2.0.0/24]}\n"
      "  c: {port: 2, networks: [10.3.0.0/24]}\n"
      "assets:\n"
      "  one: {zone: a, address: 10.1.0.1}\n"
      "  in_b: {zone: b, group: [239.1.2.3, 255.255.255.255, 10.2.0.255]}\n";
  const std::string rule =
      "conduits:\n  x:\n    from: a\n    to: b\n    allow:\n"
      "      - {protocol: bacnet, client: one, server: in_b, functions: [who_is]}\n";
  const Compilation result = compile_policy(head + rule, "p.yaml");
  ASSERT_TRUE(result.tables);
  EXPECT_EQ(artefact::to_message(*result.tables).zones(1).groups_size(), 3);
  EXPECT_EQ(artefact::to_message(*result.tables).conduits(0).rules(0).servers_size(), 3);
  EXPECT_TRUE(artefact::decode(artefact::encode(*result.tables)).ok());
  EXPECT_NE(explain_policy(*result.model, Listing::classes)
                .find("reached together at 10.2.0.255, 239.1.2.3 and "
                      "255.255.255.255"),
            std::string::npos);
  const auto told = [](const std::string& text) {
    std::string all;
    for (const std::string& line : messages(text)) all += line + "\n";
    return all;
  };
  EXPECT_NE(
      told(head + "  wrong: {zone: b, group: 10.2.0.4}\n" + rule).find("`10.2.0.4` is no group"),
      std::string::npos);
  EXPECT_NE(told(head + "  wrong: {zone: b, group: 239.1.2.4, address: 10.2.0.4}\n" + rule)
                .find("a group has no address and no mac of its own"),
            std::string::npos);
  EXPECT_NE(told(head + "  wrong: {zone: b, address: 10.2.0.255}\n" + rule)
                .find("asset wrong: address 10.2.0.255 is that of a group"),
            std::string::npos);
  std::string as_client = rule;
  as_client.replace(as_client.find("client: one"), 11, "client: in_a");
  EXPECT_NE(told(head + "  in_a: {zone: a, group: 239.1.2.3}\n" + as_client)
                .find("client in_a is a group of hosts, which sends nothing itself"),
            std::string::npos);
  std::string over_tcp = rule;
  over_tcp.replace(over_tcp.find("protocol: bacnet"), 16, "protocol: modbus");
  over_tcp.replace(over_tcp.find("[who_is]"), 8, "[3]");
  EXPECT_NE(told(head + over_tcp).find("server in_b is a group of hosts: only over UDP"),
            std::string::npos);
  const Compilation many =
      compile_policy(head + "  inputs: {zone: a, group: 239.192.1.0/27}\n" + rule, "p.yaml");
  ASSERT_TRUE(many.tables);
  EXPECT_EQ(artefact::to_message(*many.tables).zones(0).groups_size(), 32);
  EXPECT_NE(explain_policy(*many.model, Listing::classes)
                .find("together at 239.192.1.0 to 239.192.1.31\n"),
            std::string::npos);
  for (const std::string wrong : {"239.192.0.0/16", "10.2.0.0/27", "239.192.1.1/27"}) {
    EXPECT_NE(told(head + "  wrong: {zone: a, group: " + wrong + "}\n" + rule).find("is no group"),
              std::string::npos);
  }
  // In two zones: a datagram from a third would have to go into both.
  const std::string in_c = "  in_c: {zone: c, group: 239.1.2.3}\n";
  const std::string from_b = "  y: {from: b, to: c}\n";
  EXPECT_EQ(told(head + in_c + rule + from_b).find("error"), std::string::npos);
  EXPECT_NE(told(head + in_c + rule + "  y: {from: a, to: c}\n")
                .find("conduits x and y lead to both from zone a: a datagram goes into one"),
            std::string::npos);
}

}  // namespace
}  // namespace bulkhead::controlplane
