// What an event says of a refused message: decoded from its bytes where they mean what the event
// says, else by its fields.
#include "controlplane/cli/refused_message.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {
namespace {

// Modbus V1.1b3, 6.12: 7 and 2000 to registers 42 and 43.
const std::string kWrite("\x00\x01\x00\x00\x00\x0b\x01\x10\x00\x2a\x00\x02\x04\x00\x07\x07\xd0",
                         17);

void add_span(v1::Event& event, const std::string& name, std::int64_t low, std::int64_t high) {
  v1::FieldSpan& span = *event.add_fields();
  span.set_name(name);
  span.set_low(low);
  span.set_high(high);
}

v1::Event refusal() {
  v1::Event event;
  event.set_kind("deny");
  event.set_protocol("modbus");
  event.set_function("write_multiple_registers");
  event.set_direction("request");
  event.set_transport("tcp");
  event.set_source("10.20.0.10:40000");
  event.set_destination("10.10.0.20:502");
  add_span(event, "unit", 1, 1);
  add_span(event, "address", 42, 43);
  add_span(event, "quantity", 2, 2);
  add_span(event, "value", 7, 2000);
  event.mutable_message()->set_bytes(kWrite);
  event.mutable_message()->set_length(static_cast<std::uint32_t>(kWrite.size()));
  return event;
}

TEST(RefusedMessage, IsDecodedFromItsBytes) {
  const RefusedMessage message(refusal());
  ASSERT_NE(message.refused(), nullptr);
  EXPECT_EQ(message.remark(), "");
  ASSERT_EQ(message.refused()->elements.count, 2);
  EXPECT_EQ(message.refused()->elements.at(1), 2000);
  EXPECT_EQ(message.judged().size(), 1U);
  ASSERT_TRUE(message.session());
  EXPECT_EQ(wire::to_text(message.session()->client), "10.20.0.10");
  EXPECT_EQ(message.session()->port, 502);
}

// Each cut, and each other meaning, is left to the event's fields.
TEST(RefusedMessage, IsItsFieldsWhereTheBytesAreNotAllOrMeanSomethingElse) {
  for (std::size_t count = 0; count < kWrite.size(); ++count) {
    v1::Event event = refusal();
    event.mutable_message()->set_bytes(kWrite.substr(0, count));
    const RefusedMessage message(event);
    ASSERT_NE(message.refused(), nullptr) << count;
    EXPECT_NE(message.remark(), "") << count;
    EXPECT_EQ(message.refused()->fields[1].range, (Range{42, 43})) << count;
    EXPECT_EQ(message.refused()->elements.count, 0) << "two values, of which each is not known";
  }
  v1::Event other = refusal();
  other.mutable_fields(1)->set_high(44);
  EXPECT_NE(RefusedMessage(other).remark(), "");
  v1::Event unknown = refusal();
  unknown.set_function("no_such_function");
  EXPECT_EQ(RefusedMessage(unknown).refused(), nullptr);
}

// UMAS, write of variables: two bytes of block 17 from 99 on. Whether the client has reserved the
// controller is not in the message.
v1::Event refused_umas(bool unreserved) {
  const std::string write(
      "\x00\x02\x00\x00\x00\x12\x00\x5a\x09\x23\x34\x12\x00\x00\x01\x02\x11\x00"
      "\x63\x00\x00\x00\xf4\x01",
      24);
  v1::Event event = refusal();
  event.set_function("umas_write_variables");
  event.clear_fields();
  add_span(event, "unit", 0, 0);
  add_span(event, "block", 17, 17);
  add_span(event, "offset", 99, 100);
  add_span(event, "length", 2, 2);
  if (unreserved) add_span(event, "unreserved", 1, 1);
  event.mutable_message()->set_bytes(write);
  event.mutable_message()->set_length(static_cast<std::uint32_t>(write.size()));
  return event;
}

TEST(RefusedMessage, HasNoFieldThatItsSessionTookFromIt) {
  const auto& fields =
      protocols::registry()[*protocols::find_protocol("modbus")]->catalogue().fields;
  const auto at = std::find_if(fields.begin(), fields.end(),
                               [](const auto& each) { return each.name == "unreserved"; });
  const auto unreserved = static_cast<std::size_t>(at - fields.begin());
  for (const bool stated : {false, true}) {
    const RefusedMessage message(refused_umas(stated));
    ASSERT_NE(message.refused(), nullptr);
    EXPECT_EQ(message.remark(), "") << "it was decoded";
    EXPECT_EQ(message.refused()->has(unreserved), stated);
    ASSERT_EQ(message.judged().size(), 1U);
    EXPECT_EQ(message.judged()[0], message.refused());
  }
}

TEST(RefusedMessage, HasAllFieldsWhereTheEventSaysNoneOfThem) {
  v1::Event event = refusal();
  event.clear_fields();
  const RefusedMessage message(event);
  ASSERT_NE(message.refused(), nullptr);
  EXPECT_TRUE(message.refused()->has(0));
}

// All elements are one value: they are known without the bytes.
TEST(RefusedMessage, HasElementsOfOneValue) {
  v1::Event event = refusal();
  event.clear_message();
  event.mutable_fields(3)->set_high(7);
  const RefusedMessage message(event);
  ASSERT_NE(message.refused(), nullptr);
  ASSERT_EQ(message.refused()->elements.count, 2);
  EXPECT_EQ(message.refused()->elements.at(0), 7);
  EXPECT_EQ(message.refused()->elements.first, 42U);
}

TEST(RefusedMessage, KnowsWhoAsks) {
  v1::Event event = refusal();
  event.set_direction("response");
  EXPECT_EQ(wire::to_text(RefusedMessage(event).session()->client), "10.10.0.20");
  event = refusal();
  event.set_source("[2001:db8::1]:40000");
  event.set_destination("[2001:db8::2]:502");
  const RefusedMessage six(event);
  EXPECT_EQ(wire::to_text(six.session()->server), "2001:db8::2");
  EXPECT_EQ(six.session()->port, 502);
  event.set_transport("arp");
  EXPECT_FALSE(RefusedMessage(event).session());
  v1::Event frame;
  frame.set_source_mac("02:00:00:00:00:01");
  frame.set_destination_mac("02:00:00:00:00:02");
  frame.set_ethertype(0x88b8);
  const RefusedMessage of_frame(frame);
  ASSERT_TRUE(of_frame.session());
  EXPECT_EQ(of_frame.session()->transport, policy::Transport::ethernet);
  EXPECT_EQ(of_frame.session()->port, 0x88b8);
  EXPECT_FALSE(RefusedMessage(v1::Event()).session());
}

}  // namespace
}  // namespace bulkhead::controlplane
