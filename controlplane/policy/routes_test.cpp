// Whom a rule reaches beyond the hosts of its packets: compiled, loaded as the data plane does it,
// and asked.
//
//   hmi ---- [ bulkhead ] ---- gw1 ---- pump7, pump8
//                         \--- plc1
#include "controlplane/policy/routes.h"

#include <gtest/gtest.h>

#include "controlplane/policy/changes.h"
#include "controlplane/policy/compiler.h"
#include "controlplane/policy/literals.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/policy/classifier.h"
#include "dataplane/policy/matcher.h"
#include "tests/support/catalogue_only.h"

namespace bulkhead::controlplane {
namespace {

using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::Initiator;

// A protocol whose messages name networks, as BACnet does, and stations, as DNP3 does.
constexpr std::array kFields = {FieldInfo{.name = "network",
                                          .kind = FieldKind::integer,
                                          .width_bits = 16,
                                          .unit = "",
                                          .text = "",
                                          .by_name = true,
                                          .route = "lane"},
                                FieldInfo{.name = "source_network",
                                          .kind = FieldKind::integer,
                                          .width_bits = 16,
                                          .unit = "",
                                          .text = "",
                                          .by_name = true,
                                          .source_route = "lane"},
                                FieldInfo{.name = "destination",
                                          .kind = FieldKind::integer,
                                          .width_bits = 16,
                                          .unit = "",
                                          .text = "",
                                          .route = "stop"},
                                FieldInfo{.name = "source",
                                          .kind = FieldKind::integer,
                                          .width_bits = 16,
                                          .unit = "",
                                          .text = "",
                                          .source_route = "stop"},
                                FieldInfo{.name = "path",
                                          .kind = FieldKind::name,
                                          .unit = "",
                                          .text = "",
                                          .by_name = true,
                                          .route = "road"}};
constexpr std::array kFunctions = {
    FunctionInfo{"ask", 0, protocols::kNoSubCode, protocols::AccessClass::read, 31,
                 Initiator::client},
    FunctionInfo{"change", 1, protocols::kNoSubCode, protocols::AccessClass::write, 31,
                 Initiator::client, protocols::AccessClass::read},
    FunctionInfo{"notify", 2, protocols::kNoSubCode, protocols::AccessClass::publish, 31,
                 Initiator::server},
    FunctionInfo{"greet", 3, protocols::kNoSubCode, protocols::AccessClass::session, 31,
                 Initiator::either},
    FunctionInfo{"tell", 4, protocols::kNoSubCode, protocols::AccessClass::publish, 31,
                 Initiator::nobody}};
constexpr std::array kPorts = {protocols::DefaultPort{protocols::Carrier::tcp, 7000}};

class RoutesTest : public ::testing::Test {
 protected:
  RoutesTest() {
    static constexpr protocols::Catalogue kCatalogue = {"relayed",  "Relayed", "this test",
                                                        kFunctions, kFields,   kPorts};
    static const support::CatalogueOnly kRelayed(kCatalogue);
    kRelayed.number();
  }

  static std::string policy_of(const std::string& assets, const std::string& rules) {
    return "bulkhead: v1\nsite: test\nwritten_for: 0.2\n"
           "zones:\n  up: {port: 0, networks: [10.20.0.0/24]}\n"
           "  down: {port: 1, networks: [10.10.0.0/24]}\n"
           "assets:\n  hmi: {zone: up, address: 10.20.0.10}\n" +
           assets + "conduits:\n  c:\n    from: up\n    to: down\n    allow:\n" + rules;
  }

  static std::vector<std::string> messages(const std::string& text) {
    const Compilation result = compile_policy(text, "p");
    std::vector<std::string> lines;
    for (const Diagnostic& each : result.diagnostics.list()) {
      lines.push_back(result.diagnostics.to_text(each));
    }
    return lines;
  }

  void compile(const std::string& assets, const std::string& rules) {
    const Compilation result = compile_policy(policy_of(assets, rules), "p");
    for (const Diagnostic& each : result.diagnostics.list()) {
      EXPECT_NE(each.severity, Severity::error) << result.diagnostics.to_text(each);
    }
    ASSERT_TRUE(result.tables);
    auto loaded = artefact::decode(artefact::encode(*result.tables));
    ASSERT_TRUE(loaded.ok());
    tables_ = std::move(loaded).value();
  }

  using Fields = std::vector<std::pair<const char*, std::int64_t>>;

  policy::Decision ask(const std::string& protocol, const std::string& function,
                       const std::string& server, const Fields& fields,
                       const std::string& path = "") const {
    const std::uint8_t index = *protocols::find_protocol(protocol);
    const protocols::Catalogue& catalogue = protocols::registry()[index]->catalogue();
    protocols::Operation operation;
    for (std::size_t f = 0; f < catalogue.functions.size(); ++f) {
      if (catalogue.functions[f].name == function)
        operation.function = static_cast<std::uint16_t>(f);
    }
    for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
      for (const auto& [name, value] : fields) {
        if (catalogue.fields[i].name == name) operation.set(i, value);
      }
      if (!path.empty() && catalogue.fields[i].name == "path") {
        operation.set_name(i, {reinterpret_cast<const std::uint8_t*>(path.data()), path.size()});
      }
    }
    const policy::Conduit& conduit = tables_.conduits[0];
    const policy::RuleCell cell =
        conduit.index.locate({*read_address("10.20.0.10"), *read_address(server),
                              catalogue.ports[0].port, policy::Transport::tcp});
    return policy::judge(conduit, cell, index, operation, 0);
  }
  bool reads(const std::string& server, std::int64_t unit) const {
    return ask("modbus", "read_holding_registers", server, {{"unit", unit}, {"address", 0}})
               .reason == Reason::granted;
  }

  policy::Tables tables_;
};

const std::string kGateway =
    "  gw1: {zone: down, address: 10.10.0.1}\n"
    "  pump7: {behind: gw1, route: {unit: 7}}\n"
    "  pump8: {behind: gw1, route: {unit: 8}}\n"
    "  plc1: {zone: down, address: 10.10.0.20}\n";

std::string modbus_rule(const std::string& server, const std::string& more = "") {
  return "      - {protocol: modbus, client: hmi, server: " + server + ", access: [read]" + more +
         "}\n";
}

TEST_F(RoutesTest, AnAssetBehindAGatewayIsItsRouteThere) {
  compile(kGateway, modbus_rule("plc1") + modbus_rule("pump7"));
  EXPECT_TRUE(reads("10.10.0.1", 7));
  EXPECT_EQ(ask("modbus", "read_holding_registers", "10.10.0.1", {{"unit", 7}}).rule, 2);
  for (const std::int64_t unit : {0, 1, 8, 255}) EXPECT_FALSE(reads("10.10.0.1", unit)) << unit;
  EXPECT_TRUE(reads("10.10.0.20", 7)) << "any unit, as nobody stands behind it";
}

TEST_F(RoutesTest, AGatewaysNameMeansItAlone) {
  compile(kGateway, modbus_rule("gw1"));
  EXPECT_TRUE(reads("10.10.0.1", 255));
  for (const std::int64_t unit : {0, 1, 7, 8, 9}) EXPECT_FALSE(reads("10.10.0.1", unit)) << unit;
  compile(kGateway, modbus_rule("[gw1, pump8]"));
  EXPECT_TRUE(reads("10.10.0.1", 255));
  EXPECT_TRUE(reads("10.10.0.1", 8));
  EXPECT_FALSE(reads("10.10.0.1", 7));
  compile(kGateway, modbus_rule("gw1", ", where: {unit: 7-9}"));
  EXPECT_TRUE(reads("10.10.0.1", 9)) << "the author says which";
  EXPECT_FALSE(reads("10.10.0.1", 255));
}

TEST_F(RoutesTest, SoItDoesInANetwork) {
  for (const std::string all : {"any", "10.10.0.0/24", "10.10.0.0/28", "10.10.0.1"}) {
    compile(kGateway, modbus_rule(all));
    EXPECT_TRUE(reads("10.10.0.1", 255)) << all;
    EXPECT_FALSE(reads("10.10.0.1", 7)) << all;
  }
  compile(kGateway, modbus_rule("any"));
  for (const std::string other : {"10.10.0.0", "10.10.0.2", "10.10.0.20", "10.10.0.255"}) {
    EXPECT_TRUE(reads(other, 7)) << other;
  }
}

TEST_F(RoutesTest, AGatewayMaySayWhichItIsItself) {
  compile(
      "  gw1: {zone: down, address: 10.10.0.1, route: {unit: 1}}\n"
      "  pump7: {behind: gw1, route: {unit: 7}}\n",
      modbus_rule("gw1"));
  EXPECT_TRUE(reads("10.10.0.1", 1));
  EXPECT_FALSE(reads("10.10.0.1", 255));
  EXPECT_FALSE(reads("10.10.0.1", 7));
}

const std::string kRelay =
    "  gw1: {zone: down, address: 10.10.0.1}\n"
    "  far: {behind: gw1, route: {lane: 5}}\n"
    "  stop3: {behind: gw1, route: {stop: 3}}\n"
    "  slot: {zone: down, address: 10.10.0.2, route: {lane: 1, road: 1/0}}\n";

TEST_F(RoutesTest, WhatLeadsBeyondTheHostMustBeNamed) {
  const std::string rule = "      - {protocol: relayed, client: hmi, access: [read, publish], ";
  const auto asks = [&](const std::string& server, const Fields& fields,
                        const std::string& path = "") {
    return ask("relayed", "ask", server, fields, path).reason == Reason::granted;
  };
  compile("  gw1: {zone: down, address: 10.10.0.1}\n", rule + "server: gw1}\n");
  EXPECT_TRUE(asks("10.10.0.1", {{"destination", 3}}));
  EXPECT_FALSE(asks("10.10.0.1", {{"destination", 3}, {"network", 5}}));
  EXPECT_FALSE(asks("10.10.0.1", {{"destination", 3}, {"source_network", 5}}));
  EXPECT_FALSE(asks("10.10.0.1", {{"destination", 3}}, "1/0"));
  compile("  gw1: {zone: down, address: 10.10.0.1}\n",
          rule + "server: gw1, where: {network: any, path: \"*\"}}\n");
  EXPECT_TRUE(asks("10.10.0.1", {{"network", 5}}, "1/0"));
  EXPECT_FALSE(asks("10.10.0.1", {{"network", 5}})) << "a field that it lacks grants nothing";
  compile(kRelay, rule + "server: far}\n");
  EXPECT_TRUE(asks("10.10.0.1", {{"network", 5}}));
  EXPECT_FALSE(asks("10.10.0.1", {{"network", 6}}));
  EXPECT_FALSE(asks("10.10.0.1", {}));
}

TEST_F(RoutesTest, AnAssetsRouteToItselfNeedsNoWordInTheRule) {
  compile(kRelay, "      - {protocol: relayed, client: hmi, server: slot, access: [read]}\n");
  const auto asks = [&](const Fields& fields, const std::string& path = "") {
    return ask("relayed", "ask", "10.10.0.2", fields, path).reason == Reason::granted;
  };
  EXPECT_TRUE(asks({}));
  EXPECT_TRUE(asks({{"network", 1}}, "1/0"));
  EXPECT_FALSE(asks({{"network", 1}}, "1/1"));
  EXPECT_FALSE(asks({{"network", 2}}, "1/0"));
}

// Whom a message comes from stands in other fields than whom it is for.
TEST_F(RoutesTest, WhatAServerBeginsNamesItAsTheSource) {
  compile(kRelay,
          "      - {protocol: relayed, client: hmi, server: stop3, "
          "access: [read, publish, session]}\n");
  const auto granted = [&](const char* function, std::int64_t source, std::int64_t destination) {
    const Fields fields = {{"source", source}, {"destination", destination}};
    return ask("relayed", function, "10.10.0.1", fields).reason == Reason::granted;
  };
  EXPECT_TRUE(granted("ask", 100, 3));
  EXPECT_FALSE(granted("ask", 3, 100));
  EXPECT_TRUE(granted("notify", 3, 100));
  EXPECT_FALSE(granted("notify", 4, 100));
  EXPECT_FALSE(granted("notify", 100, 3));
  EXPECT_TRUE(granted("tell", 3, 100)) << "an answer that needs a rule";
  EXPECT_FALSE(granted("tell", 4, 100));
  EXPECT_FALSE(granted("tell", 100, 3));
  EXPECT_TRUE(granted("greet", 3, 100));
  EXPECT_TRUE(granted("greet", 100, 3));
  EXPECT_FALSE(granted("greet", 100, 100));
}

TEST_F(RoutesTest, AClientBehindAGatewayIsOnlyClaimed) {
  const std::string assets =
      "  gate: {zone: up, address: 10.20.0.10}\n  desk: {behind: gate, route: {lane: 9}}\n"
      "  plc1: {zone: down, address: 10.10.0.20}\n";
  const std::string rule = "      - {protocol: relayed, client: desk, server: plc1, access: [read]";
  std::string without_hmi = policy_of(assets, rule + "}\n");
  const std::string hmi = "  hmi: {zone: up, address: 10.20.0.10}\n";
  without_hmi.erase(without_hmi.find(hmi), hmi.size());
  EXPECT_EQ(messages(without_hmi).at(0),
            "p:16:37: error: client desk stands behind gate, and only gate says that a message is "
            "from it: write `claimed: true` if that is enough");
  std::string claimed = policy_of(assets, rule + ", claimed: true}\n");
  claimed.erase(claimed.find(hmi), hmi.size());
  const Compilation result = compile_policy(claimed, "p");
  ASSERT_TRUE(result.tables);
  tables_ = artefact::decode(artefact::encode(*result.tables)).value();
  const auto asks = [&](const Fields& fields) {
    return ask("relayed", "ask", "10.10.0.20", fields).reason == Reason::granted;
  };
  EXPECT_TRUE(asks({{"source_network", 9}}));
  EXPECT_FALSE(asks({{"source_network", 8}}));
  EXPECT_FALSE(asks({}));
}

TEST_F(RoutesTest, PartsOfARuleHaveItsNumberAndItsRate) {
  compile(kGateway, modbus_rule("plc1") + modbus_rule("[gw1, pump7, pump8]", ", rate: 1/h"));
  const policy::Conduit& conduit = tables_.conduits[0];
  ASSERT_EQ(conduit.rules.size(), 4U);
  EXPECT_EQ(conduit.budgets.size(), 1U);
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(conduit.rules[i].number, 2);
    EXPECT_EQ(conduit.rules[i].budget, 0);
  }
}

struct Mistake {
  std::string assets;
  std::string rules;
  std::string expected;
};

TEST_F(RoutesTest, EachMistakeIsTold) {
  const std::vector<Mistake> mistakes = {
      {kGateway, "      - {service: ssh, client: hmi, server: pump7}\n",
       "error: pump7 stands behind a gateway: a plain service reaches only the gateway, so name "
       "that"},
      {kGateway, modbus_rule("pump7", ", where: {unit: 8}"),
       "error: unit under `where` is not 7, which the route of an asset of the rule says"},
      {kGateway, "      - {protocol: relayed, client: hmi, server: pump7, access: [read]}\n",
       "error: pump7 stands behind gw1 by a route that relayed does not have (lane, road, stop)"},
      {kRelay, "      - {protocol: relayed, client: hmi, server: gw1, access: [read]}\n",
       "error: assets stand behind gw1: give it a `route` that says which it is itself (lane, "
       "road, stop), or name that under `where`"},
      {kGateway + "  deep: {behind: pump7, route: {unit: 1}}\n", modbus_rule("deep"),
       "error: asset deep stands behind pump7, which has no address of its own: name the one that "
       "has, and the whole way in `route`"},
      {"  plc1: {zone: down, address: 10.10.0.20, route: {unit: 256}}\n", modbus_rule("plc1"),
       "error: unit: 256 is outside 0 to 255"},
      {"  plc1: {zone: down, address: 10.10.0.20, route: {unti: 2}}\n", modbus_rule("plc1"),
       "error: route: no protocol has unti: did you mean unit?"},
      {"  plc1: {behind: nobody, route: {unit: 2}}\n", modbus_rule("plc1"),
       "error: unknown asset nobody"},
      {"  plc1: {behind: hmi}\n", modbus_rule("hmi"), "error: asset plc1: route is missing"},
      {"  p: {zone: down, behind: hmi, route: {unit: 2}}\n", modbus_rule("any"),
       "error: asset p stands behind hmi: it has that one's zone and address, and no zone, "
       "address, group or mac of its own"},
      {kGateway, modbus_rule("plc1", ", claimed: yes!"),
       "error: claimed must be true or false, not `yes!`"},
      {kGateway, modbus_rule("plc1", ", claimed: true"),
       "error: claimed: true, but no client of the rule stands behind a gateway"},
  };
  for (const Mistake& mistake : mistakes) {
    std::string all;
    bool found = false;
    for (const std::string& line : messages(policy_of(mistake.assets, mistake.rules))) {
      all += line + "\n";
      found = found || line.find(mistake.expected) != std::string::npos;
    }
    EXPECT_TRUE(found) << mistake.expected << "\nsaid: " << all;
  }
}

TEST_F(RoutesTest, WritesToAnyUnitAreWorthAWord) {
  const auto warns = [&](const std::string& assets, const std::string& rule) {
    const auto lines = messages(policy_of(assets, rule));
    return std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
      return line.find("warning: the rule lets change things at any unit") != std::string::npos;
    });
  };
  const std::string plain = "  plc1: {zone: down, address: 10.10.0.20}\n";
  const std::string writes =
      "      - {protocol: modbus, client: hmi, server: plc1, access: [write]";
  EXPECT_TRUE(warns(plain, writes + "}\n"));
  EXPECT_FALSE(warns(plain, writes + ", where: {unit: 1}}\n"));
  EXPECT_FALSE(
      warns("  plc1: {zone: down, address: 10.10.0.20, route: {unit: 1}}\n", writes + "}\n"));
  EXPECT_FALSE(warns(plain, modbus_rule("plc1")));
}

TEST_F(RoutesTest, AChangedClassIsTold) {
  const std::string rule = "      - {protocol: relayed, client: hmi, server: gw1, access: [";
  const std::string asset = "  gw1: {zone: down, address: 10.10.0.1}\n";
  std::string before = policy_of(asset, rule + "read]}\n");
  before.erase(before.find("written_for: 0.2\n"), 17);
  const auto lines = messages(before);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("no longer grants change (write)"), std::string::npos) << lines[0];
  EXPECT_TRUE(messages(policy_of(asset, rule + "read]}\n")).empty());
  std::string gained = policy_of(asset, rule + "write], where: {destination: 1}}\n");
  gained.erase(gained.find("written_for: 0.2\n"), 17);
  EXPECT_NE(messages(gained).at(0).find("now grants change (read)"), std::string::npos);
}

// A function that is less than it was: the parts that the rule does not name.
TEST_F(RoutesTest, WhatAFunctionNoLongerCoversIsTold) {
  const auto of = [](const std::string& rule, const std::string& head = "") {
    return messages("bulkhead: v1\nsite: s\n" + head +
                    "zones:\n  a: {port: 0, networks: [10.1.0.0/24]}\n"
                    "  b: {port: 1, networks: [10.2.0.0/24]}\nassets:\n"
                    "  m: {zone: a, address: 10.1.0.1}\n  o: {zone: b, address: 10.2.0.1}\n"
                    "conduits:\n  c:\n    from: a\n    to: b\n    allow:\n"
                    "      - {protocol: " +
                    rule + ", client: m, server: o}\n");
  };
  const std::string write = "dnp3, functions: [write, write_time], where: {destination: 1}";
  const auto lines = of(write);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("write of this rule is less since release 0.2: it no longer covers "
                          "write_attribute (configure), write_deadband (configure), write_file"),
            std::string::npos)
      << lines[0];
  EXPECT_EQ(lines[0].find("write_time"), std::string::npos) << lines[0];
  EXPECT_TRUE(of(write, "written_for: 0.2\n").empty());
  EXPECT_TRUE(of("dnp3, functions: [select], where: {destination: 1}").empty());
  const auto gone = of("mms, functions: [start_unit_control]");
  ASSERT_FALSE(gone.empty());
  EXPECT_NE(gone[0].find("refused since release 0.2"), std::string::npos) << gone[0];
}

// Each part that the table names is a function, or the warning would never come.
TEST(Changes, PartsAreFunctions) {
  for (const auto& [protocol, part, whole] : former_parts()) {
    const auto number = protocols::find_protocol(protocol);
    ASSERT_TRUE(number) << protocol;
    const auto functions = protocols::registry()[*number]->catalogue().functions;
    for (const std::string_view name : {part, whole}) {
      EXPECT_TRUE(std::any_of(functions.begin(), functions.end(),
                              [&](const auto& each) { return each.name == name; }))
          << protocol << " " << name;
    }
  }
}

}  // namespace
}  // namespace bulkhead::controlplane
