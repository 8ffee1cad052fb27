// One form for each meaning: what a receiver could read otherwise is refused. And which answer
// answers which request.
#include <memory>

#include "dataplane/protocols/bacnet/tags.h"
#include "tests/support/bacnet_messages.h"

namespace bulkhead::bacnet {
namespace {

using protocols::Fault;
using support::Message;
using support::Row;

Message write(const Message& value) {
  return confirmed(15, join({kAnalogOutput7, {0x19, 85, 0x3e}, value, {0x3f}}));
}

// 21, BACnetReadAccessSpecification and others: an index that some receivers (bacnet-stack,
// node-bacnet) have for "none" reads or writes the whole array there.
TEST(Canonical, NoIndexStandsForNone) {
  const Message index = {0x2c, 0xff, 0xff, 0xff, 0xff};
  const Message last = {0x2c, 0xff, 0xff, 0xff, 0xfe};
  const Message priorities = {0x19, 87};
  const Message null = {0x3e, 0x00, 0x3f};
  support::expect_rows(
      module(),
      datagrams({{"read", kAsk, confirmed(12, join({kAnalogOutput7, priorities, index})),
                  "fault bad_value"},
                 {"the last that is an index", kAsk,
                  confirmed(12, join({kAnalogOutput7, priorities, last})),
                  "read_property object_type=1 instance=7 property=87 index=4294967294"},
                 {"written", kAsk, confirmed(15, join({kAnalogOutput7, priorities, index, null})),
                  "fault bad_value"},
                 {"of several", kAsk,
                  confirmed(16, join({kAnalogOutput7,
                                      {0x1e, 0x09, 87, 0x1c, 0xff, 0xff, 0xff, 0xff},
                                      {0x2e, 0x00, 0x2f, 0x1f}})),
                  "fault bad_value"}}));
}

// 20.2.1.3: a receiver that skips a length that its type cannot have reads on inside it.
TEST(Canonical, TagsHaveTheirShortestForm) {
  support::expect_rows(
      module(),
      datagrams({
          {"a null of 21 octets, in which others read writes", kAsk,
           confirmed(16, join({kAnalogOutput7,
                               {0x1e, 0x09, 85, 0x2e, 0x05, 5, 0x2f, 0x39, 1, 0x1f, 0x1e},
                               {0x2f, 0x39, 10, 0x1f}})),
           "fault bad_value"},
          {"20.2.2 a null with a length", kAsk, write({0x01, 0}), "fault bad_value"},
          {"20.2.3 a truth of 2", kAsk, write({0x12}), "fault bad_value"},
          {"20.2.3 a truth in an octet", kAsk, write({0x15, 1, 1}), "fault bad_value"},
          {"20.2.4 no octet", kAsk, write({0x20}), "fault bad_value"},
          {"20.2.4 nine octets", kAsk, write({0x25, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9}),
           "fault bad_value"},
          {"20.2.4 an octet of zero before", kAsk, write({0x22, 0, 1}), "fault bad_value"},
          {"20.2.5 more sign than it needs", kAsk, write({0x32, 0xff, 0xfe}), "fault bad_value"},
          {"20.2.6 three octets", kAsk, write({0x43, 1, 2, 3}), "fault bad_value"},
          {"20.2.7 four octets", kAsk, write({0x54, 1, 2, 3, 4}), "fault bad_value"},
          {"20.2.9 no character set", kAsk, write({0x70}), "fault bad_value"},
          {"20.2.9 character set 6", kAsk, write({0x72, 6, 'x'}), "fault bad_value"},
          {"20.2.9 half a character of UCS-2", kAsk, write({0x72, 4, 'x'}), "fault bad_value"},
          {"20.2.10 eight unused bits", kAsk, write({0x82, 8, 0}), "fault bad_value"},
          {"20.2.10 an unused bit that is set", kAsk, write({0x82, 4, 0x08}), "fault bad_value"},
          {"20.2.11 five octets", kAsk, write({0x95, 5, 1, 2, 3, 4, 5}), "fault bad_value"},
          {"20.2.12 three octets of a date", kAsk, write({0xa3, 1, 2, 3}), "fault bad_value"},
          {"20.2.14 three octets of an object", kAsk, write({0xc3, 1, 2, 3}), "fault bad_value"},
          {"20.2.1.4 reserved type 13", kAsk, write({0xd1, 1}), "fault bad_value"},
          {"20.2.1.2 an application tag above 14", kAsk, write({0xf1, 15, 1}), "fault bad_value"},
          {"20.2.1.2 a tag number of 3 in two octets", kAsk,
           confirmed(12, {0xfc, 0, 0, 0x40, 0, 7, 0x19, 85}), "fault bad_value"},
          {"20.2.1.3.1 a length of 4 in two octets", kAsk, write({0x45, 4, 0x3f, 0xc0, 0, 0}),
           "fault bad_value"},
          {"20.2.1.3.1 a length of 5 in three octets", kAsk,
           write({0x65, 254, 0, 5, 1, 2, 3, 4, 5}), "fault bad_value"},
          {"20.2.1.3.1 a length in five octets", kAsk,
           write({0x65, 255, 0, 0, 0, 5, 1, 2, 3, 4, 5}), "fault bad_value"},
          {"20.2.1.3.2 an application tag that opens", kAsk, write({0x26, 0x27}),
           "fault bad_value"},
          {"closed by another number", kAsk, write({0x0e, 0x21, 1, 0x1f}), "fault bad_value"},
          {"a truth of 2 in a context", kAsk,
           confirmed(5, {0x09, 1, 0x1c, 0, 0, 0, 3, 0x29, 2, 0x39, 60}), "fault truncated"},
          {"a property of 85 in two octets", kAsk,
           confirmed(12, join({kAnalogOutput7, {0x1a, 0, 85}})), "fault truncated"},
      }));
  // The same lengths at their edges.
  EXPECT_EQ(decoded(write({0x65, 5, 1, 2, 3, 4, 5})),
            "write_property object_type=1 instance=7 property=85 priority=16 datatype=6");
  EXPECT_EQ(decoded(write({0x32, 0xff, 0x7f})),
            "write_property object_type=1 instance=7 property=85 priority=16 value=-129 "
            "datatype=3");
  Message longest = {0x65, 253};
  longest.insert(longest.end(), 253, 0);
  EXPECT_NE(decoded(write(longest)).substr(0, 5), "fault");
  Message longer = {0x65, 254, 0, 254};
  longer.insert(longer.end(), 254, 0);
  EXPECT_NE(decoded(write(longer)).substr(0, 5), "fault");
  longer = {0x65, 254, 0, 253};
  longer.insert(longer.end(), 253, 0);
  EXPECT_EQ(decoded(write(longer)), "fault bad_value");
}

// A tag number above 14 takes its own octet.
TEST(Canonical, LongTagNumbers) {
  EXPECT_NE(decoded(write({0x0e, 0xf9, 15, 1, 0x0f})).substr(0, 5), "fault");
  EXPECT_EQ(decoded(write({0x0e, 0xf9, 14, 1, 0x0f})), "fault bad_value");
  EXPECT_EQ(decoded(write({0x0e, 0xf9, 255, 1, 0x0f})), "fault bad_value");
}

TEST(Canonical, ValuesEndWhereTheySay) {
  Message deep;
  for (unsigned i = 0; i < kDepthMax; ++i) deep.push_back(0x0e);
  for (unsigned i = 0; i < kDepthMax; ++i) deep.push_back(0x0f);
  support::expect_rows(
      module(),
      datagrams({
          {"a property that is missing", kAsk, confirmed(12, kAnalogOutput7), "fault truncated"},
          {"a list that does not end", kAsk,
           confirmed(14, join({kAnalogOutput7, {0x1e, 0x09, 85}})), "fault truncated"},
          {"a list of nothing", kAsk, confirmed(14, join({kAnalogOutput7, {0x1e, 0x1f}})),
           "fault truncated"},
          {"more than a read", kAsk, confirmed(12, join({kAnalogOutput7, {0x19, 85, 0x39, 1}})),
           "fault trailing_bytes"},
          {"more than a subscription", kAsk,
           confirmed(5, {0x09, 1, 0x1c, 0, 0, 0, 3, 0x29, 1, 0x39, 60, 0x49, 1}),
           "fault trailing_bytes"},
          {"more than the end of a list", kAsk,
           confirmed(8, join({kAnalogOutput7, {0x19, 102, 0x3e, 0x21, 1, 0x3f, 0x00}})),
           "fault trailing_bytes"},
          {"more than a file", kAsk,
           confirmed(6, {0xc4, 2, 0x80, 0, 1, 0x0e, 0x31, 0, 0x21, 9, 0x0f, 0x00}),
           "fault trailing_bytes"},
          {"more in the brackets of a file", kAsk,
           confirmed(6, {0xc4, 2, 0x80, 0, 1, 0x0e, 0x31, 0, 0x21, 9, 0x00, 0x0f}),
           "fault truncated"},
          {"fewer records than it says", kAsk,
           confirmed(7, {0xc4, 2, 0x80, 0, 1, 0x1e, 0x31, 3, 0x21, 2, 0x61, 7, 0x1f}),
           "fault truncated"},
          {"records without their count", kAsk,
           confirmed(7, {0xc4, 2, 0x80, 0, 1, 0x1e, 0x31, 3, 0x61, 8, 0x1f}), "fault truncated"},
          {"priority 0", kAsk,
           confirmed(15, join({kAnalogOutput7, {0x19, 85, 0x3e, 0x21, 1, 0x3f, 0x49, 0}})),
           "fault truncated"},
          {"priority 17", kAsk,
           confirmed(15, join({kAnalogOutput7, {0x19, 85, 0x3e, 0x21, 1, 0x3f, 0x49, 17}})),
           "fault truncated"},
          {"values too deep", kAsk, write(deep), "fault too_deep"},
          {"who is 20 to 10", kAsk, unconfirmed(8, {0x09, 20, 0x19, 10}), "fault bad_value"},
          {"who is 4194304", kAsk, unconfirmed(8, {0x0b, 64, 0, 0, 0x1b, 64, 0, 0}),
           "fault truncated"},
          {"an analog input says that it is there", kAsk,
           unconfirmed(0, {0xc4, 0, 0, 0, 9, 0x22, 1, 0xe0, 0x91, 3, 0x21, 5}), "fault bad_value"},
          {"i am, and more", kAsk,
           unconfirmed(0, {0xc4, 2, 0, 0, 9, 0x22, 1, 0xe0, 0x91, 3, 0x21, 5, 0x00}),
           "fault trailing_bytes"},
          {"state 8 of a device", kAsk, confirmed(20, {0x09, 8}), "fault truncated"},
      }));
}

// Clauses 6 and 20.1: what is reserved is zero, and what is counted is there.
TEST(Canonical, Headers) {
  const auto npdu = [](const Message& bytes) { return bvlc(kOriginalUnicast, bytes); };
  const Message who_is = {0x10, 8};
  support::expect_rows(
      module(),
      datagrams({
          {"service 34", kAsk, confirmed(34), "fault unknown_function"},
          {"unconfirmed service 15", kAsk, unconfirmed(15), "fault unknown_function"},
          {"BVLL function 12", kAsk, bvlc(12, {}), "fault unknown_function"},
          {"network message 0x0a", kAsk, network(0x0a), "fault unknown_function"},
          {"version 2", kAsk, npdu({2, 0, 0x10, 8}), "fault not_this_protocol"},
          {"6.2.2 bit 6", kAsk, npdu({1, 0x40, 0x10, 8}), "fault bad_value"},
          {"6.2.2 bit 4", kAsk, npdu({1, 0x10, 0x10, 8}), "fault bad_value"},
          {"to network 0", kAsk, npdu(join({{1, 0x20, 0, 0, 1, 5, 255}, who_is})),
           "fault bad_value"},
          {"to a device on all networks", kAsk,
           npdu(join({{1, 0x20, 255, 255, 1, 5, 255}, who_is})), "fault bad_value"},
          {"to an address of 8 octets", kAsk,
           npdu(join({{1, 0x20, 0, 5, 8, 1, 2, 3, 4, 5, 6, 7, 8, 255}, who_is})),
           "fault bad_length"},
          {"no router may pass it on", kAsk, npdu(join({{1, 0x20, 0, 5, 1, 5, 0}, who_is})),
           "fault bad_value"},
          {"from network 0", kAsk, npdu(join({{1, 0x08, 0, 0, 1, 5}, who_is})), "fault bad_value"},
          {"from all networks", kAsk, npdu(join({{1, 0x08, 255, 255, 1, 5}, who_is})),
           "fault bad_value"},
          {"from no address", kAsk, npdu(join({{1, 0x08, 0, 5, 0}, who_is})), "fault bad_length"},
          {"20.1.2 bit 0", kAsk, apdu(join({{1, 5, 1, 12}, kAnalogOutput7, {0x19, 85}})),
           "fault bad_value"},
          {"20.1.2.4 bit 7", kAsk, apdu(join({{0, 0x85, 1, 12}, kAnalogOutput7, {0x19, 85}})),
           "fault bad_value"},
          {"20.1.2.5 size 6", kAsk, apdu(join({{0, 6, 1, 12}, kAnalogOutput7, {0x19, 85}})),
           "fault bad_value"},
          {"20.1.3 bit 0", kAsk, apdu({0x11, 8}), "fault bad_value"},
          {"20.1.4 bit 3", kBack, apdu({0x28, 1, 15}), "fault bad_value"},
          {"20.1.5 bit 1", kBack, apdu({0x32, 1, 12}), "fault bad_value"},
          {"20.1.6 bit 2", kBack, apdu({0x44, 1, 0, 4}), "fault bad_value"},
          {"20.1.7 bit 0", kBack, apdu({0x51, 1, 15, 0x91, 2, 0x91, 40}), "fault bad_value"},
          {"20.1.8 bit 0", kBack, apdu({0x61, 1, 9}), "fault bad_value"},
          {"20.1.9 bit 1", kBack, apdu({0x72, 1, 4}), "fault bad_value"},
          {"PDU type 8", kAsk, apdu({0x80, 1, 4}), "fault unknown_function"},
          {"a read that a server asks", kBack, confirmed(12, join({kAnalogOutput7, {0x19, 85}})),
           "fault wrong_direction"},
          {"done, and more", kBack, apdu({0x20, 1, 15, 0}), "fault trailing_bytes"},
          {"an answer that does not end", kBack, apdu({0x30, 1, 12, 0x3e, 0x21, 1}),
           "fault truncated"},
          {"an error of one number", kBack, apdu({0x50, 1, 15, 0x91, 2}), "fault truncated"},
          {"an error and more", kBack, apdu({0x50, 1, 15, 0x91, 2, 0x91, 40, 0x91, 1}),
           "fault trailing_bytes"},
      }));
  Message lying = confirmed(12, join({kAnalogOutput7, {0x19, 85}}));
  lying[3] = static_cast<std::uint8_t>(lying[3] - 1);
  EXPECT_EQ(decoded(lying), "fault trailing_bytes");
}

TEST(Canonical, LowerLayersHaveTheirOwnLengths) {
  support::expect_rows(
      module(), datagrams({
                    {"J.2.1", kAsk, bvlc(0, {0}), "fault truncated"},
                    {"J.2.1 code 0x11", kAsk, bvlc(0, {0, 0x11}), "fault bad_value"},
                    {"J.2.1 code 0xa0", kAsk, bvlc(0, {0, 0xa0}), "fault bad_value"},
                    {"J.2.2 nine octets", kAsk, bvlc(1, {10, 0, 0, 1, 0xba, 0xc0, 255, 255, 255}),
                     "fault bad_length"},
                    {"J.2.2 a mask with a hole", kAsk,
                     bvlc(1, {10, 0, 0, 1, 0xba, 0xc0, 255, 0, 255, 0}), "fault bad_value"},
                    {"J.2.3", kAsk, bvlc(2, {0}), "fault trailing_bytes"},
                    {"J.2.6", kAsk, bvlc(5, {0, 60, 0}), "fault trailing_bytes"},
                    {"J.2.9", kAsk, bvlc(8, {10, 0, 0, 1, 0xba}), "fault bad_length"},
                    {"6.4.1 half a network", kAsk, network(0, {9}), "fault truncated"},
                    {"6.4.1 two networks", kAsk, network(0, {0, 9, 0, 10}), "fault trailing_bytes"},
                    {"6.4.2 no network", kAsk, network(1), "fault truncated"},
                    {"6.4.2 half a network", kAsk, network(1, {0, 9, 0}), "fault truncated"},
                    {"6.4.3", kAsk, network(2, {0, 9}), "fault truncated"},
                    {"6.4.4", kAsk, network(3, {1, 0, 9, 0}), "fault trailing_bytes"},
                    {"6.4.7 one port less than it says", kAsk, network(6, {2, 0, 9, 2, 0}),
                     "fault truncated"},
                    {"6.4.7 one more", kAsk, network(6, {1, 0, 9, 2, 0, 0, 10, 3, 0}),
                     "fault trailing_bytes"},
                    {"6.4.19", kAsk, network(0x12, {0}), "fault trailing_bytes"},
                    {"6.4.20 neither configured nor learned", kAsk, network(0x13, {0, 9, 2}),
                     "fault bad_value"},
                }));
}

// Clause 7: the NPDU follows at once, behind the length of the frame.
Message lpdu(const Message& rest) {
  return join(
      {{0, static_cast<std::uint8_t>(3 + rest.size()), kAccessPoint, kAccessPoint, 3}, rest});
}

TEST(Carriers, EachHasAFormOfItsOwn) {
  constexpr auto kEthernet = protocols::Carrier::ethernet;
  const Message read = {1, 4, 0, 5, 1, 12, 0x0c, 0, 0x40, 0, 7, 0x19, 85};
  support::expect_rows(
      module(),
      {{"a read in 802.2", kAsk, lpdu(read), "read_property object_type=1 instance=7 property=85",
        kEthernet},
       {"who is there, to all networks", kAsk, lpdu({1, 0x20, 0xff, 0xff, 0, 0xff, 0x10, 8}),
        "who_is device=0-4194303 broadcast=65535", kEthernet},
       {"between other access points",
        kAsk,
        {0, 7, 0x82, 0x42, 3, 1, 0, 0x10, 8},
        "fault not_this_protocol",
        kEthernet},
       {"a test",
        kAsk,
        {0, 7, 0x82, 0x82, 0xe3, 1, 0, 0x10, 8},
        "fault not_this_protocol",
        kEthernet},
       {"a length that lies",
        kAsk,
        {0, 6, 0x82, 0x82, 3, 1, 0, 0x10, 8},
        "fault trailing_bytes",
        kEthernet},
       {"802.2 in a datagram", kAsk, lpdu(read), "fault not_this_protocol", kUdp},
       {"a BVLC in 802.2", kAsk, bvlc(kOriginalUnicast, read), "fault not_this_protocol",
        kEthernet},
       {"over TCP", kAsk, bvlc(kOriginalUnicast, read), "fault not_this_protocol",
        protocols::Carrier::tcp}});
  const auto frame = [](const Message& bytes, protocols::Carrier carrier) {
    return module().frame(bytes, {kAsk, carrier});
  };
  EXPECT_EQ(frame({0}, kEthernet).needed, kLlcBytes);
  EXPECT_EQ(frame({0, 2, 0x82, 0x82, 3}, kEthernet).fault, Fault::bad_length);
  EXPECT_EQ(frame({0, 3, 0x82, 0x82, 3}, kEthernet).length, kLlcBytes);
  EXPECT_EQ(frame({5, 0xff, 0x82, 0x82, 3}, kEthernet).length, 1537U);
  EXPECT_EQ(frame({6, 0, 0x82, 0x82, 3}, kEthernet).fault, Fault::not_this_protocol);
  EXPECT_EQ(frame({0, 3, 0x82, 0x82, 3}, kUdp).fault, Fault::not_this_protocol);
  EXPECT_EQ(frame({0x80}, kUdp).fault, Fault::not_this_protocol);
  EXPECT_EQ(frame({0x81}, protocols::Carrier::tcp).fault, Fault::not_this_protocol);
  EXPECT_EQ(frame({0x81, 10, 0, 3}, kUdp).fault, Fault::bad_length);
  EXPECT_EQ(frame({0x81, 10, 0, 4}, kUdp).length, 4U);
  EXPECT_EQ(frame({0x81, 10, 6, 0x40}, kUdp).length, 1600U);
  EXPECT_EQ(frame({0x81, 10, 6, 0x41}, kUdp).fault, Fault::bad_length);
}

const Message kRead7 = confirmed(12, join({kAnalogOutput7, kPresentValue}));

Message read_answer(const Message& reference, std::uint8_t invoke = 1) {
  return apdu(join({{0x30, invoke, 12}, reference, {0x3e, 0x21, 7, 0x3f}}));
}

TEST(Pairing, AnAnswerNeedsItsRequest) {
  const Message right = join({kAnalogOutput7, kPresentValue});
  support::PairedSession session(module());
  EXPECT_EQ(session.answer(read_answer(right)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(kRead7), Fault::none);
  EXPECT_EQ(session.outstanding(), 1U);
  EXPECT_EQ(session.answer(read_answer(right, 2)), Fault::unrequested_response);
  EXPECT_EQ(session.answer(apdu({0x20, 1, 15})), Fault::mismatched_response);
  EXPECT_EQ(session.answer(apdu({0x3c, 1, 0, 4, 12, 0})), Fault::none) << "more segments follow";
  EXPECT_EQ(session.answer(apdu({0x38, 1, 1, 4, 12, 0})), Fault::none) << "the last";
  EXPECT_EQ(session.answer(read_answer(right)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(kRead7), Fault::none);
  EXPECT_EQ(session.answer(apdu({0x60, 1, 9})), Fault::none);
  const Message changed = {0x09, 1,    0x1c, 2,  0,    0,    9,    0x2c, 0, 0, 0,    3,   0x39,
                           60,   0x4e, 0x09, 85, 0x2e, 0x44, 0x41, 0xac, 0, 0, 0x2f, 0x4f};
  EXPECT_EQ(session.answer(confirmed(1, changed, 7)), Fault::none) << "a server notifies";
  EXPECT_EQ(session.outstanding(), 0U);
  EXPECT_EQ(session.ask(apdu({0x20, 7, 1})), Fault::none);
  EXPECT_EQ(session.ask(apdu({0x20, 7, 1})), Fault::unrequested_response);
}

// 15.5.1: the answer names what was read.
TEST(Pairing, AReadIsAnsweredForItsProperty) {
  support::PairedSession session(module());
  const Message other_object = {0x0c, 0, 0x40, 0, 8};
  EXPECT_EQ(session.ask(kRead7), Fault::none);
  EXPECT_EQ(session.answer(read_answer(join({other_object, kPresentValue}))),
            Fault::mismatched_response);
  EXPECT_EQ(session.answer(read_answer(join({kAnalogOutput7, {0x19, 86}}))),
            Fault::mismatched_response);
  EXPECT_EQ(session.answer(read_answer(join({kAnalogOutput7, kPresentValue, {0x29, 1}}))),
            Fault::mismatched_response);
  EXPECT_EQ(session.answer(read_answer(join({kAnalogOutput7, kPresentValue}))), Fault::none);
  // 15.5.2: whichever device it is answers with its own number.
  EXPECT_EQ(session.ask(confirmed(12, {0x0c, 2, 0x3f, 0xff, 0xff, 0x19, 77})), Fault::none);
  EXPECT_EQ(session.answer(read_answer({0x0c, 2, 0, 0, 9, 0x19, 76})), Fault::mismatched_response);
  EXPECT_EQ(session.answer(read_answer({0x0c, 2, 0, 0, 9, 0x19, 77})), Fault::none);
  // And so does the network port through which it was asked.
  EXPECT_EQ(session.ask(confirmed(12, {0x0c, 0x0e, 0x3f, 0xff, 0xff, 0x19, 77})), Fault::none);
  EXPECT_EQ(session.answer(read_answer({0x0c, 2, 0, 0, 9, 0x19, 77})), Fault::mismatched_response);
  EXPECT_EQ(session.answer(read_answer({0x0c, 0x0e, 0, 0, 3, 0x19, 77})), Fault::none);
}

// 6.2.2: the answer comes from where the request went, and goes to where that came from.
TEST(Pairing, ARoutedRequestIsAnsweredFromItsDestination) {
  const auto with_npdu = [](const Message& npdu, const Message& rest) {
    return bvlc(kOriginalUnicast, join({npdu, rest}));
  };
  const Message reject = {0x60, 1, 9};
  const Message read = join({{0, 5, 1, 12}, kAnalogOutput7, kPresentValue});
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(with_npdu({1, 0x24, 0, 5, 1, 7, 255}, read)), Fault::none);
  EXPECT_EQ(session.answer(with_npdu({1, 0}, reject)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(with_npdu({1, 8, 0, 5, 1, 8}, reject)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(with_npdu({1, 8, 0, 6, 1, 7}, reject)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(with_npdu({1, 8, 0, 5, 2, 0, 7}, reject)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(with_npdu({1, 8, 0, 5, 1, 7}, reject)), Fault::none);
  EXPECT_EQ(session.ask(with_npdu({1, 0x0c, 0, 9, 1, 6}, read)), Fault::none);
  EXPECT_EQ(session.answer(with_npdu({1, 0}, reject)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(with_npdu({1, 0x20, 0, 9, 1, 6, 255}, reject)), Fault::none);
}

// 5.4.5: who asked may give up too.
TEST(Pairing, EitherSideAborts) {
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(kRead7), Fault::none);
  EXPECT_EQ(session.ask(apdu({0x71, 1, 4})), Fault::unrequested_response);
  EXPECT_EQ(session.answer(apdu({0x70, 1, 4})), Fault::unrequested_response);
  EXPECT_EQ(session.ask(apdu({0x70, 1, 4})), Fault::none);
  EXPECT_EQ(session.answer(apdu({0x71, 1, 4})), Fault::unrequested_response);
}

// 16.9 and 16.10: who is asked alone answers without a rule of its own, for a while.
TEST(Discovery, WhoIsAskedAloneAnswers) {
  const auto with = [](const Message& npdu, const Message& rest,
                       std::uint8_t function = kOriginalUnicast) {
    return bvlc(function, join({npdu, rest}));
  };
  const Message here = {1, 0};
  const Message device9 = {0x10, 0, 0xc4, 2, 0, 0, 9, 0x22, 1, 0xe0, 0x91, 3, 0x21, 5};
  const auto is_tied = [](support::PairedSession& session, const Message& message,
                          protocols::Direction way = kBack) {
    const auto operations = std::make_unique<protocols::OperationList>();
    EXPECT_EQ(
        protocols::parse_operations(module(), message, {way, kUdp, session.block()}, *operations),
        Fault::none);
    return (*operations)[0].tied;
  };
  const Message i_am = with(here, device9);
  const auto asked = [&](const Message& question, const Message& answer) {
    support::PairedSession session(module());
    EXPECT_EQ(session.ask(question), Fault::none);
    return is_tied(session, answer);
  };
  support::PairedSession session(module());
  EXPECT_FALSE(is_tied(session, i_am)) << "nobody asked";
  EXPECT_EQ(session.ask(unconfirmed(8)), Fault::none);
  EXPECT_TRUE(is_tied(session, i_am));
  EXPECT_FALSE(is_tied(session, i_am, kAsk)) << "who asked is not answered by itself";
  EXPECT_FALSE(is_tied(session, with(here, device9, kOriginalBroadcast)));
  EXPECT_FALSE(is_tied(session, with({1, 8, 0, 5, 1, 7}, device9))) << "a router was not asked";
  EXPECT_FALSE(is_tied(session, with({1, 0x20, 255, 255, 0, 255}, device9))) << "to all";
  EXPECT_EQ(session.answer(i_am), Fault::none);
  EXPECT_TRUE(is_tied(session, i_am)) << "another device of the same host";
  session.now_ms += 10'001;
  EXPECT_EQ(session.answer(i_am), Fault::none);
  EXPECT_FALSE(is_tied(session, i_am)) << "too late";
  EXPECT_TRUE(asked(unconfirmed(8, {0x09, 9, 0x19, 9}), i_am));
  EXPECT_FALSE(asked(unconfirmed(8, {0x09, 10, 0x19, 20}), i_am));
  EXPECT_FALSE(asked(unconfirmed(8, {0x09, 1, 0x19, 8}), i_am));
  const Message from5 = with({1, 8, 0, 5, 1, 7}, device9);
  EXPECT_TRUE(asked(with({1, 0x20, 0, 5, 0, 255}, {0x10, 8}), from5));
  EXPECT_TRUE(asked(with({1, 0x20, 0, 5, 1, 7, 255}, {0x10, 8}), from5));
  EXPECT_FALSE(asked(with({1, 0x20, 0, 5, 1, 8, 255}, {0x10, 8}), from5));
  EXPECT_FALSE(asked(with({1, 0x20, 0, 6, 0, 255}, {0x10, 8}), from5));
  EXPECT_TRUE(asked(with({1, 0x20, 255, 255, 0, 255}, {0x10, 8}), from5));
  EXPECT_FALSE(asked(with({1, 8, 0, 9, 1, 6}, {0x10, 8}), i_am)) << "not to the one that asked";
  const auto i_have = [](std::uint8_t instance, char letter) {
    return unconfirmed(1, {0xc4, 2, 0, 0, 9, 0xc4, 0, 0, 0, instance, 0x74, 0, 'A', 'H',
                           static_cast<std::uint8_t>(letter)});
  };
  const Message has = unconfirmed(7, {0x2c, 0, 0, 0, 1});
  const Message named = unconfirmed(7, {0x3c, 0, 'A', 'H', 'U'});
  EXPECT_TRUE(asked(has, i_have(1, 'U')));
  EXPECT_FALSE(asked(has, i_have(2, 'U')));
  EXPECT_TRUE(asked(named, i_have(2, 'U')));
  EXPECT_FALSE(asked(named, i_have(2, 'X')));
  EXPECT_FALSE(asked(has, i_am));
  EXPECT_FALSE(asked(unconfirmed(8), i_have(1, 'U')));
}

// 16.9 and 16.10: whoever a question to many concerns answers the one that asked.
TEST(Discovery, AnswersOfThoseThatAQuestionConcerns) {
  const auto with = [](std::uint8_t bvlc_function, const Message& npdu, const Message& rest) {
    return bvlc(bvlc_function, join({npdu, rest}));
  };
  const Message any = {0x10, 8};
  const Message device9 = {0x10, 0, 0xc4, 2, 0, 0, 9, 0x22, 1, 0xe0, 0x91, 3, 0x21, 5};
  const auto i_am = [&](const Message& npdu) { return with(kOriginalUnicast, npdu, device9); };
  const Message here = {1, 0};
  const Message who_is = with(kOriginalBroadcast, here, any);
  EXPECT_TRUE(module().questions_to_many()->asks_many(who_is));
  EXPECT_FALSE(module().questions_to_many()->asks_many(i_am(here)));
  EXPECT_FALSE(module().questions_to_many()->asks_many(confirmed(8)));
  const auto answers = [&](const Message& question, const Message& answer) {
    const support::Put put(module(), answer, {kBack, protocols::Carrier::udp});
    return module().questions_to_many()->answers_many(question, put.parsed);
  };
  EXPECT_TRUE(answers(who_is, i_am(here)));
  EXPECT_FALSE(answers(who_is, with(kOriginalBroadcast, here, device9))) << "to all";
  EXPECT_FALSE(answers(who_is, with(kDistributeBroadcast, here, device9)));
  EXPECT_FALSE(answers(who_is, i_am({1, 0x20, 255, 255, 0, 255}))) << "to all networks";
  EXPECT_FALSE(answers(who_is, i_am({1, 8, 0, 5, 1, 7}))) << "of a network that was not asked";
  const auto range = [&](std::uint8_t low, std::uint8_t high) {
    return with(kOriginalBroadcast, here, {0x10, 8, 0x09, low, 0x19, high});
  };
  EXPECT_TRUE(answers(range(9, 9), i_am(here)));
  EXPECT_FALSE(answers(range(1, 8), i_am(here)));
  EXPECT_FALSE(answers(range(10, 20), i_am(here)));
  const Message everywhere = with(kOriginalBroadcast, {1, 0x20, 255, 255, 0, 255}, any);
  EXPECT_TRUE(answers(everywhere, i_am(here)));
  EXPECT_TRUE(answers(everywhere, i_am({1, 8, 0, 5, 1, 7})));
  const Message on5 = with(kOriginalBroadcast, {1, 0x20, 0, 5, 0, 255}, any);
  EXPECT_TRUE(answers(on5, i_am({1, 8, 0, 5, 1, 7})));
  EXPECT_FALSE(answers(on5, i_am({1, 8, 0, 6, 1, 7})));
  EXPECT_FALSE(answers(on5, i_am(here)));
  const Message from9 = with(kOriginalBroadcast, {1, 8, 0, 9, 1, 6}, any);
  EXPECT_TRUE(answers(from9, i_am({1, 0x20, 0, 9, 1, 6, 255})));
  EXPECT_FALSE(answers(from9, i_am(here))) << "not to the one that asked";
  const Message has = unconfirmed(7, {0x2c, 0, 0, 0, 1});
  const Message named = unconfirmed(7, {0x3c, 0, 'A', 'H', 'U'});
  const auto i_have = [](std::uint8_t instance, char letter) {
    return unconfirmed(1, {0xc4, 2, 0, 0, 9, 0xc4, 0, 0, 0, instance, 0x74, 0, 'A', 'H',
                           static_cast<std::uint8_t>(letter)});
  };
  EXPECT_TRUE(answers(has, i_have(1, 'U')));
  EXPECT_FALSE(answers(has, i_have(2, 'U')));
  EXPECT_TRUE(answers(named, i_have(2, 'U')));
  EXPECT_FALSE(answers(named, i_have(2, 'X')));
  EXPECT_FALSE(answers(has, i_am(here)));
  EXPECT_FALSE(answers(who_is, i_have(1, 'U')));
}

}  // namespace
}  // namespace bulkhead::bacnet
