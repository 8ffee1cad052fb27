// Messages built from the layouts of the CIP Networks Library: commands, every service, services in
// services, tags, openings, PCCC.
#include "tests/support/cip_messages.h"
#include "tests/support/field_mutation.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::enip {
namespace {

using protocols::Carrier;
using protocols::Direction;
using protocols::Fault;
using namespace support::cip;
using support::bytes_of;
using support::join;
using support::le16;
using support::Message;
using support::Row;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("enip"); }

// EIP 2-6.3.3: where an originator wants its data.
Message socket_item(std::uint8_t type, std::uint8_t port_low, std::uint8_t address = 0) {
  return {type, 0x80, 16, 0, 0, 2, 8, port_low, address, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
}

// A connection with the same parameters both ways.
Opening opening_of(const Message& path) {
  return {.path = path, .to_originator_us = 10'000, .trigger = 1};
}
const std::string alike =
    " connection_size=100 rpi=10000 transport=1 connection_type=2 priority=0 variable=1";

Message pccc(std::uint8_t function, const Message& rest) {
  return service(kExecutePccc, {0x20, 0x67, 0x24, 1},
                 join({{7, 1, 0, 2, 0, 0, 0, 0x0f, 0, 1, 0, function}, rest}));
}
const std::string pccc_text = "execute_pccc service=75 class=103 instance=1 ";

const std::vector<Row> kRows = {
    {"nop", kAsk, encapsulated(kNop, {1, 2}), "nop"},
    {"list services", kAsk, encapsulated(kListServices, {}), "list_services"},
    {"list identity", kAsk, encapsulated(kListIdentity, {}), "list_identity"},
    {"list interfaces", kAsk, encapsulated(kListInterfaces, {}), "list_interfaces"},
    {"register", kAsk, encapsulated(kRegisterSession, {1, 0, 0, 0}), "register_session"},
    {"unregister", kAsk, encapsulated(kUnregisterSession, {}), "unregister_session"},
    {"an error of the encapsulation", kBack, encapsulated(kSendRRData, {}, 1, 7, 3),
     "send_rr_data"},
    {"an error of the encapsulation", kBack, encapsulated(kSendUnitData, {}, 1, 7, 3),
     "send_unit_data"},
    {"status", kAsk, encapsulated(kIndicateStatus, {}), "indicate_status"},
    {"cancel", kAsk, encapsulated(kCancel, {}), "cancel"},
    {"EIP 2-6.4: implicit data",
     kAsk,
     {2, 0, 2, 0x80, 8, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0xb1, 0, 4, 0, 1, 0, 7, 7},
     "io_data",
     Carrier::udp},
    {"a search by datagram", kAsk, encapsulated(kListIdentity, {}), "list_identity", Carrier::udp},
    {"EIP 2-3.2: a reserved command", kAsk, encapsulated(0x01, {}), "reserved_command command=1"},
    {"EIP 2-3.2: a reserved command", kAsk, encapsulated(0x71, {1, 2}),
     "reserved_command command=113"},
    {"attribute", kAsk, unconnected(service(kGetAttributeSingle, {0x20, 1, 0x24, 1, 0x30, 7})),
     "get_attribute_single service=14 class=1 instance=1 attribute=7"},
    {"16-bit segments", kAsk,
     unconnected(
         service(kSetAttributeSingle, {0x21, 0, 0x34, 1, 0x25, 0, 1, 2, 0x31, 0, 3, 0}, {1})),
     "set_device_attribute_single service=16 class=308 instance=513 attribute=3"},
    {"5A-5: the data of an assembly", kAsk,
     unconnected(service(kSetAttributeSingle, {0x20, 4, 0x24, 0x96, 0x30, 3}, {1, 2})),
     "set_attribute_single service=16 class=4 instance=150 attribute=3"},
    {"5A-5: the data of an assembly in a list", kAsk,
     unconnected(service(kSetAttributeList, {0x20, 4, 0x24, 0x96}, {1, 0, 3, 0, 1, 2})),
     "set_attribute_list service=4 class=4 instance=150 attribute=3"},
    {"a member of the data", kAsk,
     unconnected(service(kSetMember, {0x20, 4, 0x24, 0x96, 0x30, 3, 0x28, 2}, {1})),
     "set_member service=25 class=4 instance=150 attribute=3 member=2"},
    {"what else an assembly has", kAsk,
     unconnected(service(kSetAttributeSingle, {0x20, 4, 0x24, 0x96, 0x30, 2}, {1, 2})),
     "set_device_attribute_single service=16 class=4 instance=150 attribute=2"},
    {"the host's address", kAsk,
     unconnected(service(kSetAttributeSingle, {0x20, 0xf5, 0x24, 1, 0x30, 5}, {10, 0, 0, 1})),
     "set_device_attribute_single service=16 class=245 instance=1 attribute=5"},
    {"a port", kAsk,
     unconnected(service(kSetAttributeSingle, {0x20, 0xf6, 0x24, 1, 0x30, 6}, {2, 0, 0, 0})),
     "set_device_attribute_single service=16 class=246 instance=1 attribute=6"},
    {"certificates", kAsk, unconnected(service(kSetAttributesAll, {0x20, 0x5f, 0x24, 1}, {0, 0})),
     "set_attributes_all service=2 class=95 instance=1"},
    {"several attributes of known length", kAsk,
     unconnected(
         service(kSetAttributeList, {0x20, 0xf5, 0x24, 1}, {2, 0, 13, 0, 60, 0, 3, 0, 2, 0, 0, 0})),
     "set_device_attribute_list service=4 class=245 instance=1 attribute=13\n"
     "set_device_attribute_list service=4 class=245 instance=1 attribute=3"},
    {"a list of none", kAsk, unconnected(service(kSetAttributeList, {0x20, 0x68, 0x24, 1}, {0, 0})),
     "set_program_attribute_list service=4 class=104 instance=1"},
    {"a list of none", kAsk, unconnected(service(kGetAttributeList, kIdentity, {0, 0})),
     "get_attribute_list service=3 class=1 instance=1"},
    {"a member of settings", kAsk,
     unconnected(service(kSetMember, {0x20, 0x48, 0x24, 1, 0x30, 3, 0x28, 2}, {1})),
     "set_device_member service=25 class=72 instance=1 attribute=3 member=2"},
    {"a clock", kAsk,
     unconnected(
         service(kSetAttributeList, {0x20, 0x8b, 0x24, 1}, {1, 0, 6, 0, 1, 2, 3, 4, 5, 6, 7, 8})),
     "set_device_attribute_list service=4 class=139 instance=1 attribute=6"},
    {"a task of a program", kAsk,
     unconnected(service(kSetAttributeSingle, {0x20, 0x70, 0x24, 1, 0x30, 1}, {1})),
     "set_program_attribute_single service=16 class=112 instance=1 attribute=1"},
    {"a program is made", kAsk, unconnected(service(kCreate, {0x20, 0x68, 0x24, 0})),
     "create_in_program service=8 class=104 instance=0"},
    {"a program is removed", kAsk, unconnected(service(kDelete, {0x20, 0x68, 0x24, 2})),
     "delete_in_program service=9 class=104 instance=2"},
    {"attributes of a program", kAsk,
     unconnected(service(kSetAttributeList, {0x20, 0x68, 0x24, 2}, {1, 0, 1, 0, 9})),
     "set_program_attribute_list service=4 class=104 instance=2 attribute=1"},
    {"a routine of a program", kAsk,
     unconnected(service(kGetAttributeSingle, {0x20, 0x68, 0x24, 2, 0x20, 0x6d, 0x24, 1, 0x30, 1})),
     "get_attribute_single service=14 attribute=1 object=104/2/109/1"},
    {"a connection of a device", kAsk, unconnected(service(kDelete, {0x20, 5, 0x24, 7})),
     "delete service=9 class=5 instance=7"},
    {"a connection of a device", kAsk, unconnected(service(kCreate, {0x20, 5, 0x24, 0})),
     "create service=8 class=5 instance=0"},
    {"which reset", kAsk, unconnected(service(kReset, kIdentity, {1})),
     "reset service=5 class=1 instance=1 value=1"},
    {"1756-PM020: a template", kAsk,
     unconnected(service(kReadTemplate, {0x20, 0x6c, 0x25, 0, 5, 1}, {0, 0, 0, 0, 0xc8, 0})),
     "read_template service=76 class=108 instance=261"},
    {"each attribute of a list", kAsk,
     unconnected(service(kGetAttributeList, kIdentity, {2, 0, 1, 0, 5, 0})),
     "get_attribute_list service=3 class=1 instance=1 attribute=1\n"
     "get_attribute_list service=3 class=1 instance=1 attribute=5"},
    {"an attribute that is set", kAsk,
     unconnected(service(kSetAttributeList, kIdentity, {1, 0, 6, 0, 9})),
     "set_device_attribute_list service=4 class=1 instance=1 attribute=6"},
    {"a tag", kAsk, unconnected(service(kReadTag, symbol("Level"), {1, 0})),
     "read_tag service=76 member=0 tag=Level elements=1"},
    {"ten elements from the fifth of a member", kAsk,
     unconnected(
         service(kReadTag, join({symbol("Tank"), {0x28, 2}, symbol("Level"), {0x28, 5}}), {10, 0})),
     "read_tag service=76 member=5-14 tag=Tank[2].Level elements=10"},
    {"two dimensions", kAsk,
     unconnected(service(kReadTag, join({symbol("Grid"), {0x28, 3, 0x29, 0, 0, 1}}), {1, 0})),
     "read_tag service=76 member=256 tag=Grid[3] elements=1"},
    {"a DINT", kAsk,
     unconnected(service(kWriteTag, symbol("Set"), {0xc4, 0, 1, 0, 0xff, 0xff, 0xff, 0xff})),
     "write_tag service=77 member=0 tag=Set elements=1 value=-1 type=196"},
    {"a REAL", kAsk,
     unconnected(service(kWriteTag, symbol("Set"), {0xca, 0, 1, 0, 0, 0, 0xc0, 0x3f})),
     "write_tag service=77 member=0 tag=Set elements=1 value=1.5 type=202"},
    {"by instance of the symbol object", kAsk,
     unconnected(service(kReadTag, {0x20, 0x6b, 0x25, 0, 9, 1}, {1, 0})),
     "read_tag service=76 class=107 instance=265 member=0 elements=1"},
    {"fragments", kAsk,
     unconnected(service(kReadTagFragmented, symbol("Tags"), {9, 0, 0, 1, 0, 0})),
     "read_tag_fragmented service=82 member=0-8 tag=Tags elements=9 offset=256"},
    {"fragments", kAsk,
     unconnected(
         service(kWriteTagFragmented, symbol("Tags"), {0xc4, 0, 9, 0, 32, 0, 0, 0, 1, 2, 3, 4})),
     "write_tag_fragmented service=83 member=0-8 tag=Tags elements=9 offset=32 type=196"},
    {"a structure of unknown size: nobody knows which elements", kAsk,
     unconnected(service(kWriteTagFragmented, symbol("Tags"),
                         {0xa0, 2, 0x34, 0x12, 1, 0, 40, 0, 0, 0, 1, 2, 3, 4})),
     "write_tag_fragmented service=83 member=0-4294967295 tag=Tags size=1 offset=40 "
     "type=305398432"},
    {"a structure of unknown size", kAsk,
     unconnected(service(kWriteTag, join({symbol("Tags"), {0x28, 3}}),
                         {0xa0, 2, 0x34, 0x12, 1, 0, 1, 2, 3, 4})),
     "write_tag service=77 member=3-4294967295 tag=Tags size=1 type=305398432"},
    {"a string", kAsk,
     unconnected(
         service(kWriteTag, symbol("Name"), join({{0xa0, 2, 0xce, 0x0f, 1, 0}, Message(88, 1)}))),
     "write_tag service=77 member=0 tag=Name elements=1 type=265159328"},
    {"a part of a string", kAsk,
     unconnected(service(kWriteTagFragmented, symbol("Name"),
                         join({{0xa0, 2, 0xce, 0x0f, 1, 0, 80, 0, 0, 0}, Message(8, 1)}))),
     "write_tag_fragmented service=83 member=0 tag=Name elements=1 offset=80 type=265159328"},
    {"masks", kAsk,
     unconnected(service(kReadModifyWriteTag, symbol("Bits"), {2, 0, 1, 0, 0xff, 0xff})),
     "read_modify_write_tag service=78 member=0 tag=Bits elements=1 size=2"},
    {"masks as wide as a structure", kAsk,
     unconnected(service(kReadModifyWriteTag, symbol("Bits"), join({{8, 0}, Message(16, 1)}))),
     "read_modify_write_tag service=78 member=0-4294967295 tag=Bits size=8"},
    {"list of tags", kAsk, unconnected(service(0x55, {0x20, 0x6b, 0x25, 0, 0, 0}, {1, 0, 1, 0})),
     "get_instance_attribute_list service=85 class=107 instance=0"},
    {"A-4.9: a write hidden among reads", kAsk,
     unconnected(packet({service(kReadTag, symbol("A"), {1, 0}),
                         service(kWriteTag, symbol("B"), {0xc1, 0, 1, 0, 1, 0}),
                         service(kGetAttributeSingle, kIdentity)})),
     "multiple_service_packet service=10 class=2 instance=1\n"
     "read_tag service=76 member=0 tag=A elements=1\n"
     "write_tag service=77 member=0 tag=B elements=1 value=1 type=193\n"
     "get_attribute_single service=14 class=1 instance=1"},
    {"3-5.5.4: a reset inside an unconnected send", kAsk,
     unconnected(unconnected_send(service(0x05, kIdentity, {1}))),
     "unconnected_send service=82 class=6 instance=1\n"
     "reset service=5 class=1 instance=1 value=1 port=1 link=0"},
    {"a packet inside an unconnected send", kAsk,
     unconnected(unconnected_send(packet({service(kReadTag, symbol("A"), {1, 0}),
                                          service(kWriteTag, symbol("B"), {0xc2, 0, 1, 0, 1, 0})}),
                                  {1, 4, 2, 9})),
     "unconnected_send service=82 class=6 instance=1\n"
     "multiple_service_packet service=10 class=2 instance=1 path=1/4/2/9\n"
     "read_tag service=76 member=0 tag=A elements=1 path=1/4/2/9\n"
     "write_tag service=77 member=0 tag=B elements=1 value=1 path=1/4/2/9 type=194"},
    {"a connection whose data travels in datagrams", kAsk,
     unconnected(Opening{
         .path = {0x34, 4, 1, 0, 12, 0, 5, 0, 0, 0, 0x20, 4, 0x24, 0x97, 0x2c, 0x96, 0x2c, 0x64},
         .trigger = 1}
                     .request()),
     "forward_open_implicit service=84 class=4 instance=151 connection_point=150 "
     "connection_size=100 rpi=10000 vendor=1 device=12 transport=1 connection_type=2 priority=0 "
     "variable=1\n"
     "forward_open_implicit service=84 class=4 instance=151 connection_point=100 "
     "connection_size=100 rpi=20000 vendor=1 device=12 transport=1 connection_type=2 priority=0 "
     "variable=1"},
    {"the first of two may be what is written", kAsk,
     unconnected(opening_of({0x20, 4, 0x24, 0x96, 0x2c, 0x64}).request()),
     "forward_open_implicit service=84 class=4 connection_point=150" + alike +
         "\nforward_open_implicit service=84 class=4 instance=150 connection_point=100" + alike},
    {"one for both", kAsk, unconnected(opening_of({0x20, 4, 0x24, 0x96}).request()),
     "forward_open_implicit service=84 class=4 instance=150" + alike},
    {"points without configuration", kAsk,
     unconnected(opening_of({0x20, 4, 0x2c, 0x96, 0x2d, 0, 0x64, 1}).request()),
     "forward_open_implicit service=84 class=4 connection_point=150" + alike +
         "\nforward_open_implicit service=84 class=4 connection_point=356" + alike},
    {"configuration data is written", kAsk,
     unconnected(
         opening_of({0x20, 4, 0x24, 0x97, 0x2c, 0x64, 0x2c, 0x64, 0x80, 2, 1, 2, 3, 4}).request()),
     "forward_open_implicit service=84 class=4 instance=151 connection_point=100" + alike +
         "\nforward_open_configuration service=84 class=4 instance=151 size=4"},
    {"C-1.4.3.4: a production inhibit time", kAsk,
     unconnected(opening_of({0x20, 4, 0x24, 0x97, 0x43, 5}).request()),
     "forward_open_implicit service=84 class=4 instance=151 value=5" + alike},
    {"the same with large sizes", kAsk,
     unconnected(Opening{.path = {0x20, 4, 0x24, 5, 0x2c, 6, 0x2c, 7, 0x80, 1, 9, 9},
                         .size = 4000,
                         .trigger = 0x21,
                         .large = true}
                     .request()),
     "large_forward_open_implicit service=91 class=4 instance=5 connection_point=6 "
     "connection_size=4000 rpi=10000 transport=33 connection_type=2 priority=0 variable=1\n"
     "large_forward_open_implicit service=91 class=4 instance=5 connection_point=7 "
     "connection_size=4000 rpi=20000 transport=33 connection_type=2 priority=0 variable=1\n"
     "large_forward_open_configuration service=91 class=4 instance=5 size=2"},
    {"a tag that is produced", kAsk, unconnected(opening_of(symbol("Line.Speed")).request()),
     "forward_open_implicit service=84 tag=Line.Speed" + alike},
    {"to the message router in slot 0", kAsk, unconnected(forward_open({1, 0, 0x20, 2, 0x24, 1})),
     "forward_open service=84 class=2 instance=1 connection_size=100 rpi=10000 port=1 link=0 "
     "transport=163 connection_type=2 priority=0 variable=1\n"
     "forward_open service=84 class=2 instance=1 connection_size=100 rpi=20000 port=1 link=0 "
     "transport=163 connection_type=2 priority=0 variable=1"},
    {"large", kAsk,
     unconnected(Opening{.path = kRouter, .size = 4000, .to_originator_us = 10'000, .large = true}
                     .request()),
     "large_forward_open service=91 class=2 instance=1 connection_size=4000 rpi=10000 "
     "transport=163 connection_type=2 priority=0 variable=1"},
    {"close, of what the session did not open", kAsk,
     unconnected(service(kForwardClose, kManager,
                         join({{5, 0x99, 1, 0, 2, 0, 3, 0, 0, 0, 2, 0}, kRouter}))),
     "forward_close_other service=78 class=6 instance=1 vendor=2"},
    {"where the originator listens", kAsk,
     unconnected(opening_of({0x20, 4, 0x24, 0x96}).request(), 1, kHandle, socket_item(1, 0xae), 1),
     "forward_open_implicit service=84 class=4 instance=150" + alike},
    {"connection data", kAsk, unconnected(service(0x56, kManager)),
     "get_connection_data service=86 class=6 instance=1"},
    {"connection data", kAsk, unconnected(service(0x57, kManager)),
     "search_connection_data service=87 class=6 instance=1"},
    {"connection owner", kAsk, unconnected(service(0x5a, kManager)),
     "get_connection_owner service=90 class=6 instance=1"},
    {"PCCC: protected typed logical write with three address fields", kAsk,
     unconnected(pccc(0xaa, {2, 7, 0x89, 3, 0, 1, 0})),
     pccc_text + "elements=1 pccc_command=15 pccc_function=170 file_type=137 file_number=7 "
                 "element=3 size=2"},
    {"PCCC: every element that the bytes reach", kAsk,
     unconnected(pccc(0xa2, {200, 7, 0x89, 5, 0})),
     pccc_text + "elements=100 pccc_command=15 pccc_function=162 file_type=137 file_number=7 "
                 "element=5-104 size=200"},
    {"PCCC: two address fields", kAsk, unconnected(pccc(0xa1, {8, 0xff, 0, 1, 0x8a, 5})),
     pccc_text + "elements=2 pccc_command=15 pccc_function=161 file_type=138 file_number=256 "
                 "element=5-6 size=8"},
    {"PCCC: words of a timer", kAsk, unconnected(pccc(0xa2, {4, 4, 0x86, 7, 1})),
     pccc_text + "elements=1 pccc_command=15 pccc_function=162 file_type=134 file_number=4 "
                 "element=7 sub_element=1-2 size=4 offset=1"},
    {"PCCC: behind a timer stands the next", kAsk, unconnected(pccc(0xa2, {6, 4, 0x86, 7, 2})),
     pccc_text + "elements=2 pccc_command=15 pccc_function=162 file_type=134 file_number=4 "
                 "element=7-8 size=6 offset=2"},
    {"PCCC: a word of a slot", kAsk, unconnected(pccc(0xa2, {2, 1, 0x83, 3, 1})),
     pccc_text + "elements=1 pccc_command=15 pccc_function=162 file_type=131 file_number=1 "
                 "element=3 sub_element=1 size=2 offset=1"},
    {"PCCC: bits of a word", kAsk, unconnected(pccc(0xab, {2, 3, 0x85, 1, 0, 0xff, 0, 1, 0})),
     pccc_text + "elements=1 pccc_command=15 pccc_function=171 file_type=133 file_number=3 "
                 "element=1 size=2"},
    {"PCCC: elements of unknown size", kAsk, unconnected(pccc(0xa2, {2, 9, 0x93, 1, 0})),
     pccc_text + "pccc_command=15 pccc_function=162 file_type=147 file_number=9 "
                 "element=1-65535 size=2 offset=0"},
    {"PCCC: set processor mode", kAsk, unconnected(pccc(0x80, {6})),
     pccc_text + "pccc_command=15 pccc_function=128"},
    {"a reply", kBack, unconnected(reply(kReadTag, 0, {0xc4, 0, 1, 0, 0, 0})),
     "read_tag service=76 status=0"},
    {"an error", kBack, unconnected(reply(kReadTag, 5)), "read_tag service=76 status=5"},
    {"replies of a packet", kBack,
     connected(reply(kMultipleServicePacket, 0,
                     join({{2, 0, 6, 0, 10, 0}, reply(kReadTag), reply(kWriteTag)})),
               5),
     "multiple_service_packet service=10 status=0\n"
     "read_tag service=76 status=0\nwrite_tag service=77 status=0"},
};

TEST(Decode, EachFunction) {
  support::expect_rows(module(), kRows);
  std::vector<Row> rows = kRows;
  std::vector<Row> others;
  for (const protocols::FunctionInfo& function : catalogue().functions) {
    const bool by_class = function.sub_code == protocols::kNoSubCode ||
                          (function.sub_code == 0x37 || function.sub_code == kOfProgram);
    const bool of_data = function.code == kSetAttributesAll || function.code == kSetMember ||
                         function.code == kSetAttributeSingle || function.code == kCreate ||
                         function.code == kDelete;
    const bool list = function.code == kGetAttributeList || function.code == kSetAttributeList ||
                      function.code == kMultipleServicePacket;
    if (function.fields == 0 || function.name == "reserved_command" || !by_class || list) continue;
    if (of_data && function.sub_code == protocols::kNoSubCode) continue;  // rows above
    const std::uint8_t object = function.sub_code == 0x37 ? 0x37 : 0x64;
    others.push_back(
        {function.name.data(), kAsk,
         unconnected(service(static_cast<std::uint8_t>(function.code), {0x20, object, 0x24, 1})),
         std::string(function.name) + " service=" + std::to_string(function.code) +
             " class=" + std::to_string(object) + " instance=1"});
  }
  support::expect_rows(module(), others);
  rows.insert(rows.end(), others.begin(), others.end());
  for (Row& row : rows) row.expected += " ";
  // A close of what the session opened is in connections_test.cpp.
  support::expect_all_functions(module(), rows, {"forward_close"});
  support::expect_fields_decide(module(), rows);
}

TEST(Decode, WhatIsRefused) {
  Message hidden = packet({service(kReadTag, symbol("A"), {1, 0})});
  hidden[8] = 6;  // a gap between the offsets and the first service
  Message deep = service(kGetAttributeSingle, kIdentity);
  for (unsigned i = 1; i < kDepthMax; ++i) deep = packet({deep});
  EXPECT_NE(support::decoded_text(module(), unconnected(deep), kAsk).substr(0, 5), "fault");
  const Message read = service(kReadTag, symbol("A"), {1, 0});
  support::expect_rows(
      module(),
      {{"too deep", kAsk, unconnected(packet({deep})), "fault too_deep"},
       {"bytes that no service owns", kAsk, unconnected(hidden), "fault bad_value"},
       {"no service in a packet", kAsk,
        unconnected(service(kMultipleServicePacket, kRouter, {0, 0})), "fault bad_quantity"},
       {"A-4.9: a packet for the connection manager", kAsk, unconnected(packet({read}, kManager)),
        "fault unknown_object"},
       {"a packet for another object", kAsk, unconnected(packet({read}, kIdentity)),
        "fault unknown_object"},
       {"a packet for an attribute of the router", kAsk,
        unconnected(packet({read}, {0x20, 2, 0x24, 1, 0x30, 1})), "fault unknown_object"},
       {"service 0x63", kAsk, unconnected(service(0x63, kIdentity)), "fault unknown_function"},
       {"a path longer than the message", kAsk, unconnected({kGetAttributeSingle, 9, 0x20, 1}),
        "fault truncated"},
       {"no element", kAsk, unconnected(service(kReadTag, symbol("A"), {0, 0})),
        "fault bad_quantity"},
       {"an attribute, and what nobody reads", kAsk,
        unconnected(service(kGetAttributeSingle, kIdentity, {1})), "fault trailing_bytes"},
       {"an attribute that is longer than it is", kAsk,
        unconnected(service(kSetAttributeList, {0x20, 0x8b, 0x24, 1},
                            {1, 0, 6, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9})),
        "fault trailing_bytes"},
       {"a list of none, and what nobody reads", kAsk,
        unconnected(service(kSetAttributeList, kIdentity, {0, 0, 1})), "fault trailing_bytes"},
       {"two attributes that are set", kAsk,
        unconnected(service(kSetAttributeList, kIdentity, {2, 0, 6, 0, 9, 7, 0, 9})),
        "fault unknown_object"},
       {"a reply from the client", kAsk, unconnected(reply(kReadTag)), "fault wrong_direction"},
       {"a request from the device", kBack, unconnected(read), "fault wrong_direction"},
       {"2-4.2: the reserved octet of a reply", kBack, unconnected({0xcc, 1, 0, 0}),
        "fault bad_value"}});
}

TEST(Decode, WhatPcccRefuses) {
  const auto raw = [](const Message& data) {
    return unconnected(service(kExecutePccc, {0x20, 0x67, 0x24, 1}, data));
  };
  support::expect_rows(
      module(),
      {{"a size that is not what follows", kAsk, unconnected(pccc(0xaa, {2, 7, 0x89, 3, 0, 1})),
        "fault bad_byte_count"},
       {"a size that is not what follows", kAsk,
        unconnected(pccc(0xaa, {2, 7, 0x89, 3, 0, 1, 2, 3})), "fault bad_byte_count"},
       {"a read with data", kAsk, unconnected(pccc(0xa2, {2, 7, 0x89, 3, 0, 1})),
        "fault bad_byte_count"},
       {"word 100 of an integer", kAsk, unconnected(pccc(0xaa, {2, 7, 0x89, 0, 100, 1, 0})),
        "fault bad_value"},
       {"word 3 of a timer", kAsk, unconnected(pccc(0xa2, {2, 4, 0x86, 0, 3})), "fault bad_value"},
       {"half a word", kAsk, unconnected(pccc(0xa2, {3, 7, 0x89, 0, 0})), "fault bad_byte_count"},
       {"nothing", kAsk, unconnected(pccc(0xa2, {0, 7, 0x89, 0, 0})), "fault bad_quantity"},
       {"a number that one octet holds", kAsk, unconnected(pccc(0xa2, {2, 0xff, 7, 0, 0x89, 0, 0})),
        "fault bad_value"},
       {"elements that wrap", kAsk, unconnected(pccc(0xa2, {4, 7, 0x89, 0xff, 0xff, 0xff, 0})),
        "fault address_wrap"},
       {"a requestor of other length", kAsk, raw({6, 1, 0, 2, 0, 0, 0x0f, 0, 1, 0, 0x80}),
        "fault bad_length"},
       {"a reply's bit", kAsk, raw({7, 1, 0, 2, 0, 0, 0, 0x4f, 0, 1, 0, 0x80}), "fault bad_value"},
       {"a status", kAsk, raw({7, 1, 0, 2, 0, 0, 0, 0x0f, 1, 1, 0, 0x80}), "fault bad_value"}});
}

// EIP 2-3.2, 2-6: a form exists only where its standard has it.
TEST(Decode, WhatTheEncapsulationRefuses) {
  const Message io = io_packet(1, 6);
  const Message read = service(kReadTag, symbol("A"), {1, 0});
  const Message open = opening_of({0x20, 4, 0x24, 0x96}).request();
  Message swapped = encapsulated(
      kSendRRData,
      join({{0, 0, 0, 0, 0, 0, 2, 0, 0xb2, 0}, le16(read.size()), read, {0, 0, 0, 0}}));
  Message options = encapsulated(kListServices, {});
  options[20] = 1;
  Message later = io;
  later.insert(later.end(), {0, 0});
  support::expect_rows(
      module(),
      {{"a session over datagrams", kAsk, encapsulated(kRegisterSession, {1, 0, 0, 0}),
        "fault bad_value", Carrier::udp},
       {"CIP over datagrams", kAsk, unconnected(read), "fault bad_value", Carrier::udp},
       {"connected CIP over datagrams", kAsk, connected(read, 5), "fault bad_value", Carrier::udp},
       {"nothing over datagrams", kAsk, encapsulated(kNop, {}), "fault bad_value", Carrier::udp},
       {"a reserved command over datagrams", kAsk, encapsulated(1, {}), "fault bad_value",
        Carrier::udp},
       {"connected data without a connection", kAsk,
        encapsulated(kSendUnitData, {0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0xb1, 0, 2, 0, 1, 0}),
        "fault bad_value"},
       {"a sequenced address on a session", kAsk,
        encapsulated(kSendUnitData, join({{0, 0, 0, 0, 0, 0}, io})), "fault bad_value"},
       {"one item", kAsk, encapsulated(kSendRRData, {0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0}),
        "fault bad_quantity"},
       {"data in front of its address", kAsk, swapped, "fault unknown_object"},
       {"a socket that goes with no opening", kAsk,
        unconnected(read, 1, kHandle, socket_item(1, 0xae), 1), "fault bad_value"},
       {"data for another port", kAsk, unconnected(open, 1, kHandle, socket_item(1, 0xaf), 1),
        "fault bad_value"},
       {"data for another host", kAsk, unconnected(open, 1, kHandle, socket_item(1, 0xae, 9), 1),
        "fault bad_value"},
       {"registration of another length", kAsk, encapsulated(kRegisterSession, {1, 0}),
        "fault bad_length"},
       {"registration of another version", kAsk, encapsulated(kRegisterSession, {2, 0, 0, 0}),
        "fault bad_value"},
       {"registration with options", kAsk, encapsulated(kRegisterSession, {1, 0, 1, 0}),
        "fault bad_value"},
       {"options", kAsk, options, "fault bad_value"},
       {"a search with data", kAsk, encapsulated(kListIdentity, {0}), "fault bad_length"},
       {"a request with a status", kAsk, encapsulated(kListServices, {}, 1, 7, 1),
        "fault bad_value"}});
  // On a connection of TCP the same bytes begin an encapsulation, of a reserved command.
  EXPECT_EQ(module().frame(io, kAsk).length, 24U + 0x8002U);
  EXPECT_EQ(module().frame(io, {kAsk, Carrier::udp}).length, io.size());
  EXPECT_EQ(support::decoded_text(module(), io, kAsk), "fault truncated");
  EXPECT_EQ(support::decoded_text(module(), later, {kAsk, Carrier::udp}), "fault trailing_bytes");
  EXPECT_EQ(module().frame(Message{0x00, 1, 0, 0}, kAsk).fault, Fault::not_this_protocol);
  EXPECT_EQ(module().frame(Message{0x6f, 0, 0xe8, 0xff}, kAsk).fault, Fault::bad_length);
  EXPECT_EQ(module().frame(Message{0x6f, 0, 0xe7, 0xff}, kAsk).length, 24U + 65511U);
}

}  // namespace
}  // namespace bulkhead::enip
