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

constexpr std::uint32_t kRoute =
    with(kNetwork, kAddress, kAddressLength, kSourceNetwork, kSourceAddress, kSourceAddressLength,
         kOrigin, kDistribution, kBroadcast, kToAll);
constexpr std::uint32_t kObject = with(kObjectType, kInstance);
constexpr std::uint32_t kPropertyOf = kObject | with(kProperty, kIndex);
constexpr std::uint32_t kOneValue = with(kPriority, kValue, kDatatype);
constexpr std::uint32_t kWritten = kPropertyOf | kOneValue;
constexpr std::uint32_t kNotified = kWritten | with(kDevice);
constexpr std::uint32_t kFilePart = kObject | with(kPosition, kRecord);
constexpr std::uint32_t kOfVendor = with(kVendor, kServiceNumber);
constexpr std::uint32_t kText = with(kDevice, kPriority);
constexpr std::uint32_t kRouter = with(kRouterNetwork);

constexpr auto kRead = AccessClass::read;
constexpr auto kWrite = AccessClass::write;
constexpr auto kDiscover = AccessClass::discover;
constexpr auto kPublish = AccessClass::publish;
constexpr auto kOperate = AccessClass::operate;
constexpr auto kConfigure = AccessClass::configure;
constexpr auto kProgram = AccessClass::program;
constexpr auto kControl = AccessClass::control;
constexpr auto kSession = AccessClass::session;
constexpr auto kDiagnose = AccessClass::diagnose;
constexpr auto kOpaque = AccessClass::opaque;

constexpr FunctionInfo confirmed(std::string_view name, std::uint8_t code, AccessClass access,
                                 std::uint32_t fields = 0,
                                 Initiator initiator = Initiator::client) {
  return {name, code, kNoSubCode, access, fields | kRoute, initiator};
}

// A confirmed service on some properties or objects only.
constexpr FunctionInfo part(std::string_view name, std::uint8_t code, SubCode sub,
                            AccessClass access, std::uint32_t fields, AccessClass before) {
  return {name, code, sub, access, fields | kRoute, Initiator::client, before};
}

constexpr FunctionInfo either(std::string_view name, std::uint16_t code, SubCode sub,
                              AccessClass access, std::uint32_t fields = 0) {
  return {name, code, sub, access, fields | (sub == kOfBvlc ? 0 : kRoute), Initiator::either};
}

constexpr FunctionInfo before(AccessClass access, FunctionInfo function) {
  function.access_before = access;
  return function;
}

constexpr std::array kFunctions = {
    // Clause 21, confirmed services.
    confirmed("acknowledge_alarm", kAcknowledgeAlarm, kOperate, kObject | with(kValue)),
    confirmed("confirmed_cov_notification", kConfirmedCov, kPublish, kNotified, Initiator::either),
    confirmed("confirmed_event_notification", kConfirmedEvent, kPublish, kObject | with(kDevice),
              Initiator::either),
    confirmed("get_alarm_summary", kGetAlarmSummary, kRead),
    confirmed("get_enrollment_summary", kGetEnrollmentSummary, kRead),
    confirmed("subscribe_cov", kSubscribeCov, kRead, kObject | with(kDuration)),
    confirmed("atomic_read_file", kAtomicReadFile, kProgram, kFilePart),
    confirmed("atomic_write_file", kAtomicWriteFile, kProgram, kFilePart),
    before(kWrite, confirmed("add_list_element", kAddListElement, kConfigure, kPropertyOf)),
    before(kWrite, confirmed("remove_list_element", kRemoveListElement, kConfigure, kPropertyOf)),
    confirmed("create_object", kCreateObject, kConfigure, kWritten),
    part("create_object_program", kCreateObject, kOnProgram, kProgram, kWritten, kConfigure),
    confirmed("delete_object", kDeleteObject, kConfigure, kObject),
    part("delete_object_program", kDeleteObject, kOnProgram, kProgram, kObject, kConfigure),
    confirmed("read_property", kReadProperty, kRead, kPropertyOf),
    confirmed("read_property_conditional", kReadPropertyConditional, kRead),
    confirmed("read_property_multiple", kReadPropertyMultiple, kRead, kPropertyOf),
    confirmed("write_property", kWriteProperty, kWrite, kWritten),
    part("write_property_override", kWriteProperty, kOnOverride, kOperate, kWritten, kWrite),
    part("write_property_setting", kWriteProperty, kOnSetting, kConfigure, kWritten, kWrite),
    part("write_property_program", kWriteProperty, kOnProgram, kProgram, kWritten, kWrite),
    confirmed("write_property_multiple", kWritePropertyMultiple, kWrite, kWritten),
    part("write_property_multiple_override", kWritePropertyMultiple, kOnOverride, kOperate,
         kWritten, kWrite),
    part("write_property_multiple_setting", kWritePropertyMultiple, kOnSetting, kConfigure,
         kWritten, kWrite),
    part("write_property_multiple_program", kWritePropertyMultiple, kOnProgram, kProgram, kWritten,
         kWrite),
    confirmed("device_communication_control", kDeviceCommunicationControl, kControl,
              with(kPassword, kValue, kDuration)),
    before(kProgram,
           confirmed("confirmed_private_transfer", kConfirmedPrivateTransfer, kOpaque, kOfVendor)),
    confirmed("confirmed_text_message", kConfirmedTextMessage, kOperate, kText),
    confirmed("reinitialize_device", kReinitializeDevice, kControl, with(kPassword, kValue)),
    confirmed("vt_open", kVtOpen, kProgram),
    confirmed("vt_close", kVtClose, kProgram),
    confirmed("vt_data", kVtData, kProgram),
    before(kSession, confirmed("authenticate", kAuthenticate, kConfigure)),
    before(kSession, confirmed("request_key", kRequestKey, kConfigure)),
    confirmed("read_range", kReadRange, kRead, kPropertyOf),
    confirmed("life_safety_operation", kLifeSafetyOperation, kOperate, kObject | with(kValue)),
    confirmed("subscribe_cov_property", kSubscribeCovProperty, kRead,
              kPropertyOf | with(kDuration)),
    confirmed("get_event_information", kGetEventInformation, kRead),
    confirmed("subscribe_cov_property_multiple", kSubscribeCovPropertyMultiple, kRead,
              kPropertyOf | with(kDuration)),
    confirmed("confirmed_cov_notification_multiple", kConfirmedCovMultiple, kPublish, kNotified,
              Initiator::either),
    confirmed("confirmed_audit_notification", 32, kPublish, 0, Initiator::either),
    confirmed("audit_log_query", kAuditLogQuery, kRead, kObject),
    // Unconfirmed services.
    before(kDiscover, either("i_am", kIAm, kOfUnconfirmed, kPublish, with(kDevice, kVendor))),
    before(kDiscover, either("i_have", kIHave, kOfUnconfirmed, kPublish,
                             kObject | with(kDevice, kObjectName))),
    either("unconfirmed_cov_notification", kUnconfirmedCov, kOfUnconfirmed, kPublish, kNotified),
    either("unconfirmed_event_notification", kUnconfirmedEvent, kOfUnconfirmed, kPublish,
           kObject | with(kDevice)),
    before(kProgram, either("unconfirmed_private_transfer", kUnconfirmedPrivateTransfer,
                            kOfUnconfirmed, kOpaque, kOfVendor)),
    either("unconfirmed_text_message", kUnconfirmedTextMessage, kOfUnconfirmed, kOperate, kText),
    either("time_synchronization", kTimeSynchronization, kOfUnconfirmed, kConfigure),
    either("who_has", kWhoHas, kOfUnconfirmed, kDiscover, kObject | with(kDevice, kObjectName)),
    either("who_is", kWhoIs, kOfUnconfirmed, kDiscover, with(kDevice)),
    either("utc_time_synchronization", kUtcTimeSynchronization, kOfUnconfirmed, kConfigure),
    either("write_group", kWriteGroup, kOfUnconfirmed, kWrite,
           kOneValue | with(kGroup, kChannel, kInhibitDelay)),
    either("unconfirmed_cov_notification_multiple", kUnconfirmedCovMultiple, kOfUnconfirmed,
           kPublish, kNotified),
    either("unconfirmed_audit_notification", 12, kOfUnconfirmed, kPublish),
    before(kDiscover,
           either("who_am_i", kWhoAmI, kOfUnconfirmed, kPublish, with(kVendor, kObjectName))),
    either("you_are", kYouAre, kOfUnconfirmed, kConfigure, with(kVendor, kDevice, kObjectName)),
    // Annex J.2: functions that carry no NPDU.
    either("bvlc_result", kBvlcResult, kOfBvlc, kSession),
    either("write_broadcast_distribution_table", kWriteBroadcastTable, kOfBvlc, kConfigure,
           with(kPeer)),
    either("read_broadcast_distribution_table", kReadBroadcastTable, kOfBvlc, kDiagnose),
    either("read_broadcast_distribution_table_ack", kReadBroadcastTableAck, kOfBvlc, kDiagnose,
           with(kPeer)),
    before(kSession, either("register_foreign_device", kRegisterForeignDevice, kOfBvlc, kConfigure,
                            with(kDuration))),
    either("read_foreign_device_table", kReadForeignTable, kOfBvlc, kDiagnose),
    either("read_foreign_device_table_ack", kReadForeignTableAck, kOfBvlc, kDiagnose, with(kPeer)),
    either("delete_foreign_device_table_entry", kDeleteForeignEntry, kOfBvlc, kConfigure,
           with(kPeer)),
    // 6.2.4: messages of the network layer.
    either("who_is_router_to_network", kWhoIsRouter, kOfNetwork, kDiscover, kRouter),
    before(kDiscover,
           either("i_am_router_to_network", kIAmRouter, kOfNetwork, kConfigure, kRouter)),
    before(kDiscover, either("i_could_be_router_to_network", kICouldBeRouter, kOfNetwork,
                             kConfigure, kRouter)),
    before(kSession,
           either("reject_message_to_network", kRejectMessage, kOfNetwork, kControl, kRouter)),
    before(kSession, either("router_busy_to_network", kRouterBusy, kOfNetwork, kControl, kRouter)),
    before(kSession,
           either("router_available_to_network", kRouterAvailable, kOfNetwork, kControl, kRouter)),
    either("initialize_routing_table", kInitializeTable, kOfNetwork, kConfigure, kRouter),
    either("initialize_routing_table_ack", kInitializeTableAck, kOfNetwork, kConfigure, kRouter),
    either("establish_connection_to_network", kEstablishConnection, kOfNetwork, kConfigure,
           kRouter),
    either("disconnect_connection_to_network", kDisconnectConnection, kOfNetwork, kConfigure,
           kRouter),
    either("what_is_network_number", kWhatIsNetworkNumber, kOfNetwork, kDiscover),
    before(kDiscover, either("network_number_is", kNetworkNumberIs, kOfNetwork, kConfigure,
                             kRouter | with(kValue))),
    either("proprietary_network_message", kProprietary, kOfNetwork, kOpaque, kOfVendor),
    // Answers that name no service.
    FunctionInfo{"segment_ack", kSegmentAck, kOfPdu, kSession, kRoute, Initiator::either},
    FunctionInfo{"reject", kReject, kOfPdu, kSession, kRoute, Initiator::client},
    FunctionInfo{"abort", kAbort, kOfPdu, kSession, kRoute, Initiator::either},
};

constexpr FieldInfo number(std::string_view name, std::uint8_t width, std::string_view text,
                           bool spans = false) {
  return {name, FieldKind::integer, width, "", text, spans};
}

// Reaches beyond the two hosts, or many: granted by name only.
constexpr FieldInfo beyond(std::string_view name, std::uint8_t width, std::string_view text,
                           std::string_view route = {}, std::string_view source_route = {}) {
  FieldInfo field = number(name, width, text);
  field.by_name = true;
  field.route = route;
  field.source_route = source_route;
  return field;
}

constexpr FieldInfo origin(std::string_view name, std::string_view text) {
  FieldInfo field{name, FieldKind::name, 0, "", text};
  field.by_name = true;
  return field;
}

// In the order of Field.
constexpr std::array kFields = {
    number("object_type", 10,
           "0 analog input, 1 analog output, 2 analog value, 3 to 5 binary, 8 device, ..."),
    number("instance", 22, "instance of the object"),
    number("property", 22, "85 present value; 8 all, 80 optional, 105 required"),
    number("index", 32, "index into an array; none for all of it"),
    number("priority", 5, "priority of a write, 16 where none is given; of a text 0 or 1"),
    FieldInfo{
        "value", FieldKind::real, 64, "",
        "a single number, truth or enumeration that is written or told; none where a priority "
        "is given up; the state that is asked of a device"},
    number("device", 22, "every device instance asked for, or the one that the sender says it is",
           true),
    beyond("network", 16, "network that the message is for (DNET), where one is named", "network"),
    number("password", 1, "1 if a password is given"),
    number("error_class", 16, "class of an error"),
    number("error_code", 16, "code of an error, result, reject or abort"),
    beyond("address", 56, "the device on that network (DADR), its octets as one number", "address"),
    beyond("address_length", 3, "octets of `address`, where it has more than one",
           "address_length"),
    beyond("source_network", 16, "network that a router says the message came from (SNET)", {},
           "network"),
    beyond("source_address", 56, "the device on that network (SADR), its octets as one number", {},
           "address"),
    beyond("source_address_length", 3, "octets of `source_address`, where it has more than one", {},
           "address_length"),
    origin("origin",
           "whom a BBMD names as the sender of a broadcast that it forwards, such as "
           "10.0.0.99:47808; a BBMD that gets it sends it to all of its network"),
    beyond("distribution", 1, "1 if a BBMD is to send it to all the networks of its table"),
    beyond(
        "broadcast", 16,
        "65535 for all devices of all networks, 1 for all of `network`, 0 for all of this one: a "
        "broadcast's form that is sent to one host, a confirmed request to many"),
    number("datatype", 4, "type of a written value: 0 null, 1 truth, 2 unsigned, 4 real, 9 enum"),
    number("duration", 32, "how long it is asked for, as the service counts: minutes or seconds"),
    number("position", 33, "bytes of a file that are touched; none where they are appended", true),
    number("record", 33, "records of a file that are touched; none where they are appended", true),
    number("vendor", 16, "vendor identifier"),
    number("service_number", 32, "number of a vendor's own service or message"),
    FieldInfo{"object_name", FieldKind::name, 0, "",
              "name of the object; of who_am_i and you_are the unit, as MODEL/SERIAL"},
    number("group", 32, "group of channels that is written"),
    number("channel", 16, "channel of a group"),
    number("router_network", 16, "network that a message between routers is about"),
    FieldInfo{"peer", FieldKind::name, 0, "",
              "entry of a BBMD's tables: 10.0.0.1:47808, with its mask 10.0.0.1:47808/24"},
    number("to_all", 1, "1 if it goes to all devices of this network (Original-Broadcast)"),
    number("inhibit_delay", 1, "1 if channels are to act at once; told where the message says it"),
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
