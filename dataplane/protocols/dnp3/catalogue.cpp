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

constexpr std::uint32_t kEnds = with(kSource, kDestination);
constexpr std::uint32_t kBare = kEnds | with(kBroadcast);
constexpr std::uint32_t kHeaders = kBare | with(kGroup, kVariation, kIndex);
constexpr std::uint32_t kControl = kHeaders | with(kControlCode, kCount, kOnTime, kOffTime, kValue);
constexpr std::uint32_t kValued = kHeaders | with(kValue);
constexpr std::uint32_t kNamed = kHeaders | with(kName);
constexpr std::uint32_t kAnswer =
    kEnds | with(kGroup, kVariation, kIndex, kIin, kFragment, kCon, kQuantity);
// Of what an outstation may begin with.
constexpr std::uint32_t kFirst = with(kOutstationOpens);

using Before = std::optional<AccessClass>;

constexpr FunctionInfo request(std::string_view name, std::uint16_t code, AccessClass access,
                               std::uint32_t fields = kHeaders, Before before = {}) {
  return {name, code, kNoSubCode, access, fields, Initiator::client, before};
}

constexpr FunctionInfo of_kind(std::string_view name, std::uint16_t code, SubCode kind,
                               AccessClass access, AccessClass before,
                               std::uint32_t fields = kHeaders) {
  return {name, code, kind, access, fields, Initiator::client, before};
}

constexpr FunctionInfo link(std::string_view name, std::uint8_t function,
                            AccessClass access = AccessClass::session, Before before = {},
                            std::uint32_t flags = 0) {
  const auto code = static_cast<std::uint16_t>(kLinkCode | function);
  return {name, code, kNoSubCode, access, kEnds | flags, Initiator::either, before};
}

constexpr FunctionInfo link_answer(std::string_view name, std::uint8_t function) {
  return link(name, function, AccessClass::session, {}, with(kDfc));
}

constexpr std::array kFunctions = {
    request("confirm", kConfirm, AccessClass::session, kBare),
    request("read", kRead, AccessClass::read, kHeaders | with(kQuantity)),
    of_kind("read_file", kRead, kOfFiles, AccessClass::program, AccessClass::read),
    request("write", kWrite, AccessClass::write, kValued),
    of_kind("write_attribute", kWrite, kOfAttributes, AccessClass::configure, AccessClass::write),
    of_kind("write_deadband", kWrite, kOfDeadbands, AccessClass::configure, AccessClass::write,
            kValued),
    of_kind("write_time", kWrite, kOfTimes, AccessClass::configure, AccessClass::write),
    of_kind("write_file", kWrite, kOfFiles, AccessClass::program, AccessClass::write),
    of_kind("write_terminal", kWrite, kOfTerminals, AccessClass::program, AccessClass::write),
    request("select", kSelect, AccessClass::operate, kControl),
    request("operate", kOperate, AccessClass::operate, kControl),
    request("direct_operate", kDirectOperate, AccessClass::operate, kControl),
    request("direct_operate_no_response", kDirectOperateNoResponse, AccessClass::operate, kControl),
    request("immediate_freeze", kImmediateFreeze, AccessClass::configure, kHeaders,
            AccessClass::write),
    request("immediate_freeze_no_response", kImmediateFreezeNoResponse, AccessClass::configure,
            kHeaders, AccessClass::write),
    request("freeze_and_clear", kFreezeClear, AccessClass::configure, kHeaders, AccessClass::write),
    request("freeze_and_clear_no_response", kFreezeClearNoResponse, AccessClass::configure,
            kHeaders, AccessClass::write),
    request("freeze_at_time", kFreezeAtTime, AccessClass::configure, kHeaders, AccessClass::write),
    request("freeze_at_time_no_response", kFreezeAtTimeNoResponse, AccessClass::configure, kHeaders,
            AccessClass::write),
    request("cold_restart", kColdRestart, AccessClass::control, kBare),
    request("warm_restart", kWarmRestart, AccessClass::control, kBare),
    request("initialize_data", kInitializeData, AccessClass::control, kBare,
            AccessClass::configure),
    request("initialize_application", kInitializeApplication, AccessClass::control, kNamed),
    request("start_application", kStartApplication, AccessClass::control, kNamed),
    request("stop_application", kStopApplication, AccessClass::control, kNamed),
    request("save_configuration", kSaveConfiguration, AccessClass::configure, kBare),
    request("enable_unsolicited", kEnableUnsolicited, AccessClass::configure),
    request("disable_unsolicited", kDisableUnsolicited, AccessClass::configure),
    request("assign_class", kAssignClass, AccessClass::configure, kValued),
    request("delay_measure", kDelayMeasure, AccessClass::diagnose, kBare, AccessClass::session),
    request("record_current_time", kRecordCurrentTime, AccessClass::configure, kBare,
            AccessClass::session),
    request("open_file", kOpenFile, AccessClass::program, kNamed | with(kMode)),
    request("close_file", kCloseFile, AccessClass::program),
    request("delete_file", kDeleteFile, AccessClass::program, kNamed),
    request("get_file_information", kGetFileInformation, AccessClass::read, kNamed),
    request("authenticate_file", kAuthenticateFile, AccessClass::program),
    request("abort_file", kAbortFile, AccessClass::program),
    request("activate_configuration", kActivateConfiguration, AccessClass::program, kNamed),
    request("authenticate_request", kAuthenticateRequest, AccessClass::session),
    of_kind("change_user", kAuthenticateRequest, kOfUsers, AccessClass::configure,
            AccessClass::session),
    request("authenticate_request_no_ack", kAuthenticateRequestNoAck, AccessClass::session),
    FunctionInfo{"response", kResponse, kNoSubCode, AccessClass::read, kAnswer, Initiator::client},
    FunctionInfo{"unsolicited_response", kUnsolicitedResponse, kNoSubCode, AccessClass::publish,
                 kAnswer | kFirst, Initiator::server},
    FunctionInfo{"authenticate_response", kAuthenticateResponse, kNoSubCode, AccessClass::session,
                 kAnswer, Initiator::client},
    link("link_reset_link_states", kPrimary | kLinkResetLinkStates, AccessClass::session, {},
         kFirst),
    link("link_reset_user_process", kPrimary | kLinkResetUserProcess, AccessClass::control,
         AccessClass::session),
    link("link_test_link_states", kPrimary | kLinkTestLinkStates, AccessClass::diagnose,
         AccessClass::session, with(kFcb)),
    link("link_request_link_status", kPrimary | kLinkRequestLinkStatus, AccessClass::session, {},
         kFirst),
    link_answer("link_ack", 0),
    link_answer("link_nack", 1),
    link_answer("link_status", 11),
    link_answer("link_not_functioning", kLinkNotFunctioning),
    link_answer("link_not_supported", 15),
};

constexpr FieldInfo integer(std::string_view name, std::uint8_t width_bits, std::string_view text,
                            std::string_view unit = "") {
  return {name, FieldKind::integer, width_bits, unit, text};
}

constexpr FieldInfo station(std::string_view name, std::string_view text, bool of_sender) {
  FieldInfo field = integer(name, 16, text);
  (of_sender ? field.source_route : field.route) = "station";
  return field;
}

constexpr FieldInfo points(std::string_view name, std::string_view text) {
  FieldInfo field = integer(name, 32, text);
  field.spans = true;
  return field;
}

constexpr FieldInfo by_name(FieldInfo field) {
  field.by_name = true;
  return field;
}

constexpr std::array kFields = {
    station("source", "data link address of the sender", true),
    station("destination", "data link address of the receiver", false),
    integer("group", 8, "object group of an object header"),
    integer("variation", 8, "variation of it; 0 asks for any"),
    points("index",
           "every point of an object header; none where it says all of them, or only how many"),
    integer("control_code", 8,
            "control code of a relay output block: operation type, clear, trip-close"),
    integer("count", 8, "how often a relay output block operates"),
    integer("on_time", 32, "how long it is on", "ms"),
    integer("off_time", 32, "how long it is off", "ms"),
    FieldInfo{"value", FieldKind::real, 64, "",
              "what an analog output, a deadband, a binary output or an internal indication is set "
              "to, or the class that points are assigned to"},
    integer("iin", 16, "internal indications, IIN1 in the high octet"),
    by_name(
        integer("broadcast", 16, "the destination, where it is all stations: 0xfffd to 0xffff")),
    integer("fragment", 2,
            "of a response: 3 it is whole, 2 its first fragment, 1 its last, 0 one "
            "between"),
    integer("con", 1, "1 if a response asks to be confirmed"),
    integer("fcb", 1, "frame count bit of a link test"),
    integer("dfc", 1, "1 if a secondary station can take no more frames"),
    FieldInfo{"name", FieldKind::name, 0, "", "a file's or an application's name"},
    integer("mode", 16, "how a file is opened: 0 null, 1 read, 2 write, 3 append"),
    integer("quantity", 16, "of an object header that says only how many objects"),
    by_name(integer("outstation_opens", 1,
                    "1 in the first message of an outstation that opened the connection itself")),
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

std::uint16_t find_function(std::uint16_t code, std::int32_t sub_code) {
  return protocols::find_function(kFunctions, code, sub_code);
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
