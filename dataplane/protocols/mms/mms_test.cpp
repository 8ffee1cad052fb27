// PDUs in the encoding of ISO 9506-2 and IEC 61850-8-1, from the transport up: every service and
// every kind of variable that is granted.
#include "dataplane/protocols/mms/layout.h"
#include "tests/support/field_mutation.h"
#include "tests/support/mms_messages.h"

namespace bulkhead::mms {
namespace {

using namespace support::mms;
using protocols::Direction;
using support::bytes_of;
using support::data_unit;
using support::element;
using support::join;
using support::Message;
using support::Row;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("mms"); }

std::string position(std::string_view part) {
  return "domain=CTRL item=CSWI1$CO$Pos$" + std::string(part) +
         " logical_node=CSWI1 functional_constraint=CO control=" + std::string(part);
}

// ctlVal, origin, ctlNum, T, Test, Check (IEC 61850-8-1, 20.2).
Message command(const Message& value, std::uint8_t check = 0xc0) {
  return element(0xa2, join({value,
                             {0xa2, 6, 0x85, 1, 3, 0x89, 1, 'x', 0x86, 1, 5},
                             element(Message{0x91}, Message(8, 0)),
                             {0x83, 1, 0, 0x84, 2, 6, check}}));
}
const Message kOperTrue = command({0x83, 1, 1});
const std::string kCommand = " value=1 originator=3 test=0 check=3";

const std::vector<Row> kVariables = {
    {"two variables, each with its names", kAsk,
     read({variable("MMXU1$MX$A$phsA"), variable("XCBR1$ST$Pos$stVal")}),
     "read domain=CTRL item=MMXU1$MX$A$phsA logical_node=MMXU1 functional_constraint=MX\n"
     "read domain=CTRL item=XCBR1$ST$Pos$stVal logical_node=XCBR1 functional_constraint=ST"},
    {"with result", kAsk,
     request(
         element(0xa4, join({{0x80, 1, 0xff}, element(0xa1, element(0xa0, variable("LLN0")))}))),
     "read_logical_node domain=CTRL item=LLN0 logical_node=LLN0"},
    {"a variable of the VMD", kAsk,
     read({element(0x30, element(0xa0, element(0x80, "Transfer_Set_Name")))}),
     "read item=Transfer_Set_Name"},
    {"addresses, of each kind", kAsk,
     read({element(0x30, element(0xa1, Message{0x80, 1, 9})),
           element(0x30, element(0xa1, element(0x81, "DB1.X"))),
           element(0x30, element(0xa1, Message{0x82, 2, 0x0a, 0xff}))}),
     "read_address address=#9\nread_address address=DB1.X\nread_address address=x'0aff'"},
    {"a data set", kAsk,
     request(element(0xa4, element(0xa1, element(0xa1, in_domain("CTRL", "LLN0$Events"))))),
     "read domain=CTRL dataset=LLN0$Events"},
    {"the SBO of a switch selects it", kAsk, read({variable("CSWI1$CO$Pos$SBO")}),
     "select " + position("SBO")},
    {"what holds an SBO selects too", kAsk, read({variable("CSWI1$CO$Pos")}),
     "select domain=CTRL item=CSWI1$CO$Pos logical_node=CSWI1 functional_constraint=CO"},
    {"and so does a component", kAsk,
     read({variable("CSWI1", chosen(component_of("CO", component_of("Pos", component("SBO")))))}),
     "select " + position("SBO")},
    {"and a device of a control centre (IEC 60870-6-503)", kAsk, read({variable("BRK7_SBO")}),
     "select domain=CTRL item=BRK7_SBO logical_node=BRK7_SBO"},
    {"a whole logical node may, a point of a control centre does not", kAsk,
     read({variable("relGGIO12"), variable("EMS_TS0")}),
     "read_logical_node domain=CTRL item=relGGIO12 logical_node=relGGIO12\n"
     "read domain=CTRL item=EMS_TS0 logical_node=EMS_TS0"},
    {"and one whose select is a part of it", kAsk, read({variable("BRK7$SBO")}),
     "select domain=CTRL item=BRK7$SBO logical_node=BRK7 functional_constraint=SBO"},
    {"an Oper is read", kAsk, read({variable("CSWI1$CO$Pos$Oper")}), "read " + position("Oper")},
    {"and operated, with what it is set to", kAsk, write(variable("CSWI1$CO$Pos$Oper"), kOperTrue),
     "operate " + position("Oper") + kCommand},
    {"a select with value", kAsk, write(variable("CSWI1$CO$Pos$SBOw"), kOperTrue),
     "operate " + position("SBOw") + kCommand},
    {"an Oper as a component", kAsk,
     write(variable("CSWI1$CO$Pos", chosen(component("Oper"))), kOperTrue),
     "operate " + position("Oper") + kCommand},
    {"operated at a time, in steps", kAsk,
     write(variable("ATCC1$CO$TapChg$Oper"),
           element(0xa2, join({{0x84, 2, 6, 0x80, 0x91, 8, 0x5f, 0xee, 0x66, 0, 1, 2, 3, 4},
                               {0xa2, 6, 0x85, 1, 2, 0x89, 1, 'x', 0x86, 1, 5},
                               element(Message{0x91}, Message(8, 0)),
                               {0x83, 1, 1, 0x84, 2, 6, 0}}))),
     "operate domain=CTRL item=ATCC1$CO$TapChg$Oper logical_node=ATCC1 functional_constraint=CO "
     "control=Oper value=2 originator=2 test=1 check=0 operate_time=1609459200"},
    {"a set point that is operated", kAsk,
     write(variable("GGIO1$CO$AnOut1$Oper"),
           command(element(0xa2, Message{0x87, 5, 8, 0x41, 0x20, 0, 0}))),
     "operate domain=CTRL item=GGIO1$CO$AnOut1$Oper logical_node=GGIO1 functional_constraint=CO "
     "control=Oper value=10 component=1 originator=3 test=0 check=3"},
    {"a cancel, which asks for no checks", kAsk,
     write(variable("CSWI1$CO$Pos$Cancel"),
           element(0xa2, join({{0x83, 1, 1, 0xa2, 6, 0x85, 1, 3, 0x89, 1, 'x', 0x86, 1, 5},
                               element(Message{0x91}, Message(8, 0)),
                               {0x83, 1, 0}}))),
     "operate " + position("Cancel") + " value=1 originator=3 test=0"},
    {"what has not a control's parameters is many values", kAsk,
     write(variable("CSWI1$CO$Pos$Oper"), element(0xa2, Message{0x83, 1, 1, 0x85, 1, 9})),
     "operate " + position("Oper") + " value=1 component=1\noperate " + position("Oper") +
         " value=9 component=2"},
    {"every value of a structure", kAsk,
     write(variable("GAPC1$SP$Lim"),
           element(0xa2, join({{0x85, 1, 5}, element(0xa1, Message{0x86, 1, 7, 0x8a, 1, 'a'})}))),
     "write domain=CTRL item=GAPC1$SP$Lim logical_node=GAPC1 functional_constraint=SP value=5 "
     "component=1\n"
     "write domain=CTRL item=GAPC1$SP$Lim logical_node=GAPC1 functional_constraint=SP value=7 "
     "component=2.1\n"
     "write domain=CTRL item=GAPC1$SP$Lim logical_node=GAPC1 functional_constraint=SP "
     "component=2.2"},
    {"an element of an array, and a component of one", kAsk,
     read({variable("MHAI1$MX$HA$phsAHar", chosen(index_of(3, component("cVal")))),
           variable("MHAI1$MX$HA$phsAHar", chosen(range(3, 2)))}),
     "read domain=CTRL item=MHAI1$MX$HA$phsAHar(3)$cVal logical_node=MHAI1 "
     "functional_constraint=MX\n"
     "read domain=CTRL item=MHAI1$MX$HA$phsAHar(3..4) logical_node=MHAI1 "
     "functional_constraint=MX"},
    {"an element is written", kAsk,
     write(variable("FSCH1$SP$Val", chosen(index(12))), {0x85, 1, 5}),
     "write domain=CTRL item=FSCH1$SP$Val(12) logical_node=FSCH1 functional_constraint=SP value=5"},
    {"the setting group is switched (IEC 61850-7-2, 16)", kAsk,
     write(variable("LLN0$SP$SGCB$ActSG"), {0x86, 1, 2}),
     "write_setting_group_control domain=CTRL item=LLN0$SP$SGCB$ActSG logical_node=LLN0 "
     "functional_constraint=SP value=2"},
    {"all set points hold it", kAsk, write(variable("LLN0$SP"), element(0xa2, Message{0x86, 1, 2})),
     "write_setting_group_control domain=CTRL item=LLN0$SP logical_node=LLN0 "
     "functional_constraint=SP value=2 component=1"},
    {"a value is substituted, and a signal blocked", kAsk,
     write(join({variable("MMXU1$SV$TotW$subEna"), variable("GGIO1$BL$Ind1$blkEna")}),
           {0x83, 1, 0xff, 0x83, 1, 0xff}),
     "substitute domain=CTRL item=MMXU1$SV$TotW$subEna logical_node=MMXU1 "
     "functional_constraint=SV value=1\n"
     "substitute domain=CTRL item=GGIO1$BL$Ind1$blkEna logical_node=GGIO1 "
     "functional_constraint=BL value=1"},
    {"what has no functional constraint may operate", kAsk,
     write(
         join({variable("Breaker7"), element(0x30, element(0xa0, element(0x80, "Tag"))),
               variable("XCBR1$ST$Pos$stVal"), element(0x30, element(0xa1, Message{0x80, 1, 9}))}),
         {0x85, 1, 1, 0x85, 1, 2, 0x85, 1, 3, 0x85, 1, 4}),
     "write_unconstrained domain=CTRL item=Breaker7 logical_node=Breaker7 value=1\n"
     "write_unconstrained item=Tag value=2\n"
     "write_unconstrained domain=CTRL item=XCBR1$ST$Pos$stVal logical_node=XCBR1 "
     "functional_constraint=ST value=3\n"
     "write_unconstrained value=4 address=#9"},
    {"the association's own", kAsk,
     request(element(0xa4, element(0xa1, element(0xa1, element(0x82, "mine"))))),
     "read domain=@ dataset=mine"},
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
     "write_named_variable_list domain=@ dataset=mine\n"
     "write_named_variable_list domain=@ dataset=mine value=1"},
    {"attributes", kAsk, named(6, element(0xa0, in_domain("CTRL", "LLN0$ST"))),
     "get_variable_access_attributes domain=CTRL item=LLN0$ST logical_node=LLN0 "
     "functional_constraint=ST"},
    {"a list of one", kAsk,
     named(11, join({in_domain("CTRL", "LLN0$mine"), element(0xa0, variable("XCBR1$ST$Pos"))})),
     "define_named_variable_list domain=CTRL item=XCBR1$ST$Pos logical_node=XCBR1 "
     "functional_constraint=ST dataset=LLN0$mine"},
    {"a list of what is elsewhere", kAsk,
     named(11, join({element(0x82, "mine"), element(0xa0, variable("XCBR1$ST$Pos"))})),
     "define_named_variable_list domain=CTRL item=XCBR1$ST$Pos logical_node=XCBR1 "
     "functional_constraint=ST dataset=mine\ndefine_named_variable_list domain=@ dataset=mine"},
    {"a list that selects when it is read", kAsk,
     named(11, join({in_domain("CTRL", "LLN0$mine"), element(0xa0, variable("CSWI1$CO$Pos$SBO"))})),
     "define_named_variable_list " + position("SBO") + " dataset=LLN0$mine\nselect " +
         position("SBO")},
    {"a list's attributes", kAsk, named(12, in_domain("CTRL", "LLN0$Events")),
     "get_named_variable_list_attributes domain=CTRL dataset=LLN0$Events"},
    {"lists are deleted", kAsk,
     named(13,
           join({{0x80, 1, 0}, element(0xa1, join({in_domain("CTRL", "a"), element(0x82, "b")}))})),
     "delete_named_variable_list domain=CTRL dataset=a\n"
     "delete_named_variable_list domain=@ dataset=b"},
    {"all of a domain", kAsk, named(13, join({{0x80, 1, 2}, element(0x82, "CTRL")})),
     "delete_named_variable_list domain=CTRL"},
    {"a set point of zero", kAsk, write(variable("A$SP$x"), {0x87, 5, 8, 0, 0, 0, 0}),
     "write domain=CTRL item=A$SP$x logical_node=A functional_constraint=SP value=0"},
    {"and one that is no number", kAsk, write(variable("A$SP$x"), {0x87, 5, 8, 0x7f, 0xc0, 0, 0}),
     "write domain=CTRL item=A$SP$x logical_node=A functional_constraint=SP"},
    {"all of the association", kAsk, named(13, {0x80, 1, 1}),
     "delete_named_variable_list domain=@"},
    {"all that there are", kAsk, named(13, {0x80, 1, 3}), "delete_named_variable_list"},
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
    {"all of the server are", kAsk, named(54, {0x84, 0}), "delete_event_action"},
    {"those of a domain", kAsk, named(54, element(0x83, "CTRL")),
     "delete_event_action domain=CTRL"},
    {"those of the association", kAsk, named(48, {0x81, 0}), "delete_event_condition domain=@"},
    {"the association's names", kAsk, named(1, {0xa0, 3, 0x80, 1, 2, 0xa1, 2, 0x82, 0}),
     "get_name_list domain=@ object_class=2"},
    {"another name for a list", kAsk,
     named(
         3,
         join({{0xa0, 3, 0x80, 1, 2}, element(0xa1, in_domain("CTRL", "a")), element(0x82, "b")})),
     "rename domain=CTRL item=a logical_node=a object_class=2\nrename item=b"},
    {"a program of two domains", kAsk,
     named(38, join({element(0x80, "main"),
                     element(0xa1, join({element(0x1a, "A"), element(0x1a, "B")}))})),
     "create_program_invocation domain=A program_invocation=main\n"
     "create_program_invocation domain=B"},
    {"an operator is asked", kAsk, named(17, element(0x80, "OP1")), "input item=OP1"},
    {"an operator is told", kAsk,
     named(18, join({element(0x80, "OP1"), element(0xa1, element(0x1a, "hello"))})),
     "output item=OP1"},
    {"a type", kAsk,
     named(14, join({in_domain("CTRL", "t"),
                     element(0xa2, element(0xa1, element(0x30, join({element(0x80, "q"),
                                                                     {0xa1, 2, 0x83, 0}}))))})),
     "define_named_type domain=CTRL item=t logical_node=t"},
    {"a variable at an address", kAsk,
     named(7, join({element(0xa0, in_domain("CTRL", "v")), {0xa1, 3, 0x80, 1, 9}})),
     "define_named_variable domain=CTRL item=v logical_node=v address=#9"},
    {"a semaphore is made", kAsk,
     named(21, join({element(0xa0, in_domain("CTRL", "S")), {0x81, 1, 2}})),
     "define_semaphore domain=CTRL item=S logical_node=S"},
    {"who waits for it", kAsk,
     named(25, join({element(0xa0, in_domain("CTRL", "S")), {0x81, 1, 0}})),
     "report_semaphore_entry_status domain=CTRL item=S logical_node=S"},
    {"an event is acknowledged", kAsk,
     named(62, join({element(0xa0, in_domain("CTRL", "en")), {0x82, 1, 2, 0xa3, 3, 0x81, 1, 7}})),
     "acknowledge_event_notification domain=CTRL item=en logical_node=en"},
    {"something is noted", kAsk,
     named(66, join({element(0xa0, in_domain("CTRL", "log")),
                     element(0xa1, element(0x30, Message{0x80, 4, 0, 0, 0, 1, 0x83, 1, 'n'}))})),
     "write_journal domain=CTRL item=log logical_node=log"},
    {"a download ends", kAsk, named(28, element(0x80, "CTRL")),
     "terminate_download_sequence domain=CTRL"},
    {"a domain from the other side", kAsk,
     named(32, join({element(0x80, "CTRL"), {0x82, 1, 0}, element(0xa4, file("prog"))})),
     "request_domain_download domain=CTRL file=prog"},
    {"and to it", kAsk, named(33, join({element(0x80, "CTRL"), element(0xa1, file("prog"))})),
     "request_domain_upload domain=CTRL file=prog"},
    {"an action will operate", kAsk,
     named(53, join({element(0xa0, in_domain("CTRL", "act")),
                     element(0xa2, element(0xa5, join({element(0xa0, variable("CSWI1$CO$Pos$Oper")),
                                                       element(0xa0, kOperTrue)})))})),
     "define_event_action domain=CTRL item=act logical_node=act\noperate " + position("Oper") +
         kCommand},
    {"who is told what then", kAsk,
     named(57, join({element(0xa0, in_domain("CTRL", "en")),
                     element(0xa1, in_domain("AREA", "high")),
                     {0x82, 2, 1, 0x40, 0x83, 1, 0},
                     element(0xa4, element(0x80, "act"))})),
     "define_event_enrollment domain=CTRL item=en logical_node=en\n"
     "define_event_enrollment domain=AREA item=high logical_node=high\n"
     "define_event_enrollment item=act"},
    {"by its condition", kAsk, named(58, element(0xa1, in_domain("CTRL", "high"))),
     "delete_event_enrollment domain=CTRL item=high logical_node=high object_class=5"},
    {"an action's state", kAsk, named(56, in_domain("CTRL", "act")),
     "report_event_action_status domain=CTRL item=act logical_node=act"},
    {"enrollments", kAsk, named(61, join({{0x80, 1, 0}, element(0xa1, in_domain("CTRL", "en"))})),
     "get_event_enrollment_attributes domain=CTRL item=en logical_node=en object_class=7"},
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
    {"with an argument", kAsk, named(40, join({element(0x80, "main"), element(0x81, "fast")})),
     "start program_invocation=main argument=fast"},
    {"a program goes", kAsk, named(context_tag(39, false), bytes_of("main")),
     "delete_program_invocation program_invocation=main"},
    {"a journal", kAsk,
     named(65, join({element(0xa0, in_domain("CTRL", "LLN0$EventLog")),
                     element(0xa1, Message{0x80, 6, 0, 0, 0, 0, 0, 0})})),
     "read_journal domain=CTRL item=LLN0$EventLog logical_node=LLN0 "
     "functional_constraint=EventLog"},
    {"a file is obtained", kAsk,
     named(46,
           join({element(0xa1, element(0x19, "new.bin")), element(0xa2, element(0x19, "fw.bin"))})),
     "obtain_file file=new.bin\nobtain_file file=fw.bin"},
    {"and fetched by the server", kBack,
     named(72, join({element(0xa0, element(0x19, "new.bin")), {0x81, 1, 0}})),
     "server_file_open file=new.bin position=0"},
    {"it selects at its client", kBack,
     read({element(0x30, element(0xa0, in_domain("KIRK", "BRK_SBO")))}),
     "server_select domain=KIRK item=BRK_SBO logical_node=BRK_SBO"},
    {"it writes", kBack, write(variable("A$SP$x"), {0x85, 1, 1}),
     "server_write domain=CTRL item=A$SP$x logical_node=A functional_constraint=SP value=1"},
    {"it configures", kBack, write(variable("A$CF$x"), {0x85, 1, 1}),
     "server_write_configuration domain=CTRL item=A$CF$x logical_node=A functional_constraint=CF "
     "value=1"},
    {"a control centre asks back", kBack, named(12, in_domain("KIRK", "SET")),
     "server_get_named_variable_list_attributes domain=KIRK dataset=SET"},
    {"and is answered", kAsk, response(element(0xac, Message{0x80, 1, 0, 0xa1, 0})),
     "server_get_named_variable_list_attributes"},
    {"and told", kAsk,
     data(element(0xa3, element(0xa0, join({element(0xa1, in_domain("KIRK", "SET")),
                                            element(0xa0, Message{0x85, 1, 1})})))),
     "client_information_report domain=KIRK dataset=SET"},
    {"open", kAsk, named(72, join({element(0xa0, element(0x19, "x")), {0x81, 1, 0}})),
     "file_open file=x position=0"},
    {"read", kAsk, named(context_tag(73, false), {5}), "file_read"},
    {"closed", kAsk, named(context_tag(74, false), {5}), "file_close"},
    {"another name", kAsk,
     named(75, join({element(0xa0, element(0x19, "a")), element(0xa1, element(0x19, "b"))})),
     "file_rename file=a\nfile_rename file=b"},
    {"gone", kAsk, named(76, element(0x19, "a")), "file_delete file=a"},
    {"files", kAsk, named(77, element(0xa0, element(0x19, "/COMTRADE/"))),
     "file_directory file=/COMTRADE/"},
    {"all files", kAsk, named(77, {}), "file_directory"},
    {"stop of all", kAsk, named(78, {0x80, 0}), "vmd_stop"},
    {"reset of all", kAsk, named(78, {0x81, 1, 1}), "vmd_reset"},
    {"a status that is not asked for", kBack, data({0xa3, 8, 0xa1, 6, 0x80, 1, 0, 0x81, 1, 0}),
     "unsolicited_status"},
    {"an event", kBack,
     data(element(0xa3,
                  element(0xa2, join({element(0xa0, element(0x80, "en")),
                                      {0xa1, 2, 0x81, 0, 0x82, 1, 64, 0xa4, 3, 0x81, 1, 9}})))),
     "event_notification"},
    {"an error", kBack, data({0xa2, 10, 0x80, 1, 7, 0xa2, 5, 0xa0, 3, 0x87, 1, 3}),
     "confirmed_error"},
    {"a reject", kBack, data({0xa4, 6, 0x80, 1, 7, 0x81, 1, 1}), "reject"},
    {"a cancel", kAsk, data({0x85, 1, 7}), "cancel"},
    {"cancelled", kBack, data({0x86, 1, 7}), "cancel"},
    {"conclude", kAsk, data({0x8b, 0}), "conclude"},
    {"concluded", kBack, data({0x8c, 0}), "conclude"},
    {"finish", kAsk,
     data_unit({9, 16, 0xc1, 14, 0x61, 12, 0x30, 10, 2, 1, 1, 0xa0, 5, 0x62, 3, 0x80, 1, 0}),
     "session_finish"},
    {"disconnected", kBack,
     data_unit({10, 16, 0xc1, 14, 0x61, 12, 0x30, 10, 2, 1, 1, 0xa0, 5, 0x63, 3, 0x80, 1, 0}),
     "session_disconnect"},
    {"disconnect", kBack, data_unit({10, 0}), "session_disconnect"},
    {"not finished", kBack, data_unit({8, 0}), "session_not_finished"},
    {"refuse", kBack, data_unit({12, 3, 0x32, 1, 0}), "session_refuse"},
    {"abort", kAsk, data_unit({25, 3, 0x11, 1, 11}), "session_abort"},
    {"abort by ACSE", kAsk,
     data_unit({25, 21, 0x11, 1, 11,   0xc1, 16,   0xa0, 14,   0x61, 12, 0x30,
                10, 2,  1,    1, 0xa0, 5,    0x64, 3,    0x80, 1,    0}),
     "session_abort"},
    {"abort by the presentation", kAsk,
     data_unit({25, 10, 0x11, 1, 11, 0xc1, 5, 0x30, 3, 0x80, 1, 0}), "session_abort"},
    {"abort accepted", kBack, data_unit({26, 0}), "session_abort_accept"},
    {"connect",
     kAsk,
     {3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc1, 2, 0, 1, 0xc2, 2, 0, 1, 0xc0, 1, 13},
     "cotp_connect tsap=1 calling_tsap=x'0001' tpdu_size=8192"},
    {"confirmed", kBack, {3, 0, 0, 11, 6, 0xd0, 0, 1, 0, 2, 0}, "cotp_confirm tsap_name="},
    {"no connection", kBack, {3, 0, 0, 11, 6, 0x80, 0, 1, 0, 2, 0}, "cotp_disconnect"},
    {"an error of the transport", kBack, {3, 0, 0, 9, 4, 0x70, 0, 1, 0}, "cotp_error"},
    {"a data unit that is empty", kBack, data_unit({}, 0), "cotp_empty_data"},
};

TEST(Decode, Variables) { support::expect_rows(module(), kVariables); }

// A request of a service that has no row, by the kind of name that it has.
Row row_of(const protocols::FunctionInfo& function) {
  const std::string name(function.name);
  const auto code = static_cast<std::uint8_t>(function.code);
  const auto is_one_of = [code](std::initializer_list<int> codes) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
  };
  if ((function.fields >> kItem & 1) != 0) {
    // An ObjectName under a tag of its own, or alone.
    const bool tagged = is_one_of({20, 24, 51, 52, 59, 67, 69, 70});
    const Message object = in_domain("D", "x");
    return {function.name.data(), kAsk, named(code, tagged ? element(0xa0, object) : object),
            name + " domain=D item=x logical_node=x"};
  }
  if ((function.fields >> kProgram & 1) != 0) {
    const Message alone = named(context_tag(code, false), bytes_of("p"));
    return {function.name.data(), kAsk, code == 45 ? alone : named(code, element(0x80, "p")),
            name + " program_invocation=p"};
  }
  if ((function.fields >> kDomain & 1) != 0) {
    return {function.name.data(), kAsk, named(context_tag(code, false), bytes_of("D")),
            name + " domain=D"};
  }
  const Message nothing = code == kStatus ? Message{1} : Message{};
  const bool number = is_one_of({30, 31});
  return {function.name.data(), kAsk,
          named(context_tag(code, !number && !is_one_of({0, 2})), number ? Message{5} : nothing),
          name};
}

TEST(Decode, EachFunction) {
  std::vector<Row> rows = kNamed;
  const Message titles = {0xa2, 5, 6, 3, 0x29, 0x86, 0x2a, 0xa3, 3, 2, 1, 12};
  const std::string called = " session_selector=0001 presentation_selector=00000001";
  rows.push_back({"association", kAsk, association(true, 65000), "initiate" + called});
  rows.push_back({"with an application", kAsk, Association{.titles = titles}.bytes(),
                  "initiate" + called + " ap_title=1.1.810 ae_qualifier=12"});
  rows.push_back({"with a password", kAsk,
                  Association{.titles = join({titles,
                                              {0x8a, 2, 7, 0x80, 0x8b, 3, 0x52, 3, 1},
                                              element(0xac, element(0x80, "secret"))})}
                      .bytes(),
                  "initiate_with_password" + called + " ap_title=1.1.810 ae_qualifier=12"});
  rows.push_back({"associated", kBack, association(false, 65000), "initiate"});
  support::expect_rows(module(), rows);
  rows.insert(rows.end(), kVariables.begin(), kVariables.end());
  std::string all;
  for (const Row& row : rows) all += "\n" + row.expected + " ";
  for (const protocols::FunctionInfo& function : catalogue().functions) {
    const std::string name(function.name);
    if (all.find("\n" + name + " ") != std::string::npos) continue;
    if (function.code == cotp::kContinuationCode) continue;  // long_test.cpp
    if (function.sub_code == kOtherSide) {
      const auto service = static_cast<std::uint8_t>(function.code);
      rows.push_back({function.name.data(), kAsk, response(answer_of_client(service)), name});
    } else {
      rows.push_back(row_of(function));
    }
  }
  support::expect_rows(module(), rows);
  for (Row& row : rows) row.expected += " ";
  support::expect_all_functions(module(), rows, {"continuation"});
  support::expect_fields_decide(module(), rows);
}

}  // namespace
}  // namespace bulkhead::mms
