// The functions and fields of EtherNet/IP: encapsulation commands, and CIP services by class.
#include <array>

#include "dataplane/protocols/enip/layout.h"

namespace bulkhead::enip {

namespace {

using protocols::AccessClass;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::Initiator;
using protocols::kNoSubCode;
using protocols::with;

constexpr std::uint32_t kWay = with(kPort, kLink, kPath);
constexpr std::uint32_t kAddressed =
    with(kService, kClass, kInstance, kAttribute, kMember, kTag, kObject) | kWay;
constexpr std::uint32_t kOfTag = kAddressed | with(kElements);
constexpr std::uint32_t kWritten = kOfTag | with(kType);
constexpr std::uint32_t kConnected =
    with(kService, kClass, kInstance, kTag, kVendor, kDevice) | kWay;
constexpr std::uint32_t kOpen =
    kConnected | with(kConnectionPoint, kConnectionSize, kRpi, kTransport, kConnectionType,
                      kPriority, kVariable, kValue);
constexpr std::uint32_t kPccc =
    kAddressed | with(kPcccCommand, kPcccFunction, kFileType, kFileNumber, kElement, kSubElement,
                      kElements, kSize, kOffset);

constexpr FunctionInfo command(std::string_view name, std::uint16_t code, AccessClass access,
                               Initiator initiator = Initiator::client) {
  return {name, code, kNoSubCode, access, 0, initiator, {}};
}

constexpr FunctionInfo service(std::string_view name, std::uint8_t code, AccessClass access,
                               std::int32_t class_id = kNoSubCode,
                               std::uint32_t fields = kAddressed) {
  return {name, code, class_id, access, fields, Initiator::client, {}};
}

constexpr FunctionInfo reserved_command() {
  FunctionInfo function = command("reserved_command", kReservedCommand, AccessClass::opaque);
  function.fields = with(kCommand);
  return function;
}

constexpr FunctionInfo was(AccessClass before, FunctionInfo function) {
  function.access_before = before;
  return function;
}

constexpr auto kRead = AccessClass::read;
constexpr auto kWrite = AccessClass::write;
constexpr auto kControl = AccessClass::control;
constexpr auto kConfigure = AccessClass::configure;
constexpr auto kProgram = AccessClass::program;
constexpr auto kSession = AccessClass::session;

constexpr std::array kFunctions = {
    command("nop", kNop, kSession, Initiator::either),
    command("list_services", kListServices, AccessClass::discover),
    command("list_identity", kListIdentity, AccessClass::discover),
    command("list_interfaces", kListInterfaces, AccessClass::discover),
    command("register_session", kRegisterSession, kSession),
    command("unregister_session", kUnregisterSession, kSession),
    // Commands with CIP have their services' functions; these are answers without CIP.
    command("send_rr_data", kSendRRData, kSession),
    command("send_unit_data", kSendUnitData, kSession),
    command("indicate_status", kIndicateStatus, AccessClass::diagnose),
    command("cancel", kCancel, kSession),
    reserved_command(),
    // Whether it is an output the packet does not say.
    was(AccessClass::publish, command("io_data", kIoCode, AccessClass::operate, Initiator::either)),
    // CIP, appendix A: common services.
    service("get_attributes_all", kGetAttributesAll, kRead),
    was(kWrite, service("set_attributes_all", kSetAttributesAll, kConfigure)),
    service("get_attribute_list", kGetAttributeList, kRead),
    service("set_attribute_list", kSetAttributeList, kWrite),
    service("reset", kReset, kControl, kNoSubCode, kAddressed | with(kValue)),
    service("start", 0x06, kControl),
    service("stop", 0x07, kControl),
    service("create", kCreate, kConfigure),
    service("delete", kDelete, kConfigure),
    service("multiple_service_packet", kMultipleServicePacket, kSession),
    service("apply_attributes", 0x0d, kConfigure),
    service("get_attribute_single", kGetAttributeSingle, kRead),
    service("set_attribute_single", kSetAttributeSingle, kWrite),
    service("find_next_object_instance", 0x11, kRead),
    service("restore", 0x15, kConfigure),
    service("save", 0x16, kConfigure),
    service("no_operation", kNoOperation, kSession),
    service("get_member", kGetMember, kRead),
    service("set_member", kSetMember, kWrite),
    was(kWrite, service("insert_member", 0x1a, kConfigure)),
    was(kWrite, service("remove_member", kRemoveMember, kConfigure)),
    service("group_sync", 0x1c, kConfigure),
    // The same of objects that are settings of the device, or its program.
    was(kWrite, service("set_device_attribute_list", kSetAttributeList, kConfigure, kOfDevice)),
    was(kWrite, service("set_device_attribute_single", kSetAttributeSingle, kConfigure, kOfDevice)),
    was(kWrite, service("set_device_member", kSetMember, kConfigure, kOfDevice)),
    was(kWrite, service("set_program_attributes_all", kSetAttributesAll, kProgram, kOfProgram)),
    was(kWrite, service("set_program_attribute_list", kSetAttributeList, kProgram, kOfProgram)),
    was(kWrite, service("set_program_attribute_single", kSetAttributeSingle, kProgram, kOfProgram)),
    was(kWrite, service("set_program_member", kSetMember, kProgram, kOfProgram)),
    was(kConfigure, service("create_in_program", kCreate, kProgram, kOfProgram)),
    was(kConfigure, service("delete_in_program", kDelete, kProgram, kOfProgram)),
    // CIP 3-5.5: the connection manager.
    service("forward_close", kForwardClose, kSession, kConnectionManager,
            kAddressed | with(kVendor)),
    was(kSession, service("forward_close_other", kForwardClose, kControl, kForeignClose,
                          kAddressed | with(kVendor))),
    service("unconnected_send", kUnconnectedSend, kSession, kConnectionManager),
    service("forward_open", kForwardOpen, kSession, kConnectionManager, kOpen),
    service("get_connection_data", 0x56, AccessClass::diagnose, kConnectionManager),
    service("search_connection_data", 0x57, AccessClass::diagnose, kConnectionManager),
    service("get_connection_owner", 0x5a, AccessClass::diagnose, kConnectionManager),
    service("large_forward_open", kLargeForwardOpen, kSession, kConnectionManager, kOpen),
    service("forward_open_implicit", kForwardOpen, AccessClass::operate, kImplicitOpening, kOpen),
    service("large_forward_open_implicit", kLargeForwardOpen, AccessClass::operate,
            kImplicitOpening, kOpen),
    was(AccessClass::operate, service("forward_open_configuration", kForwardOpen, kConfigure,
                                      kConfigurationData, kConnected | with(kSize))),
    was(AccessClass::operate, service("large_forward_open_configuration", kLargeForwardOpen,
                                      kConfigure, kConfigurationData, kConnected | with(kSize))),
    service("execute_pccc", kExecutePccc, kProgram, kPcccObject, kPccc),
    // 1756-PM020: tags by name, or by instance of the symbol object.
    service("read_tag", kReadTag, kRead, kOfTags, kOfTag),
    service("write_tag", kWriteTag, kWrite, kOfTags, kWritten | with(kValue)),
    service("read_modify_write_tag", kReadModifyWriteTag, kWrite, kOfTags, kOfTag | with(kSize)),
    service("read_tag_fragmented", kReadTagFragmented, kRead, kOfTags, kOfTag | with(kOffset)),
    service("write_tag_fragmented", kWriteTagFragmented, kWrite, kOfTags, kWritten | with(kOffset)),
    service("get_instance_attribute_list", kGetInstanceAttributeList, AccessClass::discover,
            kSymbolObject),
    was(kProgram, service("read_template", kReadTemplate, kRead, kTemplateObject)),
    // CIP 5-37: the file object.
    service("file_initiate_upload", 0x4b, kProgram, 0x37),
    service("file_initiate_download", 0x4c, kProgram, 0x37),
    service("file_initiate_partial_read", 0x4d, kProgram, 0x37),
    service("file_initiate_partial_write", 0x4e, kProgram, 0x37),
    service("file_upload_transfer", 0x4f, kProgram, 0x37),
    service("file_download_transfer", 0x50, kProgram, 0x37),
    service("file_clear", 0x51, kProgram, 0x37),
// CIP, appendix A: what vendors (0x32 to 0x4a) and object classes (0x4b to 0x62) define.
#define BULKHEAD_OF(high, low) service("object_service_" #high #low, 0x##high##low, kProgram)
#define BULKHEAD_ROW(high)                                                                    \
  BULKHEAD_OF(high, 0), BULKHEAD_OF(high, 1), BULKHEAD_OF(high, 2), BULKHEAD_OF(high, 3),     \
      BULKHEAD_OF(high, 4), BULKHEAD_OF(high, 5), BULKHEAD_OF(high, 6), BULKHEAD_OF(high, 7), \
      BULKHEAD_OF(high, 8), BULKHEAD_OF(high, 9), BULKHEAD_OF(high, a), BULKHEAD_OF(high, b), \
      BULKHEAD_OF(high, c), BULKHEAD_OF(high, d), BULKHEAD_OF(high, e), BULKHEAD_OF(high, f)
    BULKHEAD_OF(3, 2),
    BULKHEAD_OF(3, 3),
    BULKHEAD_OF(3, 4),
    BULKHEAD_OF(3, 5),
    BULKHEAD_OF(3, 6),
    BULKHEAD_OF(3, 7),
    BULKHEAD_OF(3, 8),
    BULKHEAD_OF(3, 9),
    BULKHEAD_OF(3, a),
    BULKHEAD_OF(3, b),
    BULKHEAD_OF(3, c),
    BULKHEAD_OF(3, d),
    BULKHEAD_OF(3, e),
    BULKHEAD_OF(3, f),
    BULKHEAD_ROW(4),
    BULKHEAD_ROW(5),
    BULKHEAD_OF(6, 0),
    BULKHEAD_OF(6, 1),
    BULKHEAD_OF(6, 2),
#undef BULKHEAD_ROW
#undef BULKHEAD_OF
};

constexpr std::array kFields = {
    FieldInfo{"service", FieldKind::integer, 8, "", "CIP service code"},
    FieldInfo{"class", FieldKind::integer, 16, "", "class of the object"},
    FieldInfo{"instance", FieldKind::integer, 32, "", "instance of it"},
    FieldInfo{"attribute", FieldKind::integer, 16, "", "each attribute that is read or set"},
    FieldInfo{"member", FieldKind::integer, 32, "", "every element touched, from the last index on",
              true},
    FieldInfo{"tag", FieldKind::name, 0, "", "symbolic path, as Program:Main.Tank[2].Level", false,
              true},
    FieldInfo{"elements", FieldKind::integer, 16, "", "how many elements are touched", true},
    FieldInfo{"value", FieldKind::real, 64, "",
              "what one element of a basic type is written to; the kind of a reset; the production "
              "inhibit time of an opening in ms"},
    FieldInfo{"connection_point", FieldKind::integer, 16, "",
              "each connection point of an implicit connection"},
    FieldInfo{"connection_size", FieldKind::integer, 16, "bytes", "of each direction"},
    FieldInfo{"rpi", FieldKind::integer, 32, "us", "requested packet interval of each direction"},
    FieldInfo{"vendor", FieldKind::integer, 16, "", "vendor that an electronic key asks for"},
    FieldInfo{"device", FieldKind::integer, 16, "", "device type that an electronic key asks for"},
    FieldInfo{"pccc_command", FieldKind::integer, 8, "", "PCCC command"},
    FieldInfo{"pccc_function", FieldKind::integer, 8, "",
              "PCCC function of commands that have one"},
    FieldInfo{"file_type", FieldKind::integer, 8, "", "type of a PLC's data file"},
    FieldInfo{"file_number", FieldKind::integer, 16, "", "number of the data file"},
    FieldInfo{"element", FieldKind::integer, 16, "", "every element of the data file touched",
              true},
    FieldInfo{"status", FieldKind::integer, 8, "", "general status of a reply"},
    FieldInfo{"sub_element", FieldKind::integer, 16, "",
              "every word touched of one element of the data file", true},
    FieldInfo{"object", FieldKind::name, 0, "",
              "object inside others, as 104/2/107/5 (class and instance of each)", false, true},
    FieldInfo{"port", FieldKind::integer, 16, "", "port of the host behind which it is for", false,
              false, true, "port"},
    FieldInfo{"link", FieldKind::integer, 8, "", "link address (slot) behind that port", false,
              false, true, "link"},
    FieldInfo{"path", FieldKind::name, 0, "",
              "route of several hops or to a named link, as 1/0/2/10.99.99.99; `unknown` on a "
              "connection whose opening was not seen",
              false, true, true, "path"},
    FieldInfo{"transport", FieldKind::integer, 8, "", "transport class and trigger"},
    FieldInfo{"connection_type", FieldKind::integer, 2, "",
              "of each direction: 0 none, 1 multicast, 2 point to point"},
    FieldInfo{"priority", FieldKind::integer, 2, "",
              "of each direction: 0 low, 1 high, 2 scheduled, 3 urgent"},
    FieldInfo{"variable", FieldKind::integer, 1, "", "of each direction: 1 if sizes may vary"},
    FieldInfo{"size", FieldKind::integer, 16, "",
              "octets of configuration data in an opening, of masks, or of a PCCC span; elements "
              "that a write of a type of unknown size claims"},
    FieldInfo{
        "offset", FieldKind::integer, 32, "",
        "octet of a tag at which a fragment begins; word of an element at which a PCCC span does"},
    FieldInfo{"command", FieldKind::integer, 16, "", "encapsulation command that is reserved"},
    FieldInfo{
        "type", FieldKind::integer, 32, "",
        "data type that is written, as 0xc4; of a structure its handle and 0x2a0, as 0xfce02a0"},
};

constexpr std::array kPorts = {
    protocols::DefaultPort{protocols::Carrier::tcp, 44818},
    protocols::DefaultPort{protocols::Carrier::udp, 44818},
    protocols::DefaultPort{protocols::Carrier::udp, 2222},
};

constexpr std::size_t kServicesBegin = 12;  // behind the commands

}  // namespace

const protocols::Catalogue& catalogue() {
  static constexpr protocols::Catalogue kCatalogue = {
      "enip",
      "EtherNet/IP with CIP",
      "ODVA CIP Networks Library, volumes 1 and 2",
      kFunctions,
      kFields,
      kPorts,
  };
  return kCatalogue;
}

namespace {

std::uint16_t find_exactly(std::uint8_t service, std::int32_t of) {
  const std::span<const FunctionInfo> services = std::span(kFunctions).subspan(kServicesBegin);
  const std::uint16_t found = protocols::find_function(services, service, of);
  return found == kNotInCatalogue ? found : static_cast<std::uint16_t>(kServicesBegin + found);
}

// Logix: the wall clock and the parameters of drives are settings; what else vendors have may be
// the program.
std::int32_t kind_of(std::int32_t class_id) {
  constexpr std::int32_t kWallClock = 0x8b;
  constexpr std::int32_t kDriveParameter = 0x93;
  constexpr std::int32_t kFile = 0x37;
  if (class_id == kWallClock || class_id == kDriveParameter) return kOfDevice;
  return is_vendors(class_id) || class_id == kFile ? kOfProgram : kOfDevice;
}

}  // namespace

std::uint16_t find_command(std::uint16_t command) {
  const auto commands = std::span(kFunctions).first(kServicesBegin);
  const std::uint16_t found = protocols::find_function(commands, command);
  if (found != kNotInCatalogue || command > kReservedCommandMax) return found;
  return protocols::find_function(commands, kReservedCommand);
}

std::uint16_t find_service(std::uint8_t service, std::int32_t class_id) {
  std::uint16_t found = find_exactly(service, class_id);
  if (found == kNotInCatalogue && class_id > kOfTags && class_id < kOfDevice) {
    found = find_exactly(service, kind_of(class_id));
  }
  return found == kNotInCatalogue ? find_exactly(service, kNoSubCode) : found;
}

}  // namespace bulkhead::enip
