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
constexpr std::uint32_t kList = with(kDomain, kDataSet);

constexpr FunctionInfo service(std::string_view name, std::uint16_t code, AccessClass access,
                               std::uint32_t fields = 0, std::int32_t sub_code = kNoSubCode) {
  return {name, code, sub_code, access, fields, Initiator::client};
}

// What the server asks of its client.
constexpr FunctionInfo by_server(std::string_view name, std::uint16_t code, AccessClass access,
                                 std::uint32_t fields = 0) {
  return {name, code, kOtherSide, access, fields, Initiator::server};
}

constexpr FunctionInfo additional(std::string_view name, std::int32_t sub_code,
                                  AccessClass access) {
  return {name, kAdditionalService, sub_code, access, 0, Initiator::client};
}

constexpr FunctionInfo message(std::string_view name, std::uint16_t code, AccessClass access,
                               std::uint32_t fields, Initiator initiator) {
  return {name, code, kNoSubCode, access, fields, initiator};
}

constexpr std::array kConfirmed = {
    service("status", 0, kDiscoverAccess),
    service("get_name_list", 1, kDiscoverAccess, with(kObjectClass, kDomain)),
    service("identify", 2, kDiscoverAccess),
    service("rename", 3, kConfigureAccess),
    service("read", kRead, kReadAccess, kName | kList),
    service("select", kRead, kOperateAccess, kName, kSelect),
    service("write", kWrite, kWriteAccess, kName | with(kValue)),
    service("operate", kWrite, kOperateAccess, kName | with(kValue), kOperate),
    service("write_configuration", kWrite, kConfigureAccess, kName | with(kValue),
            kWriteConfiguration),
    service("write_report_control", kWrite, AccessClass::publish, kName | with(kValue),
            kWriteReportControl),
    service("write_named_variable_list", kWrite, kOperateAccess, kList, kWriteNamedList),
    service("get_variable_access_attributes", 6, kDiscoverAccess, kName),
    service("define_named_variable", 7, kConfigureAccess, kName),
    service("define_scattered_access", 8, kConfigureAccess, kName),
    service("get_scattered_access_attributes", 9, kDiscoverAccess, kName),
    service("delete_variable_access", 10, kConfigureAccess, kName),
    service("define_named_variable_list", 11, kConfigureAccess, kName | kList),
    service("get_named_variable_list_attributes", 12, kDiscoverAccess, kList),
    service("delete_named_variable_list", 13, kConfigureAccess, kList),
    service("define_named_type", 14, kConfigureAccess, kName),
    service("get_named_type_attributes", 15, kDiscoverAccess, kName),
    service("delete_named_type", 16, kConfigureAccess, kName),
    service("input", 17, kReadAccess),
    service("output", 18, kWriteAccess),
    service("take_control", 19, kControlAccess, kName),
    service("relinquish_control", 20, kControlAccess, kName),
    service("define_semaphore", 21, kConfigureAccess, kName),
    service("delete_semaphore", 22, kConfigureAccess, kName),
    service("report_semaphore_status", 23, kDiscoverAccess, kName),
    service("report_pool_semaphore_status", 24, kDiscoverAccess, kName),
    service("report_semaphore_entry_status", 25, kDiscoverAccess, kName),
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
    service("create_program_invocation", 38, kProgramAccess, with(kProgram)),
    service("delete_program_invocation", 39, kProgramAccess, with(kProgram)),
    service("start", 40, kControlAccess, with(kProgram)),
    service("stop", 41, kControlAccess, with(kProgram)),
    service("resume", 42, kControlAccess, with(kProgram)),
    service("reset", 43, kControlAccess, with(kProgram)),
    service("kill", 44, kControlAccess, with(kProgram)),
    service("get_program_invocation_attributes", 45, kDiscoverAccess, with(kProgram)),
    service("obtain_file", kObtainFile, kProgramAccess, with(kFile)),
    service("define_event_condition", 47, kConfigureAccess, kName),
    service("delete_event_condition", 48, kConfigureAccess, kName),
    service("get_event_condition_attributes", 49, kDiscoverAccess, kName),
    service("report_event_condition_status", 50, kDiscoverAccess, kName),
    service("alter_event_condition_monitoring", 51, kConfigureAccess, kName),
    service("trigger_event", 52, kOperateAccess, kName),
    service("define_event_action", 53, kConfigureAccess, kName),
    service("delete_event_action", 54, kConfigureAccess, kName),
    service("get_event_action_attributes", 55, kDiscoverAccess, kName),
    service("report_event_action_status", 56, kDiscoverAccess, kName),
    service("define_event_enrollment", 57, kConfigureAccess, kName),
    service("delete_event_enrollment", 58, kConfigureAccess, kName),
    service("alter_event_enrollment", 59, kConfigureAccess, kName),
    service("report_event_enrollment_status", 60, kDiscoverAccess, kName),
    service("get_event_enrollment_attributes", 61, kDiscoverAccess, kName),
    service("acknowledge_event_notification", 62, kOperateAccess, kName),
    service("get_alarm_summary", 63, kReadAccess),
    service("get_alarm_enrollment_summary", 64, kReadAccess),
    service("read_journal", 65, kReadAccess, kName),
    service("write_journal", 66, kWriteAccess, kName),
    service("initialize_journal", 67, kConfigureAccess, kName),
    service("report_journal_status", 68, kDiscoverAccess, kName),
    service("create_journal", 69, kConfigureAccess, kName),
    service("delete_journal", 70, kConfigureAccess, kName),
    service("get_capability_list", 71, kDiscoverAccess),
    service("file_open", kFileOpen, kReadAccess, with(kFile)),
    service("file_read", kFileRead, kReadAccess),
    service("file_close", kFileClose, kReadAccess),
    service("file_rename", kFileRename, kConfigureAccess, with(kFile)),
    service("file_delete", kFileDelete, kConfigureAccess, with(kFile)),
    service("file_directory", kFileDirectory, kDiscoverAccess, with(kFile)),
    additional("vmd_stop", 0, kControlAccess),
    additional("vmd_reset", 1, kControlAccess),
    additional("select_program_invocation", 2, kControlAccess),
    additional("alter_program_invocation_attributes", 3, kProgramAccess),
    additional("initiate_unit_control_load", 4, kProgramAccess),
    additional("unit_control_load_segment", 5, kProgramAccess),
    additional("unit_control_upload", 6, kProgramAccess),
    additional("start_unit_control", 7, kControlAccess),
    additional("stop_unit_control", 8, kControlAccess),
    additional("create_unit_control", 9, kProgramAccess),
    additional("add_to_unit_control", 10, kProgramAccess),
    additional("remove_from_unit_control", 11, kProgramAccess),
    additional("get_unit_control_attributes", 12, kDiscoverAccess),
    additional("load_unit_control_from_file", 13, kProgramAccess),
    additional("store_unit_control_to_file", 14, kProgramAccess),
    additional("delete_unit_control", 15, kProgramAccess),
    additional("define_event_condition_list", 16, kConfigureAccess),
    additional("delete_event_condition_list", 17, kConfigureAccess),
    additional("add_event_condition_list_reference", 18, kConfigureAccess),
    additional("remove_event_condition_list_reference", 19, kConfigureAccess),
    additional("get_event_condition_list_attributes", 20, kDiscoverAccess),
    additional("report_event_condition_list_status", 21, kDiscoverAccess),
    additional("alter_event_condition_list_monitoring", 22, kConfigureAccess),
    service("get_data_exchange_attributes", 80, kDiscoverAccess),
    service("exchange_data", 81, kWriteAccess),
    service("define_access_control_list", 82, kConfigureAccess),
    service("get_access_control_list_attributes", 83, kDiscoverAccess),
    service("report_access_controlled_objects", 84, kDiscoverAccess),
    service("delete_access_control_list", 85, kConfigureAccess),
    service("change_access_control", 86, kConfigureAccess),
    service("reconfigure_program_invocation", 87, kProgramAccess),
};

constexpr auto kSessionAccess = AccessClass::session;
constexpr auto kPublishAccess = AccessClass::publish;

constexpr std::array kOfTheOtherSide = {
    by_server("server_status", kStatus, kDiscoverAccess),
    by_server("server_get_name_list", kGetNameList, kDiscoverAccess, with(kObjectClass, kDomain)),
    by_server("server_identify", 2, kDiscoverAccess),
    by_server("server_read", kRead, kReadAccess, kName | kList),
    by_server("server_write", kWrite, kOperateAccess, kName | kList | with(kValue)),
    by_server("server_get_variable_access_attributes", kGetVariableAccessAttributes,
              kDiscoverAccess, kName),
    by_server("server_define_named_variable_list", kDefineNamedVariableList, kConfigureAccess,
              kName | kList),
    by_server("server_get_named_variable_list_attributes", kGetNamedVariableListAttributes,
              kDiscoverAccess, kList),
    by_server("server_delete_named_variable_list", kDeleteNamedVariableList, kConfigureAccess,
              kList),
    by_server("server_file_open", kFileOpen, kReadAccess, with(kFile)),
    by_server("server_file_read", kFileRead, kReadAccess),
    by_server("server_file_close", kFileClose, kReadAccess),
    FunctionInfo{"client_information_report", kUnconfirmedCode | 0, kOtherSide, kPublishAccess,
                 kName | kList, Initiator::client},
};

constexpr std::array kOthers = {
    message("information_report", kUnconfirmedCode | 0, kPublishAccess, kName | kList,
            Initiator::server),
    message("unsolicited_status", kUnconfirmedCode | 1, kPublishAccess, 0, Initiator::server),
    message("event_notification", kUnconfirmedCode | 2, kPublishAccess, 0, Initiator::server),
    message("confirmed_error", kPduCode | kConfirmedError, kSessionAccess, 0, kEither),
    message("reject", kPduCode | kReject, kSessionAccess, 0, kEither),
    message("cancel", kPduCode | kCancelRequest, kSessionAccess, 0, kEither),
    message("initiate", kPduCode | kInitiateRequest, kSessionAccess, 0, Initiator::client),
    message("conclude", kPduCode | kConcludeRequest, kSessionAccess, 0, kEither),
    message("session_not_finished", kSpduCode | kNotFinished, kSessionAccess, 0, kEither),
    message("session_finish", kSpduCode | kFinish, kSessionAccess, 0, kEither),
    message("session_disconnect", kSpduCode | kDisconnect, kSessionAccess, 0, kEither),
    message("session_refuse", kSpduCode | kRefuse, kSessionAccess, 0, Initiator::client),
    message("session_abort", kSpduCode | kAbort, kSessionAccess, 0, kEither),
    message("session_abort_accept", kSpduCode | kAbortAccept, kSessionAccess, 0, kEither),
};

constexpr auto kFunctions = protocols::join_functions(
    kConfirmed, protocols::join_functions(protocols::join_functions(kOfTheOtherSide, kOthers),
                                          cotp::tpdu_functions(with(kTsap, kTsapName))));

constexpr std::array kFields = {
    FieldInfo{"domain", FieldKind::name, 0, "", "logical device, or another domain"},
    FieldInfo{"item", FieldKind::name, 0, "", "whole name of the object in its scope"},
    FieldInfo{"logical_node", FieldKind::name, 0, "", "what stands before the first $ of the item"},
    FieldInfo{"functional_constraint", FieldKind::name, 0, "",
              "ST, MX, CO, SP, SE, CF, DC, RP, BR, ...: absent where the item spans several"},
    FieldInfo{"control", FieldKind::name, 0, "",
              "of a controllable object: SBO, SBOw, Oper or Cancel"},
    FieldInfo{"dataset", FieldKind::name, 0, "", "named variable list"},
    FieldInfo{"report_control_block", FieldKind::name, 0, "",
              "of an item RP or BR its name; of a report its identifier (RptID)"},
    FieldInfo{"file", FieldKind::name, 0, "", "name of a file, if it is in one piece"},
    FieldInfo{"program_invocation", FieldKind::name, 0, "", "name of a program invocation"},
    FieldInfo{"object_class", FieldKind::integer, 8, "",
              "0 named variable, 2 named variable list, 8 journal, 9 domain, ..."},
    FieldInfo{"value", FieldKind::real, 64, "",
              "what is written, if it is a number; of a structure its first component"},
    cotp::kTsapInfo,
    cotp::kTsapNameInfo,
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
