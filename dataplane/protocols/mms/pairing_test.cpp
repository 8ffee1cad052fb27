// What is refused, limits, pairing, and the refusal that a client gets.
#include "dataplane/protocols/mms/pairing.h"

#include "tests/support/mms_messages.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::mms {
namespace {

using namespace support::mms;
using protocols::Direction;
using protocols::Fault;
using support::bytes_of;
using support::data_unit;
using support::element;
using support::join;
using support::Message;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("mms"); }

// A report of a control block with these options, and without a value (IEC 61850-8-1, 17.2).
Message report_with(const Message& options) {
  const Message results = join({element(0x8a, "rep1"), options, {0x84, 2, 6, 0x40}});
  return data(element(
      0xa3, element(0xa0, join({element(0xa1, element(0x80, "RPT")), element(0xa0, results)}))));
}

// Some speak MMS on the transport itself, without session and presentation.
TEST(Decode, BarePdus) {
  const Message asked = data_unit({0xa0, 5, 2, 1, 7, 0x82, 0});
  support::expect_rows(module(), {{"identify", kAsk, asked, "identify"},
                                  {"initiate", kAsk, data_unit(initiate(true, 65000)), "initiate"},
                                  {"conclude", kAsk, data_unit({0x8b, 0}), "conclude"}});
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const std::size_t length =
      support::refuse(module(), asked, protocols::DeniedPart::function, reply);
  EXPECT_EQ(Message(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(length)),
            data_unit({0xa2, 10, 0x80, 1, 7, 0xa2, 5, 0xa0, 3, 0x87, 1, 3}));
}

TEST(Decode, WhatIsRefused) {
  const Message variables = join({variable("A$SP$x"), variable("A$SP$y")});
  support::expect_rows(
      module(),
      {{"a service of none", kAsk, named(99, {}), "fault unknown_function"},
       {"an additional service of none", kAsk, named(78, {0x9e, 0}), "fault bad_value"},
       {"a PDU of none", kAsk, data({0xae, 0}), "fault unknown_function"},
       {"fewer values than variables", kAsk, write(variables, {0x83, 1, 1}), "fault bad_quantity"},
       {"more values than variables", kAsk, write(variables, {0x83, 1, 1, 0x83, 1, 1, 0x83, 1, 1}),
        "fault bad_quantity"},
       {"no variable", kAsk, read({}), "fault bad_quantity"},
       {"a structure that is none", kAsk, write(variable("A"), {0x82, 1, 1}), "fault bad_value"},
       {"an integer of nine octets", kAsk, write(variable("A"), element(0x85, Message(9, 1))),
        "fault bad_value"},
       {"data of no kind", kAsk, write(variable("A"), {0x92, 1, 1}), "fault bad_value"},
       {"a variable that is a set", kAsk, read({element(0x31, element(0xa0, in_domain("D", "x")))}),
        "fault bad_value"},
       {"a name of three parts", kAsk,
        read(
            {element(0x30, element(0xa0, element(0xa1, join({element(0x1a, "D"), element(0x1a, "x"),
                                                             element(0x1a, "y")}))))}),
        "fault unknown_object"},
       {"something behind the service", kAsk, request({0xa2, 0, 0xbf, 0x4f, 0}), "fault bad_value"},
       {"a stop by the server", kBack, named(41, element(0x80, "main")), "fault wrong_direction"},
       {"an answer by the client to what no server asks", kAsk, response({0x9f, 41, 0}),
        "fault wrong_direction"},
       {"a status by the client, unasked", kAsk, data({0xa3, 8, 0xa1, 6, 0x80, 1, 0, 0x81, 1, 0}),
        "fault wrong_direction"},
       {"a report whose options have another size", kBack, report_with({0x84, 2, 6, 0x40}),
        "fault bad_value"},
       {"and whose unused bits are others", kBack, report_with({0x84, 3, 5, 0x40, 0}),
        "fault bad_value"},
       {"a connection by the server", kBack, association(true, 65000), "fault wrong_direction"},
       {"an action that defines one", kAsk,
        named(53, join({element(0xa0, element(0x80, "act")),
                        element(0xa2, element(context_tag(53, true),
                                              element(0xa0, element(0x80, "b"))))})),
        "fault too_deep"},
       {"an action that waits", kAsk,
        named(53, join({element(0xa0, element(0x80, "act")),
                        element(0xa1, element(0xa0, element(0x80, "high"))),
                        element(0xa2, Message{0x80, 0})})),
        "fault bad_value"},
       {"what nobody knows beside names", kAsk,
        named(52, join({element(0xa0, element(0x80, "en")), element(0xa6, element(0x80, "x"))})),
        "fault unknown_object"},
       {"a list that is empty", kAsk, named(13, element(0xa1, Message{})), "fault bad_quantity"},
       {"a name that is none in a list", kAsk, named(10, element(0xa1, element(0x1a, "b"))),
        "fault bad_value"},
       {"an initiate in data", kAsk, data({0xa8, 0}), "fault bad_value"},
       {"tokens are given", kAsk, data_unit({1, 3, 0x10, 1, 0}), "fault bad_value"},
       {"an SPDU of none", kAsk, data_unit({0x39, 0}), "fault unknown_function"},
       {"two values in one data unit", kAsk,
        data_unit(
            join({{1, 0, 1, 0},
                  element(0x61, join({element(0x30, join({{2, 1, 3}, {0xa0, 2, 0x8b, 0}})),
                                      element(0x30, join({{2, 1, 3}, {0xa0, 2, 0x8b, 0}}))}))})),
        "fault bad_length"},
       {"another user of the transport", kAsk, data_unit({0x32, 2, 0, 0}),
        "fault unknown_function"}});
}

TEST(Decode, DataIsNestedToALimit) {
  const auto nested = [](int depth) {
    Message value = {0x83, 1, 1};
    for (int i = 1; i < depth; ++i) value = element(0xa2, value);
    return write(variable("A$SP$x"), value);
  };
  const std::string good =
      "write domain=CTRL item=A$SP$x logical_node=A functional_constraint=SP value=1 component=1";
  // Two more enclose it: the service and its list of data.
  EXPECT_EQ(support::decoded_text(module(), nested(ber::kDepthMax - 2), kAsk).substr(0, 89), good);
  EXPECT_EQ(support::decoded_text(module(), nested(ber::kDepthMax - 1), kAsk), "fault too_deep");
}

TEST(Decode, AsManyVariablesAsAreEverInspected) {
  const auto many = [](std::size_t count) {
    return support::decoded_text(
        module(),
        read(std::vector<Message>(count, element(0x30, element(0xa0, element(0x80, "v"))))), kAsk);
  };
  EXPECT_EQ(many(protocols::kOperationsMax).substr(0, 11), "read item=v");
  EXPECT_EQ(many(protocols::kOperationsMax + 1), "fault too_many_operations");
}

TEST(Pairing, AnAnswerNeedsItsRequest) {
  support::PairedSession session(module());
  const auto results = [](std::size_t count, std::uint8_t id) {
    Message all;
    for (std::size_t i = 0; i < count; ++i) all = join({all, {0x83, 1, 1}});
    return response(element(0xa4, element(0xa1, all)), id);
  };
  EXPECT_EQ(session.answer(results(2, 7)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(read({variable("A"), variable("B")})), Fault::none);
  EXPECT_EQ(session.outstanding(), 1U);
  EXPECT_EQ(session.answer(results(2, 8)), Fault::unrequested_response);
  EXPECT_EQ(session.answer(results(1, 7)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(response({0xa5, 2, 0x81, 0})), Fault::mismatched_response);
  EXPECT_EQ(session.answer(results(2, 7)), Fault::none);
  EXPECT_EQ(session.answer(results(2, 7)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(read({variable("A")})), Fault::none);
  EXPECT_EQ(session.answer(data({0xa2, 10, 0x80, 1, 7, 0xa2, 5, 0xa0, 3, 0x87, 1, 3})),
            Fault::none);
  EXPECT_EQ(session.answer(data({0xa4, 3, 0x81, 1, 5})), Fault::none) << "of nothing that is known";
  EXPECT_EQ(session.outstanding(), 0U);
}

TEST(Pairing, IdentifiersOfBothSidesAreApart) {
  support::PairedSession session(module());
  const Message obtain =
      named(46, join({element(0xa1, element(0x19, "a")), element(0xa2, element(0x19, "b"))}));
  const Message open = named(72, join({element(0xa0, element(0x19, "a")), {0x81, 1, 0}}));
  const Message opened =
      response(element(Message{0xbf, 72}, Message{0x80, 1, 1, 0xa1, 3, 0x80, 1, 9}));
  EXPECT_EQ(session.ask(obtain), Fault::none);
  EXPECT_EQ(session.ask(opened), Fault::unrequested_response);
  EXPECT_EQ(session.answer(open), Fault::none);
  EXPECT_EQ(session.outstanding(), 1U) << "the client waits for one, the server for another";
  EXPECT_EQ(session.answer(opened), Fault::mismatched_response) << "it did not ask for that";
  EXPECT_EQ(session.ask(opened), Fault::none);
  EXPECT_EQ(session.answer(response({0x9f, 46, 0})), Fault::none);
}

// A number stands for what was opened under it, by this side and in this session (ISO
// 9506-2, 18.2).
TEST(Pairing, AFileIsReadByTheNumberOfItsOpening) {
  support::PairedSession session(module());
  const auto by_number = [](std::uint8_t service, std::uint8_t number, std::uint8_t id) {
    return request(element(context_tag(service, false), Message{number}), id);
  };
  const Message open = named(72, join({element(0xa0, file("a")), {0x81, 1, 0}}));
  const Message opened =
      response(element(context_tag(72, true), Message{0x80, 1, 5, 0xa1, 3, 0x80, 1, 9}));
  const Message segment =
      response(element(context_tag(73, true), Message{0x80, 1, 'x', 0x81, 1, 0}), 8);
  EXPECT_EQ(session.ask(by_number(73, 5, 8)), Fault::not_started);
  EXPECT_EQ(session.ask(open), Fault::none);
  EXPECT_EQ(session.ask(by_number(73, 5, 8)), Fault::not_started) << "it is not answered yet";
  EXPECT_EQ(session.answer(opened), Fault::none);
  EXPECT_EQ(session.outstanding(), 0U);
  EXPECT_EQ(session.ask(by_number(73, 6, 8)), Fault::not_started);
  EXPECT_EQ(session.answer(by_number(73, 5, 8)), Fault::not_started) << "the other side's";
  EXPECT_EQ(session.ask(by_number(31, 5, 8)), Fault::not_started) << "it is no upload";
  for (int i = 0; i < 3; ++i) {
    session.now_ms += protocols::kOutstandingAgeMs / 2 + 1;
    EXPECT_EQ(session.ask(by_number(73, 5, 8)), Fault::none);
    EXPECT_EQ(session.answer(segment), Fault::none);
  }
  EXPECT_EQ(session.ask(by_number(74, 5, 9)), Fault::none);
  EXPECT_EQ(session.ask(by_number(73, 5, 8)), Fault::not_started) << "it is closed";
  const Message upload = named(context_tag(29, false), bytes_of("D"));
  const Message uploading = response(element(0xbd, Message{0x80, 1, 1, 0xa1, 0}));
  EXPECT_EQ(session.ask(by_number(30, 1, 3)), Fault::not_started);
  EXPECT_EQ(session.ask(upload), Fault::none);
  EXPECT_EQ(session.answer(uploading), Fault::none);
  EXPECT_EQ(session.ask(by_number(30, 1, 3)), Fault::none);
}

TEST(Pairing, ContextAndSizeAreThoseOfTheAssociation) {
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(association(true, 2000, 5)), Fault::none);
  EXPECT_EQ(session.answer(association(false, 1500, 5)), Fault::none);
  EXPECT_EQ(session.answer(association(false, 1500, 5)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(data({0x8b, 0}, 3)), Fault::bad_value);
  const auto content = [](std::size_t octets) {  // a write
    const Message value = element(0x89, Message(octets, 'x'));
    return join(
        {{2, 1, 7}, element(0xa5, join({element(0xa0, variable("A")), element(0xa0, value)}))});
  };
  const auto sized = [&](std::size_t bytes) {
    const std::size_t others = content(1000).size() - 1000;
    return data(element(0xa0, content(bytes - others)), 5);
  };
  EXPECT_EQ(session.ask(sized(1500)), Fault::none);
  EXPECT_EQ(session.ask(sized(1501)), Fault::bad_length);
  support::PairedSession unseen(module());
  EXPECT_EQ(unseen.ask(data({0x8b, 0}, 9)), Fault::none);
  EXPECT_EQ(unseen.answer(data({0x8c, 0}, 11)), Fault::bad_value);
}

// The server's request was judged, and its answer is tied to it: it needs no grant of its own.
TEST(Decode, AClientsAnswerSaysThatItIsOne) {
  const auto operations = std::make_unique<protocols::OperationList>();
  const auto answers = [&](const Message& message, Direction direction) {
    EXPECT_EQ(parse_operations(module(), message, direction, *operations), Fault::none);
    return (*operations)[0].tied;
  };
  const Message answer = response(element(0xa4, Message{0xa1, 0}));
  EXPECT_TRUE(answers(answer, kAsk));
  EXPECT_FALSE(answers(answer, kBack));
  EXPECT_FALSE(answers(read({variable("A")}), kAsk));
  EXPECT_FALSE(answers(read({variable("A")}), kBack));
}

TEST(Refusal, AConfirmedError) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const auto refuse = [&](const Message& from) {
    const std::size_t length =
        support::refuse(module(), from, protocols::DeniedPart::address, reply);
    return Message(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(length));
  };
  const Message asked = write(variable("CSWI1$CO$Pos$Oper"), {0x83, 1, 1});
  EXPECT_EQ(refuse(asked), data({0xa2, 10, 0x80, 1, 7, 0xa2, 5, 0xa0, 3, 0x87, 1, 3}));
  const Message large = data(element(0xa0, {2, 5, 0, 0xff, 0xff, 0xff, 0xfe, 0xa2, 0}), 127);
  EXPECT_EQ(
      refuse(large),
      data({0xa2, 14, 0x80, 5, 0, 0xff, 0xff, 0xff, 0xfe, 0xa2, 5, 0xa0, 3, 0x87, 1, 3}, 127));
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(asked), Fault::none);
  EXPECT_EQ(session.answer(refuse(asked)), Fault::none);
  EXPECT_TRUE(refuse(association(true, 65000)).empty());
  EXPECT_TRUE(refuse(data({0x8b, 0})).empty());
}

}  // namespace
}  // namespace bulkhead::mms
