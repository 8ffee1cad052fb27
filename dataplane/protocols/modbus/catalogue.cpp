// The functions and fields of Modbus, by the specification's names.
#include <array>

#include "dataplane/protocols/modbus/umas.h"

namespace bulkhead::modbus {

namespace {

using protocols::AccessClass;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::kNoSubCode;
using protocols::with;

constexpr std::uint32_t kSpan = with(kUnit, kAddress, kQuantity);
constexpr std::uint32_t kOne = with(kUnit, kAddress, kValue);
constexpr std::uint32_t kMany = with(kUnit, kAddress, kQuantity, kValue);
constexpr std::uint32_t kPlain = with(kUnit);
constexpr std::uint32_t kDiagnostic = with(kUnit, kSubFunction, kValue);
constexpr std::uint32_t kFileSpan = with(kUnit, kFile, kRecord, kQuantity);

constexpr FunctionInfo diagnostic(std::string_view name, std::int32_t sub_code,
                                  AccessClass access = AccessClass::diagnose) {
  return {name, kDiagnostics, sub_code, access, kDiagnostic};
}

constexpr FunctionInfo before(AccessClass access, FunctionInfo function) {
  function.access_before = access;
  return function;
}

// AP 4.3: each table has addresses of its own.
constexpr FunctionInfo of(std::string_view table, FunctionInfo function) {
  function.counts = table;
  return function;
}
constexpr std::string_view kCoils = "coils";
constexpr std::string_view kInputs = "discrete inputs";
constexpr std::string_view kHolding = "holding registers";
constexpr std::string_view kInputRegisters = "input registers";

// AP 4.1 and 5: codes that implementers may give a meaning of their own.
constexpr FunctionInfo user_defined(std::string_view name, std::uint16_t code) {
  return before(AccessClass::program, {name, code, kNoSubCode, AccessClass::opaque, kPlain});
}

constexpr FunctionInfo umas(std::string_view name, std::int32_t code, AccessClass access,
                            std::uint32_t fields = 0) {
  const bool reserves = is_about_reservation(static_cast<std::uint8_t>(code), 1);
  return {name, kUmas, code, access, with(kUnit) | fields | (reserves ? with(kUnreserved) : 0)};
}

constexpr std::uint32_t kBlockBytes = with(kBlock, kOffset, kLength);

constexpr std::array kFunctions = {
    of(kCoils, {"read_coils", kReadCoils, kNoSubCode, AccessClass::read, kSpan}),
    of(kInputs,
       {"read_discrete_inputs", kReadDiscreteInputs, kNoSubCode, AccessClass::read, kSpan}),
    of(kHolding,
       {"read_holding_registers", kReadHoldingRegisters, kNoSubCode, AccessClass::read, kSpan}),
    of(kInputRegisters,
       {"read_input_registers", kReadInputRegisters, kNoSubCode, AccessClass::read, kSpan}),
    of(kCoils, {"write_single_coil", kWriteSingleCoil, kNoSubCode, AccessClass::write, kOne}),
    of(kHolding,
       {"write_single_register", kWriteSingleRegister, kNoSubCode, AccessClass::write, kOne}),
    FunctionInfo{"read_exception_status", kReadExceptionStatus, kNoSubCode, AccessClass::read,
                 kPlain},
    diagnostic("return_query_data", 0),
    diagnostic("restart_communications_option", 1, AccessClass::control),
    diagnostic("return_diagnostic_register", 2),
    diagnostic("change_ascii_input_delimiter", 3, AccessClass::configure),
    diagnostic("force_listen_only_mode", 4, AccessClass::control),
    before(AccessClass::configure,
           diagnostic("clear_counters_and_diagnostic_register", 10, AccessClass::control)),
    diagnostic("return_bus_message_count", 11),
    diagnostic("return_bus_communication_error_count", 12),
    diagnostic("return_bus_exception_error_count", 13),
    diagnostic("return_server_message_count", 14),
    diagnostic("return_server_no_response_count", 15),
    diagnostic("return_server_nak_count", 16),
    diagnostic("return_server_busy_count", 17),
    diagnostic("return_bus_character_overrun_count", 18),
    before(AccessClass::configure,
           diagnostic("clear_overrun_counter_and_flag", 20, AccessClass::control)),
    FunctionInfo{"get_comm_event_counter", kGetCommEventCounter, kNoSubCode, AccessClass::diagnose,
                 kPlain},
    FunctionInfo{"get_comm_event_log", kGetCommEventLog, kNoSubCode, AccessClass::diagnose, kPlain},
    of(kCoils,
       {"write_multiple_coils", kWriteMultipleCoils, kNoSubCode, AccessClass::write, kMany}),
    of(kHolding, {"write_multiple_registers", kWriteMultipleRegisters, kNoSubCode,
                  AccessClass::write, kMany}),
    FunctionInfo{"report_server_id", kReportServerId, kNoSubCode, AccessClass::discover, kPlain},
    FunctionInfo{"read_file_record", kReadFileRecord, kNoSubCode, AccessClass::read, kFileSpan},
    FunctionInfo{"write_file_record", kWriteFileRecord, kNoSubCode, AccessClass::write, kFileSpan},
    of(kHolding, {"mask_write_register", kMaskWriteRegister, kNoSubCode, AccessClass::write,
                  with(kUnit, kAddress, kAndMask, kOrMask)}),
    of(kHolding, {"read_write_multiple_registers", kReadWriteMultipleRegisters, kWriteHalf,
                  AccessClass::write, kMany}),
    before(AccessClass::write,
           of(kHolding, {"read_write_multiple_registers_read", kReadWriteMultipleRegisters,
                         kReadHalf, AccessClass::read, kSpan})),
    FunctionInfo{"read_fifo_queue", kReadFifoQueue, kNoSubCode, AccessClass::read,
                 with(kUnit, kAddress)},
    before(AccessClass::configure,
           FunctionInfo{"canopen_general_reference", kEncapsulatedInterface, kMeiCanopen,
                        AccessClass::opaque, with(kUnit, kMei)}),
    FunctionInfo{"read_device_identification", kEncapsulatedInterface, kMeiDeviceIdentification,
                 AccessClass::discover, with(kUnit, kMei, kReadDeviceIdCode, kObjectId)},
    umas("umas_init_comm", kUmasInitComm, AccessClass::session),
    umas("umas_read_id", kUmasReadId, AccessClass::discover),
    umas("umas_read_project_info", kUmasReadProjectInfo, AccessClass::discover),
    umas("umas_read_plc_info", kUmasReadPlcInfo, AccessClass::discover),
    before(AccessClass::discover, umas("umas_read_card_info", 0x06, AccessClass::opaque)),
    umas("umas_repeat", kUmasRepeat, AccessClass::diagnose),
    umas("umas_take_reservation", kUmasTakeReservation, AccessClass::control, with(kOwner)),
    umas("umas_release_reservation", kUmasReleaseReservation, AccessClass::control),
    umas("umas_keep_alive", kUmasKeepAlive, AccessClass::session),
    umas("umas_read_memory_block", kUmasReadMemoryBlock, AccessClass::program,
         kBlockBytes | with(kMemory)),
    before(AccessClass::write, umas("umas_write_memory_block", kUmasWriteMemoryBlock,
                                    AccessClass::program, kBlockBytes | with(kMemory))),
    umas("umas_read_variables", kUmasReadVariables, AccessClass::read, kBlockBytes),
    umas("umas_write_variables", kUmasWriteVariables, AccessClass::write, kBlockBytes),
    before(AccessClass::read, umas("umas_read_coils_registers", 0x24, AccessClass::opaque)),
    before(AccessClass::write,
           umas("umas_write_coils_registers", kUmasWriteCoilsRegisters, AccessClass::opaque)),
    umas("umas_data_dictionary", kUmasDataDictionary, AccessClass::discover),
    umas("umas_initialize_upload", 0x30, AccessClass::program),
    umas("umas_upload_block", 0x31, AccessClass::program),
    umas("umas_end_upload", 0x32, AccessClass::program),
    umas("umas_initialize_download", kUmasInitializeDownload, AccessClass::program),
    umas("umas_download_block", kUmasDownloadBlock, AccessClass::program),
    umas("umas_end_download", kUmasEndDownload, AccessClass::program),
    before(AccessClass::discover,
           umas("umas_read_ethernet_master_data", 0x39, AccessClass::opaque)),
    umas("umas_start_plc", kUmasStartPlc, AccessClass::control),
    umas("umas_stop_plc", kUmasStopPlc, AccessClass::control),
    umas("umas_monitor_plc", kUmasMonitorPlc, AccessClass::read, with(kMonitor, kBlock, kOffset)),
    before(AccessClass::diagnose, umas("umas_check_plc", 0x58, AccessClass::opaque)),
    before(AccessClass::diagnose, umas("umas_read_io_object", 0x70, AccessClass::opaque)),
    before(AccessClass::write,
           umas("umas_write_io_object", kUmasWriteIoObject, AccessClass::opaque)),
    before(AccessClass::diagnose, umas("umas_get_status_module", 0x73, AccessClass::opaque)),
    umas("umas_error", kUmasError, AccessClass::session),
    umas("umas_ok", kUmasOk, AccessClass::session),
    user_defined("user_defined_65", 65),
    user_defined("user_defined_66", 66),
    user_defined("user_defined_67", 67),
    user_defined("user_defined_68", 68),
    user_defined("user_defined_69", 69),
    user_defined("user_defined_70", 70),
    user_defined("user_defined_71", 71),
    user_defined("user_defined_72", 72),
    user_defined("user_defined_100", 100),
    user_defined("user_defined_101", 101),
    user_defined("user_defined_102", 102),
    user_defined("user_defined_103", 103),
    user_defined("user_defined_104", 104),
    user_defined("user_defined_105", 105),
    user_defined("user_defined_106", 106),
    user_defined("user_defined_107", 107),
    user_defined("user_defined_108", 108),
    user_defined("user_defined_109", 109),
    user_defined("user_defined_110", 110),
};

constexpr std::array kFields = {
    FieldInfo{.name = "unit",
              .kind = FieldKind::integer,
              .width_bits = 8,
              .unit = "",
              .text = "unit identifier behind the server's address",
              .route = "unit",
              .gateway_itself = 255},
    FieldInfo{"address", FieldKind::integer, 16, "",
              "every coil, input or register touched, counted from 0 as on the wire", true},
    FieldInfo{"quantity", FieldKind::integer, 16, "elements", "how many elements are touched"},
    FieldInfo{"value", FieldKind::integer, 16, "",
              "each written element: a register's value, or 0 and 1 for a coil; what "
              "diagnostics set",
              true},
    FieldInfo{"file", FieldKind::integer, 16, "", "file number of a file record"},
    FieldInfo{"record", FieldKind::integer, 16, "", "every record number touched", true},
    FieldInfo{"sub_function", FieldKind::integer, 16, "", "sub-function of diagnostics"},
    FieldInfo{"mei", FieldKind::integer, 8, "", "type of encapsulated interface"},
    FieldInfo{"read_device_id_code", FieldKind::integer, 8, "", "category of identification asked"},
    FieldInfo{"object_id", FieldKind::integer, 8, "", "first identification object asked"},
    FieldInfo{"and_mask", FieldKind::integer, 16, "", "mask whose set bits a register keeps"},
    FieldInfo{"or_mask", FieldKind::integer, 16, "", "bits set where the and mask is clear"},
    FieldInfo{"exception", FieldKind::integer, 8, "", "exception code of a response"},
    FieldInfo{"memory", FieldKind::integer, 8, "", "UMAS: memory area of a block"},
    FieldInfo{"block", FieldKind::integer, 16, "", "UMAS: number of a block of memory"},
    FieldInfo{"offset", FieldKind::integer, 32, "bytes", "UMAS: every byte touched of a block",
              true},
    FieldInfo{"length", FieldKind::integer, 16, "bytes", "UMAS: how many bytes are touched"},
    FieldInfo{"owner", FieldKind::name, 0, "", "UMAS: who reserves the controller"},
    FieldInfo{"monitor", FieldKind::integer, 8, "",
              "UMAS: 5 and 9 register a variable to be read, 7 reads those registered, 11 forgets "
              "them"},
    FieldInfo{.name = "unreserved",
              .kind = FieldKind::integer,
              .width_bits = 1,
              .unit = "",
              .text = "UMAS: 1 where the session did not take the reservation whose key it has",
              .by_name = true},
};

constexpr std::array kPorts = {
    protocols::DefaultPort{protocols::Carrier::tcp, 502},
    protocols::DefaultPort{protocols::Carrier::udp, 502},
};

}  // namespace

const protocols::Catalogue& catalogue() {
  static constexpr protocols::Catalogue kCatalogue = {
      "modbus", "Modbus/TCP", "MODBUS Application Protocol V1.1b3", kFunctions, kFields, kPorts,
      kAddress, kValue,
  };
  return kCatalogue;
}

std::uint16_t find_function(std::uint8_t code, std::int32_t sub_code) {
  // The first function of each code; the end where there is none.
  static constexpr auto kFirst = [] {
    std::array<std::uint8_t, 256> first{};
    first.fill(static_cast<std::uint8_t>(kFunctions.size()));
    for (std::size_t i = kFunctions.size(); i > 0; --i) {
      first[kFunctions[i - 1].code] = static_cast<std::uint8_t>(i - 1);
    }
    return first;
  }();
  for (std::size_t i = kFirst[code]; i < kFunctions.size(); ++i) {
    if (kFunctions[i].code == code && kFunctions[i].sub_code == sub_code) {
      return static_cast<std::uint16_t>(i);
    }
  }
  return kNotInCatalogue;
}

bool is_user_defined(std::uint8_t code) {
  return (code >= 65 && code <= 72) || (code >= 100 && code <= 110);
}

}  // namespace bulkhead::modbus
