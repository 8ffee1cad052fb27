// PDUs as real clients send them: every function, every item of a job, pairing, the agreed size,
// and the refusal. The layouts are those of Wireshark's s7comm and of Snap7.
#include "dataplane/protocols/s7comm/pairing.h"
#include "tests/support/field_mutation.h"
#include "tests/support/iso_on_tcp.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::s7comm {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::bytes_of;
using support::data_unit;
using support::join;
using support::Message;
using support::Row;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("s7comm"); }

Message pdu(std::uint8_t rosctr, const Message& parameters, const Message& data = {},
            std::uint16_t reference = 1, const Message& error = {0, 0}) {
  const bool answer = rosctr == kAck || rosctr == kAckData;
  return data_unit(join(
      {{0x32, rosctr, 0, 0, static_cast<std::uint8_t>(reference >> 8),
        static_cast<std::uint8_t>(reference), static_cast<std::uint8_t>(parameters.size() >> 8),
        static_cast<std::uint8_t>(parameters.size()), static_cast<std::uint8_t>(data.size() >> 8),
        static_cast<std::uint8_t>(data.size())},
       answer ? error : Message{},
       parameters,
       data}));
}

Message job(const Message& parameters, const Message& data = {}) {
  return pdu(kJob, parameters, data);
}

// Transport size, length, block, area and bit address.
Message item(std::uint8_t size, std::uint16_t length, std::uint8_t db, std::uint8_t area,
             std::uint32_t bit_address) {
  return {0x12,
          0x0a,
          0x10,
          size,
          static_cast<std::uint8_t>(length >> 8),
          static_cast<std::uint8_t>(length),
          0,
          db,
          area,
          static_cast<std::uint8_t>(bit_address >> 16),
          static_cast<std::uint8_t>(bit_address >> 8),
          static_cast<std::uint8_t>(bit_address)};
}

// Of an S7-1200: in its memory, with the check of the symbol.
Message symbol() {
  return {0x12, 14, 0xb2, 0xff, 0, 0, 0, 0x52, 0xea, 0x2d, 0xb0, 0xd9, 0x40, 0x00, 0x00, 0x10};
}

Message user(std::uint8_t type, std::uint8_t group, std::uint8_t sub, const Message& payload = {},
             std::uint16_t reference = 1) {
  const auto kind = static_cast<std::uint8_t>(type << 4 | group);
  Message parameters = {0, 1, 0x12, 4, 0x11, kind, sub, 0};
  if (type != UserData::kAsk) parameters = {0, 1, 0x12, 8, 0x12, kind, sub, 1, 0, 0, 0, 0};
  return pdu(kUserData, parameters,
             join({{0xff, 9, 0, static_cast<std::uint8_t>(payload.size())}, payload}), reference);
}

// PI service: its parameter block and name.
Message pi_service(const Message& block, std::string_view name) {
  return job(join({{0x28, 0, 0, 0, 0, 0, 0, 0xfd, 0, static_cast<std::uint8_t>(block.size())},
                   block,
                   {static_cast<std::uint8_t>(name.size())},
                   bytes_of(name)}));
}

Message load(std::uint8_t code, std::string_view name, const Message& rest = {}) {
  return job(join(
      {{code, 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(name.size())}, bytes_of(name), rest}));
}

Message with(Message message, std::size_t at, std::uint8_t value) {
  message[at] = value;
  return message;
}

const std::vector<Row> kJobs = {
    {"setup", kAsk, job({0xf0, 0, 0, 1, 0, 1, 1, 0xe0}), "setup_communication pdu_size=480"},
    {"a read of 10 words", kAsk, job(join({{4, 1}, item(4, 10, 5, 0x84, 16 << 3)})),
     "read_var area=132 db=5 address=16-35 length=10 transport_size=4 item_count=1"},
    {"every item counts", kAsk,
     job(join({{4, 3}, item(1, 1, 0, 0x83, 83), item(2, 2, 1, 0x84, 0), item(28, 2, 0, 0x1c, 7)})),
     "read_var area=131 address=10 bit=3 length=1 transport_size=1 item_count=3\n"
     "read_var area=132 db=1 address=0-1 length=2 transport_size=2 item_count=3\n"
     "read_var area=28 address=7-8 length=2 transport_size=28 item_count=3"},
    {"a real, a bit and an int are written", kAsk,
     job(join({{5, 3}, item(8, 1, 1, 0x84, 0), item(1, 1, 1, 0x84, 34), item(5, 1, 1, 0x84, 64)}),
         {0, 4, 0, 32, 0x3f, 0xc0, 0, 0, 0, 3, 0, 1, 1, 0, 0, 4, 0, 16, 0xff, 0xfe}),
     "write_var area=132 db=1 address=0-3 length=1 transport_size=8 item_count=3 value=1.5\n"
     "write_var area=132 db=1 address=4 bit=2 length=1 transport_size=1 item_count=3 value=1\n"
     "write_var area=132 db=1 address=8-9 length=1 transport_size=5 item_count=3 value=-2"},
    {"a real by its bytes, which the last item may be", kAsk,
     job(join({{5, 2}, item(7, 1, 1, 0x84, 0), item(8, 1, 1, 0x84, 32)}),
         {0, 5, 0, 32, 0, 0, 0, 9, 0, 7, 0, 4, 0x3f, 0xc0, 0, 0}),
     "write_var area=132 db=1 address=0-3 length=1 transport_size=7 item_count=2 value=9\n"
     "write_var area=132 db=1 address=4-7 length=1 transport_size=8 item_count=2 value=1.5"},
    {"in front of another only where a rule names its size", kAsk,
     job(join({{5, 2}, item(8, 1, 1, 0x84, 0), item(2, 1, 1, 0x84, 32)}),
         {0, 7, 0, 4, 0x3f, 0xc0, 0, 0, 0, 4, 0, 8, 5}),
     "write_var area=132 db=1 address=0-3 length=1 transport_size=8 item_count=2 value=1.5 "
     "data_size=7\n"
     "write_var area=132 db=1 address=4 length=1 transport_size=2 item_count=2 value=5"},
    {"counters by their bytes", kAsk,
     job(join({{5, 2}, item(28, 1, 0, 0x1c, 3), item(29, 1, 0, 0x1d, 4)}),
         {0, 9, 0, 2, 0, 1, 0, 9, 0, 2, 0, 2}),
     "write_var area=28 address=3 length=1 transport_size=28 item_count=2 value=1\n"
     "write_var area=29 address=4 length=1 transport_size=29 item_count=2 value=2"},
    {"a byte that is filled up", kAsk,
     job(join({{5, 2}, item(2, 1, 1, 0x84, 0), item(2, 1, 1, 0x84, 8)}),
         {0, 4, 0, 8, 1, 0, 0, 4, 0, 8, 2, 0}),
     "write_var area=132 db=1 address=0 length=1 transport_size=2 item_count=2 value=1\n"
     "write_var area=132 db=1 address=1 length=1 transport_size=2 item_count=2 value=2"},
    {"three bytes and no single value", kAsk,
     job(join({{5, 1}, item(2, 3, 1, 0x84, 0)}), {0, 4, 0, 24, 1, 2, 3}),
     "write_var area=132 db=1 address=0-2 length=3 transport_size=2 item_count=1"},
    {"a string", kAsk, job(join({{4, 1}, item(19, 1, 4, 0x84, 0x450)})),
     "read_var area=132 db=4 address=138-393 length=1 transport_size=19 item_count=1"},
    {"a symbol, and a word", kAsk, job(join({{4, 2}, symbol(), item(4, 1, 1, 0x84, 0)})),
     "read_var item_count=2 symbol=52.40000010 symbol_crc=3928862937\n"
     "read_var area=132 db=1 address=0-1 length=1 transport_size=4 item_count=2"},
    {"a symbol is written", kAsk, job(join({{5, 1}, symbol()}), {0, 4, 0, 16, 1, 2}),
     "write_var item_count=1 symbol=52.40000010 symbol_crc=3928862937"},
    {"download of DB1", kAsk, load(0x1a, "_0A00001P", join({{13}, bytes_of("1000100000050")})),
     "request_download block_type=10 block_number=1 file_system=P"},
    {"the PLC asks for the block", kBack, load(0x1b, "_0A00001P"),
     "download_block block_type=10 block_number=1 file_system=P"},
    {"and ends it", kBack, load(0x1c, "_0800000P"),
     "download_ended block_type=8 block_number=0 file_system=P"},
    {"upload of SDB0", kAsk, load(0x1d, "_0B00000A"),
     "start_upload block_type=11 block_number=0 file_system=A"},
    {"upload", kAsk, job({0x1e, 0, 0, 0, 0, 0, 0, 7}), "upload"},
    {"end of upload", kAsk, job({0x1f, 0, 0, 0, 0, 0, 0, 7}), "end_upload"},
    {"warm start", kAsk, pi_service({}, "P_PROGRAM"),
     "pi_service pi_service=P_PROGRAM pi_argument="},
    {"cold start", kAsk, pi_service(bytes_of("C "), "P_PROGRAM"),
     "cold_start pi_service=P_PROGRAM pi_argument=C "},
    {"copy RAM to ROM", kAsk, pi_service(bytes_of("EP"), "_MODU"),
     "pi_service_program pi_service=_MODU pi_argument=EP"},
    {"a service of others", kAsk, pi_service(bytes_of("1"), "_N_F_DELE"),
     "pi_service pi_service=_N_F_DELE pi_argument=1"},
    {"insert two blocks", kAsk, pi_service(join({{2, 0}, bytes_of("0800001P0A00002P")}), "_INSE"),
     "pi_service_program pi_service=_INSE block_type=8 block_number=1 file_system=P\n"
     "pi_service_program pi_service=_INSE block_type=10 block_number=2 file_system=P"},
    {"stop", kAsk, job(join({{0x29, 0, 0, 0, 0, 0, 9}, bytes_of("P_PROGRAM")})),
     "plc_stop pi_service=P_PROGRAM"},
    {"services", kAsk, job({0}), "cpu_services"},
    {"read SZL", kAsk, user(4, 4, 1, {0, 0x1c, 0, 1}), "read_szl szl_id=28 szl_index=1"},
    {"what follows of it", kAsk, user(4, 4, 1), "read_szl"},
    {"blocks of a type", kAsk, user(4, 3, 2, bytes_of("0A")), "list_blocks_of_type block_type=10"},
    {"information of a block", kAsk, user(4, 3, 3, bytes_of("0A00001A")),
     "get_block_info block_type=10 block_number=1 file_system=A"},
    {"a cyclic read of an item", kAsk, user(4, 2, 1, join({{0, 1, 1, 1}, item(4, 1, 3, 0x84, 0)})),
     "cyclic_read area=132 db=3 address=0-1 length=1 transport_size=4 item_count=1"},
    {"a cyclic read of an item", kAsk, user(4, 2, 5, join({{0, 1, 1, 1}, item(4, 1, 3, 0x84, 0)})),
     "cyclic_read_on_change area=132 db=3 address=0-1 length=1 transport_size=4 item_count=1"},
    {"a cyclic read of an item", kAsk, user(4, 2, 6, join({{0, 1, 1, 1}, item(4, 1, 3, 0x84, 0)})),
     "cyclic_modify area=132 db=3 address=0-1 length=1 transport_size=4 item_count=1"},
    {"cyclic data", kBack, user(0, 2, 1, {0, 1, 0xff, 4, 0, 8, 1, 0}), "cyclic_read"},
    {"a change of state", kBack, pdu(kUserData, {1, 0, 0x10, 0x10, 0, 0, 2, 0}), "mode_run"},
    {"the answer to a read", kBack, pdu(kAckData, {4, 2}, {0xff, 4, 0, 8, 7, 0, 0x0a, 0, 0, 4}),
     "read_var item_count=2"},
    {"the answer to a write", kBack, pdu(kAckData, {5, 2}, {0xff, 0x0a}), "write_var item_count=2"},
    {"an error", kBack, pdu(kAck, {}, {}, 1, {0xd2, 0x0c}), "acknowledge"},
    {"connect to rack 0 slot 2",
     kAsk,
     {3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2, 0xc0, 1, 10},
     "cotp_connect tsap=258 calling_tsap=x'0100' tpdu_size=1024"},
    {"confirmed", kBack,
     join({{3, 0, 0, 20, 15, 0xd0, 0, 1, 0, 2, 0, 0xc2, 7}, bytes_of("station")}),
     "cotp_confirm tsap_name=station"},
    {"a called TSAP of octets",
     kAsk,
     {3, 0, 0, 14, 9, 0xe0, 0, 0, 0, 1, 0, 0xc2, 1, 7},
     "cotp_connect tsap_name=x'07'"},
    {"disconnect", kBack, {3, 0, 0, 11, 6, 0x80, 0, 1, 0, 2, 0}, "cotp_disconnect"},
    {"error", kBack, {3, 0, 0, 9, 4, 0x70, 0, 1, 0}, "cotp_error"},
    {"a data unit that is empty", kBack, data_unit({}, 0), "cotp_empty_data"},
};

TEST(Decode, EachFunction) {
  support::expect_rows(module(), kJobs);
  std::vector<Row> rows = kJobs;
  for (const protocols::FunctionInfo& function : catalogue().functions) {
    if (function.sub_code == protocols::kNoSubCode || function.fields != 0) continue;
    const bool pushed = function.initiator == protocols::Initiator::server;
    const bool lists_blocks = function.name == "list_blocks";
    rows.push_back({function.name.data(), pushed ? kBack : kAsk,
                    user(pushed ? 0 : 4, static_cast<std::uint8_t>(function.code),
                         static_cast<std::uint8_t>(function.sub_code),
                         lists_blocks ? Message{} : Message{1, 2}),
                    std::string(function.name)});
  }
  support::expect_rows(module(), rows);
  for (Row& row : rows) row.expected += " ";
  support::expect_all_functions(module(), rows);
  support::expect_fields_decide(module(), rows);
}

const std::vector<Row> kRefused = {
    {"a change of state by the client", kAsk, pdu(kUserData, {1, 0, 0x10, 0x10, 0, 0, 2, 0}),
     "fault wrong_direction"},
    {"a change of state with items", kBack, pdu(kUserData, {1, 1, 0x10, 0x10, 0, 0, 2, 0}),
     "fault bad_value"},
    {"a change of state with data", kBack,
     pdu(kUserData, {1, 0, 0x10, 0x10, 0, 0, 2, 0}, {0xff, 9, 0, 0}), "fault trailing_bytes"},
    {"a state of none", kBack, pdu(kUserData, {1, 0, 0x10, 0x10, 0, 0, 5, 0}),
     "fault unknown_function"},
    {"a list that nobody asked for", kBack, user(0, 4, 1, {1, 2}), "fault wrong_direction"},
    {"an acknowledgement with more", kBack, pdu(kAck, {4, 1}, {0xff}, 1, {0x85, 0}),
     "fault trailing_bytes"},
    {"a part of a block with more behind it", kAsk, pdu(kAckData, {0x1b, 0}, {0, 1, 0, 0xfb, 1, 2}),
     "fault bad_byte_count"},
    {"function 0x30", kAsk, job({0x30, 0, 0, 0, 0, 0, 0, 0}), "fault unknown_function"},
    {"a sub-function of none", kAsk, user(4, 4, 0x44), "fault unknown_function"},
    {"a syntax of none", kAsk, job(join({{4, 1}, with(item(4, 1, 1, 0x84, 0), 2, 0x82)})),
     "fault unknown_object"},
    {"a symbol without numbers", kAsk, job({4, 1, 0x12, 10, 0xb2, 0xff, 0, 0, 0, 0x52, 1, 2, 3, 4}),
     "fault unknown_object"},
    {"a symbol with a reserved octet", kAsk,
     job({4, 1, 0x12, 14, 0xb2, 0, 0, 0, 0, 0x52, 1, 2, 3, 4, 0x40, 0, 0, 0x10}),
     "fault bad_value"},
    {"an item longer than its kind", kAsk,
     job(join({{4, 1}, with(item(4, 1, 1, 0x84, 0), 1, 11), {0}})), "fault unknown_object"},
    {"a symbol written in front of another item", kAsk,
     job(join({{5, 2}, symbol(), item(2, 1, 1, 0x84, 0)}), {0, 4, 0, 8, 1, 0, 0, 4, 0, 8, 1}),
     "fault unknown_object"},
    {"a symbol written by bits that are no bytes", kAsk,
     job(join({{5, 1}, symbol()}), {0, 4, 0, 7, 1}), "fault bad_byte_count"},
    {"a size of none", kAsk, job(join({{4, 1}, item(77, 1, 1, 0x84, 0)})), "fault unknown_object"},
    {"the second item is missing", kAsk, job(join({{4, 2}, item(4, 1, 1, 0x84, 0)})),
     "fault truncated"},
    {"an item more than counted", kAsk,
     job(join({{4, 1}, item(4, 1, 1, 0x84, 0), item(4, 1, 1, 0x84, 0)})), "fault trailing_bytes"},
    {"no item", kAsk, job({4, 0}), "fault bad_quantity"},
    {"no element", kAsk, job(join({{4, 1}, item(4, 0, 1, 0x84, 0)})), "fault bad_quantity"},
    {"less data than the item says", kAsk,
     job(join({{5, 1}, item(4, 1, 1, 0x84, 0)}), {0, 4, 0, 8, 1}), "fault bad_byte_count"},
    // Bits of a real: what is one size for some receivers is another for the rest.
    {"a real whose data is called bits", kAsk,
     job(join({{5, 1}, item(8, 1, 1, 0x84, 0)}), {0, 3, 0, 32, 0, 0, 0, 0}),
     "fault bad_byte_count"},
    {"a double integer whose data is called its own", kAsk,
     job(join({{5, 1}, item(7, 1, 1, 0x84, 0)}), {0, 6, 0, 4, 0, 0, 0, 0}), "fault bad_byte_count"},
    {"more data than the item says", kAsk,
     job(join({{5, 1}, item(2, 1, 1, 0x84, 0)}), {0, 4, 0, 16, 1, 2}), "fault bad_byte_count"},
    {"more bits than one", kAsk, job(join({{4, 1}, item(1, 2, 1, 0x84, 0)})), "fault bad_quantity"},
    {"an area of none", kAsk, job(join({{4, 1}, item(4, 1, 0, 0x77, 0)})), "fault unknown_object"},
    {"a block's number in another area", kAsk, job(join({{4, 1}, item(4, 1, 1, 0x83, 0)})),
     "fault bad_value"},
    {"a block's number of a counter", kAsk, job(join({{4, 1}, item(28, 1, 1, 0x1c, 8)})),
     "fault bad_value"},
    {"bytes of counters", kAsk, job(join({{4, 1}, item(2, 1, 0, 0x1c, 8)})), "fault bad_value"},
    {"a timer in a block", kAsk, job(join({{4, 1}, item(29, 1, 1, 0x84, 8)})), "fault bad_value"},
    {"a bit that is two", kAsk, job(join({{5, 1}, item(1, 1, 1, 0x84, 0)}), {0, 3, 0, 1, 2}),
     "fault bad_value"},
    {"a result in a request", kAsk, job(join({{5, 1}, item(2, 1, 1, 0x84, 0)}), {0xff, 4, 0, 8, 1}),
     "fault bad_value"},
    {"a fill octet with content", kAsk,
     job(join({{5, 2}, item(2, 1, 1, 0x84, 0), item(2, 1, 1, 0x84, 8)}),
         {0, 4, 0, 8, 1, 9, 0, 4, 0, 8, 2}),
     "fault bad_value"},
    {"an octet behind even data", kAsk,
     job(join({{5, 1}, item(4, 1, 1, 0x84, 0)}), {0, 4, 0, 16, 1, 2, 0}), "fault trailing_bytes"},
    {"data in a setup", kAsk, pdu(kJob, {0xf0, 0, 0, 1, 0, 1, 1, 0xe0}, {0}),
     "fault trailing_bytes"},
    {"a reserved octet of the setup", kAsk, job({0xf0, 1, 0, 1, 0, 1, 1, 0xe0}), "fault bad_value"},
    {"something behind a service", kAsk, job({0, 1}), "fault trailing_bytes"},
    {"an argument that is none of the service's", kAsk, pi_service(bytes_of("D "), "P_PROGRAM"),
     "fault bad_value"},
    // 20 octets of parameters are a warm start for a server that goes by them (Snap7's).
    {"a length of another service's", kAsk, pi_service(bytes_of("EPEP"), "_MODU"),
     "fault bad_value"},
    {"blocks less than counted", kAsk, pi_service(join({{2, 0}, bytes_of("0800001P")}), "_INSE"),
     "fault bad_byte_count"},
    {"a service with a NUL in its name", kAsk, pi_service({}, std::string_view("_N_A\0B", 6)),
     "fault bad_value"},
    {"reserved octets in front of a stop", kAsk,
     job(join({{0x29, 0, 0, 1, 0, 0, 9}, bytes_of("P_PROGRAM")})), "fault bad_value"},
    {"a block above 65535", kAsk, load(0x1d, "_0A65537A"), "fault bad_value"},
    {"a download without lengths", kAsk, load(0x1a, "_0A00001P", {0}), "fault bad_value"},
    {"data behind an upload", kAsk, pdu(kJob, {0x1e, 0, 0, 0, 0, 0, 0, 7}, {1}),
     "fault trailing_bytes"},
    {"a reserved octet of the head", kAsk, with(user(4, 4, 1, {0, 0x1c, 0, 1}), 9, 1),
     "fault bad_value"},
    {"a method that is not the type's", kAsk, with(user(4, 4, 1, {0, 0x1c, 0, 1}), 21, 0x12),
     "fault bad_value"},
    {"a size of the payload that is no octets'", kAsk, with(user(4, 4, 1, {0, 0x1c, 0, 1}), 26, 4),
     "fault bad_value"},
    {"more than an SZL's identifier", kAsk, user(4, 4, 1, {0, 0x1c, 0, 1, 0}),
     "fault trailing_bytes"},
    {"a word that begins at a bit", kAsk, job(join({{4, 1}, item(4, 1, 1, 0x84, 3)})),
     "fault bad_value"},
    {"a last byte behind the area", kAsk,
     job(join({{4, 1}, item(4, 1, 1, 0x84, ((1U << 21) - 1) << 3)})), "fault address_wrap"},
    {"a block of no name", kAsk, load(0x1d, "_0X00000A"), "fault bad_value"},
    {"a job of the PLC", kBack, job(join({{5, 1}, item(2, 1, 1, 0x84, 0)}), {0, 4, 0, 8, 1}),
     "fault wrong_direction"},
    {"an answer of the client", kAsk, pdu(kAckData, {5, 1}, {0xff}), "fault wrong_direction"},
    {"a connect from the PLC",
     kBack,
     {3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 1, 0},
     "fault wrong_direction"},
    {"a class of another number",
     kAsk,
     {3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 1, 0x20},
     "fault bad_value"},
    {"an option of another class", kAsk, {3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 1, 2}, "fault bad_value"},
    {"credit", kAsk, {3, 0, 0, 11, 6, 0xe1, 0, 0, 0, 1, 0}, "fault unknown_function"},
    {"a reference of a server that was not heard",
     kAsk,
     {3, 0, 0, 11, 6, 0xe0, 0, 1, 0, 1, 0},
     "fault bad_value"},
    {"two called TSAPs",
     kAsk,
     {3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 1, 0, 0xc2, 2, 1, 2, 0xc2, 2, 1, 3},
     "fault bad_value"},
    {"a TSAP of none", kAsk, {3, 0, 0, 13, 8, 0xe0, 0, 0, 0, 1, 0, 0xc2, 0}, "fault bad_length"},
    {"a parameter of none",
     kAsk,
     {3, 0, 0, 14, 9, 0xe0, 0, 0, 0, 1, 0, 0xc6, 1, 0},
     "fault bad_value"},
    {"a size of no TPDU",
     kAsk,
     {3, 0, 0, 14, 9, 0xe0, 0, 0, 0, 1, 0, 0xc0, 1, 14},
     "fault bad_value"},
    {"a parameter that ends behind the TPDU",
     kAsk,
     {3, 0, 0, 14, 9, 0xe0, 0, 0, 0, 1, 0, 0xc2, 2, 0},
     "fault truncated"},
    {"a reason behind the reason",
     kBack,
     {3, 0, 0, 12, 7, 0x80, 0, 1, 0, 2, 0, 0},
     "fault trailing_bytes"},
    {"another protocol on the connection", kAsk, data_unit({0x72, 1, 0, 0, 0, 0}),
     "fault not_this_protocol"},
    {"expedited data, which class 0 has not",
     kAsk,
     {3, 0, 0, 9, 4, 0x10, 0, 1, 0},
     "fault unknown_function"}};

TEST(Decode, WhatIsRefused) { support::expect_rows(module(), kRefused); }

// A receiver that does not join TPDUs would take the second for a PDU of its own.
TEST(Cotp, ADataUnitInOneTpdu) {
  const Message whole = job(join({{4, 1}, item(4, 1, 1, 0x84, 0)}));
  const Message user_bytes(whole.begin() + 7, whole.end());
  for (std::size_t cut = 1; cut < user_bytes.size(); ++cut) {
    const auto at = user_bytes.begin() + static_cast<std::ptrdiff_t>(cut);
    const Message first = data_unit(Message(user_bytes.begin(), at), 0);
    EXPECT_EQ(module().frame(first, kAsk).fault, Fault::bad_value);
    const Message two = join({first, data_unit(Message(at, user_bytes.end()))});
    EXPECT_EQ(support::decoded_text(module(), two, kAsk), "fault bad_value");
  }
}

TEST(Cotp, TpktsAtTheirLimits) {
  const auto frame = [](const Message& bytes) { return module().frame(bytes, kAsk); };
  EXPECT_EQ(frame({2}).fault, Fault::not_this_protocol);
  EXPECT_EQ(frame({3, 1}).fault, Fault::not_this_protocol);
  EXPECT_EQ(frame({3, 0, 0, 6}).fault, Fault::bad_length);
  EXPECT_EQ(frame({3, 0, 0, 7, 2, 0xf0, 0x80}).length, 7U);
  EXPECT_EQ(frame({3, 0, 0xff, 0xff, 2, 0xf0, 0x80}).length, 65535U);
  EXPECT_EQ(frame({3, 0, 0, 8, 3, 0xf0, 0x80}).fault, Fault::bad_length);
  EXPECT_EQ(frame({3, 0, 0, 8, 2, 0xf0, 0x81}).fault, Fault::bad_value);
  EXPECT_EQ(frame({3, 0, 0, 8, 2, 0xf1, 0x80}).fault, Fault::bad_value);
}

TEST(Cotp, ContentTellsTheProtocol) {
  using protocols::Recognition;
  const Message connect = {3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 1, 0};
  EXPECT_EQ(module().recognise(connect, kAsk), Recognition::unknown);
  EXPECT_EQ(module().recognise(join({connect, data_unit({}, 0)}), kAsk), Recognition::unknown);
  EXPECT_EQ(module().recognise(join({connect, data_unit({0x32})}), kAsk), Recognition::yes);
  EXPECT_EQ(module().recognise(join({connect, data_unit({0x72})}), kAsk), Recognition::no);
  EXPECT_EQ(module().recognise(bytes_of("GET /"), kAsk), Recognition::no);
}

TEST(Pairing, AnAnswerNeedsItsJob) {
  const Message read = job(join({{4, 1}, item(4, 1, 1, 0x84, 0)}));
  const auto answer = [](std::uint8_t items, std::uint16_t reference) {
    return pdu(kAckData, {4, items}, {0xff, 4, 0, 16, 1, 2}, reference);
  };
  support::PairedSession session(module());
  EXPECT_EQ(session.answer(answer(1, 1)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(read), Fault::none);
  EXPECT_EQ(session.outstanding(), 1U);
  EXPECT_EQ(session.answer(answer(1, 2)), Fault::unrequested_response);
  EXPECT_EQ(session.answer(answer(2, 1)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(pdu(kAckData, {5, 1}, {0xff})), Fault::mismatched_response);
  EXPECT_EQ(session.answer(answer(1, 1)), Fault::none);
  EXPECT_EQ(session.answer(answer(1, 1)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(read), Fault::none);
  EXPECT_EQ(session.answer(pdu(kAck, {}, {}, 1, {0x85, 0})), Fault::none) << "an error";
  EXPECT_EQ(session.ask(user(4, 4, 1, {0, 0x1c, 0, 1}, 9)), Fault::none);
  EXPECT_EQ(session.answer(user(8, 4, 2, {}, 9)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(user(8, 4, 1, {}, 9)), Fault::none);
  EXPECT_EQ(session.answer(user(0, 4, 6, {}, 0)), Fault::none) << "unasked";
}

TEST(Pairing, ThePlcAsksForBlocks) {
  support::PairedSession session(module());
  const Message answer = pdu(kAckData, {0x1b, 0}, {0, 2, 0, 0xfb, 1, 2});
  EXPECT_EQ(session.ask(answer), Fault::unrequested_response);
  EXPECT_EQ(session.answer(load(0x1b, "_0A00001P")), Fault::none);
  EXPECT_EQ(session.outstanding(), 0U) << "the server waits, not the client";
  EXPECT_EQ(session.ask(answer), Fault::none);
}

// The identifier that the answer to a start gave stands for its block.
TEST(Pairing, AnUploadIsThatOfItsBlock) {
  support::PairedSession session(module());
  const auto told = [&](std::uint8_t code, std::uint8_t id) {
    return support::decoded_text(module(), job({code, 0, 0, 0, 0, 0, 0, id}),
                                 {kAsk, protocols::Carrier::tcp, session.block()});
  };
  const auto start = [&](std::string_view name, std::uint8_t id) {
    EXPECT_EQ(session.ask(load(0x1d, name)), Fault::none);
    EXPECT_EQ(session.answer(pdu(
                  kAckData, {0x1d, 0, 1, 0, 0, 0, 0, id, 7, '0', '0', '0', '0', '0', '9', '0'})),
              Fault::none);
  };
  EXPECT_EQ(told(0x1e, 7), "upload");
  start("_0A00001A", 7);
  EXPECT_EQ(told(0x1e, 7), "upload block_type=10 block_number=1 file_system=A");
  EXPECT_EQ(told(0x1f, 7), "end_upload block_type=10 block_number=1 file_system=A");
  EXPECT_EQ(told(0x1e, 8), "upload") << "of somebody else";
  start("_0800002A", 7);
  EXPECT_EQ(told(0x1e, 7), "upload block_type=8 block_number=2 file_system=A");
  start("_0800003A", 8);
  start("_0800004A", 9);
  EXPECT_EQ(told(0x1e, 9), "upload block_type=8 block_number=4 file_system=A");
  EXPECT_EQ(told(0x1e, 8), "upload block_type=8 block_number=3 file_system=A");
  EXPECT_EQ(told(0x1e, 7), "upload") << "forgotten";
  EXPECT_FALSE(module().means_alike(job({0x1e, 0, 0, 0, 0, 0, 0, 7})));
  EXPECT_TRUE(module().means_alike(job({0xf0, 0, 0, 1, 0, 1, 1, 0xe0})));
}

TEST(Pairing, PdusFitTheAgreedSize) {
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(job({0xf0, 0, 0, 1, 0, 1, 1, 0xe0})), Fault::none);
  EXPECT_EQ(session.answer(pdu(kAckData, {0xf0, 0, 0, 1, 0, 1, 0, 240})), Fault::none);
  const auto sized = [](std::size_t bytes) {
    return pdu(kJob, Message(1, 0), Message(bytes - kHeaderBytes - 1, 0));
  };
  EXPECT_EQ(session.ask(sized(240)), Fault::none);
  EXPECT_EQ(session.ask(sized(241)), Fault::bad_length);
}

TEST(Refusal, AckDataWithAnErrorClass) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const auto refuse = [&](const Message& request) {
    const std::size_t length = module().refuse(request, protocols::Denial::address, reply);
    return Message(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(length));
  };
  const Message write = job(join({{5, 1}, item(2, 1, 1, 0x84, 0)}), {0, 4, 0, 8, 1});
  EXPECT_EQ(refuse(write), pdu(kAckData, {5, 1}, {}, 1, {0x81, 4}));
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(write), Fault::none);
  EXPECT_EQ(session.answer(refuse(write)), Fault::none);
  EXPECT_EQ(refuse(job(join({{0x29, 0, 0, 0, 0, 0, 9}, bytes_of("P_PROGRAM")}))),
            pdu(kAckData, {0x29}, {}, 1, {0x81, 4}));
  const Message szl = user(4, 4, 1, {0, 0x1c, 0, 1});
  EXPECT_EQ(support::decoded_text(module(), refuse(szl), kBack), "read_szl");
  EXPECT_EQ(session.ask(szl), Fault::none);
  EXPECT_EQ(session.answer(refuse(szl)), Fault::none);
  EXPECT_TRUE(refuse(data_unit({}, 0)).empty());
  EXPECT_TRUE(refuse({3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 1, 0}).empty());
}

}  // namespace
}  // namespace bulkhead::s7comm
