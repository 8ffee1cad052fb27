// Each mistake with its place and its mend, each construct with what it becomes.
#include "controlplane/policy/compiler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "dataplane/artefact/artefact.h"
#include "dataplane/artefact/digest.h"
#include "tests/support/policy_text.h"

namespace bulkhead::controlplane {
namespace {

v1::Rule only_rule(const std::string& rule) {
  const Compilation result = compile_policy(with_rules(rule), "p.yaml");
  for (const Diagnostic& each : result.diagnostics.list()) {
    EXPECT_NE(each.severity, Severity::error) << result.diagnostics.to_text(each);
  }
  if (!result.tables) return {};
  const auto loaded = artefact::decode(artefact::encode(*result.tables));
  EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.error());
  return artefact::to_message(*result.tables).conduits(0).rules(0);
}

TEST(Compiler, LowersTheExampleOfTheDesign) {
  const v1::Rule rule = only_rule(
      "      - protocol: modbus\n        client: hmi\n        server: plc1\n"
      "        functions: [write_single_register, write_multiple_registers]\n"
      "        where: {unit: 1, address: 40-49, value: 0-1000}\n        rate: 5/s\n");
  EXPECT_EQ(rule.protocol(), "modbus");
  ASSERT_EQ(rule.functions().size(), 2);
  EXPECT_EQ(rule.ports(0).low(), 502U);
  ASSERT_EQ(rule.constraints().size(), 3);
  EXPECT_EQ(rule.constraints(1).field(), "address");
  EXPECT_EQ(rule.constraints(1).ranges(0).low(), 40);
  EXPECT_EQ(rule.constraints(1).ranges(0).high(), 49);
  EXPECT_EQ(rule.rate_interval_ns(), 200'000'000U);
  EXPECT_EQ(rule.rate_burst(), 5U);
}

TEST(Compiler, FunctionsByNumberAndAccessClass) {
  const v1::Rule by_number = only_rule(
      "      - {protocol: modbus, client: hmi, server: plc1, functions: [3, 0x10, 8/4, 43/14]}\n");
  const std::vector<std::string> names(by_number.functions().begin(), by_number.functions().end());
  EXPECT_EQ(names,
            (std::vector<std::string>{"read_holding_registers", "force_listen_only_mode",
                                      "write_multiple_registers", "read_device_identification"}));
  const v1::Rule read =
      only_rule("      - {protocol: modbus, client: hmi, server: plc1, access: [read, session]}\n");
  for (const std::string& name : read.functions()) {
    EXPECT_TRUE(name.starts_with("read_") || name.starts_with("umas_")) << name;
  }
}

TEST(Compiler, MergesAdjacentAndOverlappingRanges) {
  const v1::Rule rule = only_rule(
      "      - {protocol: modbus, client: hmi, server: plc1, functions: [3],\n"
      "         where: {address: [0-9, 10, 5-12, 0x20..0x21]}}\n");
  ASSERT_EQ(rule.constraints(0).ranges().size(), 2);
  EXPECT_EQ(rule.constraints(0).ranges(0).high(), 12);
  EXPECT_EQ(rule.constraints(0).ranges(1).low(), 32);
}

TEST(Compiler, TypedValues) {
  const v1::Rule floats = only_rule(
      "      - {protocol: modbus, client: hmi, server: plc1, functions: [16],\n"
      "         where: {address: 40-43, value: -1.5-100.0, as: float32, word_order: little}}\n");
  EXPECT_EQ(floats.value_type(), v1::VALUE_TYPE_FLOAT32);
  EXPECT_EQ(floats.word_order(), v1::WORD_ORDER_LITTLE);
  EXPECT_EQ(floats.constraints(1).ranges(0).low(), *float32_order(0xbfc00000));
  EXPECT_EQ(floats.constraints(1).ranges(0).high(), *float32_order(0x42c80000));
  const v1::Rule integers = only_rule(
      "      - {protocol: modbus, client: hmi, server: plc1, functions: [6, 16],\n"
      "         where: {address: 7, value: [-20--10, 0..5], as: int16}}\n");
  EXPECT_EQ(integers.constraints(1).ranges(0).low(), -20);
  EXPECT_EQ(integers.constraints(1).ranges(0).high(), -10);
}

TEST(Compiler, PlainServices) {
  EXPECT_EQ(only_rule("      - {service: ssh, client: hmi, server: any}\n").ports(0).low(), 22U);
  const v1::Rule range =
      only_rule("      - {service: udp/5000-5009, client: 10.20.0.0/28, server: 10.10.0.7}\n");
  EXPECT_EQ(range.transport(), v1::TRANSPORT_UDP);
  EXPECT_EQ(range.ports(0).high(), 5009U);
  EXPECT_EQ(only_rule("      - {service: ping, client: any, server: any}\n").transport(),
            v1::TRANSPORT_ICMP);
}

struct Mistake {
  const char* rule;
  const char* expected;
};

TEST(Compiler, TellsMistakesWithTheirPlaceAndMend) {
  const Mistake mistakes[] = {
      {"- {protocol: modbus, client: hmi, server: plc1, functions: [write_singel_register]}",
       "p.yaml:14:67: error: unknown function write_singel_register: did you mean "
       "write_single_register?"},
      {"- {protocol: modbsu, client: hmi, server: plc1, access: [read]}",
       "p.yaml:14:20: error: unknown protocol modbsu: did you mean modbus?"},
      {"- {protocol: ssh, client: hmi, server: plc1}",
       "p.yaml:14:20: error: unknown protocol ssh: it is a plain service, write `service: ssh`"},
      {"- {protocol: modbus, client: hni, server: plc1, access: [read]}",
       "p.yaml:14:36: error: unknown asset hni: did you mean hmi?"},
      {"- {protocol: modbus, client: plc1, server: plc1, access: [read]}",
       "p.yaml:14:36: error: client plc1 is in zone control, but the clients of this conduit are "
       "in "
       "zone supervision"},
      {"- {protocol: modbus, client: hmi, server: plc1, access: [raed]}",
       "p.yaml:14:64: error: unknown access class raed: did you mean read?"},
      {"- {protocol: modbus, client: hmi, server: plc1, functions: [6], where: {adress: 1}}",
       "p.yaml:14:79: error: unknown field adress of modbus: did you mean address?"},
      {"- {protocol: modbus, client: hmi, server: plc1, functions: [6], where: {address: 9-1}}",
       "p.yaml:14:88: error: address: the range 9-1 runs backwards"},
      {"- {protocol: modbus, client: hmi, server: plc1, functions: [6], where: {address: 70000}}",
       "p.yaml:14:88: error: address: 70000 is outside 0 to 65535"},
      {"- {protocol: modbus, client: hmi, server: plc1, functions: [6], where: {address: x}}",
       "p.yaml:14:88: error: address: `x` is not a whole number or a range LOW-HIGH"},
      {"- {protocol: modbus, client: hmi, server: plc1, functions: [3], where: {value: 1}}",
       "p.yaml:14:79: error: none of the rule's functions has a field value: the rule would grant "
       "nothing"},
      {"- {protocol: modbus, client: hmi, server: plc1}",
       "p.yaml:14:9: error: the rule grants nothing: add access or functions"},
      {"- {protocol: modbus, client: hmi, server: plc1, acess: [read]}",
       "p.yaml:14:55: error: rule 1 of scada: unknown key acess: did you mean access?"},
      {"- {client: hmi, server: plc1}",
       "p.yaml:14:9: error: the rule names neither a protocol nor a service: add `protocol: "
       "modbus` "
       "or `service: ssh`"},
      {"- {service: tcp, client: hmi, server: plc1}",
       "p.yaml:14:19: error: service tcp needs a port: write `service: tcp/8080` or add `port:`"},
      {"- {service: modbus, client: hmi, server: plc1}",
       "p.yaml:14:19: error: unknown service modbus: write `protocol: modbus` to inspect it"},
      {"- {service: ssh, client: hmi}",
       "p.yaml:14:9: error: server is missing: name assets, addresses, or any for all of zone "
       "control"},
      {"- {protocol: modbus, client: hmi, server: plc1, access: [read], rate: 5}",
       "p.yaml:14:77: error: rate must be COUNT/s, COUNT/min or COUNT/h, such as 5/s, not `5`"},
      {"- {service: ssh, client: hmi, server: 10.30.0.1}",
       "p.yaml:14:45: error: 10.30.0.1 is not inside the networks of zone control"},
      {"- {protocol: modbus, client: hmi, server: plc1, functions: [16],"
       " where: {address: 40-42, value: 1.0, as: float32}}",
       "p.yaml:14:80: error: address 40-42 is an odd number of registers for values of two"},
  };
  for (const Mistake& mistake : mistakes) {
    const auto lines = messages(with_rules("      " + std::string(mistake.rule) + "\n"));
    EXPECT_NE(std::find(lines.begin(), lines.end(), mistake.expected), lines.end())
        << mistake.rule << "\nsaid: " << (lines.empty() ? "nothing" : lines[0]);
  }
}

TEST(Compiler, TellsAllMistakesAtOnceInOrder) {
  const auto lines = messages(
      with_rules("      - {protocol: modbus, client: hni, server: plc2, functions: [read_coil]}\n"
                 "      - {service: shh, client: hmi, server: plc1}\n",
                 "    on_deny: rest\n"));
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[0],
            "p.yaml:13:14: error: on_deny must be drop, reset or reject, not `rest`: did "
            "you mean reset?");
  EXPECT_EQ(lines[4], "p.yaml:16:19: error: unknown service shh: did you mean ssh?");
}

TEST(Compiler, ChecksPartsAgainstEachOther) {
  const std::string overlap =
      "bulkhead: v1\nsite: s\nzones:\n  a: {port: 0, networks: [10.1.0.0/16]}\n"
      "  b: {port: 1, networks: [10.1.0.0/16]}\n";
  EXPECT_EQ(first(overlap), "p.yaml:5:3: error: zone b has network 10.1.0.0/16, as zone a does");
  const auto both = messages(overlap + "conduits:\n  c: {from: a, to: d}\n");
  EXPECT_EQ(both.size(), 2U);  // mistakes of several passes at once
  EXPECT_EQ(first("bulkhead: v2\nsite: s\n"),
            "p.yaml:1:11: error: unknown language version v2: this release reads v1");
  EXPECT_EQ(first("bulkhead: v1\nsite: s\nzones: [}\n").rfind("p.yaml:3:", 0), 0U);
  EXPECT_EQ(first("bulkhead: v1\nsite: s\nsite: t\n"),
            "p.yaml:3:1: error: policy: key site stands twice");
  const auto conflict =
      first(with_rules("      - {protocol: modbus, client: hmi, server: plc1, access: [read]}\n"
                       "      - {service: tcp/502, client: any, server: any}\n"));
  EXPECT_NE(conflict.find("read the same sessions as different protocols"), std::string::npos);
}

// Their sessions tell by content what they are.
TEST(Compiler, ProtocolsThatShareAPort) {
  const auto two = [](const std::string& other) {
    return first(
        with_rules("      - {protocol: s7comm, client: hmi, server: plc1, access: [read]}\n"
                   "      - {protocol: " +
                   other + ", port: 102, client: hmi, server: plc1, access: [read]}\n"));
  };
  EXPECT_EQ(two("s7comm_plus"), "");
  EXPECT_EQ(two("mms"), "");
  EXPECT_NE(two("modbus").find("read the same sessions"), std::string::npos);
}

TEST(Compiler, RejectIsLowered) {
  const std::string text =
      with_rules("      - {service: ssh, client: hmi, server: plc1}\n", "    on_deny: reject\n");
  const Compilation result = compile_policy(text, "p.yaml");
  ASSERT_TRUE(result.tables);
  EXPECT_EQ(artefact::to_message(*result.tables).conduits(0).on_deny(), v1::ON_DENY_REJECT);
  EXPECT_TRUE(result.diagnostics.list().empty());
}

TEST(Compiler, StrayAnswersCostThemselvesUnlessTheConduitSaysOtherwise) {
  const std::string rule =
      "      - {protocol: modbus, client: hmi, server: plc1, access: [read]}\n";
  const auto conduit = [&rule](const std::string& line) {
    return compile_policy(with_rules(rule, line), "p.yaml");
  };
  for (const char* drop : {"", "    on_stray_answer: drop\n"}) {
    const Compilation result = conduit(drop);
    ASSERT_TRUE(result.tables);
    EXPECT_FALSE(artefact::to_message(*result.tables).conduits(0).reset_on_stray_answer());
    EXPECT_NE(explain_policy(*result.model, Listing::classes)
                  .find("An answer that does not fit what was asked is "
                        "dropped"),
              std::string::npos);
  }
  const Compilation reset = conduit("    on_stray_answer: reset\n");
  ASSERT_TRUE(reset.tables);
  EXPECT_TRUE(artefact::to_message(*reset.tables).conduits(0).reset_on_stray_answer());
  const auto tables = artefact::decode(artefact::encode(*reset.tables));
  ASSERT_TRUE(tables) << "through the artefact";
  EXPECT_TRUE(tables.value().conduits[0].reset_on_stray);
  EXPECT_NE(explain_policy(*reset.model, Listing::classes)
                .find("An answer that does not fit what was asked ends"),
            std::string::npos);
  EXPECT_EQ(first(with_rules(rule, "    on_stray_answer: rest\n")),
            "p.yaml:13:22: error: on_stray_answer must be drop or reset, not `rest`: did you mean "
            "reset?");
}

TEST(Compiler, WhatFailsOpenIsSaid) {
  const std::string rule = "      - {service: ssh, client: hmi, server: plc1}\n";
  const auto conduit = [&rule](const std::string& fail) {
    return compile_policy(with_rules(rule, fail), "p.yaml");
  };
  const Compilation open = conduit("    fail: open\n");
  ASSERT_TRUE(open.tables);
  EXPECT_TRUE(artefact::to_message(*open.tables).conduits(0).fail_open());
  EXPECT_NE(explain_policy(*open.model, Listing::classes).find("FAILS OPEN"), std::string::npos);
  ASSERT_EQ(open.diagnostics.list().size(), 1U);  // the zone control has the target SL3
  EXPECT_EQ(open.diagnostics.to_text(open.diagnostics.list()[0]),
            "p.yaml:10:3: warning: conduit scada fails open, but zone control has the target SL3, "
            "which asks for fail: closed (SR 5.2 RE 3)");
  for (const char* closed : {"", "    fail: closed\n"}) {
    EXPECT_FALSE(artefact::to_message(*conduit(closed).tables).conduits(0).fail_open());
  }
  EXPECT_NE(first(with_rules(rule, "    fail: opne\n")).find("did you mean open?"),
            std::string::npos);
}

// S7 stores octets: one of a REAL is a number within most limits, and so is a DWORD.
TEST(Compiler, ALimitOnAPlacedValueNeedsItsTypeAndWhereItBegins) {
  const auto of = [](const std::string& where) {
    return first(
        with_rules("      - {protocol: s7comm, client: hmi, server: plc1, "
                   "functions: [write_var], where: {db: 1, " +
                   where + "}}\n"));
  };
  EXPECT_EQ(of("address: 0-3"), "");
  EXPECT_EQ(of("address: 0-3, transport_size: 8, value: 0-100"), "");
  EXPECT_EQ(of("address: [0-3, 4-11, 20-23], transport_size: 8, value: 0-100"), "");
  EXPECT_EQ(of("address: any, transport_size: 8, value: 0-100"), "");
  EXPECT_EQ(of("transport_size: 2, value: 0-100"), "");
  EXPECT_EQ(of("address: 7, transport_size: 1, bit: 3, value: 0"), "");
  EXPECT_EQ(of("address: 0-3, value: 0-100"),
            "p.yaml:14:108: error: value is read in the type that the writer names, and a part of "
            "a number is within most limits: name transport_size too");
  EXPECT_EQ(of("address: 0-3, value: 0-100, transport_size: [6, 8]"),
            "p.yaml:14:122: error: a limit on value needs one transport_size: write a rule for "
            "each");
  EXPECT_EQ(of("address: 0-3, value: 0-100, transport_size: 6-7"),
            "p.yaml:14:122: error: a limit on value needs one transport_size: write a rule for "
            "each");
  EXPECT_EQ(of("address: 0-255, value: 0-100, transport_size: 19"),
            "p.yaml:14:124: error: transport_size 19 has no single value that could be limited");
  EXPECT_EQ(of("value: 0-100, transport_size: 8"),
            "p.yaml:14:94: error: value of transport_size 8 needs `address` under where, to say "
            "where each begins");
  EXPECT_EQ(of("address: [0-3, 4-9], value: 0-100, transport_size: 8"),
            "p.yaml:14:94: error: address 4-9 is no whole number of elements of transport_size 8, "
            "which take 4");
  EXPECT_EQ(of("address: [0-7, 6-9], value: 0-100, transport_size: 8"),
            "p.yaml:14:94: error: address 6-9 begins within an element of another range");
}

// AP 4.3: coil 40 is not register 40.
TEST(Compiler, AnAddressOfAnAccessClassCountsInEachTable) {
  const auto of = [](const std::string& rest) {
    return first(
        with_rules("      - {protocol: modbus, client: hmi, server: plc1, " + rest + "}\n"));
  };
  EXPECT_EQ(of("access: [write], where: {unit: 1, address: 40-49}"),
            "p.yaml:14:89: warning: address counts coils and holding registers alike, and the rule "
            "lets write all of them: name functions if one kind is meant");
  EXPECT_EQ(of("access: [read], where: {unit: 1, address: 40-49}"), "");
  EXPECT_EQ(of("access: [write], where: {unit: 1}"), "");
  EXPECT_EQ(of("functions: [5, 6, 15, 16], where: {unit: 1, address: 40-49}"), "");
}

// A policy of an earlier release goes on to compile: it is told what it grants no more.
TEST(Compiler, ALimitOfAnEarlierReleaseIsToldWhatItLacks) {
  std::string text = with_rules(
      "      - {protocol: s7comm, client: hmi, server: plc1, functions: [write_var], "
      "where: {db: 1, address: 0-3, value: 0-100}}\n");
  text.erase(text.find("written_for: 0.2\n"), 17);
  const Compilation result = compile_policy(text, "p.yaml");
  EXPECT_TRUE(result.tables);
  EXPECT_EQ(first(text),
            "p.yaml:13:108: warning: value is read in the type that the writer names, and a part "
            "of a number is within most limits: name transport_size too (since release 0.2 the "
            "rule does not grant it)");
}

// Each range as it is written holds whole pairs, not only what they are merged to.
TEST(Compiler, PairsBeginWhereTheirRangesDo) {
  const auto of = [](const std::string& address) {
    return messages(
        with_rules("      - {protocol: modbus, client: hmi, server: plc1, "
                   "functions: [16], where: {unit: 1, value: 0-100, as: uint32, address: " +
                   address + "}}\n"));
  };
  EXPECT_TRUE(of("[40-41, 42-43, 50-53]").empty());
  const std::vector<std::string> odd = of("[40-42, 43-45]");
  ASSERT_EQ(odd.size(), 2U);
  EXPECT_NE(odd[0].find("address 40-42 is an odd number of registers"), std::string::npos);
  EXPECT_NE(odd[1].find("address 43-45 is an odd number of registers"), std::string::npos);
  const std::vector<std::string> within = of("[40-43, 41-44, 44-45]");
  ASSERT_EQ(within.size(), 1U);
  EXPECT_NE(within[0].find("address 41-44 begins within an element of another range"),
            std::string::npos);
}

TEST(Compiler, ExplainsGrantsInPlainWords) {
  const Compilation result = compile_policy(
      with_rules("      - {protocol: modbus, client: hmi, server: plc1, functions: [6],\n"
                 "         where: {unit: 1, address: 40-49, value: 0-1000}, rate: 5/s}\n"),
      "p.yaml");
  ASSERT_TRUE(result.model);
  EXPECT_EQ(explain_rule(*result.model, result.model->conduits[0], 0, Listing::functions),
            "hmi (10.20.0.10) may ask plc1 (10.10.0.20) over Modbus/TCP (TCP port 502) for "
            "write_single_register (6), only with unit 1, address 40 to 49 and value 0 to 1000, at "
            "most 5/s");
}

// A class is one word, whatever it holds; functions that the author named are listed.
TEST(Compiler, ExplainsAClassByItsNameAndSize) {
  const Compilation result = compile_policy(
      with_rules("      - {protocol: iec104, client: hmi, server: plc1, access: [session, read],\n"
                 "         functions: [c_cs_na_1]}\n"),
      "p.yaml");
  ASSERT_TRUE(result.model);
  const ModelConduit& conduit = result.model->conduits[0];
  const std::string text = explain_rule(*result.model, conduit, 0, Listing::classes);
  std::size_t reads = 0;
  std::size_t sessions = 0;
  const auto& catalogue = protocols::registry()[conduit.rules[0].protocol]->catalogue();
  const std::string all = explain_rule(*result.model, conduit, 0, Listing::functions);
  for (const protocols::FunctionInfo& function : catalogue.functions) {
    const bool is_read = function.access == protocols::AccessClass::read;
    const bool is_session = function.access == protocols::AccessClass::session;
    reads += is_read ? 1 : 0;
    sessions += is_session ? 1 : 0;
    if (!is_read && !is_session) continue;
    const std::string name(function.name);
    EXPECT_NE(all.find(name + " ("), std::string::npos) << name;
    EXPECT_EQ(text.find(name + " ("), std::string::npos) << name;
  }
  EXPECT_NE(
      text.find(" for class session (" + std::to_string(sessions) + " functions), class read (" +
                std::to_string(reads) + " functions) and c_cs_na_1 (103), with any values"),
      std::string::npos)
      << text;
}

// Truncated and bit-flipped artefacts, other formats: refused in words, at every byte.
TEST(Artefact, DamageIsRefused) {
  const Compilation result = compile_policy(
      with_rules("      - {protocol: modbus, client: hmi, server: plc1, access: [read]}\n"),
      "p.yaml");
  ASSERT_TRUE(result.tables);
  const v1::PolicyArtefact good = artefact::encode(*result.tables);
  EXPECT_TRUE(artefact::decode(good).ok());
  for (std::size_t i = 0; i < good.policy().size(); ++i) {
    v1::PolicyArtefact bad = good;
    (*bad.mutable_policy())[i] = static_cast<char>((*bad.mutable_policy())[i] ^ (1 << (i % 8)));
    EXPECT_FALSE(artefact::decode(bad).ok()) << i;
    bad = good;
    bad.mutable_policy()->resize(i);
    EXPECT_FALSE(artefact::decode(bad).ok()) << i;
    // A hostile controller can make the digest fit: nothing may crash, whatever is answered.
    bad.set_sha256(artefact::sha256(bad.policy()));
    (void)artefact::decode(bad);
    bad = good;
    (*bad.mutable_policy())[i] = static_cast<char>((*bad.mutable_policy())[i] ^ (1 << (i % 8)));
    bad.set_sha256(artefact::sha256(bad.policy()));
    (void)artefact::decode(bad);
  }
  v1::PolicyArtefact other = good;
  other.set_format(2);
  EXPECT_FALSE(artefact::decode(other).ok());
}

}  // namespace
}  // namespace bulkhead::controlplane
