// IEEE 754, protocol by protocol: minus zero is zero, as for every receiver that compares, and what
// is no number lies in no range, so that only a rule without a limit of the value grants it, or
// none.
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/base/range.h"
#include "tests/support/bacnet_messages.h"
#include "tests/support/cip_messages.h"
#include "tests/support/dnp3_frames.h"
#include "tests/support/iec104_frames.h"
#include "tests/support/mms_messages.h"
#include "tests/support/opcua_messages.h"
#include "tests/support/s7_messages.h"

namespace bulkhead::support {
namespace {

struct Protocol {
  const char* name;
  // A write of a single-precision number, whose first octet is its sign's.
  Message (*write)(const Message& number);
  bool refuses_no_number;  // whatever the rules say
};

Message reversed(const Message& number) { return {number.rbegin(), number.rend()}; }

const std::vector<Protocol> kProtocols = {
    {"dnp3",
     [](const Message& number) {  // 41.3: analog output
       return from_master(5, join({{41, 3, 0x17, 1, 8}, reversed(number), {0}}));
     },
     true},
    {"iec104",
     [](const Message& number) {  // 101, 7.3.2.6: C_SE_NC_1
       return one(50, 6, join({reversed(number), {0}}));
     },
     true},
    {"bacnet",
     [](const Message& number) {  // 15.9, 20.2.6
       return bacnet::confirmed(
           15, join({bacnet::kAnalogOutput7, {0x19, 85, 0x3e, 0x44}, number, {0x3f}}));
     },
     false},
    {"enip",
     [](const Message& number) {  // CIP: a tag of type REAL
       return cip::unconnected(
           cip::service(0x4d, cip::symbol("Set"), join({{0xca, 0, 1, 0}, reversed(number)})));
     },
     false},
    {"s7comm",
     [](const Message& number) {
       return s7comm::job(join({{5, 1}, s7comm::item(8, 1, 1, 0x84, 0)}),
                          join({{0, 7, 0, 4}, number}));
     },
     false},
    {"opcua",
     [](const Message& number) {  // 6, 5.2.2.4: Float
       return opcua::request(673, opcua::write_of(opcua::kNumeric, join({{10}, reversed(number)})));
     },
     false},
    {"mms",
     [](const Message& number) {  // ISO 9506-2: floating-point, eight bits of exponent
       return mms::write(mms::variable("ATCC1$SP$Vol"), join({{0x87, 5, 8}, number}));
     },
     false},
};

// The field `value` of a write; nothing if it has none. `fault`: of the message.
std::optional<Range> value_of(const Protocol& protocol, const Message& number,
                              protocols::Fault& fault) {
  const protocols::Protocol& module = module_of(protocol.name);
  static const auto kOperations = std::make_unique<protocols::OperationList>();
  const Message message = protocol.write(number);
  fault = protocols::parse_operations(module, message, context_in(module, {}, {}), *kOperations);
  if (fault != protocols::Fault::none) return std::nullopt;
  const auto fields = module.catalogue().fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name != "value") continue;
    EXPECT_EQ(fields[i].kind, protocols::FieldKind::real) << protocol.name;
    const protocols::Operation& last = kOperations->begin()[kOperations->size() - 1];
    if (last.has(i)) return last.fields[i].range;
  }
  return std::nullopt;
}

TEST(RealValues, MinusZeroIsZero) {
  for (const Protocol& protocol : kProtocols) {
    for (const std::uint8_t sign : {std::uint8_t{0x00}, std::uint8_t{0x80}}) {
      protocols::Fault fault{};
      EXPECT_EQ(value_of(protocol, {sign, 0, 0, 0}, fault), Range::point(0)) << protocol.name;
    }
    // The numbers beside it are none.
    protocols::Fault fault{};
    EXPECT_EQ(value_of(protocol, {0x80, 0, 0, 1}, fault),
              Range::point(*float64_order(-std::numeric_limits<float>::denorm_min())))
        << protocol.name;
    EXPECT_EQ(value_of(protocol, {0xbf, 0xc0, 0, 0}, fault), Range::point(*float64_order(-1.5)))
        << protocol.name;
  }
}

TEST(RealValues, WhatIsNoNumberLiesInNoRange) {
  const std::vector<Message> none = {{0x7f, 0xc0, 0, 0},  // quiet
                                     {0xff, 0xc0, 0, 0},
                                     {0x7f, 0x80, 0, 1},  // signalling
                                     {0xff, 0xff, 0xff, 0xff}};
  for (const Protocol& protocol : kProtocols) {
    for (const Message& number : none) {
      protocols::Fault fault{};
      EXPECT_EQ(value_of(protocol, number, fault), std::nullopt) << protocol.name;
      EXPECT_EQ(fault != protocols::Fault::none, protocol.refuses_no_number) << protocol.name;
    }
    // The infinities are numbers: the greatest and the least.
    protocols::Fault fault{};
    const auto above = value_of(protocol, {0x7f, 0x80, 0, 0}, fault);
    const auto below = value_of(protocol, {0xff, 0x80, 0, 0}, fault);
    ASSERT_TRUE(above && below) << protocol.name;
    EXPECT_EQ(above->low, *float64_order(std::numeric_limits<double>::infinity()));
    EXPECT_EQ(below->low, -above->low);
    EXPECT_GT(above->low, *float64_order(std::numeric_limits<double>::max()));
  }
}

// What rules and operations are compared by; tests/differential has the matcher's part.
TEST(RealValues, HaveOneOrder) {
  EXPECT_FALSE(float64_order(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_EQ(float64_order(-0.0), float64_order(0.0));
  EXPECT_LT(*float64_order(-std::numeric_limits<double>::denorm_min()), *float64_order(-0.0));
  EXPECT_EQ(float32_order(0x80000000), float32_order(0));
  EXPECT_FALSE(float32_order(0x7f800001));
}

}  // namespace
}  // namespace bulkhead::support
