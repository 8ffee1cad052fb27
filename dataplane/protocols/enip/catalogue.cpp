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

constexpr std::uint32_t kObject = with(kService, kClass, kInstance, kAttribute, kMember, kTag);
constexpr std::uint32_t kOfTag = kObject | with(kElements);
constexpr std::uint32_t kOpen =
    kObject | with(kConnectionPoint, kConnectionSize, kRpi, kVendor, kDevice);
constexpr std::uint32_t kPccc =
    kObject | with(kPcccCommand, kPcccFunction, kFileType, kFileNumber, kElement, kElements);

constexpr FunctionInfo command(std::string_view name, std::uint16_t code, AccessClass access,
                               Initiator initiator = Initiator::client) {
  return {name, code, kNoSubCode, access, 0, initiator};
}

constexpr FunctionInfo service(std::string_view name, std::uint8_t code, AccessClass access,
                               std::int32_t class_id = kNoSubCode, std::uint32_t fields = kObject) {
  return {name, code, class_id, access, fields, Initiator::client};
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
    // What carries CIP is told by its services; these are answers that carry none.
    command("send_rr_data", kSendRRData, kSession),
    command("send_unit_data", kSendUnitData, kSession),
    command("indicate_status", kIndicateStatus, AccessClass::diagnose),
    command("cancel", kCancel, kSession),
    command("io_data", kIoCode, AccessClass::publish, Initiator::either),
    // CIP, appendix A: common services.
    service("get_attributes_all", 0x01, kRead),
    service("set_attributes_all", 0x02, kWrite),
    service("get_attribute_list", kGetAttributeList, kRead),
    service("set_attribute_list", kSetAttributeList, kWrite),
    service("reset", 0x05, kControl),
    service("start", 0x06, kControl),
    service("stop", 0x07, kControl),
    service("create", 0x08, kConfigure),
    service("delete", 0x09, kConfigure),
    service("multiple_service_packet", kMultipleServicePacket, kSession),
    service("apply_attributes", 0x0d, kConfigure),
    service("get_attribute_single", kGetAttributeSingle, kRead),
    service("set_attribute_single", kSetAttributeSingle, kWrite),
    service("find_next_object_instance", 0x11, kRead),
    service("restore", 0x15, kConfigure),
    service("save", 0x16, kConfigure),
    service("no_operation", 0x17, kSession),
    service("get_member", 0x18, kRead),
    service("set_member", 0x19, kWrite),
    service("insert_member", 0x1a, kWrite),
    service("remove_member", 0x1b, kWrite),
    service("group_sync", 0x1c, kConfigure),
    // CIP 3-5.5: the connection manager.
    service("forward_close", kForwardClose, kSession, kConnectionManager, kObject | with(kVendor)),
    service("unconnected_send", kUnconnectedSend, kSession, kConnectionManager),
    service("forward_open", kForwardOpen, kSession, kConnectionManager, kOpen),
    service("get_connection_data", 0x56, AccessClass::diagnose, kConnectionManager),
    service("search_connection_data", 0x57, AccessClass::diagnose, kConnectionManager),
    service("get_connection_owner", 0x5a, AccessClass::diagnose, kConnectionManager),
    service("large_forward_open", kLargeForwardOpen, kSession, kConnectionManager, kOpen),
    service("forward_open_implicit", kForwardOpen, AccessClass::operate, kImplicitOpening, kOpen),
    service("large_forward_open_implicit", kLargeForwardOpen, AccessClass::operate,
            kImplicitOpening, kOpen),
    service("execute_pccc", kExecutePccc, kProgram, kPcccObject, kPccc),
    // 1756-PM020: tags by name, or by instance of the symbol object.
    service("read_tag", kReadTag, kRead, kOfTags, kOfTag),
    service("write_tag", kWriteTag, kWrite, kOfTags, kOfTag | with(kValue)),
    service("read_modify_write_tag", kReadModifyWriteTag, kWrite, kOfTags, kOfTag),
    service("read_tag_fragmented", kReadTagFragmented, kRead, kOfTags, kOfTag),
    service("write_tag_fragmented", kWriteTagFragmented, kWrite, kOfTags, kOfTag),
    service("get_instance_attribute_list", 0x55, AccessClass::discover, kSymbolObject),
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
    FieldInfo{"elements", FieldKind::integer, 16, "", "how many elements are touched"},
    FieldInfo{"value", FieldKind::real, 64, "", "what one element of a basic type is written to"},
    FieldInfo{"connection_point", FieldKind::integer, 16, "",
              "each connection point of an implicit connection"},
    FieldInfo{"connection_size", FieldKind::integer, 16, "bytes", "the larger of both directions"},
    FieldInfo{"rpi", FieldKind::integer, 32, "us", "the shorter requested packet interval"},
    FieldInfo{"vendor", FieldKind::integer, 16, "", "vendor that an electronic key asks for"},
    FieldInfo{"device", FieldKind::integer, 16, "", "device type that an electronic key asks for"},
    FieldInfo{"pccc_command", FieldKind::integer, 8, "", "PCCC command"},
    FieldInfo{"pccc_function", FieldKind::integer, 8, "",
              "PCCC function of commands that have one"},
    FieldInfo{"file_type", FieldKind::integer, 8, "", "type of a PLC's data file"},
    FieldInfo{"file_number", FieldKind::integer, 16, "", "number of the data file"},
    FieldInfo{"element", FieldKind::integer, 16, "", "element of the data file"},
    FieldInfo{"status", FieldKind::integer, 8, "", "general status of a reply"},
};

constexpr std::array kPorts = {
    protocols::DefaultPort{protocols::Carrier::tcp, 44818},
    protocols::DefaultPort{protocols::Carrier::udp, 44818},
    protocols::DefaultPort{protocols::Carrier::udp, 2222},
};

constexpr std::size_t kServicesBegin = 11;  // behind the commands

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

std::uint16_t find_command(std::uint16_t command) {
  return protocols::find_function(std::span(kFunctions).first(kServicesBegin), command);
}

std::uint16_t find_service(std::uint8_t service, std::int32_t class_id) {
  const std::span<const FunctionInfo> services = std::span(kFunctions).subspan(kServicesBegin);
  std::uint16_t found = protocols::find_function(services, service, class_id);
  if (found == kNotInCatalogue) found = protocols::find_function(services, service);
  return found == kNotInCatalogue ? found : static_cast<std::uint16_t>(kServicesBegin + found);
}

}  // namespace bulkhead::enip
