// Which rules come near to a refused operation, and the one thing on which each failed.
#include "controlplane/learn/nearest.h"

#include "controlplane/policy/compiler.h"
#include "tests/support/spoken_operations.h"

namespace bulkhead::learn {
namespace {

policy::Tables tables_of(const std::string& rules) {
  const auto compiled = controlplane::compile_policy(
      "bulkhead: v1\nsite: s\nwritten_for: 0.2\nzones:\n"
      "  supervision: {port: 0, networks: [10.20.0.0/24]}\n"
      "  control: {port: 1, networks: [10.10.0.0/24]}\n"
      "conduits:\n  scada:\n    from: supervision\n    to: control\n    on_deny: reject\n"
      "    allow:\n" +
          rules,
      "p.yaml");
  EXPECT_TRUE(compiled.model) << compiled.diagnostics.errors_text();
  auto tables = policy::finished(controlplane::lower_policy(*compiled.model));
  EXPECT_TRUE(tables);
  return std::move(tables).value();
}

const Session kSession{ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::tcp, 502};

const std::string kRules =
    "      - {protocol: modbus, client: 10.20.0.10, server: 10.10.0.20, access: [read],\n"
    "         where: {address: 0-9}}\n"
    "      - {protocol: modbus, client: 10.20.0.11, server: 10.10.0.20, access: [read]}\n"
    "      - {protocol: modbus, client: 10.20.0.10, server: 10.10.0.0/28, access: [read]}\n"
    "      - {protocol: modbus, client: 10.20.0.10, server: 10.10.0.20,\n"
    "         functions: [write_single_register], where: {address: 42, value: 0-1000}}\n"
    "      - {service: ssh, client: 10.20.0.10, server: 10.10.0.20}\n";

std::string text_of(const Nearest& nearest) {
  std::string text;
  for (const NearRule& rule : nearest.rules) {
    text += std::to_string(rule.number) + ":";
    for (const Failure& failure : rule.failures) {
      text += " " + failure.what + " " + failure.given + " / " + failure.granted;
    }
    text += "\n";
  }
  return text + "+" + std::to_string(nearest.left_out);
}

Nearest near(const policy::Tables& tables, const protocols::Operation& operation,
             const Session& session = kSession) {
  return nearest_rules(tables.conduits[0], {session, modbus().protocol, &operation});
}

TEST(Nearest, EachRuleThatFailsOnOneThing) {
  const policy::Tables tables = tables_of(kRules);
  const auto read = modbus().make("read_coils", {{"unit", {1, 1}}, {"address", {5, 12}}});
  EXPECT_EQ(text_of(near(tables, read)),
            "1: address 5-12 / 0-9\n"
            "2: client 10.20.0.10 / 10.20.0.11\n"
            "3: server 10.10.0.20 / 10.10.0.0/28\n+2");
}

TEST(Nearest, AWrittenValueAndAnAddress) {
  const policy::Tables tables = tables_of(kRules);
  EXPECT_EQ(text_of(near(tables, Write(42, 1001).operation)), "4: value 1001 / 0-1000\n+4");
  EXPECT_EQ(text_of(near(tables, Write(43, 7).operation)), "4: address 43 / 42\n+4");
  EXPECT_EQ(text_of(near(tables, Write(42, 7).operation)), "4:\n+4")
      << "it is granted: the rate, or a containment, decided";
}

TEST(Nearest, WithoutOneThatFailsOnOneThingThoseThatFailOnTheFewest) {
  const policy::Tables tables = tables_of(
      "      - {protocol: modbus, client: 10.20.0.10, server: 10.10.0.20,\n"
      "         functions: [write_single_register], where: {address: 42, value: 0-1000}}\n"
      "      - {protocol: modbus, client: 10.20.0.11, server: 10.10.0.21, access: [read]}\n");
  EXPECT_EQ(text_of(near(tables, Write(43, 2000).operation)), "1: address 43 / 42\n+1");
  Session other = kSession;
  other.client = ip("10.20.0.12");
  EXPECT_EQ(text_of(near(tables, Write(42, 2000).operation, other)),
            "1: client 10.20.0.12 / 10.20.0.10 value 2000 / 0-1000\n+1");
}

// A session that no rule names, as `no_rule` refuses it.
TEST(Nearest, ASessionOfAPlainService) {
  const policy::Tables tables = tables_of(kRules);
  Session session = kSession;
  session.port = 22;
  session.server = ip("10.10.0.21");
  const Nearest nearest =
      nearest_rules(tables.conduits[0], {session, protocols::kNoProtocol, nullptr});
  EXPECT_EQ(text_of(nearest), "5: server 10.10.0.21 / 10.10.0.20\n+4");
}

// A broadcast's field must be named: a rule that says nothing of it does not grant it.
TEST(Nearest, AFieldThatMustBeNamed) {
  const Operations bacnet("bacnet");
  const auto& catalogue = protocols::registry()[bacnet.protocol]->catalogue();
  const auto by_name = std::find_if(catalogue.fields.begin(), catalogue.fields.end(),
                                    [](const auto& field) { return field.by_name; });
  ASSERT_NE(by_name, catalogue.fields.end());
  const policy::Tables tables = tables_of(
      "      - {protocol: bacnet, client: 10.20.0.10, server: 10.10.0.20, access: [read]}\n");
  const auto operation = bacnet.make("read_property", {{by_name->name, {3, 3}}});
  Session session = kSession;
  session.transport = policy::Transport::udp;
  session.port = 47808;
  const Nearest nearest = nearest_rules(tables.conduits[0], {session, bacnet.protocol, &operation});
  EXPECT_EQ(text_of(nearest), "1: " + std::string(by_name->name) +
                                  " 3 / none: such a message needs a rule that names it\n+0");
}

// The many rules of a large policy are bounded.
TEST(Nearest, TheListIsBounded) {
  std::string rules;
  for (int i = 0; i < 40; ++i) {
    rules +=
        "      - {protocol: modbus, client: 10.20.0.10, server: 10.10.0.20, "
        "functions: [write_single_register], where: {address: " +
        std::to_string(100 + 2 * i) + "}}\n";
  }
  const Nearest nearest = near(tables_of(rules), Write(1, 1).operation);
  EXPECT_EQ(nearest.rules.size(), kNearRulesMax);
  EXPECT_EQ(nearest.left_out, 40 - kNearRulesMax);
}

}  // namespace
}  // namespace bulkhead::learn
