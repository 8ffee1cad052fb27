// The fast matcher against the slow one, on random policies and operations. Values are drawn from a
// small space, so that grants and questions meet often; both answers must occur.
#include "dataplane/policy/matcher.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "dataplane/policy/containment.h"
#include "dataplane/policy/reference_matcher.h"
#include "tests/support/catalogue_only.h"
#include "tests/support/topic_filter.h"

namespace bulkhead::policy {
namespace {

constexpr std::int64_t kAddressMax = 23;
constexpr std::int64_t kValueMax = 9;
constexpr std::size_t kFunctionCount = 3;

std::uint8_t modbus() { return *protocols::find_protocol("modbus"); }

std::uint8_t field(std::string_view name) {
  const auto fields = protocols::registry()[modbus()]->catalogue().fields;
  const auto at = std::find_if(fields.begin(), fields.end(),
                               [&](const auto& info) { return info.name == name; });
  return static_cast<std::uint8_t>(at - fields.begin());
}

std::vector<Range> random_ranges(std::int64_t max, bool even) {
  std::vector<Range> ranges;
  std::int64_t at = *rc::gen::inRange<std::int64_t>(0, max / 2 + 1);
  const int count = *rc::gen::inRange(1, 4);
  for (int i = 0; i < count && at <= max; ++i) {
    std::int64_t length = *rc::gen::inRange<std::int64_t>(1, max / 2 + 2);
    if (even) length += length % 2;
    ranges.push_back({at, at + length - 1});
    at += length + *rc::gen::inRange<std::int64_t>(1, 4);
  }
  return ranges;
}

// Limits around the values that two small registers make, in the order of the rule's type.
std::vector<Range> random_typed_ranges(ValueType type) {
  const auto low_word = *rc::gen::inRange<std::int64_t>(0, kValueMax + 1);
  const auto high_word = *rc::gen::inRange<std::int64_t>(0, kValueMax + 1);
  const std::int64_t limit = high_word * 65536 + low_word;
  if (type == ValueType::int16) return {{-limit % 5, low_word}};
  return {{*rc::gen::element<std::int64_t>(0, 65536, 3), limit + 70000}};
}

// Hosts of a small network, so that rules of few and of many hosts meet; IPv6 now and then.
wire::IpAddress random_host() {
  const auto last = static_cast<std::uint8_t>(*rc::gen::inRange(0, 8));
  const std::uint8_t v4[] = {10, 0, 0, last};
  if (*rc::gen::inRange(0, 4) > 0) return wire::IpAddress::from_v4(v4);
  const std::uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, last};
  return wire::IpAddress::from_v6(v6);
}

wire::Prefix random_network() {
  wire::Prefix prefix{random_host(), wire::kPrefixLengthMax};
  const std::size_t last = prefix.address.is_v4() ? 15 : 7;
  const auto host_bits = static_cast<std::uint8_t>(*rc::gen::inRange(0, 4));
  const std::size_t below = prefix.address.is_v4() ? 0 : 64;
  prefix.length = static_cast<std::uint8_t>(prefix.length - below - host_bits);
  prefix.address.bytes[last] =
      static_cast<std::uint8_t>(prefix.address.bytes[last] >> host_bits << host_bits);
  return prefix;
}

Rule random_rule() {
  Rule rule;
  rule.clients.push_back(random_network());
  rule.servers.push_back(random_network());
  if (*rc::gen::arbitrary<bool>()) rule.servers.push_back(random_network());
  rule.transport = *rc::gen::element(Transport::tcp, Transport::tcp, Transport::udp);
  const auto port = static_cast<std::uint16_t>(*rc::gen::inRange(500, 504));
  rule.ports.push_back({port, static_cast<std::uint16_t>(port + *rc::gen::inRange(0, 3))});
  rule.protocol = modbus();
  for (std::size_t f = 0; f < kFunctionCount; ++f)
    rule.functions.set(f, *rc::gen::arbitrary<bool>());
  rule.value_type = *rc::gen::element(ValueType::plain, ValueType::plain, ValueType::int16,
                                      ValueType::uint32, ValueType::int32, ValueType::float32);
  rule.word_order = *rc::gen::element(WordOrder::big, WordOrder::little);
  const bool typed = rule.value_type != ValueType::plain;
  if (*rc::gen::arbitrary<bool>()) {
    rule.constraints.push_back({field("unit"), random_ranges(3, false)});
  }
  if (typed || *rc::gen::inRange(0, 4) > 0) {
    rule.constraints.push_back({field("address"), random_ranges(kAddressMax, typed)});
  }
  if (*rc::gen::inRange(0, 3) == 0)
    rule.budget = static_cast<std::uint16_t>(*rc::gen::inRange(0, 4));
  if (*rc::gen::arbitrary<bool>()) {
    rule.constraints.push_back({field("value"), typed ? random_typed_ranges(rule.value_type)
                                                      : random_ranges(kValueMax, false)});
  }
  return rule;
}

int answers[2] = {0, 0};  // refused, granted: over all questions asked
int contained_answers[2] = {0, 0};

struct Question {
  protocols::Operation operation;
  std::vector<std::uint8_t> bytes;
};

void random_question(Question& question) {
  protocols::Operation& operation = question.operation;
  operation.function =
      static_cast<std::uint16_t>(*rc::gen::inRange<std::size_t>(0, kFunctionCount));
  if (*rc::gen::inRange(0, 8) > 0) operation.set(field("unit"), *rc::gen::inRange(0, 4));
  const auto first = *rc::gen::inRange<std::int64_t>(0, kAddressMax + 1);
  const auto count = *rc::gen::inRange<std::int64_t>(1, 6);
  const int shape = *rc::gen::inRange(0, 4);
  if (shape == 0) {  // one address and one value
    operation.set(field("address"), first);
    operation.set(field("value"), *rc::gen::inRange<std::int64_t>(0, kValueMax + 1));
    return;
  }
  operation.set(field("address"), Range{first, first + count - 1});
  if (shape == 1) return;  // a read
  using protocols::ElementEncoding;
  const auto encoding =
      *rc::gen::element(ElementEncoding::bits, ElementEncoding::u8, ElementEncoding::be16,
                        ElementEncoding::be16, ElementEncoding::le16, ElementEncoding::be32,
                        ElementEncoding::le32, ElementEncoding::be64, ElementEncoding::le64);
  const auto size = static_cast<std::int64_t>(protocols::bytes_of(encoding));
  const bool little = encoding == ElementEncoding::le16 || encoding == ElementEncoding::le32 ||
                      encoding == ElementEncoding::le64;
  for (std::int64_t i = 0; i < size * count; ++i) {
    const auto value = *rc::gen::inRange<int>(0, kValueMax + 1);
    const bool lowest = i % size == (little ? 0 : size - 1);
    question.bytes.push_back(lowest || shape != 2 ? static_cast<std::uint8_t>(value)
                                                  : std::uint8_t{0});
  }
  operation.elements = {question.bytes, static_cast<std::uint32_t>(first),
                        static_cast<std::uint16_t>(count), encoding};
}

Endpoints random_endpoints() {
  return {random_host(), random_host(), static_cast<std::uint16_t>(*rc::gen::inRange(500, 504)),
          *rc::gen::element(Transport::tcp, Transport::tcp, Transport::udp)};
}

// Conduits of a few rules, and of more than a word of bits holds.
RC_GTEST_PROP(Matcher, AgreesWithTheReference, ()) {
  Tables tables;
  tables.zones.resize(2);
  Conduit& conduit = tables.conduits.emplace_back();
  conduit.to = 1;
  const int rules = *rc::gen::element(1, 3, 8, 20, 64, 65, 200);
  for (int i = 0; i < rules; ++i) conduit.rules.push_back(random_rule());
  for (int i = 0; i < 4; ++i) {
    conduit.budgets.emplace_back(kSecondNs, 1);
    if (*rc::gen::arbitrary<bool>()) conduit.budgets.back().charge(0);
  }
  finish(tables);
  const auto costs_nothing = [](const Rule& rule) { return rule.budget == kNoBudget; };
  const auto affordable = [&](const Rule& rule) {
    return costs_nothing(rule) || conduit.budgets[rule.budget].available(0);
  };
  const auto any = [](const Rule&) { return true; };
  for (int i = 0; i < 20; ++i) {
    Question question;
    random_question(question);
    const Endpoints endpoints = random_endpoints();
    const auto grants = [&](const std::function<bool(const Rule&)>& may_use) {
      return reference_grants(conduit, endpoints, modbus(), question.operation, may_use);
    };
    const bool expected = grants(affordable);
    const RuleCell cell = conduit.index.locate(endpoints);
    Charges charges;
    const Decision decision = judge(conduit, cell, modbus(), question.operation, 0, charges);
    ++answers[expected ? 1 : 0];
    RC_ASSERT((decision.reason == Reason::granted) == expected);
    RC_ASSERT((decision.reason == Reason::rate_exceeded) == (!expected && grants(any)));
    RC_ASSERT(charges.empty() == (!expected || grants(costs_nothing)));
  }
}

// As judge_contained() states it in words: what the rules grant, less what a level cuts.
RC_GTEST_PROP(Matcher, AgreesUnderContainment, ()) {
  const auto functions = protocols::registry()[modbus()]->catalogue().functions;
  const auto write = static_cast<std::uint16_t>(
      std::ranges::find(functions, std::string_view("write_single_register"),
                        &protocols::FunctionInfo::name) -
      functions.begin());
  Tables tables;
  tables.zones.resize(2);
  Conduit& conduit = tables.conduits.emplace_back();
  conduit.to = 1;
  const int rules = *rc::gen::element(1, 3, 8, 65);
  for (int i = 0; i < rules; ++i) {
    Rule& rule = conduit.rules.emplace_back(random_rule());
    rule.functions.set(write, *rc::gen::arbitrary<bool>());
    rule.essential = *rc::gen::arbitrary<bool>();
  }
  for (int i = 0; i < 4; ++i) {
    conduit.budgets.emplace_back(kSecondNs, 1);
    if (*rc::gen::arbitrary<bool>()) conduit.budgets.back().charge(0);
  }
  finish(tables);
  for (int i = 0; i < 20; ++i) {
    Question question;
    random_question(question);
    if (*rc::gen::arbitrary<bool>()) question.operation.function = write;
    const Endpoints endpoints = random_endpoints();
    Cut cut;
    for (const auto level : {ContainmentLevel::read_only, ContainmentLevel::essential}) {
      if (*rc::gen::arbitrary<bool>()) cut.add(level);
    }
    if (*rc::gen::inRange(0, 8) == 0) cut.add(ContainmentLevel::isolate);
    const bool essential = cut.has(ContainmentLevel::essential);
    const auto grants = [&](bool essential_only, bool whatever_it_costs) {
      return reference_grants(conduit, endpoints, modbus(), question.operation,
                              [&](const Rule& rule) {
                                if (essential_only && !rule.essential) return false;
                                return whatever_it_costs || rule.budget == kNoBudget ||
                                       conduit.budgets[rule.budget].available(0);
                              });
    };
    const bool writes = question.operation.function == write;
    const bool closed = cut.isolates() || (cut.has(ContainmentLevel::read_only) && writes);
    const bool expected = !closed && grants(essential, false);
    Charges charges;
    const Decision decision = judge_contained(cut, conduit, conduit.index.locate(endpoints),
                                              modbus(), question.operation, 0, charges);
    ++contained_answers[expected ? 1 : 0];
    RC_ASSERT((decision.reason == Reason::granted) == expected);
    const bool contained = grants(false, false) && (closed || (essential && !grants(true, true)));
    RC_ASSERT((decision.reason == Reason::contained) == contained);
    RC_ASSERT(expected || charges.empty());
  }
}

// Values of a type that the writer names, among bytes: elements of 1, 2 and 4.
constexpr std::array kPlacedFields = {
    protocols::FieldInfo{"address", protocols::FieldKind::integer, 32, "", "", true},
    protocols::FieldInfo{"type", protocols::FieldKind::integer, 8, "", ""},
    protocols::FieldInfo{"value", protocols::FieldKind::integer, 32, "", ""}};
constexpr std::array kPlacedFunctions = {
    protocols::FunctionInfo{"put", 0, protocols::kNoSubCode, protocols::AccessClass::write, 7}};

std::uint8_t placed() {
  static constexpr protocols::PlacedValues kValues = {
      0, 2, 1, [](std::int64_t type) { return type > 2 ? 0 : std::int64_t{1} << type; }};
  static constexpr protocols::Catalogue kCatalogue = {.name = "placed",
                                                      .title = "Placed",
                                                      .standard = "this test",
                                                      .functions = kPlacedFunctions,
                                                      .fields = kPlacedFields,
                                                      .ports = {},
                                                      .placed_values = &kValues};
  static const support::CatalogueOnly kPlaced(kCatalogue);
  return kPlaced.number();
}

RC_GTEST_PROP(Matcher, AgreesOnPlacedValues, ()) {
  constexpr std::int64_t kEnd = 11;
  Tables tables;
  tables.zones.resize(2);
  Conduit& conduit = tables.conduits.emplace_back();
  conduit.to = 1;
  const wire::IpAddress host = random_host();
  for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
    Rule& rule = conduit.rules.emplace_back();
    rule.clients = {{host, wire::kPrefixLengthMax}};
    rule.servers = rule.clients;
    rule.ports = {{500, 500}};
    rule.protocol = placed();
    rule.functions.set(0);
    if (*rc::gen::inRange(0, 5) > 0) rule.constraints.push_back({0, random_ranges(kEnd, false)});
    const auto type = *rc::gen::inRange<std::int64_t>(0, 4);
    const int types = *rc::gen::inRange(0, 8);
    if (types == 0) rule.constraints.push_back({1, random_ranges(3, false)});
    if (types > 1) rule.constraints.push_back({1, {{type, type}}});
    if (*rc::gen::inRange(0, 5) > 0) rule.constraints.push_back({2, random_ranges(3, false)});
  }
  finish(tables);
  for (int i = 0; i < 20; ++i) {
    protocols::Operation operation;
    const auto type = *rc::gen::inRange<std::int64_t>(0, 4);
    const auto first = *rc::gen::inRange<std::int64_t>(0, kEnd);
    const std::int64_t length = type > 2 ? 1 : std::int64_t{1} << type;
    const auto more = *rc::gen::element<std::int64_t>(0, 0, 0, 1);
    operation.set(0, Range{first, first + length + more - 1});
    if (*rc::gen::inRange(0, 9) > 0) operation.set(1, type);
    if (*rc::gen::inRange(0, 9) > 0) operation.set(2, *rc::gen::inRange<std::int64_t>(0, 4));
    const bool expected = reference_grants(conduit, {host, host, 500, Transport::tcp}, placed(),
                                           operation, [](const Rule&) { return true; });
    const RuleCell cell = conduit.index.locate({host, host, 500, Transport::tcp});
    const Decision decision = judge(conduit, cell, placed(), operation, 0);
    ++answers[expected ? 1 : 0];
    RC_ASSERT((decision.reason == Reason::granted) == expected);
  }
}

// A protocol of names and of numbers that are not whole.
constexpr std::array kNamedFields = {
    protocols::FieldInfo{"tag", protocols::FieldKind::name, 0, "", "", false, true},
    protocols::FieldInfo{.name = "item",
                         .kind = protocols::FieldKind::name,
                         .unit = "",
                         .text = "",
                         .by_name = true},
    protocols::FieldInfo{"level", protocols::FieldKind::real, 32, "", ""},
    protocols::FieldInfo{.name = "topic",
                         .kind = protocols::FieldKind::name,
                         .unit = "",
                         .text = "",
                         .patterns = &support::kTopicFilters}};
constexpr std::array kNamedFunctions = {
    protocols::FunctionInfo{"get", 0, protocols::kNoSubCode, protocols::AccessClass::read, 15}};

std::uint8_t named() {
  static constexpr protocols::Catalogue kCatalogue = {"named",         "Named",      "this test",
                                                      kNamedFunctions, kNamedFields, {}};
  static const support::CatalogueOnly kNamed(kCatalogue);
  return kNamed.number();
}

std::string random_text(const char* letters, std::size_t kinds) {
  std::string text;
  const int length = *rc::gen::inRange(1, 5);
  for (int i = 0; i < length; ++i) text += letters[*rc::gen::inRange<std::size_t>(0, kinds)];
  return text;
}

RC_GTEST_PROP(Matcher, AgreesOnNamesAndReals, ()) {
  Tables tables;
  tables.zones.resize(2);
  Conduit& conduit = tables.conduits.emplace_back();
  conduit.to = 1;
  const wire::IpAddress host = random_host();
  for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
    Rule& rule = conduit.rules.emplace_back();
    rule.clients = {{host, wire::kPrefixLengthMax}};
    rule.servers = rule.clients;
    rule.ports = {{500, 500}};
    rule.protocol = named();
    rule.functions.set(0);
    for (std::uint8_t field = 0; field < 2; ++field) {
      if (*rc::gen::arbitrary<bool>()) continue;
      Constraint& constraint = rule.constraints.emplace_back(Constraint{field, {}, {}});
      for (int p = *rc::gen::inRange(1, 3); p > 0; --p) {
        constraint.patterns.push_back(random_text("aBb*", 4));
      }
    }
    if (*rc::gen::arbitrary<bool>()) {
      const double low = *rc::gen::element(-1.5, 0.0, 2.0);
      rule.constraints.push_back({2, {{*float64_order(low), *float64_order(low + 2)}}, {}});
    }
    if (*rc::gen::arbitrary<bool>()) {
      rule.constraints.push_back(
          {3, {}, {*rc::gen::element<std::string>("a/+", "a/#", "#", "b", "*", "+/b")}});
    }
  }
  finish(tables);
  for (int i = 0; i < 20; ++i) {
    const std::string tag = random_text("abAB", 4);
    const std::string item = random_text("abAB", 4);
    const auto bytes = [](const std::string& text) {
      return ByteView{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
    };
    protocols::Operation operation;
    if (*rc::gen::inRange(0, 8) > 0) operation.set_name(0, bytes(tag));
    if (*rc::gen::inRange(0, 3) > 0) operation.set_name(1, bytes(item));
    const std::string topic = *rc::gen::element<std::string>("a", "a/b", "b", "$b", "a/+", "#");
    if (*rc::gen::inRange(0, 8) > 0) operation.set_name(3, bytes(topic));
    operation.set_real(2, *rc::gen::element(-2.0, -1.5, -0.0, 0.5, 1e300, std::nan("")));
    const Endpoints endpoints{host, host, 500, Transport::tcp};
    const bool expected =
        reference_grants(conduit, endpoints, named(), operation, [](const Rule&) { return true; });
    const Decision decision =
        judge(conduit, conduit.index.locate(endpoints), named(), operation, 0);
    ++answers[expected ? 1 : 0];
    RC_ASSERT((decision.reason == Reason::granted) == expected);
  }
}

TEST(Matcher, TheQuestionsHadBothAnswers) {
  EXPECT_GT(answers[0], answers[1] / 50);
  EXPECT_GT(answers[1], answers[0] / 50);
  EXPECT_GT(contained_answers[0], 0);
  EXPECT_GT(contained_answers[1], 0);
}

}  // namespace
}  // namespace bulkhead::policy
