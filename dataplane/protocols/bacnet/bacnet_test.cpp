// Messages built from the layouts of ANSI/ASHRAE 135: services with every property of theirs, BVLL
// and network layer, segments, pairing, and the refusal.
#include "dataplane/protocols/bacnet/layout.h"
#include "dataplane/protocols/outstanding.h"
#include "tests/support/field_mutation.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::bacnet {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::bytes_of;
using support::join;
using support::Message;
using support::Row;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("bacnet"); }

Message bvlc(std::uint8_t function, const Message& rest) {
  const std::size_t length = kBvlcBytes + rest.size();
  return join({{kBvlcType, function, static_cast<std::uint8_t>(length >> 8),
                static_cast<std::uint8_t>(length)},
               rest});
}

Message apdu(const Message& bytes) { return bvlc(kOriginalUnicast, join({{1, 4}, bytes})); }

Message confirmed(std::uint8_t service, const Message& data = {}, std::uint8_t invoke = 1) {
  return apdu(join({{0, 5, invoke, service}, data}));
}
Message unconfirmed(std::uint8_t service, const Message& data = {}) {
  return apdu(join({{0x10, service}, data}));
}
Message complex_ack(std::uint8_t service, std::uint8_t invoke = 1) {
  return apdu({0x30, invoke, service, 0x0c, 0, 0, 0, 1});
}

// 20.2.14: context tag 0, type and instance.
const Message kAnalogOutput7 = {0x0c, 0, 0x40, 0, 7};

const std::vector<Row> kRows = {
    {"15.5 present value of analog output 7", kAsk,
     confirmed(12, join({kAnalogOutput7, {0x19, 85}})),
     "read_property object_type=1 instance=7 property=85"},
    {"an element of an array", kAsk, confirmed(12, join({kAnalogOutput7, {0x19, 87, 0x29, 16}})),
     "read_property object_type=1 instance=7 property=87 index=16"},
    {"15.7 every property of every object", kAsk,
     confirmed(14, join({kAnalogOutput7,
                         {0x1e, 0x09, 85, 0x09, 87, 0x19, 3, 0x1f},  //
                         {0x0c, 2, 0, 0, 9},
                         {0x1e, 0x09, 8, 0x1f}})),
     "read_property_multiple object_type=1 instance=7 property=85\n"
     "read_property_multiple object_type=1 instance=7 property=87 index=3\n"
     "read_property_multiple object_type=8 instance=9 property=8"},
    {"15.9 a real at priority 8", kAsk,
     confirmed(15, join({kAnalogOutput7, {0x19, 85, 0x3e, 0x44, 0x3f, 0xc0, 0, 0, 0x3f, 0x49, 8}})),
     "write_property object_type=1 instance=7 property=85 priority=8 value=1.5"},
    {"given up", kAsk, confirmed(15, join({kAnalogOutput7, {0x19, 85, 0x3e, 0, 0x3f}})),
     "write_property object_type=1 instance=7 property=85 priority=16"},
    {"a signed number", kAsk,
     confirmed(15, join({kAnalogOutput7, {0x19, 85, 0x3e, 0x31, 0xfe, 0x3f}})),
     "write_property object_type=1 instance=7 property=85 priority=16 value=-2"},
    {"a constructed value", kAsk,
     confirmed(15, join({kAnalogOutput7, {0x19, 123, 0x3e, 0x0e, 0x21, 1, 0x0f, 0x3f}})),
     "write_property object_type=1 instance=7 property=123 priority=16"},
    {"15.10", kAsk,
     confirmed(16, join({kAnalogOutput7,
                         {0x1e, 0x09, 85, 0x2e, 0x91, 1, 0x2f, 0x39, 3, 0x09, 81, 0x2e, 0x11, 0x2f,
                          0x1f}})),
     "write_property_multiple object_type=1 instance=7 property=85 priority=3 value=1\n"
     "write_property_multiple object_type=1 instance=7 property=81 priority=16 value=1"},
    {"13.14", kAsk, confirmed(5, {0x09, 1, 0x1c, 0, 0, 0, 3, 0x29, 1, 0x39, 60}),
     "subscribe_cov object_type=0 instance=3"},
    {"13.15", kAsk,
     confirmed(28, {0x09, 1, 0x1c, 0, 0, 0, 3, 0x29, 1, 0x39, 60, 0x4e, 0x09, 85, 0x4f}),
     "subscribe_cov_property object_type=0 instance=3 property=85"},
    {"14.1 a file", kAsk, confirmed(6, {0xc4, 2, 0x80, 0, 1, 0x0e, 0x31, 0, 0x21, 9, 0x0f}),
     "atomic_read_file object_type=10 instance=1"},
    {"14.2 a file", kAsk, confirmed(7, {0xc4, 2, 0x80, 0, 1, 0x0e, 0x31, 0, 0x61, 9, 0x0f}),
     "atomic_write_file object_type=10 instance=1"},
    {"15.1", kAsk, confirmed(8, join({kAnalogOutput7, {0x19, 102, 0x3e, 0x21, 1, 0x3f}})),
     "add_list_element object_type=1 instance=7 property=102"},
    {"15.2", kAsk, confirmed(9, join({kAnalogOutput7, {0x19, 102, 0x3e, 0x21, 1, 0x3f}})),
     "remove_list_element object_type=1 instance=7 property=102"},
    {"15.8", kAsk, confirmed(26, join({kAnalogOutput7, {0x19, 131}})),
     "read_range object_type=1 instance=7 property=131"},
    {"15.3 by type", kAsk, confirmed(10, {0x0e, 0x09, 4, 0x0f}), "create_object object_type=4"},
    {"15.3 by object", kAsk, confirmed(10, {0x0e, 0x1c, 1, 0, 0, 5, 0x0f}),
     "create_object object_type=4 instance=5"},
    {"15.4", kAsk, confirmed(11, {0xc4, 1, 0, 0, 5}), "delete_object object_type=4 instance=5"},
    {"16.1 disable for ever, with a password", kAsk,
     confirmed(17, {0x19, 1, 0x2d, 5, 0, 'p', 'a', 's', 's'}),
     "device_communication_control value=1 password=1"},
    {"16.4 cold start", kAsk, confirmed(20, {0x09, 0}), "reinitialize_device value=0 password=0"},
    {"16.10 who is 10 to 20", kAsk, unconfirmed(8, {0x09, 10, 0x19, 20}), "who_is device=10-20"},
    {"who is there", kAsk, unconfirmed(8), "who_is device=0-4194303"},
    {"16.8 who has", kAsk, unconfirmed(7, {0x2c, 0, 0, 0, 1}), "who_has device=0-4194303"},
    {"i am", kAsk, unconfirmed(0, {0xc4, 2, 0, 0, 9, 0x22, 1, 0xe0, 0x91, 3, 0x21, 5}),
     "i_am device=9"},
    {"i have", kAsk, unconfirmed(1, {0xc4, 2, 0, 0, 9, 0xc4, 0, 0, 0, 1}), "i_have device=9"},
    {"an answer", kBack, complex_ack(12), "read_property"},
    {"done", kBack, apdu({0x20, 1, 15}), "write_property"},
    {"an error", kBack, apdu({0x50, 1, 15, 0x91, 2, 0x91, 40}),
     "write_property error_class=2 error_code=40"},
    {"a reject", kBack, apdu({0x60, 1, 9}), "reject"},
    {"an abort", kBack, apdu({0x71, 1, 4}), "abort"},
    {"a segment acknowledged", kBack, apdu({0x40, 1, 0, 4}), "segment_ack"},
    {"a segment tells no property", kAsk, apdu({0x0c, 5, 1, 0, 4, 16, 1, 2, 3}),
     "write_property_multiple"},
    {"through a router to network 13", kAsk,
     bvlc(kOriginalUnicast,
          join({{1, 0x24, 0, 13, 1, 5, 255, 0, 5, 1, 12}, kAnalogOutput7, {0x19, 85}})),
     "read_property object_type=1 instance=7 property=85 network=13"},
    {"forwarded", kAsk, bvlc(kForwardedNpdu, {10, 0, 0, 1, 0xba, 0xc0, 1, 0, 0x10, 8}),
     "who_is device=0-4194303"},
    {"a foreign device", kAsk, bvlc(5, {0, 60}), "register_foreign_device"},
    {"a router is asked for", kAsk, bvlc(kOriginalBroadcast, {1, 0x80, 0}),
     "who_is_router_to_network"},
};

TEST(Decode, EachFunction) {
  support::expect_rows(module(), kRows);
  std::vector<Row> rows = kRows;
  for (const protocols::FunctionInfo& function : catalogue().functions) {
    const auto code = static_cast<std::uint8_t>(function.code);
    const bool plain = function.fields == (1U << kNetwork) || function.fields == 0;
    if (!plain || function.sub_code == kOfPdu) continue;
    Message message = confirmed(code, {0x09, 1});
    if (function.sub_code == kOfUnconfirmed) message = unconfirmed(code, {0x09, 1});
    if (function.sub_code == kOfBvlc) message = bvlc(code, {});
    if (function.sub_code == kOfNetwork) message = bvlc(kOriginalUnicast, {1, 0x80, code});
    rows.push_back({function.name.data(), kAsk, message, std::string(function.name)});
  }
  for (const Row& row : rows) {
    EXPECT_EQ(support::decoded_text(module(), row.message, row.direction), row.expected)
        << row.what;
  }
  for (Row& row : rows) row.expected += " ";
  support::expect_all_functions(module(), rows);
  support::expect_fields_decide(module(), rows);
}

// Clause 7: the NPDU follows at once, behind the length of the frame.
Message lpdu(const Message& rest) {
  return join(
      {{0, static_cast<std::uint8_t>(3 + rest.size()), kAccessPoint, kAccessPoint, 3}, rest});
}

TEST(Decode, InIeee8022) {
  support::expect_rows(
      module(),
      {{"a read", kAsk, lpdu(join({{1, 4, 0, 5, 1, 12}, kAnalogOutput7, {0x19, 85}})),
        "read_property object_type=1 instance=7 property=85"},
       {"who is there, to all networks", kAsk, lpdu({1, 0x20, 0xff, 0xff, 0, 0xff, 0x10, 8}),
        "who_is device=0-4194303 network=65535"},
       {"between other access points",
        kAsk,
        {0, 7, 0x82, 0x42, 3, 1, 0, 0x10, 8},
        "fault not_this_protocol"},
       {"a test", kAsk, {0, 7, 0x82, 0x82, 0xe3, 1, 0, 0x10, 8}, "fault not_this_protocol"},
       {"a length that lies", kAsk, {0, 6, 0x82, 0x82, 3, 1, 0, 0x10, 8}, "fault trailing_bytes"}});
  const auto frame = [](const Message& bytes) { return module().frame(bytes, kAsk); };
  EXPECT_EQ(frame({0}).needed, kLlcBytes);
  EXPECT_EQ(frame({0, 2, 0x82, 0x82, 3}).fault, Fault::bad_length);
  EXPECT_EQ(frame({0, 3, 0x82, 0x82, 3}).length, kLlcBytes);
  EXPECT_EQ(frame({5, 0xff, 0x82, 0x82, 3}).length, 1537U);
  EXPECT_EQ(frame({6, 0, 0x82, 0x82, 3}).fault, Fault::not_this_protocol);
}

TEST(Decode, WhatIsRefused) {
  Message deep = {0x19, 85, 0x3e};
  for (unsigned i = 0; i <= kDepthMax; ++i) deep.push_back(0x0e);
  for (unsigned i = 0; i <= kDepthMax; ++i) deep.push_back(0x0f);
  deep.push_back(0x3f);
  Message lying = confirmed(12, join({kAnalogOutput7, {0x19, 85}}));
  lying[3] = static_cast<std::uint8_t>(lying[3] - 1);
  support::expect_rows(
      module(),
      {{"service 34", kAsk, confirmed(34), "fault unknown_function"},
       {"BVLL function 12", kAsk, bvlc(12, {}), "fault unknown_function"},
       {"a proprietary message", kAsk, bvlc(kOriginalUnicast, {1, 0x80, 0x80}),
        "fault unknown_function"},
       {"version 2", kAsk, bvlc(kOriginalUnicast, {2, 0, 0x10, 8}), "fault not_this_protocol"},
       {"a length that lies", kAsk, lying, "fault trailing_bytes"},
       {"a property that is missing", kAsk, confirmed(12, kAnalogOutput7), "fault truncated"},
       {"a list that does not end", kAsk, confirmed(14, join({kAnalogOutput7, {0x1e, 0x09, 85}})),
        "fault truncated"},
       {"a list of nothing", kAsk, confirmed(14, join({kAnalogOutput7, {0x1e, 0x1f}})),
        "fault truncated"},
       {"more than a read", kAsk, confirmed(12, join({kAnalogOutput7, {0x19, 85, 0x39, 1}})),
        "fault trailing_bytes"},
       {"priority 17", kAsk,
        confirmed(15, join({kAnalogOutput7, {0x19, 85, 0x3e, 0x21, 1, 0x3f, 0x49, 17}})),
        "fault truncated"},
       {"values too deep", kAsk, confirmed(15, join({kAnalogOutput7, deep})), "fault truncated"},
       {"who is 20 to 10", kAsk, unconfirmed(8, {0x09, 20, 0x19, 10}), "fault bad_value"},
       {"a read that a server asks", kBack, confirmed(12, join({kAnalogOutput7, {0x19, 85}})),
        "fault wrong_direction"}});
  const auto frame = [](const Message& bytes) { return module().frame(bytes, kAsk); };
  EXPECT_EQ(frame({0x80}).fault, Fault::not_this_protocol);
  EXPECT_EQ(frame({0x81, 10, 0, 3}).fault, Fault::bad_length);
  EXPECT_EQ(frame({0x81, 10, 0, 4}).length, 4U);
  EXPECT_EQ(frame({0x81, 10, 6, 0x40}).length, 1600U);
  EXPECT_EQ(frame({0x81, 10, 6, 0x41}).fault, Fault::bad_length);
}

TEST(Pairing, AnAnswerNeedsItsRequest) {
  const Message read = confirmed(12, join({kAnalogOutput7, {0x19, 85}}));
  support::PairedSession session(module());
  EXPECT_EQ(session.answer(complex_ack(12)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(read), Fault::none);
  EXPECT_EQ(session.outstanding(), 1U);
  EXPECT_EQ(session.answer(complex_ack(12, 2)), Fault::unrequested_response);
  EXPECT_EQ(session.answer(complex_ack(14)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(apdu({0x3c, 1, 0, 4, 12, 0})), Fault::none) << "more segments follow";
  EXPECT_EQ(session.answer(apdu({0x38, 1, 1, 4, 12, 0})), Fault::none) << "the last";
  EXPECT_EQ(session.answer(complex_ack(12)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(read), Fault::none);
  EXPECT_EQ(session.answer(apdu({0x60, 1, 9})), Fault::none);
  EXPECT_EQ(session.answer(confirmed(1, {0x09, 1}, 7)), Fault::none) << "a server notifies";
  EXPECT_EQ(session.outstanding(), 0U);
  EXPECT_EQ(session.ask(apdu({0x20, 7, 1})), Fault::none);
  EXPECT_EQ(session.ask(apdu({0x20, 7, 1})), Fault::unrequested_response);
}

TEST(Refusal, AnErrorOfClassSecurity) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const auto refuse = [&](const Message& request) {
    const std::size_t length = module().refuse(request, protocols::Denial::value, reply);
    return Message(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(length));
  };
  const Message restart = confirmed(20, {0x09, 0}, 9);
  EXPECT_EQ(support::decoded_text(module(), refuse(restart), kBack),
            "reinitialize_device error_class=4 error_code=85");
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(restart), Fault::none);
  EXPECT_EQ(session.answer(refuse(restart)), Fault::none);
  EXPECT_TRUE(refuse(unconfirmed(8)).empty());
  EXPECT_TRUE(refuse(bvlc(5, {0, 60})).empty());
}

}  // namespace
}  // namespace bulkhead::bacnet
