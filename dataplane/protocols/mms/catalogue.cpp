// The functions and fields of MMS.
#include <array>

#include "dataplane/protocols/mms/layout.h"

namespace bulkhead::mms {

namespace {

using protocols::AccessClass;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::Initiator;
using protocols::kNoSubCode;
using protocols::with;

constexpr auto kDiscoverAccess = AccessClass::discover;
constexpr auto kReadAccess = AccessClass::read;
constexpr auto kWriteAccess = AccessClass::write;
constexpr auto kOperateAccess = AccessClass::operate;
constexpr auto kConfigureAccess = AccessClass::configure;
constexpr auto kProgramAccess = AccessClass::program;
constexpr auto kControlAccess = AccessClass::control;
constexpr auto kEither = Initiator::either;

constexpr std::uint32_t kName =
    with(kDomain, kItem, kLogicalNode, kFunctionalConstraint, kControl, kReportControlBlock);
constexpr std::uint32_t kWritten = kName | with(kComponent, kValue);
constexpr std::uint32_t kList = with(kDomain, kDataSet);
constexpr std::uint32_t kCalled =
    with(kSessionSelector, kPresentationSelector, kApTitle, kAeQualifier);

constexpr FunctionInfo service(std::string_view name, std::uint16_t code, AccessClass access,
                               std::uint32_t fields = 0, std::int32_t sub_code = kNoSubCode) {
  return {name, code, sub_code, access, fields, Initiator::client, {}};
}

// One that was of another class before.
constexpr FunctionInfo moved(AccessClass before, FunctionInfo function) {
  function.access_before = before;
  return function;
}

// What the server asks of its client.
constexpr FunctionInfo by_server(std::string_view name, std::uint16_t code, AccessClass access,
                                 std::uint32_t fields = 0, std::int32_t sub_code = 0) {
  return {name, code, kOtherSide | sub_code, access, fields, Initiator::server, {}};
}

constexpr FunctionInfo additional(std::string_view name, std::int32_t sub_code,
                                  AccessClass access) {
  return {name, kAdditionalService, sub_code, access, 0, Initiator::client, {}};
}

constexpr FunctionInfo message(std::string_view name, std::uint16_t code, AccessClass access,
                               std::uint32_t fields, Initiator initiator) {
  return {name, code, kNoSubCode, access, fields, initiator, {}};
}

constexpr std::array kConfirmed = {
    service("status", 0, kDiscoverAccess),
    service("get_name_list", 1, kDiscoverAccess, with(kObjectClass, kDomain)),
    service("identify", 2, kDiscoverAccess),
    service("rename", 3, kConfigureAccess, kName | with(kObjectClass)),
    service("read", kRead, kReadAccess, kName | kList),
    service("select", kRead, kOperateAccess, kName, kSelect),
    moved(kReadAccess,
          service("read_address", kRead, kProgramAccess, with(kAddress), kReadAddress)),
    moved(kReadAccess, service("read_logical_node", kRead, kOperateAccess, kName, kReadNode)),
    service("write", kWrite, kWriteAccess, kWritten),
    service("operate", kWrite, kOperateAccess,
            kWritten | with(kOriginator, kTest, kCheck, kOperateTime), kOperate),
    service("write_configuration", kWrite, kConfigureAccess, kWritten, kWriteConfiguration),
    moved(AccessClass::publish,
          service("write_report_control", kWrite, kConfigureAccess, kWritten, kWriteReportControl)),
    service("write_named_variable_list", kWrite, kOperateAccess, kList | with(kComponent, kValue),
            kWriteNamedList),
    moved(kWriteAccess, service("substitute", kWrite, kOperateAccess, kWritten, kSubstitute)),
    moved(kWriteAccess, service("write_setting_group_control", kWrite, kConfigureAccess, kWritten,
                                kWriteSettingGroup)),
    moved(kWriteAccess, service("write_unconstrained", kWrite, kOperateAccess,
                                kWritten | with(kAddress), kWriteUnconstrained)),
    service("get_variable_access_attributes", 6, kDiscoverAccess, kName | with(kAddress)),
    service("define_named_variable", 7, kConfigureAccess, kName | with(kAddress)),
    service("define_scattered_access", 8, kConfigureAccess, kName | with(kAddress)),
    service("get_scattered_access_attributes", 9, kDiscoverAccess, kName),
    service("delete_variable_access", 10, kConfigureAccess, kName),
    service("define_named_variable_list", 11, kConfigureAccess, kName | kList | with(kAddress)),
    service("get_named_variable_list_attributes", 12, kDiscoverAccess, kList),
    service("delete_named_variable_list", 13, kConfigureAccess, kList),
    service("define_named_type", 14, kConfigureAccess, kName),
    service("get_named_type_attributes", 15, kDiscoverAccess, kName),
    service("delete_named_type", 16, kConfigureAccess, kName),
    moved(kReadAccess, service("input", 17, kWriteAccess, with(kItem))),
    service("output", 18, kWriteAccess, with(kItem)),
    service("take_control", 19, kControlAccess, kName),
    service("relinquish_control", 20, kControlAccess, kName),
    service("define_semaphore", 21, kConfigureAccess, kName),
    service("delete_semaphore", 22, kConfigureAccess, kName),
    moved(kDiscoverAccess, service("report_semaphore_status", 23, kReadAccess, kName)),
    moved(kDiscoverAccess, service("report_pool_semaphore_status", 24, kReadAccess, kName)),
    moved(kDiscoverAccess, service("report_semaphore_entry_status", 25, kReadAccess, kName)),
    service("initiate_download_sequence", 26, kProgramAccess, with(kDomain)),
    service("download_segment", 27, kProgramAccess, with(kDomain)),
    service("terminate_download_sequence", 28, kProgramAccess, with(kDomain)),
    service("initiate_upload_sequence", 29, kProgramAccess, with(kDomain)),
    service("upload_segment", 30, kProgramAccess),
    service("terminate_upload_sequence", 31, kProgramAccess),
    service("request_domain_download", 32, kProgramAccess, with(kDomain, kFile)),
    service("request_domain_upload", 33, kProgramAccess, with(kDomain, kFile)),
    service("load_domain_content", 34, kProgramAccess, with(kDomain, kFile)),
    service("store_domain_content", 35, kProgramAccess, with(kDomain, kFile)),
    service("delete_domain", 36, kProgramAccess, with(kDomain)),
    service("get_domain_attributes", 37, kDiscoverAccess, with(kDomain)),
    service("create_program_invocation", 38, kProgramAccess, with(kProgram, kDomain)),
    service("delete_program_invocation", 39, kProgramAccess, with(kProgram)),
    service("start", 40, kControlAccess, with(kProgram, kArgument)),
    service("stop", 41, kControlAccess, with(kProgram)),
    service("resume", 42, kControlAccess, with(kProgram, kArgument)),
    service("reset", 43, kControlAccess, with(kProgram)),
    service("kill", 44, kControlAccess, with(kProgram)),
    service("get_program_invocation_attributes", 45, kDiscoverAccess, with(kProgram)),
    service("obtain_file", kObtainFile, kProgramAccess, with(kFile)),
    service("define_event_condition", 47, kConfigureAccess, kName | with(kAddress)),
    service("delete_event_condition", 48, kConfigureAccess, kName),
    service("get_event_condition_attributes", 49, kDiscoverAccess, kName),
    moved(kDiscoverAccess, service("report_event_condition_status", 50, kReadAccess, kName)),
    service("alter_event_condition_monitoring", 51, kConfigureAccess, kName),
    service("trigger_event", 52, kOperateAccess, kName),
    service("define_event_action", 53, kConfigureAccess, kName),
    service("delete_event_action", 54, kConfigureAccess, kName),
    service("get_event_action_attributes", 55, kDiscoverAccess, kName),
    moved(kDiscoverAccess, service("report_event_action_status", 56, kReadAccess, kName)),
    service("define_event_enrollment", 57, kConfigureAccess, kName),
    service("delete_event_enrollment", 58, kConfigureAccess, kName | with(kObjectClass)),
    service("alter_event_enrollment", 59, kConfigureAccess, kName),
    moved(kDiscoverAccess, service("report_event_enrollment_status", 60, kReadAccess, kName)),
    service("get_event_enrollment_attributes", 61, kDiscoverAccess, kName | with(kObjectClass)),
    service("acknowledge_event_notification", 62, kOperateAccess, kName),
    service("get_alarm_summary", 63, kReadAccess),
    service("get_alarm_enrollment_summary", 64, kReadAccess),
    service("read_journal", 65, kReadAccess, kName),
    service("write_journal", 66, kWriteAccess, kName),
    moved(kConfigureAccess, service("initialize_journal", 67, kControlAccess, kName)),
    moved(kDiscoverAccess, service("report_journal_status", 68, kReadAccess, kName)),
    service("create_journal", 69, kConfigureAccess, kName),
    service("delete_journal", 70, kConfigureAccess, kName),
    service("get_capability_list", 71, kDiscoverAccess),
    moved(kReadAccess, service("file_open", kFileOpen, kProgramAccess, with(kFile, kPosition))),
    moved(kReadAccess, service("file_read", kFileRead, kProgramAccess)),
    moved(kReadAccess, service("file_close", kFileClose, kProgramAccess)),
    moved(kConfigureAccess, service("file_rename", kFileRename, kProgramAccess, with(kFile))),
    moved(kConfigureAccess, service("file_delete", kFileDelete, kProgramAccess, with(kFile))),
    service("file_directory", kFileDirectory, kDiscoverAccess, with(kFile)),
    additional("vmd_stop", 0, kControlAccess),
    additional("vmd_reset", 1, kControlAccess),
};

constexpr auto kSessionAccess = AccessClass::session;
constexpr auto kPublishAccess = AccessClass::publish;

constexpr std::array kOfTheOtherSide = {
    by_server("server_status", kStatus, kDiscoverAccess),
    by_server("server_get_name_list", kGetNameList, kDiscoverAccess, with(kObjectClass, kDomain)),
    by_server("server_identify", 2, kDiscoverAccess),
    by_server("server_read", kRead, kReadAccess, kName | kList),
    moved(kReadAccess, by_server("server_select", kRead, kOperateAccess, kName, kSelect)),
    by_server("server_write", kWrite, kOperateAccess,
              kWritten | kList | with(kAddress, kOriginator, kTest, kCheck, kOperateTime)),
    moved(kOperateAccess, by_server("server_write_configuration", kWrite, kConfigureAccess,
                                    kWritten, kWriteConfiguration)),
    by_server("server_get_variable_access_attributes", kGetVariableAccessAttributes,
              kDiscoverAccess, kName),
    by_server("server_define_named_variable_list", kDefineNamedVariableList, kConfigureAccess,
              kName | kList),
    by_server("server_get_named_variable_list_attributes", kGetNamedVariableListAttributes,
              kDiscoverAccess, kList),
    by_server("server_delete_named_variable_list", kDeleteNamedVariableList, kConfigureAccess,
              kList),
    moved(kReadAccess,
          by_server("server_file_open", kFileOpen, kProgramAccess, with(kFile, kPosition))),
    moved(kReadAccess, by_server("server_file_read", kFileRead, kProgramAccess)),
    moved(kReadAccess, by_server("server_file_close", kFileClose, kProgramAccess)),
    FunctionInfo{"client_information_report",
                 kUnconfirmedCode | 0,
                 kOtherSide,
                 kPublishAccess,
                 kName | kList | with(kAddress),
                 Initiator::client,
                 {}},
};

constexpr std::array kOthers = {
    message("information_report", kUnconfirmedCode | 0, kPublishAccess,
            kName | kList | with(kAddress), Initiator::server),
    message("unsolicited_status", kUnconfirmedCode | 1, kPublishAccess, 0, Initiator::server),
    message("event_notification", kUnconfirmedCode | 2, kPublishAccess, 0, Initiator::server),
    message("confirmed_error", kPduCode | kConfirmedError, kSessionAccess, 0, kEither),
    message("reject", kPduCode | kReject, kSessionAccess, 0, kEither),
    message("cancel", kPduCode | kCancelRequest, kSessionAccess, 0, kEither),
    message("initiate", kPduCode | kInitiateRequest, kSessionAccess, kCalled, Initiator::client),
    moved(kSessionAccess, FunctionInfo{"initiate_with_password",
                                       kPduCode | kInitiateRequest,
                                       kAuthenticated,
                                       kConfigureAccess,
                                       kCalled,
                                       Initiator::client,
                                       {}}),
    message("conclude", kPduCode | kConcludeRequest, kSessionAccess, 0, kEither),
    message("session_not_finished", kSpduCode | kNotFinished, kSessionAccess, 0, kEither),
    message("session_finish", kSpduCode | kFinish, kSessionAccess, 0, kEither),
    message("session_disconnect", kSpduCode | kDisconnect, kSessionAccess, 0, kEither),
    message("session_refuse", kSpduCode | kRefuse, kSessionAccess, 0, Initiator::client),
    message("session_abort", kSpduCode | kAbort, kSessionAccess, 0, kEither),
    message("continuation", cotp::kContinuationCode, kSessionAccess, 0, Initiator::client),
    message("session_abort_accept", kSpduCode | kAbortAccept, kSessionAccess, 0, kEither),
};

constexpr auto kFunctions = protocols::join_functions(
    kConfirmed, protocols::join_functions(
                    protocols::join_functions(kOfTheOtherSide, kOthers),
                    cotp::tpdu_functions(with(kTsap, kTsapName, kCallingTsap, kTpduSize))));

constexpr std::array kFields = {
    FieldInfo{"domain", FieldKind::name, 0, "",
              "logical device, or another domain; @ for what belongs to the association"},
    FieldInfo{"item", FieldKind::name, 0, "",
              "whole name of the object in its scope, with what is chosen of it: A$MX$x(3)$y"},
    FieldInfo{"logical_node", FieldKind::name, 0, "", "what stands before the first $ of the item"},
    FieldInfo{"functional_constraint", FieldKind::name, 0, "",
              "ST, MX, CO, SP, SE, CF, DC, RP, BR, ...: absent where the item spans several"},
    FieldInfo{"control", FieldKind::name, 0, "",
              "of a controllable object: SBO, SBOw, Oper or Cancel"},
    FieldInfo{"dataset", FieldKind::name, 0, "", "named variable list"},
    FieldInfo{"report_control_block", FieldKind::name, 0, "",
              "of an item RP or BR its name; of a report its identifier (RptID)"},
    FieldInfo{"file", FieldKind::name, 0, "", "name of a file"},
    FieldInfo{"program_invocation", FieldKind::name, 0, "", "name of a program invocation"},
    FieldInfo{"object_class", FieldKind::integer, 8, "",
              "0 named variable, 2 named variable list, 8 journal, 9 domain, ..."},
    FieldInfo{"value", FieldKind::real, 64, "",
              "what is written, if it is a number or up to 32 bits; of a control its ctlVal"},
    cotp::kTsapInfo,
    cotp::kTsapNameInfo,
    FieldInfo{"component", FieldKind::name, 0, "",
              "which component of what is written: 1, 2.1, ...; of a control, of its ctlVal"},
    FieldInfo{"address", FieldKind::name, 0, "",
              "of what has no name: #5, a symbol, or x'0a' for octets"},
    FieldInfo{"originator", FieldKind::integer, 8, "",
              "category of who commands: 1 bay, 2 station, 3 remote control, ..."},
    FieldInfo{"test", FieldKind::integer, 1, "", "1: the command is a test"},
    FieldInfo{"check", FieldKind::integer, 2, "",
              "checks that a command asks for: 2 synchrocheck, 1 interlocking"},
    FieldInfo{"operate_time", FieldKind::integer, 32, "s",
              "when a command is to be executed, in UTC; absent where it has no such time"},
    FieldInfo{"session_selector", FieldKind::name, 0, "", "called, as hexadecimal digits"},
    FieldInfo{"presentation_selector", FieldKind::name, 0, "", "called, as hexadecimal digits"},
    FieldInfo{"ap_title", FieldKind::name, 0, "", "called application: 1.3.9999.33"},
    FieldInfo{"ae_qualifier", FieldKind::integer, 32, "", "called application entity"},
    FieldInfo{"position", FieldKind::integer, 32, "octets", "where a file is read from"},
    FieldInfo{"argument", FieldKind::name, 0, "", "with which a program starts"},
    cotp::kCallingTsapInfo,
    cotp::kTpduSizeInfo,
};

constexpr std::array kPorts = {protocols::DefaultPort{protocols::Carrier::tcp, 102}};

}  // namespace

const protocols::Catalogue& catalogue() {
  static constexpr protocols::Catalogue kCatalogue = {
      "mms",      "Manufacturing Message Specification (IEC 61850, ICCP)",
      "ISO 9506", kFunctions,
      kFields,    kPorts,
  };
  return kCatalogue;
}

}  // namespace bulkhead::mms
