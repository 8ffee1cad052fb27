// The functions and fields of BACnet, by the standard's names.
#include <array>

#include "dataplane/protocols/bacnet/layout.h"

namespace bulkhead::bacnet {

namespace {

using protocols::AccessClass;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::Initiator;
using protocols::kNoSubCode;
using protocols::with;

constexpr std::uint32_t kObject = with(kObjectType, kInstance, kNetwork);
constexpr std::uint32_t kPropertyOf = kObject | with(kProperty, kIndex);
constexpr std::uint32_t kWritten = kPropertyOf | with(kPriority, kValue);

constexpr FunctionInfo confirmed(std::string_view name, std::uint8_t code, AccessClass access,
                                 std::uint32_t fields = with(kNetwork),
                                 Initiator initiator = Initiator::client) {
  return {name, code, kNoSubCode, access, fields, initiator};
}

constexpr FunctionInfo either(std::string_view name, std::uint16_t code, SubCode sub,
                              AccessClass access, std::uint32_t fields = 0) {
  return {name, code, sub, access, fields, Initiator::either};
}

constexpr auto kRead = AccessClass::read;
constexpr auto kWrite = AccessClass::write;
constexpr auto kDiscover = AccessClass::discover;
constexpr auto kPublish = AccessClass::publish;
constexpr auto kConfigure = AccessClass::configure;
constexpr auto kControl = AccessClass::control;
constexpr auto kSession = AccessClass::session;
constexpr std::uint32_t kNet = with(kNetwork);

constexpr std::array kFunctions = {
    // Clause 21, confirmed services.
    confirmed("acknowledge_alarm", 0, AccessClass::operate),
    confirmed("confirmed_cov_notification", 1, kPublish, kNet, Initiator::either),
    confirmed("confirmed_event_notification", 2, kPublish, kNet, Initiator::either),
    confirmed("get_alarm_summary", 3, kRead),
    confirmed("get_enrollment_summary", 4, kRead),
    confirmed("subscribe_cov", kSubscribeCov, kRead, kObject),
    confirmed("atomic_read_file", kAtomicReadFile, AccessClass::program, kObject),
    confirmed("atomic_write_file", kAtomicWriteFile, AccessClass::program, kObject),
    confirmed("add_list_element", kAddListElement, kWrite, kPropertyOf),
    confirmed("remove_list_element", kRemoveListElement, kWrite, kPropertyOf),
    confirmed("create_object", kCreateObject, kConfigure, kObject),
    confirmed("delete_object", kDeleteObject, kConfigure, kObject),
    confirmed("read_property", kReadProperty, kRead, kPropertyOf),
    confirmed("read_property_conditional", 13, kRead),
    confirmed("read_property_multiple", kReadPropertyMultiple, kRead, kPropertyOf),
    confirmed("write_property", kWriteProperty, kWrite, kWritten),
    confirmed("write_property_multiple", kWritePropertyMultiple, kWrite, kWritten),
    confirmed("device_communication_control", kDeviceCommunicationControl, kControl,
              kNet | with(kPassword, kValue)),
    confirmed("confirmed_private_transfer", 18, AccessClass::program),
    confirmed("confirmed_text_message", 19, AccessClass::operate),
    confirmed("reinitialize_device", kReinitializeDevice, kControl, kNet | with(kPassword, kValue)),
    confirmed("vt_open", 21, AccessClass::program),
    confirmed("vt_close", 22, AccessClass::program),
    confirmed("vt_data", 23, AccessClass::program),
    confirmed("authenticate", 24, kSession),
    confirmed("request_key", 25, kSession),
    confirmed("read_range", kReadRange, kRead, kPropertyOf),
    confirmed("life_safety_operation", 27, AccessClass::operate),
    confirmed("subscribe_cov_property", kSubscribeCovProperty, kRead, kPropertyOf),
    confirmed("get_event_information", 29, kRead),
    confirmed("subscribe_cov_property_multiple", 30, kRead),
    confirmed("confirmed_cov_notification_multiple", 31, kPublish, kNet, Initiator::either),
    confirmed("confirmed_audit_notification", 32, kPublish, kNet, Initiator::either),
    confirmed("audit_log_query", 33, kRead),
    // Unconfirmed services.
    either("i_am", 0, kOfUnconfirmed, kDiscover, kNet | with(kDevice)),
    either("i_have", 1, kOfUnconfirmed, kDiscover, kNet | with(kDevice)),
    either("unconfirmed_cov_notification", 2, kOfUnconfirmed, kPublish, kNet),
    either("unconfirmed_event_notification", 3, kOfUnconfirmed, kPublish, kNet),
    either("unconfirmed_private_transfer", 4, kOfUnconfirmed, AccessClass::program, kNet),
    either("unconfirmed_text_message", 5, kOfUnconfirmed, AccessClass::operate, kNet),
    either("time_synchronization", 6, kOfUnconfirmed, kConfigure, kNet),
    either("who_has", 7, kOfUnconfirmed, kDiscover, kNet | with(kDevice)),
    either("who_is", 8, kOfUnconfirmed, kDiscover, kNet | with(kDevice)),
    either("utc_time_synchronization", 9, kOfUnconfirmed, kConfigure, kNet),
    either("write_group", 10, kOfUnconfirmed, kWrite, kNet),
    either("unconfirmed_cov_notification_multiple", 11, kOfUnconfirmed, kPublish, kNet),
    either("unconfirmed_audit_notification", 12, kOfUnconfirmed, kPublish, kNet),
    either("who_am_i", 13, kOfUnconfirmed, kDiscover, kNet),
    either("you_are", 14, kOfUnconfirmed, kConfigure, kNet),
    // Annex J.2: functions that carry no NPDU.
    either("bvlc_result", 0, kOfBvlc, kSession),
    either("write_broadcast_distribution_table", 1, kOfBvlc, kConfigure),
    either("read_broadcast_distribution_table", 2, kOfBvlc, AccessClass::diagnose),
    either("read_broadcast_distribution_table_ack", 3, kOfBvlc, AccessClass::diagnose),
    either("register_foreign_device", 5, kOfBvlc, kSession),
    either("read_foreign_device_table", 6, kOfBvlc, AccessClass::diagnose),
    either("read_foreign_device_table_ack", 7, kOfBvlc, AccessClass::diagnose),
    either("delete_foreign_device_table_entry", 8, kOfBvlc, kConfigure),
    // 6.2.4: messages of the network layer.
    either("who_is_router_to_network", 0, kOfNetwork, kDiscover, kNet),
    either("i_am_router_to_network", 1, kOfNetwork, kDiscover, kNet),
    either("i_could_be_router_to_network", 2, kOfNetwork, kDiscover, kNet),
    either("reject_message_to_network", 3, kOfNetwork, kSession, kNet),
    either("router_busy_to_network", 4, kOfNetwork, kSession, kNet),
    either("router_available_to_network", 5, kOfNetwork, kSession, kNet),
    either("initialize_routing_table", 6, kOfNetwork, kConfigure, kNet),
    either("initialize_routing_table_ack", 7, kOfNetwork, kConfigure, kNet),
    either("establish_connection_to_network", 8, kOfNetwork, kConfigure, kNet),
    either("disconnect_connection_to_network", 9, kOfNetwork, kConfigure, kNet),
    either("what_is_network_number", 0x12, kOfNetwork, kDiscover, kNet),
    either("network_number_is", 0x13, kOfNetwork, kDiscover, kNet),
    // Answers that name no service.
    FunctionInfo{"segment_ack", kSegmentAck, kOfPdu, kSession, kNet, Initiator::either},
    FunctionInfo{"reject", kReject, kOfPdu, kSession, kNet, Initiator::client},
    FunctionInfo{"abort", kAbort, kOfPdu, kSession, kNet, Initiator::either},
};

constexpr std::array kFields = {
    FieldInfo{"object_type", FieldKind::integer, 10, "",
              "0 analog input, 1 analog output, 2 analog value, 3 to 5 binary, 8 device, ..."},
    FieldInfo{"instance", FieldKind::integer, 22, "", "instance of the object"},
    FieldInfo{"property", FieldKind::integer, 22, "",
              "85 present value; 8 all, 80 optional, 105 required"},
    FieldInfo{"index", FieldKind::integer, 32, "", "index into an array; none for all of it"},
    FieldInfo{"priority", FieldKind::integer, 5, "", "priority of a write, 16 where none is given"},
    FieldInfo{"value", FieldKind::real, 64, "",
              "a single number, truth or enumeration that is written; none where a priority is "
              "given up; the state that is asked of a device"},
    FieldInfo{"device", FieldKind::integer, 22, "",
              "every device instance asked for, or the sender", true},
    FieldInfo{"network", FieldKind::integer, 16, "", "destination network, where one is named"},
    FieldInfo{"password", FieldKind::integer, 1, "", "1 if a password is given"},
    FieldInfo{"error_class", FieldKind::integer, 16, "", "class of an error"},
    FieldInfo{"error_code", FieldKind::integer, 16, "", "code of an error"},
};

constexpr std::array kPorts = {
    protocols::DefaultPort{protocols::Carrier::udp, 47808},
    protocols::DefaultPort{protocols::Carrier::ethernet, kAccessPoint},
};

}  // namespace

const protocols::Catalogue& catalogue() {
  static constexpr protocols::Catalogue kCatalogue = {
      "bacnet", "BACnet/IP", "ANSI/ASHRAE 135-2020", kFunctions, kFields, kPorts,
  };
  return kCatalogue;
}

std::uint16_t find_function(std::uint16_t code, std::int32_t sub_code) {
  return protocols::find_function(kFunctions, code, sub_code);
}

}  // namespace bulkhead::bacnet
