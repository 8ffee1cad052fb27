// The functions and fields of DNP3, by the standard's names.
#include <array>

#include "dataplane/protocols/dnp3/layout.h"

namespace bulkhead::dnp3 {

namespace {

using protocols::AccessClass;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::Initiator;
using protocols::kNoSubCode;
using protocols::with;

constexpr std::uint32_t kLink = with(kSource, kDestination);
constexpr std::uint32_t kHeaders = kLink | with(kGroup, kVariation, kIndex);
constexpr std::uint32_t kControl = kHeaders | with(kControlCode, kCount, kOnTime, kOffTime, kValue);
constexpr std::uint32_t kAnswer = kControl | with(kIin);

constexpr FunctionInfo request(std::string_view name, std::uint16_t code, AccessClass access,
                               std::uint32_t fields = kHeaders) {
  return {name, code, kNoSubCode, access, fields, Initiator::client};
}

constexpr FunctionInfo link(std::string_view name, std::uint8_t function) {
  return {name,       static_cast<std::uint16_t>(kLinkCode | function),
          kNoSubCode, AccessClass::session,
          kLink,      Initiator::either};
}

constexpr std::array kFunctions = {
    request("confirm", kConfirm, AccessClass::session, kLink),
    request("read", kRead, AccessClass::read),
    request("write", kWrite, AccessClass::write, kHeaders | with(kValue)),
    request("select", kSelect, AccessClass::operate, kControl),
    request("operate", kOperate, AccessClass::operate, kControl),
    request("direct_operate", kDirectOperate, AccessClass::operate, kControl),
    request("direct_operate_no_response", kDirectOperateNoResponse, AccessClass::operate, kControl),
    request("immediate_freeze", kImmediateFreeze, AccessClass::write),
    request("immediate_freeze_no_response", kImmediateFreezeNoResponse, AccessClass::write),
    request("freeze_and_clear", kFreezeClear, AccessClass::write),
    request("freeze_and_clear_no_response", kFreezeClearNoResponse, AccessClass::write),
    request("freeze_at_time", kFreezeAtTime, AccessClass::write),
    request("freeze_at_time_no_response", kFreezeAtTimeNoResponse, AccessClass::write),
    request("cold_restart", kColdRestart, AccessClass::control),
    request("warm_restart", kWarmRestart, AccessClass::control),
    request("initialize_data", kInitializeData, AccessClass::configure),
    request("initialize_application", kInitializeApplication, AccessClass::control),
    request("start_application", kStartApplication, AccessClass::control),
    request("stop_application", kStopApplication, AccessClass::control),
    request("save_configuration", kSaveConfiguration, AccessClass::configure),
    request("enable_unsolicited", kEnableUnsolicited, AccessClass::configure),
    request("disable_unsolicited", kDisableUnsolicited, AccessClass::configure),
    request("assign_class", kAssignClass, AccessClass::configure),
    request("delay_measure", kDelayMeasure, AccessClass::session),
    request("record_current_time", kRecordCurrentTime, AccessClass::session),
    request("open_file", kOpenFile, AccessClass::program),
    request("close_file", kCloseFile, AccessClass::program),
    request("delete_file", kDeleteFile, AccessClass::program),
    request("get_file_information", kGetFileInformation, AccessClass::read),
    request("authenticate_file", kAuthenticateFile, AccessClass::program),
    request("abort_file", kAbortFile, AccessClass::program),
    request("activate_configuration", kActivateConfiguration, AccessClass::program),
    request("authenticate_request", kAuthenticateRequest, AccessClass::session),
    request("authenticate_request_no_ack", kAuthenticateRequestNoAck, AccessClass::session),
    FunctionInfo{"response", kResponse, kNoSubCode, AccessClass::read, kAnswer, Initiator::client},
    FunctionInfo{"unsolicited_response", kUnsolicitedResponse, kNoSubCode, AccessClass::publish,
                 kAnswer, Initiator::server},
    FunctionInfo{"authenticate_response", kAuthenticateResponse, kNoSubCode, AccessClass::session,
                 kAnswer, Initiator::client},
    link("link_reset_link_states", kPrimary | 0),
    link("link_reset_user_process", kPrimary | 1),
    link("link_test_link_states", kPrimary | 2),
    link("link_request_link_status", kPrimary | 9),
    link("link_ack", 0),
    link("link_nack", 1),
    link("link_status", 11),
    link("link_not_functioning", 14),
    link("link_not_supported", 15),
};

constexpr std::array kFields = {
    FieldInfo{"source", FieldKind::integer, 16, "", "data link address of the sender"},
    FieldInfo{"destination", FieldKind::integer, 16, "", "data link address of the receiver"},
    FieldInfo{"group", FieldKind::integer, 8, "", "object group of an object header"},
    FieldInfo{"variation", FieldKind::integer, 8, "", "variation of it; 0 asks for any"},
    FieldInfo{"index", FieldKind::integer, 32, "",
              "every point of an object header; none where it says all of them, or only how many",
              true},
    FieldInfo{"control_code", FieldKind::integer, 8, "",
              "control code of a relay output block: operation type, queue, clear, trip-close"},
    FieldInfo{"count", FieldKind::integer, 8, "", "how often a relay output block operates"},
    FieldInfo{"on_time", FieldKind::integer, 32, "ms", "how long it is on"},
    FieldInfo{"off_time", FieldKind::integer, 32, "ms", "how long it is off"},
    FieldInfo{"value", FieldKind::real, 64, "",
              "what an analog output, a deadband, a binary output or an internal indication is set "
              "to"},
    FieldInfo{"iin", FieldKind::integer, 16, "", "internal indications, IIN1 in the high octet"},
};

constexpr std::array kPorts = {
    protocols::DefaultPort{protocols::Carrier::tcp, 20000},
    protocols::DefaultPort{protocols::Carrier::udp, 20000},
};

}  // namespace

const protocols::Catalogue& catalogue() {
  static constexpr protocols::Catalogue kCatalogue = {
      "dnp3", "DNP3", "IEEE Std 1815-2012", kFunctions, kFields, kPorts,
  };
  return kCatalogue;
}

std::uint16_t find_function(std::uint16_t code) {
  return protocols::find_function(kFunctions, code);
}

bool wants_response(std::uint8_t code) {
  switch (code) {
    case kConfirm:
    case kDirectOperateNoResponse:
    case kImmediateFreezeNoResponse:
    case kFreezeClearNoResponse:
    case kFreezeAtTimeNoResponse:
    case kAuthenticateRequestNoAck:
      return false;
    default:
      return true;
  }
}

}  // namespace bulkhead::dnp3
