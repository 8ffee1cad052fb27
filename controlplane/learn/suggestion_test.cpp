// A suggestion lets the message pass, and exactly what it says: compared with the reference matcher
// over random policies, messages and questions.
#include "controlplane/learn/suggestion.h"

#include <algorithm>
#include <random>

#include "controlplane/learn/place.h"
#include "controlplane/learn/verdict.h"
#include "controlplane/policy/compiler.h"
#include "dataplane/policy/classifier.h"
#include "dataplane/policy/reference_matcher.h"
#include "tests/support/spoken_operations.h"

namespace bulkhead::learn {
namespace {

using Bytes = std::vector<std::uint8_t>;

const std::string kHead =
    "bulkhead: v1\nsite: s\nwritten_for: 0.2\nzones:\n"
    "  supervision: {port: 0, networks: [10.20.0.0/24]}\n"
    "  control: {port: 1, networks: [10.10.0.0/24]}\n"
    "  other: {port: 2, networks: [10.30.0.0/24]}\n"
    "assets:\n"
    "  hmi: {zone: supervision, address: 10.20.0.10}\n"
    "  plc1: {zone: control, address: 10.10.0.20}\n"
    "conduits:\n"
    "  # what the operators do\n"
    "  scada:\n    from: supervision\n    to: control\n    on_deny: reject\n    allow:\n";

const std::string kPolicy =
    kHead +
    "      # polling\n"
    "      - {protocol: modbus, client: hmi, server: plc1, access: [read],\n"
    "         where: {unit: 1, address: 0-9}}\n"
    "      - protocol: modbus\n"
    "        client: hmi\n"
    "        server: plc1\n"
    "        functions: [write_single_register]\n"
    "        where: {unit: 1, address: 42, value: 0-1000}\n"
    "\n# the end\n";

std::optional<policy::Tables> tables_of(const std::string& text) {
  const auto compiled = controlplane::compile_policy(text, "p.yaml");
  EXPECT_TRUE(compiled.model) << compiled.diagnostics.errors_text() << "\n" << text;
  if (!compiled.model) return std::nullopt;
  auto tables = policy::finished(controlplane::lower_policy(*compiled.model));
  EXPECT_TRUE(tables);
  if (!tables) return std::nullopt;
  return std::move(tables).value();
}

const Session kSession{ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::tcp, 502};

Result<std::vector<Suggestion>, std::string> suggested(const std::string& policy,
                                                       const protocols::Operation& operation,
                                                       const Session& session = kSession) {
  return suggest(policy, {session, modbus().protocol, {&operation}});
}

TEST(Suggestion, AValueIsARuleOfItsOwnOrAWiderOne) {
  const Write write(42, 2000);
  const auto found = suggested(kPolicy, write.operation);
  ASSERT_TRUE(found) << found.error();
  ASSERT_EQ(found.value().size(), 2U);
  const Suggestion& rule = found.value()[0];
  EXPECT_EQ(rule.kind, Suggestion::Kind::rule);
  EXPECT_EQ(rule.yaml,
            "      - protocol: modbus\n"
            "        client: hmi\n"
            "        server: plc1\n"
            "        functions: [write_single_register]\n"
            "        where: {unit: 1, address: 42, value: 2000}\n");
  EXPECT_EQ(rule.place, "after the last rule of conduit scada, line 25");
  EXPECT_EQ(rule.allows,
            (std::vector<std::string>{
                "10.20.0.10 may ask 10.10.0.20 (TCP 502) for modbus write_single_register with "
                "unit 1 and address 42 and value 2000"}));
  const Suggestion& wider = found.value()[1];
  EXPECT_EQ(wider.kind, Suggestion::Kind::wider_rule);
  EXPECT_EQ(wider.yaml, "where: {unit: 1, address: 42, value: [0-1000, 2000]}\n");
  EXPECT_EQ(wider.place, "in rule 2 of conduit scada, line 21, in place of its `where`");
  EXPECT_EQ(wider.allows, rule.allows) << "here the two are the same";
}

TEST(Suggestion, AListInBracketsTakesItsRulesWithinThem) {
  const std::string head = kHead.substr(0, kHead.rfind("    allow:"));
  const Write write(42, 2000);
  for (const char* rules : {"", "{service: ping, client: hmi, server: plc1}, "}) {
    const auto found = suggested(head + "    allow: [" + rules + "]\n", write.operation);
    ASSERT_TRUE(found) << found.error();
    const Suggestion& rule = found.value()[0];
    EXPECT_EQ(rule.place, "within the brackets of `allow: []` of conduit scada");
    const std::string pasted = rule.yaml.substr(0, rule.yaml.size() - 1);
    const auto tables = tables_of(head + "    allow: [" + rules + pasted + "]\n");
    ASSERT_TRUE(tables);
    EXPECT_TRUE(judge_operation(*tables, kSession, modbus().protocol, write.operation).allowed());
  }
}

// Rule 1 lacks the function alone, which would grant all values; it is named where nothing is less.
TEST(Suggestion, AFunctionBesideAClass) {
  const Write write(42, 7);
  Session session = kSession;
  session.server = ip("10.10.0.20");
  const std::string policy =
      kHead + "      - {protocol: modbus, client: hmi, server: plc1, access: [read]}\n";
  const auto found = suggested(policy, write.operation, session);
  ASSERT_TRUE(found) << found.error();
  ASSERT_EQ(found.value().size(), 2U);
  EXPECT_EQ(found.value()[1].yaml, "functions: [write_single_register]\n");
  EXPECT_EQ(found.value()[1].place, "in rule 1 of conduit scada, line 18, beside its `access`");
  const auto nearer =
      suggested(policy +
                    "      - {protocol: modbus, client: hmi, server: plc1, functions: [6],\n"
                    "         where: {address: 41}}\n",
                write.operation, session);
  ASSERT_EQ(nearer.value().size(), 2U);
  EXPECT_EQ(nearer.value()[1].yaml, "where: {address: [41, 42]}\n");
}

// Of a range only what is not granted yet.
TEST(Suggestion, OfARangeWhatIsLeft) {
  const auto read = modbus().make("read_coils", {{"unit", {1, 1}}, {"address", {5, 12}}});
  const auto found = suggested(kPolicy, read);
  ASSERT_TRUE(found) << found.error();
  EXPECT_NE(found.value()[0].yaml.find("where: {unit: 1, address: 10-12}"), std::string::npos)
      << found.value()[0].yaml;
  ASSERT_EQ(found.value().size(), 2U);
  EXPECT_EQ(found.value()[1].yaml, "where: {unit: 1, address: [0-9, 10-12]}\n");
  // The wider rule lets all functions of its class read there.
  EXPECT_NE(found.value()[1].allows[0].find("read_holding_registers"), std::string::npos);
  EXPECT_EQ(found.value()[0].allows[0].find("read_holding_registers"), std::string::npos);
}

// Of written elements likewise, each with its value.
TEST(Suggestion, OfElementsThoseThatAreLeft) {
  const Bytes bytes = {0, 7, 0x7, 0xd0};  // 7 at 42, which is granted, and 2000 at 43
  auto write = modbus().make("write_single_register", {{"unit", {1, 1}}, {"address", {42, 43}}});
  write.elements = {bytes, 42, 2, protocols::ElementEncoding::be16};
  const auto found = suggested(kPolicy, write);
  ASSERT_TRUE(found) << found.error();
  EXPECT_NE(found.value()[0].yaml.find("where: {unit: 1, address: 43, value: 2000}"),
            std::string::npos)
      << found.value()[0].yaml;
}

// Where a value lies in several bytes, a byte more would let values lie across both.
TEST(Suggestion, AValueThatIsPlacedMakesNoRuleWider) {
  static const Operations s7("s7comm");
  const auto write = s7.make("write_var", {{"area", {0x84, 0x84}},
                                           {"db", {1, 1}},
                                           {"address", {2, 3}},
                                           {"length", {1, 1}},
                                           {"transport_size", {5, 5}},
                                           {"item_count", {1, 1}},
                                           {"value", {7, 7}}});
  Session session = kSession;
  session.port = 102;
  const auto kinds = [&](const std::string& where) {
    const auto found = suggest(kHead +
                                   "      - {protocol: s7comm, client: hmi, server: plc1,\n"
                                   "         functions: [write_var], where: {" +
                                   where + "}}\n",
                               {session, s7.protocol, {&write}});
    EXPECT_TRUE(found) << found.error();
    std::vector<Suggestion::Kind> list;
    if (!found) return list;
    for (const Suggestion& each : found.value()) list.push_back(each.kind);
    return list;
  };
  using Kind = Suggestion::Kind;
  EXPECT_EQ(kinds("db: 1, address: 0-1, transport_size: 5, value: 0-9"), (std::vector{Kind::rule}));
  EXPECT_EQ(kinds("db: 1, address: 0-1, transport_size: 5"),
            (std::vector{Kind::rule, Kind::wider_rule}));
}

// Its rules count values in another way than messages count registers.
TEST(Suggestion, AValueOfSeveralRegistersMakesNoRuleWider) {
  const Bytes seven = {0, 0, 0, 7};
  auto write = modbus().make("write_multiple_registers", {{"unit", {1, 1}}, {"address", {2, 3}}});
  write.elements = {seven, 2, 2, protocols::ElementEncoding::be16};
  const std::string rule = kHead +
                           "      - {protocol: modbus, client: hmi, server: plc1,\n"
                           "         functions: [write_multiple_registers],\n"
                           "         where: {address: 2-3, value: 0-4}";
  for (const bool typed : {false, true}) {
    const auto found = suggested(rule + (typed ? ", as: uint32}\n" : "}\n"), write);
    ASSERT_TRUE(found) << found.error();
    EXPECT_EQ(found.value().size(), typed ? 1U : 2U);
    EXPECT_EQ(found.value()[0].kind, Suggestion::Kind::rule);
  }
}

TEST(Suggestion, WithoutAConduitAConduit) {
  Session session = kSession;
  session.server = ip("10.30.0.7");
  const auto found = suggested(kPolicy, Write(1, 1).operation, session);
  ASSERT_TRUE(found) << found.error();
  ASSERT_EQ(found.value().size(), 1U);
  const Suggestion& conduit = found.value()[0];
  EXPECT_EQ(conduit.kind, Suggestion::Kind::conduit);
  EXPECT_EQ(conduit.yaml,
            "  supervision-other:\n    from: supervision\n    to: other\n    on_deny: reject\n"
            "    allow:\n      - protocol: modbus\n        client: hmi\n"
            "        server: \"10.30.0.7\"\n        functions: [write_single_register]\n"
            "        where: {unit: 1, address: 1, value: 1}\n");
  EXPECT_EQ(conduit.allows.back(),
            "10.20.0.10 may open sessions to 10.30.0.7 (TCP 502), and these hosts may resolve "
            "each other's addresses");
  const auto tables = tables_of(pasted(kPolicy, conduit.line, conduit.yaml));
  ASSERT_TRUE(tables);
  EXPECT_TRUE(
      judge_operation(*tables, session, modbus().protocol, Write(1, 1).operation).allowed());
}

TEST(Suggestion, APlainService) {
  Session session = kSession;
  session.port = 22;
  const auto found = suggest(kPolicy, {session, protocols::kNoProtocol, {}});
  ASSERT_TRUE(found) << found.error();
  EXPECT_EQ(found.value()[0].yaml,
            "      - service: tcp/22\n        client: hmi\n"
            "        server: plc1\n");
}

// Its first message is not known: the least that the port's usual protocol has, and inspected.
TEST(Suggestion, ASessionMayBeOfSeveralProtocols) {
  Session session = kSession;
  session.client = ip("10.20.0.66");
  session.port = 102;
  const auto protocols_in = [&session](const std::string& policy) {
    std::vector<std::string> names;
    const auto found = suggest(policy, {session, protocols::kNoProtocol, {}});
    EXPECT_TRUE(found) << found.error();
    if (!found) return names;
    for (const Suggestion& each : found.value()) {
      if (each.kind == Suggestion::Kind::wider_rule) continue;
      const std::string key = "- protocol: ";
      const std::size_t at = each.yaml.find(key) + key.size();
      names.push_back(each.yaml.substr(at, each.yaml.find('\n', at) - at));
      EXPECT_NE(each.guess.find(names.back() + " is a guess"), std::string::npos) << each.guess;
    }
    return names;
  };
  EXPECT_EQ(protocols_in(kPolicy), (std::vector<std::string>{"s7comm", "mms", "s7comm_plus"}));
  // What this server is known to speak comes first, on whatever port.
  const std::string speaks =
      kHead + "      - {protocol: mms, client: hmi, server: plc1, access: [read]}\n";
  EXPECT_EQ(protocols_in(speaks), (std::vector<std::string>{"mms", "s7comm", "s7comm_plus"}));
  session.port = 1502;
  EXPECT_EQ(
      protocols_in(kHead + "      - {protocol: modbus, client: hmi, server: plc1, port: 1502,\n"
                           "         access: [read]}\n"),
      (std::vector<std::string>{"modbus"}));
}

TEST(Suggestion, ASessionOfAnInspectedProtocol) {
  Session session = kSession;
  session.client = ip("10.20.0.66");
  const auto found = suggest(kPolicy, {session, protocols::kNoProtocol, {}});
  ASSERT_TRUE(found) << found.error();
  EXPECT_EQ(found.value()[0].yaml,
            "      - protocol: modbus\n        client: \"10.20.0.66\"\n        server: plc1\n"
            "        access: [session]\n");
}

TEST(Suggestion, SaysWhyThereIsNone) {
  EXPECT_EQ(suggested(kPolicy, Write(42, 7).operation).error(),
            "the policy grants it: another rule is not what it needs");
  Session session = kSession;
  session.client = ip("192.0.2.1");
  EXPECT_NE(suggested(kPolicy, Write(1, 1).operation, session).error().find("is in no zone"),
            std::string::npos);
  session.client = ip("10.10.0.9");
  EXPECT_EQ(suggested(kPolicy, Write(1, 1).operation, session).error(),
            "both hosts are in one zone: no rule decides about them");
  EXPECT_NE(suggested("bulkhead: v2\n", Write(1, 1).operation).error().find("does not compile"),
            std::string::npos);
}

// --- the property ------------------------------------------------------------------------------

// Written registers, as the message has them.
struct Registers {
  std::vector<std::uint8_t> bytes;
  protocols::Operation operation;
};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  int up_to(int most) { return std::uniform_int_distribution<int>(0, most)(engine_); }
  template <typename List>
  const auto& of(const List& list) {
    return list[static_cast<std::size_t>(up_to(static_cast<int>(std::size(list)) - 1))];
  }

  // Rules with hosts, functions and values so near to each other that many fail on one thing.
  std::string policy() {
    std::string text = kHead;
    const int rules = 1 + up_to(5);
    for (int i = 0; i < rules; ++i) text += rule();
    return text;
  }

  Session session() {
    Session session = kSession;
    session.client = ip("10.20.0." + std::to_string(10 + up_to(1)));
    session.server = ip("10.10.0." + std::to_string(20 + up_to(1)));
    return session;
  }

  Registers message() {
    Registers made;
    const std::int64_t low = up_to(5);
    const std::int64_t high = low + up_to(2);
    const std::string function(of(kFunctions));
    const bool writes = function.starts_with("write");
    const std::int64_t last = function == "write_single_register" ? low : high;
    const std::int64_t unit = 1 + up_to(1);
    made.operation = modbus().make(function, {{"unit", {unit, unit}}, {"address", {low, last}}});
    if (!writes) return made;
    for (std::int64_t at = low; at <= last; ++at) {
      made.bytes.push_back(0);
      made.bytes.push_back(static_cast<std::uint8_t>(up_to(4)));
    }
    made.operation.elements = {made.bytes, static_cast<std::uint32_t>(low),
                               static_cast<std::uint16_t>(last - low + 1),
                               protocols::ElementEncoding::be16};
    return made;
  }

 private:
  static constexpr std::array<std::string_view, 4> kFunctions = {
      "read_holding_registers", "read_coils", "write_single_register", "write_multiple_registers"};

  std::string rule() {
    static const std::vector<std::string> kClients = {"hmi", "10.20.0.11", "any", "10.20.0.8/29"};
    static const std::vector<std::string> kServers = {"plc1", "10.10.0.21", "any"};
    std::string where = "unit: " + std::to_string(1 + up_to(1));
    const int low = up_to(5);
    const int high = low + up_to(3);
    if (up_to(3) > 0) {
      where += ", address: " + std::to_string(low) + "-" + std::to_string(high);
    }
    const bool writes = up_to(1) == 0;
    std::string type;
    if (writes && up_to(1) == 0) {
      where += ", value: 0-" + std::to_string(up_to(4));
      // Values of two registers each begin where the address range does.
      const bool even = where.find("address") != std::string::npos && (high - low) % 2 == 1;
      if (up_to(1) == 0) type = even ? ", as: uint32" : ", as: int16";
    }
    const std::string functions =
        writes ? "functions: [write_single_register, write_multiple_registers]" : "access: [read]";
    const std::string keys = "protocol: modbus, client: " + of(kClients) +
                             ", server: " + of(kServers) + ", " + functions + ", where: {" + where +
                             "}" + type;
    return "      - {" + keys + "}\n";
  }

  std::mt19937 engine_;
};

// The conduit's rules, and those besides, by the obviously right matcher.
bool reference(const policy::Tables& tables, const std::vector<policy::Rule>& besides,
               const Session& session, const protocols::Operation& operation) {
  policy::Conduit conduit;
  if (!tables.conduits.empty()) conduit.rules = tables.conduits[0].rules;
  conduit.rules.insert(conduit.rules.end(), besides.begin(), besides.end());
  return policy::reference_grants(
      conduit, {session.client, session.server, session.port, session.transport}, modbus().protocol,
      operation, [](const policy::Rule&) { return true; });
}

// The policy as its author has it after taking the suggestion.
std::string taken(const std::string& policy, const Suggestion& suggestion) {
  if (suggestion.kind != Suggestion::Kind::wider_rule) {
    EXPECT_NE(suggestion.line, 0U);
    return pasted(policy, suggestion.line, suggestion.yaml);
  }
  // One rule is one line here; the key's value is exchanged.
  std::size_t at = 0;
  for (std::uint32_t i = 1; i < suggestion.line; ++i) at = policy.find('\n', at) + 1;
  const std::size_t end = policy.find('\n', at);
  std::string line = policy.substr(at, end - at);
  const std::string yaml = suggestion.yaml.substr(0, suggestion.yaml.size() - 1);
  const std::string key = yaml.substr(0, yaml.find(':') + 1);
  const std::size_t begins = line.find(", " + key);
  if (begins == std::string::npos) {
    line.insert(line.size() - 1, ", " + yaml);
  } else {
    std::size_t stops = begins + 2;
    for (int depth = 0; stops < line.size(); ++stops) {
      if (line[stops] == '{' || line[stops] == '[') ++depth;
      if (depth == 0 && (line[stops] == ',' || line[stops] == '}')) break;
      if (line[stops] == '}' || line[stops] == ']') --depth;
    }
    line.replace(begins + 2, stops - begins - 2, yaml);
  }
  return policy.substr(0, at) + line + policy.substr(end);
}

// A wider rule has the host that asked or was asked beside those that it had, and no other.
void expect_no_other_host(const Suggestion& wider, const Session& session) {
  ASSERT_EQ(wider.grants.size(), 1U);
  const policy::Rule& added = wider.grants[0];
  if (wider.yaml.starts_with("client:")) {
    EXPECT_EQ(added.clients, (std::vector<wire::Prefix>{{session.client, 128}})) << wider.yaml;
  }
  if (wider.yaml.starts_with("server:")) {
    EXPECT_EQ(added.servers, (std::vector<wire::Prefix>{{session.server, 128}})) << wider.yaml;
  }
}

void expect_exact(const std::string& policy, const Suggestion& suggestion, const Session& session,
                  const protocols::Operation& refused, Random& random) {
  const auto before = tables_of(policy);
  const std::string text = taken(policy, suggestion);
  const auto after = tables_of(text);
  ASSERT_TRUE(before && after);
  EXPECT_TRUE(judge_operation(*after, session, modbus().protocol, refused).allowed())
      << policy << "\n"
      << suggestion.place << "\n"
      << suggestion.yaml;
  for (int i = 0; i < 200; ++i) {
    const Session asking = random.session();
    const Registers asked = random.message();
    const bool now = judge_operation(*after, asking, modbus().protocol, asked.operation).allowed();
    const bool said = reference(*before, suggestion.grants, asking, asked.operation);
    ASSERT_EQ(now, said) << text << "\n" << suggestion.place << "\n" << suggestion.yaml;
  }
}

TEST(Suggestion, AdmitsExactlyWhatItSays) {
  int rules = 0;
  int wider = 0;
  for (unsigned seed = 1; seed <= 400; ++seed) {
    Random random(seed);
    const std::string policy = random.policy();
    const auto tables = tables_of(policy);
    ASSERT_TRUE(tables);
    const Session session = random.session();
    const Registers message = random.message();
    if (judge_operation(*tables, session, modbus().protocol, message.operation).allowed()) continue;
    const auto found = suggested(policy, message.operation, session);
    ASSERT_TRUE(found) << found.error() << "\n" << policy;
    for (const Suggestion& suggestion : found.value()) {
      const bool is_wider = suggestion.kind == Suggestion::Kind::wider_rule;
      is_wider ? ++wider : ++rules;
      if (is_wider) expect_no_other_host(suggestion, session);
      expect_exact(policy, suggestion, session, message.operation, random);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(rules, 100);
  EXPECT_GT(wider, 50);
}

bool is_part_of(const protocols::Operation& part, const protocols::Operation& whole) {
  return part.function == whole.function && part.fields[0].range == whole.fields[0].range &&
         whole.fields[1].range.contains(part.fields[1].range);
}

// What the first one grants alone is of the same hosts, function and unit, and at addresses of the
// message; and it lies in every other one.
TEST(Suggestion, TheFirstIsTheSmallest) {
  int granted = 0;
  for (unsigned seed = 500; seed < 600; ++seed) {
    Random random(seed);
    const std::string policy = random.policy();
    const auto tables = tables_of(policy);
    ASSERT_TRUE(tables);
    const Session session = random.session();
    const Registers message = random.message();
    const auto found = suggested(policy, message.operation, session);
    if (!found) continue;
    for (int i = 0; i < 300; ++i) {
      const Session asking = random.session();
      const Registers asked = random.message();
      if (reference({}, found.value()[0].grants, asking, asked.operation)) {
        ++granted;
        ASSERT_TRUE(asking == session) << policy;
        ASSERT_TRUE(is_part_of(asked.operation, message.operation)) << policy << "\n"
                                                                    << found.value()[0].yaml;
      }
      if (found.value().size() < 2) continue;
      const bool of_first = reference(*tables, found.value()[0].grants, asking, asked.operation);
      const bool of_second = reference(*tables, found.value()[1].grants, asking, asked.operation);
      ASSERT_TRUE(!of_first || of_second) << policy << "\n" << found.value()[1].yaml;
    }
  }
  EXPECT_GT(granted, 20);
}

}  // namespace
}  // namespace bulkhead::learn
