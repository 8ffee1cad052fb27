// What an event keeps of a refused message: its first bytes, however it was cut; and nothing of
// what may bring a password.
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/protocols/registry.h"
#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using pipeline::Event;
using support::Bytes;
using support::Plant;
using support::TcpSession;

constexpr std::uint16_t kReadHolding = 2;
constexpr std::uint16_t kWriteMultiple = 25;

const Bytes kRead = support::modbus_adu({3, 0, 0, 0, 10});
const Bytes kWrite = support::modbus_adu({6, 0, 42, 0, 7}, 2);

Bytes message_of(const Event& event) {
  return {event.message.begin(), event.message.begin() + event.message_count};
}

class EventMessageTest : public ::testing::Test {
 protected:
  static policy::Tables reads_alone() {
    policy::Rule reads = support::modbus_rule({kReadHolding}, {{0, 99}});
    return support::with_rules(support::two_zones(policy::OnDeny::reset), {&reads});
  }
  // The event of the only refusal.
  const Event& refusal() {
    const auto at = std::find_if(plant_.verdicts.begin(), plant_.verdicts.end(),
                                 [](const Event& event) { return !is_allowed(event.reason); });
    EXPECT_NE(at, plant_.verdicts.end());
    return *at;
  }

  Plant plant_{reads_alone()};
  TcpSession session_{plant_, 40000};
};

TEST_F(EventMessageTest, AMessageInOneSegment) {
  session_.from_client(kWrite);
  EXPECT_EQ(message_of(refusal()), kWrite);
  EXPECT_EQ(refusal().message_length, kWrite.size());
}

TEST_F(EventMessageTest, AMessageThatCameInPieces) {
  for (const std::size_t cut : {std::size_t{1}, std::size_t{7}, kWrite.size() - 1}) {
    Plant plant(reads_alone());
    TcpSession session(plant, 40000);
    const auto at = kWrite.begin() + static_cast<std::ptrdiff_t>(cut);
    session.from_client(Bytes(kWrite.begin(), at));
    session.from_client(Bytes(at, kWrite.end()));
    EXPECT_EQ(message_of(plant.verdicts.back()), kWrite) << cut;
  }
}

TEST_F(EventMessageTest, TheRefusedOneOfSeveral) {
  Bytes both = kRead;
  both.insert(both.end(), kWrite.begin(), kWrite.end());
  session_.from_client(both);
  EXPECT_EQ(message_of(refusal()), kWrite);
}

// AP 6.12: 123 registers are the most, 259 bytes: what an event has room for.
TEST_F(EventMessageTest, TheLongestModbusMessageIsWhole) {
  Bytes pdu = {16, 0, 0, 0, 123, 246};
  for (int i = 0; i < 246; ++i) pdu.push_back(static_cast<std::uint8_t>(i));
  const Bytes message = support::modbus_adu(pdu);
  session_.from_client(message);
  EXPECT_EQ(message_of(refusal()), message);
  EXPECT_EQ(refusal().function, kWriteMultiple);
}

// What is malformed and yet names its function: a byte more than its byte count says.
TEST_F(EventMessageTest, AMalformedMessage) {
  const Bytes message = support::modbus_adu({6, 0, 42, 0, 7, 9}, 2);
  session_.from_client(message);
  EXPECT_EQ(refusal().reason, Reason::protocol_fault);
  EXPECT_EQ(message_of(refusal()), message);
}

TEST_F(EventMessageTest, NothingOfWhatIsNoMessageOfTheProtocol) {
  const std::string http = "GET / HTTP/1.1\r\nAuthorization: Basic c2VjcmV0\r\n\r\n";
  session_.from_client(Bytes(http.begin(), http.end()));
  EXPECT_EQ(refusal().fault, protocols::Fault::not_this_protocol);
  EXPECT_EQ(refusal().message_count, 0);
  // Another protocol's, with a byte where the function would be.
  Plant plant(reads_alone());
  TcpSession session(plant, 40000);
  Bytes other = kWrite;
  other[2] = 0xff;
  session.from_client(other);
  EXPECT_EQ(plant.verdicts.back().fault, protocols::Fault::not_this_protocol);
  EXPECT_EQ(plant.verdicts.back().message_count, 0);
}

Event described(const char* protocol, std::string_view function, const Bytes& message,
                protocols::Fault fault = protocols::Fault::none) {
  pipeline::Verdict verdict;
  verdict.reason = Reason::function_not_granted;
  verdict.fault = fault;
  verdict.is_message = true;
  verdict.protocol = *protocols::find_protocol(protocol);
  verdict.bytes = static_cast<std::uint32_t>(message.size());
  verdict.message = message;
  const auto functions = protocols::registry()[verdict.protocol]->catalogue().functions;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    if (functions[i].name == function) verdict.function = static_cast<std::uint16_t>(i);
  }
  EXPECT_EQ(verdict.function == pipeline::kNoFunction, function.empty()) << function;
  Event event;
  pipeline::describe_verdict(verdict, flow::Packet{}, event);
  return event;
}

TEST(EventMessage, NothingOfWhatMayBringAPassword) {
  const Bytes any = {1, 2, 3, 4};
  for (const auto& [protocol, function] : {std::pair{"s7comm", "password"},
                                           {"bacnet", "reinitialize_device"},
                                           {"bacnet", "authenticate"},
                                           {"dnp3", "authenticate_file"},
                                           {"mms", "initiate_with_password"},
                                           {"opcua", "activate_session_as_user"},
                                           {"s7comm_plus", "prove_password"}}) {
    EXPECT_EQ(described(protocol, function, any).message_count, 0) << function;
  }
  EXPECT_EQ(described("bacnet", "write_property", any).message_count, 4);
}

// Of functions that share a code, each may be meant.
TEST(EventMessage, WhatDoesNotParseIsWhatItClaimsToBe) {
  const auto fault = protocols::Fault::truncated;
  EXPECT_EQ(described("modbus", "", kWrite, fault).message_count, kWrite.size());
  Bytes unknown = kWrite;
  unknown[7] = 90;
  EXPECT_EQ(described("modbus", "", unknown, fault).message_count, 0);
  EXPECT_EQ(described("modbus", "", {0, 1}, fault).message_count, 0) << "it claims nothing";
}

TEST(EventMessage, OfALongMessageTheBeginning) {
  for (const std::size_t more : {std::size_t{0}, std::size_t{1}, std::size_t{500}}) {
    const Bytes message(Event::kMessageBytesMax + more, 7);
    const Event event = described("bacnet", "write_property", message);
    EXPECT_EQ(event.message_count, Event::kMessageBytesMax);
    EXPECT_EQ(event.message_length, message.size());
  }
}

}  // namespace
}  // namespace bulkhead
