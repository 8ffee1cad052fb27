// Rows that a plant engineer can read: what is granted, what is asked, what comes of it.
#include <gtest/gtest.h>

#include "dataplane/policy/classifier.h"
#include "dataplane/policy/matcher.h"

namespace bulkhead::policy {
namespace {

constexpr std::uint8_t kUnit = 0;
constexpr std::uint8_t kAddress = 1;
constexpr std::uint8_t kValue = 3;
constexpr std::uint16_t kReadHolding = 2;
constexpr std::uint16_t kWriteSingle = 5;
constexpr std::uint16_t kWriteMultiple = 25;

wire::IpAddress ip(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  const std::uint8_t bytes[] = {a, b, c, d};
  return wire::IpAddress::from_v4(bytes);
}

wire::Prefix host(const wire::IpAddress& address) { return {address, 128}; }

const wire::IpAddress kHmi = ip(10, 20, 0, 10);
const wire::IpAddress kPlc = ip(10, 10, 0, 20);

Rule modbus_rule(std::initializer_list<std::uint16_t> functions,
                 std::vector<Constraint> constraints = {}) {
  Rule rule;
  rule.clients = {host(kHmi)};
  rule.servers = {host(kPlc)};
  rule.ports = {{502, 502}};
  rule.protocol = *protocols::find_protocol("modbus");
  for (const std::uint16_t function : functions) rule.functions.set(function);
  rule.constraints = std::move(constraints);
  return rule;
}

Tables plant(std::vector<Rule> rules) {
  Tables tables;
  tables.site = "test";
  tables.zones.push_back({"supervision", 0, {}, {{ip(10, 20, 0, 0), 120}}});
  tables.zones.push_back({"control", 1, {}, {{ip(10, 10, 0, 0), 120}}});
  tables.bindings.push_back({kPlc, wire::Mac{{2, 0, 0, 0, 0, 0x20}}});
  Conduit& conduit = tables.conduits.emplace_back();
  conduit.name = "scada";
  conduit.to = 1;
  conduit.rules = std::move(rules);
  return tables;
}

template <typename... Rules>
Tables plant_of(Rules... rules) {
  std::vector<Rule> list;
  (list.push_back(std::move(rules)), ...);
  Tables tables = plant(std::move(list));
  EXPECT_EQ(validate(tables), std::nullopt);
  finish(tables);
  return tables;
}

Decision ask(const Tables& tables, const protocols::Operation& operation, TimeNs now_ns = 0) {
  const Conduit& conduit = tables.conduits[0];
  const RuleCell cell = conduit.index.locate({kHmi, kPlc, 502, Transport::tcp});
  return judge(conduit, cell, *protocols::find_protocol("modbus"), operation, now_ns);
}

protocols::Operation operation(std::uint16_t function, Range address) {
  protocols::Operation op;
  op.function = function;
  op.set(kUnit, 1);
  op.set(kAddress, address);
  return op;
}

TEST(Matcher, AnOverlapIsNotAMatch) {
  const Tables tables = plant_of(modbus_rule({kReadHolding}, {{kAddress, {{40, 49}}}}));
  EXPECT_EQ(ask(tables, operation(kReadHolding, {40, 49})).reason, Reason::granted);
  EXPECT_EQ(ask(tables, operation(kReadHolding, {39, 49})).reason, Reason::values_not_granted);
  EXPECT_EQ(ask(tables, operation(kReadHolding, {40, 50})).reason, Reason::values_not_granted);
  EXPECT_EQ(ask(tables, operation(kWriteSingle, {40, 40})).reason, Reason::function_not_granted);
}

TEST(Matcher, TwoRulesCoverARangeBetweenThem) {
  const Tables tables = plant_of(modbus_rule({kReadHolding}, {{kAddress, {{0, 9}}}}),
                                 modbus_rule({kReadHolding}, {{kAddress, {{10, 19}}}}));
  EXPECT_EQ(ask(tables, operation(kReadHolding, {5, 15})).reason, Reason::granted);
  EXPECT_EQ(ask(tables, operation(kReadHolding, {5, 20})).reason, Reason::values_not_granted);
}

TEST(Matcher, AMissingFieldNeverSatisfiesAnAllow) {
  const Tables tables = plant_of(modbus_rule({kReadHolding}, {{kValue, {{0, 65535}}}}));
  EXPECT_EQ(ask(tables, operation(kReadHolding, {1, 1})).reason, Reason::values_not_granted);
}

TEST(Matcher, EachElementIsJudgedAtItsOwnAddress) {
  const Tables tables =
      plant_of(modbus_rule({kWriteMultiple}, {{kAddress, {{40, 40}}}, {kValue, {{0, 10}}}}),
               modbus_rule({kWriteMultiple}, {{kAddress, {{41, 41}}}, {kValue, {{0, 100}}}}));
  const std::uint8_t fits[] = {0, 10, 0, 100};
  const std::uint8_t swapped[] = {0, 100, 0, 10};
  protocols::Operation write = operation(kWriteMultiple, {40, 41});
  write.elements = {fits, 40, 2, protocols::ElementEncoding::be16};
  EXPECT_EQ(ask(tables, write).reason, Reason::granted);
  write.elements.bytes = swapped;
  EXPECT_EQ(ask(tables, write).reason, Reason::values_not_granted);
}

// Two elements, 10 and 100, as each encoding has them.
TEST(Matcher, ElementsAreReadByTheirEncoding) {
  using protocols::ElementEncoding;
  const Tables tables =
      plant_of(modbus_rule({kWriteMultiple}, {{kAddress, {{40, 40}}}, {kValue, {{10, 10}}}}),
               modbus_rule({kWriteMultiple}, {{kAddress, {{41, 41}}}, {kValue, {{100, 100}}}}));
  const auto verdict = [&](ElementEncoding encoding, const std::vector<std::uint8_t>& bytes) {
    protocols::Operation write = operation(kWriteMultiple, {40, 41});
    write.elements = {bytes, 40, 2, encoding};
    return ask(tables, write).reason;
  };
  struct Row {
    ElementEncoding encoding;
    std::vector<std::uint8_t> bytes;
  };
  const std::vector<Row> rows = {
      {ElementEncoding::u8, {10, 100}},
      {ElementEncoding::be16, {0, 10, 0, 100}},
      {ElementEncoding::le16, {10, 0, 100, 0}},
      {ElementEncoding::be32, {0, 0, 0, 10, 0, 0, 0, 100}},
      {ElementEncoding::le32, {10, 0, 0, 0, 100, 0, 0, 0}},
      {ElementEncoding::be64, {0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 100}},
      {ElementEncoding::le64, {10, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(verdict(row.encoding, row.bytes), Reason::granted);
    for (std::size_t octet = 0; octet < row.bytes.size(); ++octet) {
      std::vector<std::uint8_t> changed = row.bytes;
      changed[octet] ^= 0x80;
      EXPECT_EQ(verdict(row.encoding, changed), Reason::values_not_granted) << octet;
    }
  }
}

TEST(Matcher, FloatsAreJudgedWholeInEitherWordOrder) {
  // 0.0 to 100.0; 42.5 is 0x422a0000, 100.5 is 0x42c90000.
  const Range limits{*float32_order(0), *float32_order(0x42c80000)};
  Rule rule = modbus_rule({kWriteMultiple}, {{kAddress, {{40, 43}}}, {kValue, {limits}}});
  rule.value_type = ValueType::float32;
  const Tables tables = plant_of(std::move(rule));
  const std::uint8_t good[] = {0x42, 0x2a, 0, 0};
  const std::uint8_t high[] = {0x42, 0xc9, 0, 0};
  const std::uint8_t nan[] = {0x7f, 0xc0, 0, 1};
  protocols::Operation write = operation(kWriteMultiple, {40, 41});
  write.elements = {good, 40, 2, protocols::ElementEncoding::be16};
  EXPECT_EQ(ask(tables, write).reason, Reason::granted);
  write.elements.bytes = high;
  EXPECT_EQ(ask(tables, write).reason, Reason::values_not_granted);
  write.elements.bytes = nan;
  EXPECT_EQ(ask(tables, write).reason, Reason::values_not_granted);
  write = operation(kWriteMultiple, {41, 42});  // halves of two values
  write.elements = {good, 41, 2, protocols::ElementEncoding::be16};
  EXPECT_EQ(ask(tables, write).reason, Reason::values_not_granted);
}

// Judges, and charges as for a message that leaves.
Reason ask_and_pay(const Tables& tables, const protocols::Operation& operation, TimeNs now_ns) {
  const Conduit& conduit = tables.conduits[0];
  const RuleCell cell = conduit.index.locate({kHmi, kPlc, 502, Transport::tcp});
  Charges charges;
  const Decision decision =
      judge(conduit, cell, *protocols::find_protocol("modbus"), operation, now_ns, charges);
  if (decision.reason == Reason::granted) {
    EXPECT_TRUE(charges.charge(conduit, now_ns));
  } else {
    EXPECT_TRUE(charges.empty());
  }
  return decision.reason;
}

constexpr TimeNs kStart = 100 * kSecondNs;

TEST(Matcher, ARateLimitsHowOftenARuleGrants) {
  Tables tables = plant_of(modbus_rule({kReadHolding}));
  tables.conduits[0].rules[0].budget = 0;
  tables.conduits[0].budgets.emplace_back(kSecondNs / 5, 5);
  const protocols::Operation read = operation(kReadHolding, {0, 0});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask_and_pay(tables, read, kStart), Reason::granted);
  EXPECT_EQ(ask_and_pay(tables, read, kStart), Reason::rate_exceeded);
  EXPECT_EQ(ask_and_pay(tables, read, kStart + kSecondNs / 5 - 1), Reason::rate_exceeded);
  EXPECT_EQ(ask_and_pay(tables, read, kStart + kSecondNs / 5), Reason::granted);
}

TEST(Matcher, JudgingChargesNothing) {
  Tables tables = plant_of(modbus_rule({kReadHolding}));
  tables.conduits[0].rules[0].budget = 0;
  tables.conduits[0].budgets.emplace_back(kSecondNs, 1);
  const protocols::Operation read = operation(kReadHolding, {0, 0});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(tables, read, kStart).reason, Reason::granted);
  EXPECT_EQ(ask_and_pay(tables, read, kStart), Reason::granted);
  EXPECT_EQ(ask(tables, read, kStart).reason, Reason::rate_exceeded);
}

// What a session stands under is a value: it has one in each policy.
TEST(Matcher, ASecondPolicyIsJudgedBesideTheFirst) {
  Tables first = plant_of(modbus_rule({kWriteSingle}), modbus_rule({kReadHolding}));
  first.conduits[0].rules[1].budget = 0;
  first.conduits[0].budgets.emplace_back(kSecondNs, 1);
  const Tables second = plant_of(modbus_rule({kReadHolding}, {{kAddress, {{40, 49}}}}));
  const std::uint8_t modbus = *protocols::find_protocol("modbus");
  const Endpoints endpoints{kHmi, kPlc, 502, Transport::tcp};
  const Standing in_force = classify(first, 0, 1, endpoints).standing;
  const Standing beside = classify(second, 0, 1, endpoints).standing;
  const protocols::Operation read = operation(kReadHolding, {0, 0});
  Charges charges;
  Charges of_second;
  const Decision granted = judge(first, in_force, modbus, read, kStart, charges);
  EXPECT_EQ(granted.reason, Reason::granted);
  EXPECT_EQ(granted.rule, 2);
  EXPECT_EQ(judge(second, beside, modbus, read, kStart, of_second).reason,
            Reason::values_not_granted);
  EXPECT_FALSE(charges.empty());
  EXPECT_TRUE(of_second.empty()) << "and neither knows of the other";
}

// A rule that grants a part of what another limits must not lift its limit, nor be bound by it.
TEST(Matcher, ARateIsOfTheRuleThatDecides) {
  Tables tables = plant_of(modbus_rule({kReadHolding}));
  std::vector<Rule>& rules = tables.conduits[0].rules;
  rules = {};
  rules.push_back(modbus_rule({kReadHolding}));  // 0 to 9, once a minute
  rules[0].constraints = {{kAddress, {{0, 9}}, {}}};
  rules[0].budget = 0;
  rules.push_back(modbus_rule({kReadHolding}));  // 5 to 14, without a limit
  rules[1].constraints = {{kAddress, {{5, 14}}, {}}};
  tables.conduits[0].budgets.emplace_back(60 * kSecondNs, 1);
  finish(tables);
  const auto pay = [&](std::int64_t low, std::int64_t high) {
    return ask_and_pay(tables, operation(kReadHolding, {low, high}), kStart);
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pay(5, 9), Reason::granted);
  EXPECT_EQ(ask(tables, operation(kReadHolding, {5, 9}), kStart).rule, 2);
  EXPECT_EQ(pay(4, 9), Reason::granted);
  EXPECT_EQ(pay(4, 4), Reason::rate_exceeded);
  EXPECT_EQ(ask(tables, operation(kReadHolding, {4, 12}), kStart).rule, 1);
  EXPECT_EQ(pay(4, 15), Reason::values_not_granted);
  EXPECT_EQ(pay(10, 14), Reason::granted);
}

// What the author wrote as one rule has one number and one budget, whatever it became.
TEST(Matcher, PartsOfARuleShareItsBudget) {
  Tables tables = plant_of(modbus_rule({kReadHolding}));
  std::vector<Rule>& rules = tables.conduits[0].rules;
  rules.push_back(modbus_rule({kReadHolding}));
  for (std::size_t i = 0; i < 2; ++i) {
    rules[i].constraints = {
        {kAddress, {{static_cast<std::int64_t>(i), static_cast<std::int64_t>(i)}}, {}}};
    rules[i].budget = 0;
    rules[i].number = 7;
  }
  tables.conduits[0].budgets.emplace_back(60 * kSecondNs, 1);
  finish(tables);
  EXPECT_EQ(ask(tables, operation(kReadHolding, {0, 1}), kStart).rule, 7);
  EXPECT_EQ(ask_and_pay(tables, operation(kReadHolding, {0, 1}), kStart), Reason::granted);
  EXPECT_EQ(ask_and_pay(tables, operation(kReadHolding, {1, 1}), kStart), Reason::rate_exceeded);
}

TEST(Matcher, AMessageThatNeedsTooManyBudgetsIsNotGranted) {
  Tables tables = plant_of(modbus_rule({kReadHolding}));
  Conduit& conduit = tables.conduits[0];
  conduit.rules = {};
  for (std::int64_t i = 0; i <= static_cast<std::int64_t>(Charges::kBudgetsMax); ++i) {
    Rule& rule = conduit.rules.emplace_back(modbus_rule({kReadHolding}));
    rule.constraints = {{kAddress, {{i, i}}, {}}};
    rule.budget = static_cast<std::uint16_t>(i);
    conduit.budgets.emplace_back(kSecondNs, 1);
  }
  finish(tables);
  const std::int64_t last = Charges::kBudgetsMax;
  EXPECT_EQ(ask(tables, operation(kReadHolding, {0, last})).reason, Reason::rate_exceeded);
  EXPECT_EQ(ask(tables, operation(kReadHolding, {1, last})).reason, Reason::granted);
}

TEST(RateLimit, WhatWasRefundedIsThereAgain) {
  const RateLimit limit(kSecondNs, 2);
  EXPECT_TRUE(limit.charge(kStart));
  EXPECT_TRUE(limit.charge(kStart));
  EXPECT_FALSE(limit.available(kStart));
  limit.refund();
  EXPECT_TRUE(limit.charge(kStart));
  EXPECT_FALSE(limit.charge(kStart));
}

TEST(Classifier, TheLongestPrefixHasAnAddress) {
  Tables tables;
  tables.zones.push_back({"a", 0, {}, {{ip(10, 0, 0, 0), 96 + 8}, {ip(10, 1, 2, 3), 128}}});
  tables.zones.push_back({"b", 1, {}, {{ip(10, 1, 0, 0), 96 + 16}, {ip(255, 0, 0, 0), 96 + 8}}});
  finish(tables);
  const auto zone = [&](const wire::IpAddress& address) { return find_zone(tables, address); };
  EXPECT_EQ(zone(ip(9, 255, 255, 255)), kNoZone);
  EXPECT_EQ(zone(ip(10, 0, 0, 0)), 0);
  EXPECT_EQ(zone(ip(10, 1, 0, 0)), 1);
  EXPECT_EQ(zone(ip(10, 1, 2, 2)), 1);
  EXPECT_EQ(zone(ip(10, 1, 2, 3)), 0);
  EXPECT_EQ(zone(ip(10, 1, 2, 4)), 1);
  EXPECT_EQ(zone(ip(10, 1, 255, 255)), 1);
  EXPECT_EQ(zone(ip(10, 2, 0, 0)), 0);
  EXPECT_EQ(zone(ip(11, 0, 0, 0)), kNoZone);
  EXPECT_EQ(zone(ip(255, 255, 255, 255)), 1);
}

TEST(Classifier, NamesTheRulesOfTwoHostsAndAService) {
  const Tables tables = plant_of(modbus_rule({kReadHolding}));
  const auto reason = [&](const wire::IpAddress& client, const wire::IpAddress& server,
                          std::uint16_t port, std::uint16_t from = 0, std::uint16_t to = 1) {
    return classify(tables, from, to, {client, server, port, Transport::tcp}).reason;
  };
  EXPECT_EQ(reason(kHmi, kPlc, 502), Reason::service_granted);
  EXPECT_EQ(reason(kHmi, kPlc, 503), Reason::no_rule);
  EXPECT_EQ(reason(ip(10, 20, 0, 11), kPlc, 502), Reason::no_rule);
  EXPECT_EQ(reason(kPlc, kHmi, 502, 1, 0), Reason::no_conduit);
  EXPECT_EQ(reason(kHmi, kHmi, 502, 0, 0), Reason::not_for_another_zone);
  EXPECT_EQ(reason(kHmi, kPlc, 502, 0, kNoZone), Reason::no_conduit);
}

TEST(Classifier, SourcesAreCheckedAgainstTheirZoneAndBinding) {
  const Tables tables = plant_of(modbus_rule({kReadHolding}));
  EXPECT_TRUE(find_source_zone(tables, 0, {}, kHmi).known_source);
  EXPECT_FALSE(find_source_zone(tables, 0, {}, kPlc).known_source);
  EXPECT_EQ(find_source_zone(tables, 0, {7, 0}, kHmi).zone, kNoZone);
  EXPECT_TRUE(binding_holds(tables, kPlc, wire::Mac{{2, 0, 0, 0, 0, 0x20}}));
  EXPECT_FALSE(binding_holds(tables, kPlc, wire::Mac{{2, 0, 0, 0, 0, 0x21}}));
  EXPECT_TRUE(binding_holds(tables, kHmi, wire::Mac{{2, 0, 0, 0, 0, 0x21}}));
  EXPECT_TRUE(may_resolve(tables, 1, kPlc, 0, kHmi));
  EXPECT_FALSE(may_resolve(tables, 0, ip(10, 20, 0, 11), 1, kPlc));
}

// Ten thousand zones in pairs, and in one conduit a rule for each of 4,000 devices.
Tables large_site(std::uint32_t pairs, std::uint32_t devices) {
  Tables tables;
  tables.site = "large";
  const auto net = [](std::uint8_t first, std::uint32_t i) {
    return ip(first, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 0);
  };
  for (std::uint32_t i = 0; i < pairs; ++i) {
    tables.zones.push_back({"up" + std::to_string(i), 0, {}, {{net(10, i), 120}}});
    tables.zones.push_back({"down" + std::to_string(i), 1, {}, {{net(20, i), 120}}});
    Conduit& conduit = tables.conduits.emplace_back();
    conduit.name = "c" + std::to_string(i);
    conduit.from = static_cast<std::uint16_t>(2 * i);
    conduit.to = static_cast<std::uint16_t>(2 * i + 1);
    Rule rule = modbus_rule({kReadHolding});
    rule.clients = {{net(10, i), 120}};
    rule.servers = {{net(20, i), 120}};
    conduit.rules.push_back(std::move(rule));
  }
  tables.zones.push_back({"office", 0, {}, {{ip(30, 0, 0, 0), 104}}});
  tables.zones.push_back({"field", 1, {}, {{ip(31, 0, 0, 0), 104}}});
  Conduit& wide = tables.conduits.emplace_back();
  wide.name = "wide";
  wide.from = static_cast<std::uint16_t>(2 * pairs);
  wide.to = static_cast<std::uint16_t>(2 * pairs + 1);
  for (std::uint32_t i = 0; i < devices; ++i) {
    Rule rule = modbus_rule({kReadHolding}, {{kAddress, {{i, i}}}});
    rule.clients = {{ip(30, 0, 0, 0), 104}};
    rule.servers = {host(net(31, i))};
    wide.rules.push_back(std::move(rule));
  }
  return tables;
}

TEST(Classifier, FindsItsWayInALargeSite) {
  constexpr std::uint32_t kPairs = 10000;
  constexpr std::uint32_t kDevices = 4000;
  Tables tables = large_site(kPairs, kDevices);
  ASSERT_EQ(validate(tables), std::nullopt);
  finish(tables);
  for (std::uint32_t i = 0; i < kPairs; i += 97) {
    const auto host_in = [&](std::uint8_t first, std::uint32_t of) {
      return ip(first, static_cast<std::uint8_t>(of >> 8), static_cast<std::uint8_t>(of), 9);
    };
    const auto ask_for = [&](std::uint32_t client, std::uint32_t server) {
      const wire::IpAddress from = host_in(10, client);
      const wire::IpAddress to = host_in(20, server);
      EXPECT_TRUE(find_source_zone(tables, 0, {}, from).known_source);
      return classify(tables, find_zone(tables, from), find_zone(tables, to),
                      {from, to, 502, Transport::tcp});
    };
    EXPECT_EQ(ask_for(i, i).standing.conduit, i);
    EXPECT_EQ(ask_for(i, i).reason, Reason::service_granted);
    EXPECT_EQ(ask_for(i, (i + 1) % kPairs).reason, Reason::no_conduit);
  }
  const Conduit& wide = tables.conduits.back();
  for (std::uint32_t i = 0; i < kDevices; i += 53) {
    const auto device = ip(31, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 0);
    const RuleCell cell = wide.index.locate({ip(30, 1, 2, 3), device, 502, Transport::tcp});
    EXPECT_EQ(wide.index.first_rule(cell), i + 1);
    const auto at = [&](std::uint32_t address) {
      return judge(wide, cell, *protocols::find_protocol("modbus"),
                   operation(kReadHolding, {address, address}), 0);
    };
    EXPECT_EQ(at(i).reason, Reason::granted);
    EXPECT_EQ(at(i).rule, i + 1);
    EXPECT_EQ(at(i + 1).reason, Reason::values_not_granted);
  }
}

// Each way in which tables can be wrong, and that validate() says so.
TEST(Validate, RefusesWhatAHostileControllerMightSend) {
  using Change = void (*)(Tables&);
  const Change changes[] = {
      [](Tables& t) { t.site.clear(); },
      [](Tables& t) { t.zones[0].name = std::string(65, 'x'); },
      [](Tables& t) { t.zones[0].name = "a\"b"; },
      [](Tables& t) { t.zones[0].name = "control"; },
      [](Tables& t) { t.zones[0].port = kPortsMax; },
      [](Tables& t) { t.zones[0].vlan.outer = 4095; },
      [](Tables& t) { t.zones[0].vlan = {5, 0}; },
      [](Tables& t) { t.zones[0].networks[0].length = 129; },
      [](Tables& t) { t.zones[0].networks[0].length = 109; },
      [](Tables& t) { t.zones[0].networks = t.zones[1].networks; },
      [](Tables& t) { t.zones[0].networks.clear(); },
      [](Tables& t) { t.bindings.push_back(t.bindings[0]); },
      [](Tables& t) { t.bindings[0].mac.bytes[0] = 1; },
      [](Tables& t) { t.conduits[0].from = 2; },
      [](Tables& t) { t.conduits[0].to = 0; },
      [](Tables& t) { t.conduits[0].on_deny = static_cast<OnDeny>(9); },
      [](Tables& t) { t.conduits[0].rules.resize(kRulesMax + 1); },
      [](Tables& t) { t.conduits[0].rules[0].clients.clear(); },
      [](Tables& t) { t.conduits[0].rules[0].ports.clear(); },
      [](Tables& t) { t.conduits[0].rules[0].ports[0] = {9, 8}; },
      [](Tables& t) { t.conduits[0].rules[0].protocol = 200; },
      [](Tables& t) { t.conduits[0].rules[0].protocol = protocols::kNoProtocol; },
      [](Tables& t) { t.conduits[0].rules[0].functions.reset(); },
      [](Tables& t) { t.conduits[0].rules[0].functions.set(255); },
      [](Tables& t) { t.conduits[0].rules[0].constraints[0].field = 99; },
      [](Tables& t) { t.conduits[0].rules[0].constraints[0].ranges = {{5, 4}}; },
      [](Tables& t) { t.conduits[0].rules[0].constraints[0].ranges = {{0, 65536}}; },
      [](Tables& t) { t.conduits[0].rules[0].constraints[0].ranges = {{5, 6}, {7, 8}}; },
      [](Tables& t) { t.conduits[0].rules[0].constraints[0].ranges = {{7, 8}, {1, 2}}; },
      [](Tables& t) { t.conduits[0].rules[0].constraints[0].ranges.clear(); },
      [](Tables& t) { t.conduits[0].rules[0].constraints.push_back({kAddress, {{1, 1}}}); },
      [](Tables& t) {
        t.conduits[0].rules[0].constraints.clear();
        t.conduits[0].rules[0].value_type = ValueType::float32;
      },
      [](Tables& t) { t.conduits[0].budgets.emplace_back(kSecondNs, 0); },
      [](Tables& t) { t.conduits[0].rules[0].budget = 0; },
      [](Tables& t) { t.conduits[0].rules[0].number = kRulesMax + 1; },
      [](Tables& t) { t.conduits[0].rules[0].transport = Transport::icmp; },
  };
  int index = 0;
  for (const Change change : changes) {
    std::vector<Rule> rules;
    rules.push_back(modbus_rule({kReadHolding}, {{kAddress, {{40, 49}}}}));
    Tables tables = plant(std::move(rules));
    ASSERT_EQ(validate(tables), std::nullopt);
    change(tables);
    EXPECT_NE(validate(tables), std::nullopt) << "change " << index;
    ++index;
  }
}

}  // namespace
}  // namespace bulkhead::policy
