// Connections that an outstation opens (IEEE 1815, 13.2): the roles turn with its first message.
#include <gtest/gtest.h>

#include "tests/support/dnp3_frames.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::dnp3 {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::from_master;
using support::from_outstation;
using support::link_frame;
using support::Message;

constexpr auto kRequest = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("dnp3"); }

std::string told(support::PairedSession& session, const Message& message, Direction way,
                 protocols::Carrier carrier = protocols::Carrier::tcp) {
  return support::decoded_text(module(), message, {way, carrier, session.block()});
}

// 13.2: who opened the connection is an outstation if it begins as one.
TEST(Opening, AnOutstationMayOpenTheConnection) {
  support::PairedSession session(module());
  const Message report = from_outstation(130, {}, 0xf3);
  EXPECT_EQ(told(session, report, kRequest),
            "unsolicited_response source=4 destination=3 iin=32769 fragment=3 con=1 "
            "outstation_opens=1");
  EXPECT_TRUE(module().frame(report, kRequest).turns);
  EXPECT_FALSE(module().frame(from_master(1, {60, 1, 6}), kRequest).turns);
  EXPECT_FALSE(module().frame(report, kBack).turns);
  EXPECT_TRUE(support::verdict_key(module(), report).empty()) << "it does not the second time";
  EXPECT_FALSE(support::verdict_key(module(), from_master(1, {60, 1, 6})).empty());
  EXPECT_EQ(session.ask(report), Fault::none);
  // From here on the other one asks.
  EXPECT_EQ(told(session, report, kRequest), "fault wrong_direction");
  EXPECT_FALSE(module().frame(report, {kRequest, protocols::Carrier::tcp, session.block()}).turns);
  EXPECT_EQ(session.ask(from_master(0, {}, 3)), Fault::unrequested_response) << "of another kind";
  EXPECT_EQ(session.ask(link_frame(0xc4, {0xc0, 0xd3, 0})), Fault::none) << "its confirmation";
  EXPECT_EQ(session.ask(from_master(1, {60, 1, 6}, 4)), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xc4)), Fault::none);
}

TEST(Opening, WithWhatNobodyAskedFor) {
  support::PairedSession session(module());
  EXPECT_EQ(told(session, link_frame(0x49, {}, {4, 3}), kRequest),
            "link_request_link_status source=4 destination=3 outstation_opens=1");
  EXPECT_EQ(told(session, link_frame(0x40, {}, {4, 3}), kRequest),
            "link_reset_link_states source=4 destination=3 outstation_opens=1");
  for (const Message& other :
       {from_outstation(129, {}), from_outstation(131, {120, 1, 0x5b, 1, 1, 0, 'a'}),
        link_frame(0x0b, {}, {4, 3}), link_frame(0x41, {}, {4, 3}),
        link_frame(0x44, {0xc0, 0xc0, 1, 60, 1, 6}, {4, 3})}) {
    EXPECT_EQ(told(session, other, kRequest), "fault wrong_direction");
  }
  const Message report = from_outstation(130, {}, 0xf3);
  EXPECT_EQ(told(session, report, kRequest, protocols::Carrier::udp), "fault wrong_direction")
      << "there its own bit says who sends";
  EXPECT_EQ(told(session, report, kBack),
            "unsolicited_response source=4 destination=3 iin=32769 fragment=3 con=1");
  // Once a master has begun it is none.
  for (const Message& first : {from_master(1, {60, 1, 6}), link_frame(0xc9, {})}) {
    support::PairedSession other(module());
    EXPECT_EQ(other.ask(first), Fault::none);
    EXPECT_EQ(told(other, report, kRequest), "fault wrong_direction");
  }
  support::PairedSession answered(module());
  EXPECT_EQ(answered.answer(report), Fault::none);
  EXPECT_EQ(told(answered, report, kRequest), "fault wrong_direction");
  support::PairedSession unseen(module());
  module().begin_unseen(unseen.block());
  EXPECT_EQ(told(unseen, report, kRequest), "fault wrong_direction");
}

// What an outstation begins with has no refusal: the session is reset.
TEST(Opening, IsNotAnswered) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  EXPECT_EQ(support::refuse(module(), from_outstation(130, {}, 0xf3),
                            protocols::DeniedPart::function, reply),
            0U);
}

}  // namespace
}  // namespace bulkhead::dnp3
