// Limits on what is written: a receiver stores octets, so that a rule that limits a number grants
// the whole of that number, in its type, and nothing that reaches into it.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "dataplane/protocols/s7comm/item.h"
#include "tests/support/field_mutation.h"
#include "tests/support/s7_messages.h"

namespace bulkhead::s7comm {
namespace {

using policy::Constraint;

constexpr std::uint8_t kDataBlocks = 0x84;
constexpr std::uint8_t kByteSize = 2;
constexpr std::uint8_t kCharSize = 3;
constexpr std::uint8_t kWordSize = 4;
constexpr std::uint8_t kDwordSize = 6;
constexpr std::uint8_t kStringSize = 19;

const wire::IpAddress kClient = wire::IpAddress::from_v4(Message{10, 0, 0, 1}.data());
const wire::IpAddress kServer = wire::IpAddress::from_v4(Message{10, 1, 0, 1}.data());

// Rules that let one host write to data block 1 of the other.
policy::Tables rules_of(const std::vector<std::vector<Constraint>>& rules) {
  policy::Tables tables;
  tables.site = "values";
  tables.zones.push_back({"from", 0, {}, {{kClient, 128}}});
  tables.zones.push_back({"to", 1, {}, {{kServer, 128}}});
  policy::Conduit& conduit = tables.conduits.emplace_back();
  conduit.name = "one";
  conduit.to = 1;
  for (const auto& constraints : rules) {
    policy::Rule& rule = conduit.rules.emplace_back();
    rule.clients = {{kClient, 128}};
    rule.servers = {{kServer, 128}};
    rule.ports = {{102, 102}};
    rule.protocol = *protocols::find_protocol("s7comm");
    rule.functions.set(find_function(kWriteVar));
    rule.constraints = constraints;
    rule.constraints.push_back({kDb, {{1, 1}}, {}});
  }
  EXPECT_EQ(policy::validate(tables), std::nullopt);
  policy::finish(tables);
  return tables;
}

Constraint limit(double low, double high) {
  return {kValue, {{*float64_order(low), *float64_order(high)}}, {}};
}
Constraint of_size(std::uint8_t size) { return {kTransportSize, {{size, size}}, {}}; }
Constraint at(std::vector<Range> ranges) { return {kAddress, std::move(ranges), {}}; }

// The first byte of block 1 that is written, and the octets.
Message write(std::uint8_t size, std::uint32_t first, const Message& octets,
              std::uint16_t length = 1) {
  const std::size_t bits = 8 * octets.size();
  return job(join({{5, 1}, item(size, length, 1, kDataBlocks, first * 8)}),
             join({{0, size == kBitSize ? std::uint8_t{3} : std::uint8_t{4},
                    static_cast<std::uint8_t>(bits >> 8),
                    size == kBitSize ? std::uint8_t{1} : static_cast<std::uint8_t>(bits)},
                   octets}));
}

bool passes(const policy::Tables& tables, const Message& message) {
  const auto operations = std::make_unique<protocols::OperationList>();
  EXPECT_EQ(protocols::parse_operations(module(), message, {kAsk}, *operations), Fault::none);
  const policy::Conduit& conduit = tables.conduits[0];
  const policy::RuleCell cell =
      conduit.index.locate({kClient, kServer, 102, policy::Transport::tcp});
  return std::all_of(operations->begin(), operations->end(), [&](const auto& operation) {
    return policy::judge(conduit, cell, conduit.rules[0].protocol, operation, 0).reason ==
           Reason::granted;
  });
}

const Message kReal50 = {0x42, 0x48, 0, 0};  // IEEE 754

TEST(Values, OneNumberIsWrittenWholeInItsType) {
  const policy::Tables tables = rules_of({{at({{20, 23}}), of_size(kRealSize), limit(0, 80)}});
  EXPECT_TRUE(passes(tables, write(kRealSize, 20, kReal50)));
  EXPECT_FALSE(passes(tables, write(kRealSize, 20, {0x42, 0xa1, 0, 0}))) << "80.5";
  EXPECT_FALSE(passes(tables, write(kDwordSize, 20, {0, 0, 0, 50}))) << "of another type";
  EXPECT_FALSE(passes(tables, write(kByteSize, 20, {50}))) << "its exponent alone";
  EXPECT_FALSE(passes(tables, write(kCharSize, 21, {50})));
  EXPECT_FALSE(passes(tables, write(kWordSize, 22, {0, 50})));
  EXPECT_FALSE(passes(tables, write(kBitSize, 20, {1})));
  EXPECT_FALSE(passes(tables, write(kByteSize, 20, kReal50, 4))) << "its octets one by one";
}

// What leaves the type to the writer grants no number at all: artefacts of earlier releases.
TEST(Values, ALimitWithoutItsTypeGrantsNothing) {
  const policy::Tables tables = rules_of({{at({{20, 23}}), limit(0, 80)}});
  EXPECT_FALSE(passes(tables, write(kRealSize, 20, kReal50)));
  EXPECT_FALSE(passes(tables, write(kByteSize, 20, {50})));
  const policy::Tables two =
      rules_of({{at({{20, 23}}),
                 {kTransportSize, {{kDwordSize, kDwordSize}, {kRealSize, kRealSize}}, {}},
                 limit(0, 80)}});
  EXPECT_FALSE(passes(two, write(kRealSize, 20, kReal50)));
  EXPECT_FALSE(passes(two, write(kDwordSize, 20, {0, 0, 0, 50}))) << "of which type is it?";
  const policy::Tables nowhere = rules_of({{of_size(kRealSize), limit(0, 80)}});
  EXPECT_FALSE(passes(nowhere, write(kRealSize, 20, kReal50))) << "where each begins is not said";
  const policy::Tables bytes = rules_of({{of_size(kByteSize), limit(0, 80)}});
  EXPECT_TRUE(passes(bytes, write(kByteSize, 20, {50}))) << "each byte is one";
}

TEST(Values, ElementsBeginWhereTheRangeDoes) {
  const policy::Tables tables =
      rules_of({{at({{20, 31}, {50, 53}}), of_size(kRealSize), limit(0, 80)}});
  for (const std::uint32_t first : {20, 24, 28, 50}) {
    EXPECT_TRUE(passes(tables, write(kRealSize, first, kReal50))) << first;
  }
  for (const std::uint32_t first : {18, 19, 21, 22, 23, 25, 27, 30, 48, 49, 51, 52}) {
    EXPECT_FALSE(passes(tables, write(kRealSize, first, kReal50))) << first;
  }
  EXPECT_FALSE(passes(tables, write(kRealSize, 20, join({kReal50, kReal50}), 2)))
      << "two have no single value";
}

// The second half of the one and the first half of the other.
TEST(Values, TwoRulesDoNotShareANumber) {
  const policy::Tables tables = rules_of({{at({{20, 23}}), of_size(kRealSize), limit(0, 80)},
                                          {at({{24, 27}}), of_size(kRealSize), limit(0, 100)},
                                          {at({{28, 29}}), of_size(kIntSize), limit(0, 5)},
                                          {at({{30, 31}}), of_size(kIntSize), limit(0, 5)}});
  EXPECT_TRUE(passes(tables, write(kRealSize, 24, {0x42, 0xb4, 0, 0}))) << "90";
  EXPECT_FALSE(passes(tables, write(kRealSize, 22, kReal50)));
  EXPECT_TRUE(passes(tables, write(kIntSize, 30, {0, 5})));
  EXPECT_FALSE(passes(tables, write(kIntSize, 29, {0, 5})));
  EXPECT_FALSE(passes(tables, write(kDintSize, 28, {0, 0, 0, 5})));
}

// Who limits nothing grants the bytes, whatever they are.
TEST(Values, WithoutALimitEveryPartIsGranted) {
  const policy::Tables tables = rules_of({{at({{20, 27}})}});
  EXPECT_TRUE(passes(tables, write(kRealSize, 22, kReal50)));
  EXPECT_TRUE(passes(tables, write(kByteSize, 21, {50})));
  EXPECT_FALSE(passes(tables, write(kRealSize, 25, kReal50)));
}

// Its first two octets are the lengths of a string; the others are no number either.
TEST(Values, AStringIsNoNumber) {
  const Message text(256, 0);
  EXPECT_EQ(support::decoded_text(module(), write(kStringSize, 0, text), kAsk),
            "write_var area=132 db=1 address=0-255 length=1 transport_size=19 item_count=1");
  const policy::Tables tables = rules_of({{at({{0, 255}}), of_size(kStringSize), limit(0, 100)}});
  EXPECT_FALSE(passes(tables, write(kStringSize, 0, text)));
}

TEST(Values, WhatAnElementTakes) {
  const std::vector<std::pair<std::uint8_t, std::int64_t>> rows = {
      {0, 0},  {1, 1},  {2, 1},  {3, 1},  {4, 2},  {5, 2},  {6, 4},
      {7, 4},  {8, 4},  {9, 2},  {10, 4}, {11, 4}, {12, 2}, {13, 0},
      {15, 0}, {19, 0}, {28, 1}, {29, 1}, {30, 1}, {31, 1}, {32, 0}};
  for (const auto& [size, places] : rows) {
    EXPECT_EQ(places_of_value(size), places) << int{size};
  }
  EXPECT_EQ(places_of_value(256 + kRealSize), 0);
  EXPECT_EQ(places_of_value(-1), 0);
}

}  // namespace
}  // namespace bulkhead::s7comm
