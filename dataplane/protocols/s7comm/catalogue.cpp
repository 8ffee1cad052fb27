// The functions and fields of S7 communication.
#include <array>

#include "dataplane/protocols/s7comm/item.h"

namespace bulkhead::s7comm {

namespace {

using protocols::AccessClass;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::Initiator;
using protocols::kNoSubCode;
using protocols::with;

constexpr std::uint32_t kItem = with(kArea, kDb, kAddress, kBit, kLength, kTransportSize,
                                     kItemCount, kSymbol, kSymbolCrc, kSyntax);
constexpr std::uint32_t kBlock = with(kBlockType, kBlockNumber, kFileSystem);
constexpr std::uint32_t kPi = with(kPiServiceName, kPiArgument);

constexpr FunctionInfo job(std::string_view name, std::uint8_t code, AccessClass access,
                           std::uint32_t fields = 0, Initiator initiator = Initiator::client) {
  return {name, code, kNoSubCode, access, fields, initiator};
}

// A function that releases before 0.2 had in another class.
constexpr FunctionInfo moved(FunctionInfo function, AccessClass before) {
  function.access_before = before;
  return function;
}

constexpr FunctionInfo user_data(std::string_view name, std::uint8_t group,
                                 std::uint8_t sub_function, AccessClass access,
                                 std::uint32_t fields = 0,
                                 Initiator initiator = Initiator::client) {
  return {name,     static_cast<std::uint16_t>(kUserDataCode | group), sub_function, access, fields,
          initiator};
}

constexpr auto kEither = Initiator::either;
constexpr auto kServer = Initiator::server;

constexpr std::array kOwnFunctions = {
    job("cpu_services", kCpuServices, AccessClass::control),
    job("setup_communication", kSetup, AccessClass::session, with(kPduSize)),
    job("read_var", kReadVar, AccessClass::read, kItem),
    job("write_var", kWriteVar, AccessClass::write, kItem | with(kValue, kDataSize)),
    job("request_download", kRequestDownload, AccessClass::program, kBlock),
    job("download_block", kDownloadBlock, AccessClass::program, kBlock, kServer),
    job("download_ended", kDownloadEnded, AccessClass::program, kBlock, kServer),
    job("start_upload", kStartUpload, AccessClass::program, kBlock),
    job("upload", kUpload, AccessClass::program, kBlock),
    job("end_upload", kEndUpload, AccessClass::program, kBlock),
    job("pi_service", kPiService, AccessClass::control, kPi),
    FunctionInfo{"cold_start", kPiService, kColdStart, AccessClass::control, kPi},
    moved(FunctionInfo{"pi_service_program", kPiService, kOnProgram, AccessClass::program,
                       kPi | kBlock},
          AccessClass::control),
    job("plc_stop", kPlcStop, AccessClass::control, with(kPiServiceName)),
    user_data("mode_stop", 0, 0, AccessClass::publish, 0, kServer),
    user_data("mode_warm_restart", 0, 1, AccessClass::publish, 0, kServer),
    user_data("mode_run", 0, 2, AccessClass::publish, 0, kServer),
    user_data("mode_hot_restart", 0, 3, AccessClass::publish, 0, kServer),
    user_data("mode_hold", 0, 4, AccessClass::publish, 0, kServer),
    user_data("mode_cold_restart", 0, 6, AccessClass::publish, 0, kServer),
    user_data("mode_run_redundant", 0, 9, AccessClass::publish, 0, kServer),
    user_data("mode_link_up", 0, 11, AccessClass::publish, 0, kServer),
    user_data("mode_update", 0, 12, AccessClass::publish, 0, kServer),
    user_data("request_diagnostic_data", 1, 1, AccessClass::diagnose, 0, kEither),
    user_data("variable_table", 1, 2, AccessClass::operate, 0, kEither),
    user_data("programmer_command_3", 1, 3, AccessClass::program, 0, kEither),
    user_data("programmer_command_4", 1, 4, AccessClass::program, 0, kEither),
    user_data("programmer_command_5", 1, 5, AccessClass::program, 0, kEither),
    user_data("programmer_command_6", 1, 6, AccessClass::program, 0, kEither),
    user_data("programmer_command_7", 1, 7, AccessClass::program, 0, kEither),
    user_data("programmer_command_8", 1, 8, AccessClass::program, 0, kEither),
    user_data("programmer_command_9", 1, 9, AccessClass::program, 0, kEither),
    user_data("programmer_command_10", 1, 10, AccessClass::program, 0, kEither),
    user_data("programmer_command_11", 1, 11, AccessClass::program, 0, kEither),
    user_data("erase", 1, 12, AccessClass::program, 0, kEither),
    user_data("programmer_command_13", 1, 13, AccessClass::program, 0, kEither),
    user_data("read_diagnostic_data", 1, 14, AccessClass::diagnose, 0, kEither),
    user_data("remove_diagnostic_data", 1, 15, AccessClass::diagnose, 0, kEither),
    user_data("force", 1, 16, AccessClass::operate, 0, kEither),
    user_data("programmer_command_17", 1, 17, AccessClass::program, 0, kEither),
    user_data("programmer_command_18", 1, 18, AccessClass::program, 0, kEither),
    user_data("request_diagnostic_data_2", 1, 19, AccessClass::diagnose, 0, kEither),
    user_data("programmer_command_20", 1, 20, AccessClass::program, 0, kEither),
    user_data("programmer_command_21", 1, 21, AccessClass::program, 0, kEither),
    moved(user_data("flash_led", 1, 22, AccessClass::control, 0, kEither), AccessClass::diagnose),
    user_data("cyclic_read", 2, 1, AccessClass::read, kItem, kEither),
    user_data("cyclic_unsubscribe", 2, 4, AccessClass::session, 0, kEither),
    user_data("cyclic_read_on_change", 2, 5, AccessClass::read, kItem, kEither),
    user_data("cyclic_modify", 2, 7, AccessClass::read, kItem, kEither),
    user_data("list_blocks", 3, 1, AccessClass::discover),
    user_data("list_blocks_of_type", 3, 2, AccessClass::discover, with(kBlockType)),
    user_data("get_block_info", 3, 3, AccessClass::discover, kBlock),
    user_data("read_szl", 4, 1, AccessClass::diagnose, with(kSzlId, kSzlIndex)),
    user_data("message_service", 4, 2, AccessClass::read),
    user_data("diagnostic_message", 4, 3, AccessClass::publish, 0, kServer),
    user_data("alarm_8_indication", 4, 5, AccessClass::publish, 0, kServer),
    user_data("notify_indication", 4, 6, AccessClass::publish, 0, kServer),
    user_data("alarm_8_lock", 4, 7, AccessClass::configure),
    user_data("alarm_8_unlock", 4, 8, AccessClass::configure),
    user_data("scan_indication", 4, 9, AccessClass::publish, 0, kServer),
    user_data("alarm_acknowledge", 4, 11, AccessClass::operate),
    user_data("alarm_acknowledge_indication", 4, 12, AccessClass::publish, 0, kServer),
    user_data("alarm_lock_indication", 4, 13, AccessClass::publish, 0, kServer),
    user_data("alarm_unlock_indication", 4, 14, AccessClass::publish, 0, kServer),
    user_data("alarm_sq_indication", 4, 17, AccessClass::publish, 0, kServer),
    user_data("alarm_s_indication", 4, 18, AccessClass::publish, 0, kServer),
    user_data("alarm_query", 4, 19, AccessClass::read),
    user_data("notify_8_indication", 4, 22, AccessClass::publish, 0, kServer),
    moved(user_data("password", 5, 1, AccessClass::configure), AccessClass::session),
    moved(user_data("clear_password", 5, 2, AccessClass::configure), AccessClass::session),
    user_data("block_send", 6, 1, AccessClass::write, 0, kEither),
    user_data("block_receive", 6, 2, AccessClass::write, 0, kEither),
    user_data("read_clock", 7, 1, AccessClass::read),
    user_data("set_clock", 7, 2, AccessClass::configure),
    user_data("read_clock_following", 7, 3, AccessClass::read),
    user_data("set_clock_following", 7, 4, AccessClass::configure),
    user_data("nc_request_download", 15, 1, AccessClass::program),
    user_data("nc_download", 15, 2, AccessClass::program),
    user_data("nc_continue_download", 15, 3, AccessClass::program),
    user_data("nc_download_ended", 15, 4, AccessClass::program),
    user_data("nc_start_upload", 15, 6, AccessClass::program),
    user_data("nc_upload", 15, 7, AccessClass::program),
    user_data("nc_continue_upload", 15, 8, AccessClass::program),
    FunctionInfo{"acknowledge", kAckCode, kNoSubCode, AccessClass::session, 0, Initiator::client},
};

constexpr auto kFunctions = protocols::join_functions(
    kOwnFunctions, cotp::tpdu_functions(with(kTsap, kTsapName, kCallingTsap, kTpduSize)));

constexpr std::array kFields = {
    FieldInfo{
        "area", FieldKind::integer, 8, "",
        "0x81 inputs, 0x82 outputs, 0x83 merkers, 0x84 data block, 0x1c counters, 0x1d timers"},
    FieldInfo{"db", FieldKind::integer, 16, "", "number of the data block"},
    FieldInfo{"address", FieldKind::integer, 32, "bytes",
              "every byte touched; for counters and timers their numbers", true},
    FieldInfo{"bit", FieldKind::integer, 3, "", "the bit of a single-bit item"},
    FieldInfo{"length", FieldKind::integer, 16, "elements", "elements of the transport size"},
    FieldInfo{"transport_size", FieldKind::integer, 8, "",
              "1 bit, 2 byte, 3 char, 4 word, 5 int, 6 dword, 7 dint, 8 real, 19 string, 28 "
              "counter, 29 timer, 30 and 31 those of an S7-200"},
    FieldInfo{"item_count", FieldKind::integer, 8, "", "items of the job"},
    FieldInfo{"value", FieldKind::real, 64, "",
              "what a single element is written to, in the type that transport_size says, which a "
              "rule has to name too"},
    FieldInfo{"pdu_size", FieldKind::integer, 16, "bytes", "longest PDU that is asked for"},
    FieldInfo{
        "pi_service", FieldKind::name, 0, "",
        "program invocation: P_PROGRAM starts or stops; _INSE, _DELE, _MODU, _GARB work on the "
        "program"},
    FieldInfo{"block_type", FieldKind::integer, 8, "",
              "0x08 OB, 0x0a DB, 0x0b SDB, 0x0c FC, 0x0d SFC, 0x0e FB, 0x0f SFB"},
    FieldInfo{"block_number", FieldKind::integer, 17, "", "number of the block"},
    FieldInfo{"szl_id", FieldKind::integer, 16, "", "system status list"},
    FieldInfo{"szl_index", FieldKind::integer, 16, "", "index into it"},
    cotp::kTsapInfo,
    cotp::kTsapNameInfo,
    FieldInfo{"data_size", FieldKind::integer, 8, "",
              "size of written data (7 real, 9 octets, 4 bits of a counter or timer) behind which "
              "not every receiver finds the next item alike",
              false, false, true},
    FieldInfo{"file_system", FieldKind::name, 0, "", "of a block: A active, P passive, B both"},
    FieldInfo{"pi_argument", FieldKind::name, 0, "",
              "argument of a program invocation: 'C ' of a cold start, EP of _MODU"},
    cotp::kCallingTsapInfo,
    cotp::kTpduSizeInfo,
    FieldInfo{
        "symbol", FieldKind::name, 0, "",
        "numbers in hexadecimal with dots: of a symbol of an S7-1200 its area and those below; "
        "nck and those of a numerical control's variable; drive and those of a parameter"},
    FieldInfo{"symbol_crc", FieldKind::integer, 32, "", "check of the symbol's name and type"},
    FieldInfo{"syntax", FieldKind::integer, 8, "",
              "of items that not every receiver knows: 0xb2 symbols beside others, 0xb0 areas of "
              "data blocks, 0x82 to 0x84 of numerical controls, 0xa2 of drives; 0x10 what stands "
              "beside such",
              false, false, true},
};

constexpr std::array kPorts = {protocols::DefaultPort{protocols::Carrier::tcp, 102}};

}  // namespace

const protocols::Catalogue& catalogue() {
  static constexpr protocols::PlacedValues kPlaced = {kAddress, kValue, kTransportSize,
                                                      places_of_value};
  static constexpr protocols::Catalogue kCatalogue = {
      .name = "s7comm",
      .title = "S7 communication",
      .standard = "ISO on TCP (RFC 1006)",
      .functions = kFunctions,
      .fields = kFields,
      .ports = kPorts,
      .placed_values = &kPlaced,
  };
  return kCatalogue;
}

std::uint16_t find_function(std::uint16_t code, std::int32_t sub_code) {
  return protocols::find_function(kFunctions, code, sub_code);
}

}  // namespace bulkhead::s7comm
