// PDUs in the encoding of ISO 9506-2 and IEC 61850-8-1, from the transport up: every service, every
// variable, association, pairing, refusal.
#include "dataplane/protocols/mms/pairing.h"
#include "tests/support/ber_elements.h"
#include "tests/support/field_mutation.h"
#include "tests/support/iso_on_tcp.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::mms {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::bytes_of;
using support::data_unit;
using support::element;
using support::join;
using support::Message;
using support::Row;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("mms"); }

// A context-specific identifier, of two octets where it needs them.
Message context_tag(std::uint8_t number, bool constructed) {
  const auto kind = static_cast<std::uint8_t>(constructed ? 0xa0 : 0x80);
  if (number < 31) return {static_cast<std::uint8_t>(kind | number)};
  return {static_cast<std::uint8_t>(kind | 31), number};
}

Message data(const Message& pdu, std::uint8_t context = 3) {
  const Message list = join({{2, 1, context}, element(0xa0, pdu)});
  return data_unit(join({{1, 0, 1, 0}, element(0x61, element(0x30, list))}));
}

Message request(const Message& service, std::uint8_t id = 7) {
  return data(element(0xa0, join({{2, 1, id}, service})));
}
Message response(const Message& service, std::uint8_t id = 7) {
  return data(element(0xa1, join({{2, 1, id}, service})));
}

Message in_domain(std::string_view domain, std::string_view item) {
  return element(0xa1, join({element(0x1a, domain), element(0x1a, item)}));
}

Message variable(std::string_view item, const Message& alternate = {}) {
  return element(0x30, join({element(0xa0, in_domain("CTRL", item)), alternate}));
}

Message read(const std::vector<Message>& variables, std::uint8_t id = 7) {
  Message all;
  for (const Message& each : variables) all = join({all, each});
  return request(element(0xa4, element(0xa1, element(0xa0, all))), id);
}

Message write(const Message& variables, const Message& values) {
  return request(element(0xa5, join({element(0xa0, variables), element(0xa0, values)})));
}

// AlternateAccess: one component by name.
Message component(std::string_view name) { return element(0xa5, element(0x81, name)); }

std::string position(std::string_view part) {
  return "domain=CTRL item=CSWI1$CO$Pos$" + std::string(part) +
         " logical_node=CSWI1 functional_constraint=CO control=" + std::string(part);
}

const Message kOperTrue = element(0xa2, Message{0x83, 1, 1, 0x86, 1, 5});

Message named(const Message& tag, const Message& content) { return request(element(tag, content)); }
Message named(std::uint8_t service, const Message& content) {
  return named(context_tag(service, true), content);
}

const std::vector<Row> kVariables = {
    {"two variables, each with its names", kAsk,
     read({variable("MMXU1$MX$A$phsA"), variable("XCBR1$ST$Pos$stVal")}),
     "read domain=CTRL item=MMXU1$MX$A$phsA logical_node=MMXU1 functional_constraint=MX\n"
     "read domain=CTRL item=XCBR1$ST$Pos$stVal logical_node=XCBR1 functional_constraint=ST"},
    {"with result", kAsk,
     request(
         element(0xa4, join({{0x80, 1, 0xff}, element(0xa1, element(0xa0, variable("LLN0")))}))),
     "read domain=CTRL item=LLN0 logical_node=LLN0"},
    {"a variable of the VMD", kAsk,
     read({element(0x30, element(0xa0, element(0x80, "Transfer_Set_Name")))}),
     "read item=Transfer_Set_Name"},
    {"an address", kAsk, read({element(0x30, element(0xa1, Message{0x80, 1, 9}))}), "read"},
    {"a data set", kAsk,
     request(element(0xa4, element(0xa1, element(0xa1, in_domain("CTRL", "LLN0$Events"))))),
     "read domain=CTRL dataset=LLN0$Events"},
    {"the SBO of a switch selects it", kAsk, read({variable("CSWI1$CO$Pos$SBO")}),
     "select " + position("SBO")},
    {"what holds an SBO selects too", kAsk, read({variable("CSWI1$CO$Pos")}),
     "select domain=CTRL item=CSWI1$CO$Pos logical_node=CSWI1 functional_constraint=CO"},
    {"and so does a component", kAsk, read({variable("CSWI1", component("CO$Pos$SBO"))}),
     "select domain=CTRL item=CSWI1 logical_node=CSWI1"},
    {"an Oper is read", kAsk, read({variable("CSWI1$CO$Pos$Oper")}), "read " + position("Oper")},
    {"and operated, with what it is set to", kAsk, write(variable("CSWI1$CO$Pos$Oper"), kOperTrue),
     "operate " + position("Oper") + " value=1"},
    {"a select with value", kAsk, write(variable("CSWI1$CO$Pos$SBOw"), kOperTrue),
     "operate " + position("SBOw") + " value=1"},
    {"an Oper as a component", kAsk, write(variable("CSWI1", component("CO$Pos$Oper")), kOperTrue),
     "operate domain=CTRL item=CSWI1 logical_node=CSWI1 value=1"},
    {"a set point and a dead band", kAsk,
     write(join({variable("ATCC1$SP$Vol"), variable("MMXU1$CF$A$db")}),
           {0x87, 5, 8, 0xbf, 0xc0, 0, 0, 0x85, 2, 0xff, 0x38}),
     "write domain=CTRL item=ATCC1$SP$Vol logical_node=ATCC1 functional_constraint=SP value=-1.5\n"
     "write_configuration domain=CTRL item=MMXU1$CF$A$db logical_node=MMXU1 "
     "functional_constraint=CF value=-200"},
    {"a report is enabled", kAsk, write(variable("LLN0$BR$brcb01$RptEna"), {0x83, 1, 1}),
     "write_report_control domain=CTRL item=LLN0$BR$brcb01$RptEna logical_node=LLN0 "
     "functional_constraint=BR report_control_block=brcb01 value=1"},
    {"a data set is written", kAsk,
     request(element(0xa5, join({element(0xa1, element(0x82, "mine")),
                                 element(0xa0, Message{0x8a, 1, 'x', 0x86, 1, 1})}))),
     "write_named_variable_list dataset=mine"},
    {"attributes", kAsk, named(6, element(0xa0, in_domain("CTRL", "LLN0$ST"))),
     "get_variable_access_attributes domain=CTRL item=LLN0$ST logical_node=LLN0 "
     "functional_constraint=ST"},
    {"a list of one", kAsk,
     named(11, join({in_domain("CTRL", "LLN0$mine"), element(0xa0, variable("XCBR1$ST$Pos"))})),
     "define_named_variable_list domain=CTRL item=XCBR1$ST$Pos logical_node=XCBR1 "
     "functional_constraint=ST dataset=LLN0$mine"},
    {"a list of what is elsewhere", kAsk,
     named(11, join({element(0x82, "mine"), element(0xa0, variable("XCBR1$ST$Pos"))})),
     "define_named_variable_list item=XCBR1$ST$Pos logical_node=XCBR1 functional_constraint=ST "
     "dataset=mine"},
    {"a list's attributes", kAsk, named(12, in_domain("CTRL", "LLN0$Events")),
     "get_named_variable_list_attributes domain=CTRL dataset=LLN0$Events"},
    {"lists are deleted", kAsk,
     named(13,
           join({{0x80, 1, 0}, element(0xa1, join({in_domain("CTRL", "a"), element(0x82, "b")}))})),
     "delete_named_variable_list domain=CTRL dataset=a\ndelete_named_variable_list dataset=b"},
    {"all of a domain", kAsk, named(13, join({{0x80, 1, 2}, element(0x82, "CTRL")})),
     "delete_named_variable_list domain=CTRL"},
    {"a report with a data set's name", kBack,
     data(element(0xa3, element(0xa0, join({element(0xa1, element(0x80, "RPT")),
                                            element(0xa0, join({element(0x8a, "rep1"),
                                                                {0x84, 3, 6, 0x68, 0, 0x86, 1, 4},
                                                                element(0x8c, Message(6, 1)),
                                                                element(0x8a, "LLN0$ev"),
                                                                {0x84, 2, 6, 0x40}}))})))),
     "information_report dataset=LLN0$ev report_control_block=rep1"},
    {"a command's termination", kBack,
     data(element(0xa3, element(0xa0, join({element(0xa0, variable("CSWI1$CO$Pos$Oper")),
                                            element(0xa0, kOperTrue)})))),
     "information_report " + position("Oper")},
    {"the answer to a read", kBack,
     response(element(0xa4, element(0xa1, Message{0x83, 1, 1, 0x80, 1, 3}))), "read"},
    {"the answer to a write", kBack, response({0xa5, 5, 0x81, 0, 0x80, 1, 3}), "write"},
};

const std::vector<Row> kNamed = {
    {"names of a device", kAsk,
     named(1, join({{0xa0, 3, 0x80, 1, 0},
                    element(0xa1, element(0x81, "CTRL")),
                    element(0x82, "LLN0")})),
     "get_name_list domain=CTRL object_class=0"},
    {"devices", kAsk, named(1, {0xa0, 3, 0x80, 1, 9, 0xa1, 2, 0x80, 0}),
     "get_name_list object_class=9"},
    {"a semaphore", kAsk, named(19, element(0xa0, in_domain("CTRL", "S"))),
     "take_control domain=CTRL item=S logical_node=S"},
    {"all variables of a scattered one", kAsk,
     named(8,
           join({element(0xa0, in_domain("CTRL", "mine")),
                 element(
                     0xa1,
                     join({element(0x30, element(0xa1, element(0xa0, in_domain("A", "x")))),
                           element(0x30,
                                   join({element(0x80, "part"),
                                         element(0xa1, element(0xa0, in_domain("B", "y")))}))}))})),
     "define_scattered_access domain=CTRL item=mine logical_node=mine\n"
     "define_scattered_access domain=A item=x logical_node=x\n"
     "define_scattered_access domain=B item=y logical_node=y"},
    {"variables are deleted", kAsk,
     named(10, element(0xa1, join({in_domain("CTRL", "a"), element(0x80, "b")}))),
     "delete_variable_access domain=CTRL item=a logical_node=a\ndelete_variable_access item=b"},
    {"types of a domain are", kAsk, named(16, join({{0x80, 1, 2}, element(0x82, "CTRL")})),
     "delete_named_type domain=CTRL"},
    {"a condition watches a variable", kAsk,
     named(47, join({element(0xa0, in_domain("CTRL", "high")),
                     {0x81, 1, 1},
                     element(0xa6, element(0xa0, in_domain("AREA", "level")))})),
     "define_event_condition domain=CTRL item=high logical_node=high\n"
     "define_event_condition domain=AREA item=level logical_node=level"},
    {"conditions are deleted", kAsk,
     named(48, element(0xa0, join({in_domain("CTRL", "high"), element(0x80, "b")}))),
     "delete_event_condition domain=CTRL item=high logical_node=high\n"
     "delete_event_condition item=b"},
    {"all of the domain are", kAsk, named(48, element(0x82, "CTRL")),
     "delete_event_condition domain=CTRL"},
    {"all of the server are", kAsk, named(54, {0x83, 0}), "delete_event_action"},
    {"an action will operate", kAsk,
     named(53, join({element(0xa0, in_domain("CTRL", "act")),
                     element(0xa2, element(0xa5, join({element(0xa0, variable("CSWI1$CO$Pos$Oper")),
                                                       element(0xa0, kOperTrue)})))})),
     "define_event_action domain=CTRL item=act logical_node=act\noperate " + position("Oper") +
         " value=1"},
    {"who is told what then", kAsk,
     named(57, join({element(0xa0, in_domain("CTRL", "en")),
                     element(0xa1, in_domain("AREA", "high")),
                     {0x82, 2, 1, 0x40, 0x83, 1, 0},
                     element(0xa4, element(0x80, "act"))})),
     "define_event_enrollment domain=CTRL item=en logical_node=en\n"
     "define_event_enrollment domain=AREA item=high logical_node=high\n"
     "define_event_enrollment item=act"},
    {"by its condition", kAsk, named(58, element(0xa1, in_domain("CTRL", "high"))),
     "delete_event_enrollment domain=CTRL item=high logical_node=high"},
    {"an action's state", kAsk, named(56, in_domain("CTRL", "act")),
     "report_event_action_status domain=CTRL item=act logical_node=act"},
    {"enrollments", kAsk, named(61, join({{0x80, 1, 0}, element(0xa1, in_domain("CTRL", "en"))})),
     "get_event_enrollment_attributes domain=CTRL item=en logical_node=en"},
    {"all enrollments", kAsk, named(61, {0x80, 1, 1}), "get_event_enrollment_attributes"},
    {"download", kAsk, named(26, join({element(0x80, "CTRL"), {0xa1, 0, 0x82, 1, 0}})),
     "initiate_download_sequence domain=CTRL"},
    {"a segment", kAsk, named(context_tag(27, false), bytes_of("CTRL")),
     "download_segment domain=CTRL"},
    {"from a file", kAsk,
     named(34, join({element(0x80, "CTRL"),
                     {0xa1, 0, 0x82, 1, 0},
                     element(0xa4, element(0x19, "prog"))})),
     "load_domain_content domain=CTRL file=prog"},
    {"to a file", kAsk,
     named(35, join({element(0x80, "CTRL"), element(0xa1, element(0x19, "prog"))})),
     "store_domain_content domain=CTRL file=prog"},
    {"a program begins", kAsk, named(40, element(0x80, "main")), "start program_invocation=main"},
    {"a program goes", kAsk, named(context_tag(39, false), bytes_of("main")),
     "delete_program_invocation program_invocation=main"},
    {"a journal", kAsk, named(65, element(0xa0, in_domain("CTRL", "LLN0$EventLog"))),
     "read_journal domain=CTRL item=LLN0$EventLog logical_node=LLN0 "
     "functional_constraint=EventLog"},
    {"a file is obtained", kAsk,
     named(46,
           join({element(0xa1, element(0x19, "new.bin")), element(0xa2, element(0x19, "fw.bin"))})),
     "obtain_file file=new.bin\nobtain_file file=fw.bin"},
    {"and fetched by the server", kBack,
     named(72, join({element(0xa0, element(0x19, "new.bin")), {0x81, 1, 0}})),
     "server_file_open file=new.bin"},
    {"a control centre asks back", kBack, named(12, in_domain("KIRK", "SET")),
     "server_get_named_variable_list_attributes domain=KIRK dataset=SET"},
    {"and is answered", kAsk, response(element(0xac, Message{0x80, 1, 0})),
     "server_get_named_variable_list_attributes"},
    {"and told", kAsk,
     data(element(0xa3, element(0xa0, join({element(0xa1, in_domain("KIRK", "SET")),
                                            element(0xa0, Message{0x85, 1, 1})})))),
     "client_information_report domain=KIRK dataset=SET"},
    {"open", kAsk, named(72, join({element(0xa0, element(0x19, "x")), {0x81, 1, 0}})),
     "file_open file=x"},
    {"read", kAsk, named(context_tag(73, false), {5}), "file_read"},
    {"closed", kAsk, named(context_tag(74, false), {5}), "file_close"},
    {"another name", kAsk,
     named(75, join({element(0xa0, element(0x19, "a")), element(0xa1, element(0x19, "b"))})),
     "file_rename file=a\nfile_rename file=b"},
    {"gone", kAsk, named(76, element(0x19, "a")), "file_delete file=a"},
    {"a name in two pieces has no view", kAsk,
     named(76, join({element(0x19, "a"), element(0x19, "b")})), "file_delete"},
    {"files", kAsk, named(77, element(0xa0, element(0x19, "/COMTRADE/"))),
     "file_directory file=/COMTRADE/"},
    {"all files", kAsk, named(77, {}), "file_directory"},
    {"stop of all", kAsk, named(78, {0x80, 0}), "vmd_stop"},
    {"a status that is not asked for", kBack, data({0xa3, 2, 0xa1, 0}), "unsolicited_status"},
    {"an event", kBack, data({0xa3, 2, 0xa2, 0}), "event_notification"},
    {"an error", kBack, data({0xa2, 10, 0x80, 1, 7, 0xa2, 5, 0xa0, 3, 0x87, 1, 3}),
     "confirmed_error"},
    {"a reject", kBack, data({0xa4, 6, 0x80, 1, 7, 0x81, 1, 1}), "reject"},
    {"a cancel", kAsk, data({0x85, 1, 7}), "cancel"},
    {"cancelled", kBack, data({0x86, 1, 7}), "cancel"},
    {"conclude", kAsk, data({0x8b, 0}), "conclude"},
    {"concluded", kBack, data({0x8c, 0}), "conclude"},
    {"finish", kAsk, data_unit({9, 2, 0xc1, 0}), "session_finish"},
    {"disconnect", kBack, data_unit({10, 0}), "session_disconnect"},
    {"not finished", kBack, data_unit({8, 0}), "session_not_finished"},
    {"refuse", kBack, data_unit({12, 3, 0x32, 1, 0}), "session_refuse"},
    {"abort", kAsk, data_unit({25, 3, 0x11, 1, 11}), "session_abort"},
    {"abort accepted", kBack, data_unit({26, 0}), "session_abort_accept"},
    {"connect", kAsk, {3, 0, 0, 15, 10, 0xe0, 0, 0, 0, 1, 0, 0xc2, 2, 0, 1}, "cotp_connect tsap=1"},
    {"confirmed", kBack, {3, 0, 0, 11, 6, 0xd0, 0, 1, 0, 2, 0}, "cotp_confirm tsap_name="},
    {"no connection", kBack, {3, 0, 0, 11, 6, 0x80, 0, 1, 0, 2, 0}, "cotp_disconnect"},
    {"an error of the transport", kBack, {3, 0, 0, 9, 4, 0x70, 0, 1, 0}, "cotp_error"},
    {"a data unit that is empty", kBack, data_unit({}, 0), "cotp_empty_data"},
};

// CN or AC with CP or CPA, AARQ or AARE, and an initiate PDU with a local detail.
Message association(bool asks, std::uint16_t detail, std::uint8_t context = 3) {
  const Message initiate =
      element(asks ? 0xa8 : 0xa9,
              join({{0x80, 3, 0, static_cast<std::uint8_t>(detail >> 8),
                     static_cast<std::uint8_t>(detail), 0x81, 1, 5, 0x82, 1, 5, 0x83, 1, 10},
                    element(0xa4, Message{0x80, 1, 1, 0x81, 3, 5, 0xf1, 0, 0x82, 3, 2, 0, 0})}));
  const Message external = element(0x28, join({{2, 1, context}, element(0xa0, initiate)}));
  const Message apdu = element(
      asks ? 0x60 : 0x61, join({{0xa1, 7, 6, 5, 0x28, 0xca, 0x22, 2, 3}, element(0xbe, external)}));
  const Message user = element(0x61, element(0x30, join({{2, 1, 1}, element(0xa0, apdu)})));
  const Message ppdu =
      element(0x31, join({{0xa0, 3, 0x80, 1, 1}, element(0xa2, join({{0x82, 1, 1}, user}))}));
  const Message parameters =
      join({{5, 6, 0x13, 1, 0, 0x16, 1, 2, 0xc1, static_cast<std::uint8_t>(ppdu.size())}, ppdu});
  return data_unit(join(
      {{static_cast<std::uint8_t>(asks ? 13 : 14), static_cast<std::uint8_t>(parameters.size())},
       parameters}));
}

// Some speak MMS on the transport itself, without session and presentation.
TEST(Decode, BarePdus) {
  const Message asked = data_unit({0xa0, 5, 2, 1, 7, 0x82, 0});
  support::expect_rows(module(), {{"identify", kAsk, asked, "identify"},
                                  {"initiate", kAsk, data_unit({0xa8, 0}), "initiate"},
                                  {"conclude", kAsk, data_unit({0x8b, 0}), "conclude"}});
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const std::size_t length = module().refuse(asked, protocols::Denial::function, reply);
  EXPECT_EQ(Message(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(length)),
            data_unit({0xa2, 10, 0x80, 1, 7, 0xa2, 5, 0xa0, 3, 0x87, 1, 3}));
}

TEST(Decode, Variables) { support::expect_rows(module(), kVariables); }

TEST(Decode, EachFunction) {
  std::vector<Row> rows = kNamed;
  rows.push_back({"association", kAsk, association(true, 65000), "initiate"});
  rows.push_back({"associated", kBack, association(false, 65000), "initiate"});
  support::expect_rows(module(), rows);
  rows.insert(rows.end(), kVariables.begin(), kVariables.end());
  std::string all;
  for (const Row& row : rows) all += "\n" + row.expected + " ";
  for (const protocols::FunctionInfo& function : catalogue().functions) {
    const std::string name(function.name);
    if (all.find("\n" + name + " ") != std::string::npos) continue;
    if (function.sub_code == kOtherSide) {
      rows.push_back({function.name.data(), kAsk,
                      response(element(context_tag(static_cast<std::uint8_t>(function.code), true),
                                       Message{})),
                      name});
      continue;
    }
    const auto code = static_cast<std::uint8_t>(function.code);
    Message content;
    std::string expected = name;
    if ((function.fields >> kItem & 1) != 0) {
      content = in_domain("D", "x");
      expected += " domain=D item=x logical_node=x";
    } else if ((function.fields >> kProgram & 1) != 0) {
      content = code == 45 ? bytes_of("p") : element(0x80, "p");
      expected += " program_invocation=p";
    } else if ((function.fields >> kDomain & 1) != 0) {
      const bool alone = code == 29 || code == 36 || code == 37;
      content = alone ? bytes_of("D") : element(0x80, "D");
      expected += " domain=D";
    }
    if (function.code == kAdditionalService) {
      content = element(context_tag(static_cast<std::uint8_t>(function.sub_code), true), Message{});
    }
    const bool identifier = code == 45 || code == 29 || code == 36 || code == 37;
    const Message tag = context_tag(code, !identifier);
    rows.push_back({function.name.data(), kAsk, named(tag, content), expected});
  }
  support::expect_rows(module(), rows);
  for (Row& row : rows) row.expected += " ";
  support::expect_all_functions(module(), rows);
  support::expect_fields_decide(module(), rows);
}

TEST(Decode, WhatIsRefused) {
  const Message variables = join({variable("A$SP$x"), variable("A$SP$y")});
  support::expect_rows(
      module(),
      {{"a service of none", kAsk, named(99, {}), "fault unknown_function"},
       {"an additional service of none", kAsk, named(78, {0x9e, 0}), "fault unknown_function"},
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
        "fault bad_value"},
       {"something behind the service", kAsk, request({0xa2, 0, 0xbf, 0x4f, 0}), "fault bad_value"},
       {"a stop by the server", kBack, named(41, element(0x80, "main")), "fault wrong_direction"},
       {"an answer by the client to what no server asks", kAsk, response({0xbf, 41, 0}),
        "fault wrong_direction"},
       {"a status by the client, unasked", kAsk, data({0xa3, 2, 0xa1, 0}), "fault wrong_direction"},
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
        named(57, join({element(0xa0, element(0x80, "en")), element(0xa6, element(0x80, "x"))})),
        "fault unknown_object"},
       {"a list that is empty", kAsk, named(13, element(0xa1, Message{})), "fault bad_value"},
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
        "fault bad_value"},
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
      "write domain=CTRL item=A$SP$x logical_node=A functional_constraint=SP value=1";
  // Two more enclose it: the service and its list of data.
  EXPECT_EQ(support::decoded_text(module(), nested(ber::kDepthMax - 1), kAsk), good);
  EXPECT_EQ(support::decoded_text(module(), nested(ber::kDepthMax), kAsk), "fault bad_length");
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

TEST(Decode, LengthsMayBeIndefinite) {
  // A whole PDU of them says the same as one of definite ones.
  const Message name = join({{0xa1, 0x80}, element(0x1a, "D"), element(0x1a, "x"), {0, 0}});
  const Message all = join({{0xa4, 0x80, 0xa1, 0x80, 0xa0, 0x80, 0x30, 0x80, 0xa0, 0x80},
                            name,
                            {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}});
  EXPECT_EQ(support::decoded_text(module(), request(all), kAsk),
            "read domain=D item=x logical_node=x");
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
  const Message opened = response(element(Message{0xbf, 72}, Message{0x80, 1, 1}));
  EXPECT_EQ(session.ask(obtain), Fault::none);
  EXPECT_EQ(session.ask(opened), Fault::unrequested_response);
  EXPECT_EQ(session.answer(open), Fault::none);
  EXPECT_EQ(session.outstanding(), 1U) << "the client waits for one, the server for another";
  EXPECT_EQ(session.answer(opened), Fault::mismatched_response) << "it did not ask for that";
  EXPECT_EQ(session.ask(opened), Fault::none);
  EXPECT_EQ(session.answer(response({0xbf, 46, 0})), Fault::none);
}

TEST(Pairing, ContextAndSizeAreThoseOfTheAssociation) {
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(association(true, 2000, 5)), Fault::none);
  EXPECT_EQ(session.answer(association(false, 1500, 5)), Fault::none);
  EXPECT_EQ(session.answer(association(false, 1500, 5)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(data({0x8b, 0}, 3)), Fault::bad_value);
  const auto sized = [](std::size_t bytes) {
    const Message name = element(0x80, Message(bytes, 'x'));
    return data(element(0xa0, join({{2, 1, 7}, element(0xa2, name)})), 5);
  };
  EXPECT_EQ(session.ask(sized(1500 - 11)), Fault::none);
  EXPECT_EQ(session.ask(sized(1500 - 10)), Fault::bad_length);
  support::PairedSession unseen(module());
  EXPECT_EQ(unseen.ask(data({0x8b, 0}, 9)), Fault::none);
  EXPECT_EQ(unseen.answer(data({0x8c, 0}, 11)), Fault::bad_value);
}

// The server's request was judged, and its answer is tied to it: it needs no grant of its own.
TEST(Decode, AClientsAnswerSaysThatItIsOne) {
  const auto operations = std::make_unique<protocols::OperationList>();
  const auto answers = [&](const Message& message, Direction direction) {
    EXPECT_EQ(module().decode(message, direction, *operations), Fault::none);
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
    const std::size_t length = module().refuse(from, protocols::Denial::address, reply);
    return Message(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(length));
  };
  const Message asked = write(variable("CSWI1$CO$Pos$Oper"), kOperTrue);
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
