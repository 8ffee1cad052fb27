// PDUs as real clients send them: every function, every item of a job, what is refused, and TPDUs.
#include "tests/support/field_mutation.h"
#include "tests/support/s7_messages.h"

namespace bulkhead::s7comm {
namespace {

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
    {"a real of zero", kAsk, job(join({{5, 1}, item(8, 1, 1, 0x84, 0)}), {0, 7, 0, 4, 0, 0, 0, 0}),
     "write_var area=132 db=1 address=0-3 length=1 transport_size=8 item_count=1 value=0"},
    {"a real that is no number", kAsk,
     job(join({{5, 1}, item(8, 1, 1, 0x84, 0)}), {0, 7, 0, 4, 0x7f, 0xc0, 0, 0}),
     "write_var area=132 db=1 address=0-3 length=1 transport_size=8 item_count=1"},
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
    {"a timer of an S7-200", kAsk, job(join({{4, 1}, item(31, 1, 0, 0x1f, 37)})),
     "read_var area=31 address=37 length=1 transport_size=31 item_count=1"},
    {"a string", kAsk, job(join({{4, 1}, item(19, 1, 4, 0x84, 0x450)})),
     "read_var area=132 db=4 address=138-393 length=1 transport_size=19 item_count=1"},
    {"a symbol, and a word", kAsk, job(join({{4, 2}, symbol(), item(4, 1, 1, 0x84, 0)})),
     "read_var item_count=2 symbol=52.40000010 symbol_crc=3928862937\n"
     "read_var area=132 db=1 address=0-1 length=1 transport_size=4 item_count=2"},
    // Twelve octets behind the first item's beginning another one begins for Snap7's server: a byte
    // of DB 9.
    {"a symbol that holds another item, and a word", kAsk,
     job(join({{4, 2}, symbol_over(), item(4, 1, 1, 0x84, 0)})),
     "read_var item_count=2 symbol=52.120a1002.10009.84000000 symbol_crc=3928862937 syntax=178\n"
     "read_var area=132 db=1 address=0-1 length=1 transport_size=4 item_count=2 syntax=16"},
    {"a symbol is written behind a word", kAsk,
     job(join({{5, 2}, item(4, 1, 1, 0x84, 0), symbol()}), {0, 4, 0, 16, 1, 2, 0, 4, 0, 16, 3, 4}),
     "write_var area=132 db=1 address=0-1 length=1 transport_size=4 item_count=2 value=258 "
     "syntax=16\n"
     "write_var item_count=2 symbol=52.40000010 symbol_crc=3928862937 syntax=178"},
    {"a symbol alone", kAsk, job(join({{4, 1}, symbol()})),
     "read_var item_count=1 symbol=52.40000010 symbol_crc=3928862937"},
    {"areas of data blocks, filled up, and a word", kAsk,
     job(join({{4, 2}, areas({{4, 0, 7, 1, 0}}), {0}, item(4, 1, 1, 0x84, 0)})),
     "read_var area=132 db=7 address=256-259 length=4 transport_size=2 item_count=2 syntax=176\n"
     "read_var area=132 db=1 address=0-1 length=1 transport_size=4 item_count=2 syntax=16"},
    {"two areas", kAsk, job(join({{4, 1}, areas({{4, 0, 7, 0, 0}, {1, 1, 0, 0, 9}})})),
     "read_var area=132 db=7 address=0-3 length=4 transport_size=2 item_count=1\n"
     "read_var area=132 db=256 address=9 length=1 transport_size=2 item_count=1"},
    {"a variable of a numerical control", kAsk,
     job({4, 1, 0x12, 8, 0x82, 0x41, 0, 2, 0, 1, 0x7f, 1}),
     "read_var item_count=1 symbol=nck.41.2.1.7f.1 syntax=130"},
    {"a parameter of a drive", kAsk, job({4, 1, 0x12, 10, 0xa2, 1, 0, 2, 0, 3, 0x09, 0x84, 0, 1}),
     "read_var item_count=1 symbol=drive.1.2.3.984.1"},
    {"one that may be taken for memory", kAsk,
     job({4, 1, 0x12, 10, 0xa2, 2, 0, 2, 0, 3, 0x84, 0x84, 0, 1}),
     "read_var item_count=1 symbol=drive.2.2.3.8484.1 syntax=162"},
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
    {"what follows of it", kAsk, asks_long(4, 1, 5), "read_szl"},
    {"what follows of a list of blocks", kAsk, asks_long(3, 2, 1), "list_blocks_of_type"},
    {"the same, as Snap7's client asks", kAsk, asks_long(3, 2, 1, {}, 0x11), "list_blocks_of_type"},
    {"an SZL as python-snap7 reads it", kAsk,
     with(with(with(user(4, 4, 1, {0, 0x1c, 0, 1}), 25, 0x0a), 26, 0), 24, 7),
     "read_szl szl_id=28 szl_index=1"},
    {"and goes on with it", kAsk, with(with(with(user(4, 4, 1), 25, 0x0a), 26, 0), 24, 7),
     "read_szl"},
    {"a table of variables", kAsk, asks_long(1, 2, 0, {0, 1}), "variable_table"},
    {"a clock is read", kAsk, user(4, 7, 1), "read_clock"},
    {"blocks of a type", kAsk, user(4, 3, 2, bytes_of("0A")), "list_blocks_of_type block_type=10"},
    {"information of a block", kAsk, user(4, 3, 3, bytes_of("0A00001A")),
     "get_block_info block_type=10 block_number=1 file_system=A"},
    {"a cyclic read of an item", kAsk, user(4, 2, 1, join({{0, 1, 1, 1}, item(4, 1, 3, 0x84, 0)})),
     "cyclic_read area=132 db=3 address=0-1 length=1 transport_size=4 item_count=1"},
    {"a cyclic read of an item", kAsk, user(4, 2, 5, join({{0, 1, 1, 1}, item(4, 1, 3, 0x84, 0)})),
     "cyclic_read_on_change area=132 db=3 address=0-1 length=1 transport_size=4 item_count=1"},
    {"a cyclic read of an item", kAsk, user(4, 2, 7, join({{0, 1, 1, 1}, item(4, 1, 3, 0x84, 0)})),
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
    {"something behind the agreed size", kBack, pdu(kAckData, {0xf0, 0, 0, 1, 0, 1, 0, 0xf0, 0}),
     "fault trailing_bytes"},
    {"a reserved octet of the agreement", kBack, pdu(kAckData, {0xf0, 1, 0, 1, 0, 1, 0, 0xf0}),
     "fault bad_value"},
    {"something behind the count of results", kBack, pdu(kAckData, {5, 1, 1}, {0xff}),
     "fault trailing_bytes"},
    {"a part of a block with more behind it", kAsk, pdu(kAckData, {0x1b, 0}, {0, 1, 0, 0xfb, 1, 2}),
     "fault bad_byte_count"},
    {"function 0x30", kAsk, job({0x30, 0, 0, 0, 0, 0, 0, 0}), "fault unknown_function"},
    // Snap7's server reads the type of the blocks behind the end.
    {"blocks of a type that is not said", kAsk, user(4, 3, 2), "fault truncated"},
    {"in half", kAsk, user(4, 3, 2, {'0'}), "fault truncated"},
    {"of no type", kAsk, user(4, 3, 2, bytes_of("0@")), "fault bad_value"},
    {"of a type that no controller has", kAsk, user(4, 3, 2, bytes_of("09")), "fault bad_value"},
    {"information of a block that is not said", kAsk, user(4, 3, 3), "fault bad_value"},
    {"of a type that no controller has", kAsk, user(4, 3, 3, bytes_of("0900001A")),
     "fault bad_value"},
    {"an SZL that is not said", kAsk, user(4, 4, 1), "fault truncated"},
    {"a clock that is set to nothing", kAsk, user(4, 7, 2), "fault truncated"},
    {"more blocks in the short form", kAsk, with(user(4, 3, 2), 24, 7), "fault truncated"},
    {"a table of variables with a number", kAsk, asks_long(1, 2, 1, {0, 1}), "fault bad_value"},
    {"what follows of nothing", kAsk, asks_long(4, 1, 0), "fault bad_value"},
    {"of a clock", kAsk, asks_long(7, 1, 1), "fault bad_value"},
    {"an SZL in the long form", kAsk, asks_long(4, 1, 0, {0, 0x1c, 0, 1}), "fault bad_value"},
    {"that goes on with it", kAsk, asks_long(4, 1, 1, {0, 0x1c, 0, 1}), "fault bad_value"},
    {"a part of a request", kAsk, with(asks_long(4, 1, 5), 26, 1), "fault bad_value"},
    {"a list of blocks with more behind", kAsk, user(4, 3, 1, {1}), "fault trailing_bytes"},
    {"another method than Snap7's", kAsk, asks_long(4, 1, 5, {}, 0x11), "fault bad_value"},
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
    {"areas that are written", kAsk,
     job(join({{5, 1}, areas({{4, 0, 7, 0, 0}})}), {0, 4, 0, 32, 1, 2, 3, 4}),
     "fault unknown_object"},
    {"a counter of an S7-200 in another area", kAsk, job(join({{4, 1}, item(30, 1, 0, 0x1c, 3)})),
     "fault bad_value"},
    {"an area of nothing", kAsk, job(join({{4, 1}, areas({{0, 0, 7, 0, 0}})})),
     "fault bad_quantity"},
    {"no area", kAsk, job(join({{4, 1}, areas({})})), "fault unknown_object"},
    {"half an area", kAsk, job({4, 1, 0x12, 6, 0xb0, 1, 4, 0, 7, 0}), "fault unknown_object"},
    {"an item that is filled up with content", kAsk,
     job(join({{4, 2}, areas({{4, 0, 7, 1, 0}}), {1}, item(4, 1, 1, 0x84, 0)})), "fault bad_value"},
    {"a control's variable with more behind", kAsk,
     job({4, 1, 0x12, 9, 0x82, 0x41, 0, 2, 0, 1, 0x7f, 1, 0}), "fault unknown_object"},
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

// Until a data unit tells whose it is, a session of MMS may be framed by this module.
TEST(Cotp, WhatIsNotOursIsDelimitedAsAllDo) {
  const Message first = data_unit({1, 0, 1, 0}, 0);  // ISO 8327-1, 8.3.5: give tokens, data
  const Message two = join({first, data_unit({0x61, 0})});
  for (std::size_t have = 0; have < two.size(); ++have) {
    const auto found = module().frame(ByteView(two).first(have), kAsk);
    EXPECT_EQ(found.fault, Fault::none) << have;
    EXPECT_TRUE(found.length == 0 || found.length == two.size()) << have;
  }
  EXPECT_EQ(module().frame(two, kAsk).length, two.size());
  EXPECT_EQ(support::decoded_text(module(), two, kAsk), "fault bad_value");
}

TEST(Cotp, TpktsAtTheirLimits) {
  const auto frame = [](const Message& bytes) { return module().frame(bytes, kAsk); };
  EXPECT_EQ(frame({2}).fault, Fault::not_this_protocol);
  EXPECT_EQ(frame({3, 1}).fault, Fault::not_this_protocol);
  EXPECT_EQ(frame({3, 0, 0, 6}).fault, Fault::bad_length);
  EXPECT_EQ(frame({3, 0, 0, 7, 2, 0xf0, 0x80}).length, 7U);
  EXPECT_EQ(frame({3, 0, 0xff, 0xff, 2, 0xf0, 0x80}).length, 65535U);
  EXPECT_EQ(frame({3, 0, 0, 8, 3, 0xf0, 0x80}).fault, Fault::bad_length);
  EXPECT_EQ(frame({3, 0, 0, 8, 2, 0xf0, 0x01}).fault, Fault::bad_value) << "of several";
  EXPECT_EQ(frame({3, 0, 0, 8, 2, 0xf1, 0x80}).fault, Fault::bad_value);
}

// Class 0 has no numbers (RFC 905, 13.7.2); receivers differ about one, so it is taken off.
TEST(Cotp, ANumberIsTakenOff) {
  const Message plain = job({0xf0, 0, 0, 1, 0, 1, 1, 0xe0});
  EXPECT_FALSE(module().numbered_messages()->is_rewritten(plain));
  for (const unsigned number : {1U, 0x40U, 0x7fU}) {
    Message numbered = with(plain, 6, static_cast<std::uint8_t>(0x80 | number));
    EXPECT_EQ(support::decoded_text(module(), numbered, kAsk), "setup_communication pdu_size=480");
    EXPECT_TRUE(module().numbered_messages()->is_rewritten(numbered));
    module().numbered_messages()->renumber(
        {}, kAsk, std::span(numbered).first(module().numbered_messages()->numbered_bytes()));
    EXPECT_EQ(numbered, plain);
    EXPECT_FALSE(module().numbered_messages()->is_rewritten(numbered));
  }
  const Message connect = {3, 0, 0, 11, 6, 0xe0, 1, 1, 0, 1, 0};
  EXPECT_FALSE(module().numbered_messages()->is_rewritten(connect));
}

TEST(Cotp, ContentTellsTheProtocol) {
  using protocols::Recognition;
  const Message connect = {3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 1, 0};
  EXPECT_EQ(module().shared_port()->recognise(connect, kAsk), Recognition::unknown);
  EXPECT_EQ(module().shared_port()->recognise(join({connect, data_unit({}, 0)}), kAsk),
            Recognition::unknown);
  EXPECT_EQ(module().shared_port()->recognise(join({connect, data_unit({0x32})}), kAsk),
            Recognition::yes);
  EXPECT_EQ(module().shared_port()->recognise(join({connect, data_unit({0x72})}), kAsk),
            Recognition::no);
  EXPECT_EQ(module().shared_port()->recognise(bytes_of("GET /"), kAsk), Recognition::no);
}

}  // namespace
}  // namespace bulkhead::s7comm
