// Numbers and shapes of EtherNet/IP and CIP that the files of this module share. Sources: the CIP
// Networks Library, volume 1 (Common Industrial Protocol, "CIP") and volume 2 (EtherNet/IP, "EIP");
// Logix 5000 Controllers Data Access (1756-PM020) for tags; DF1 Protocol and Command Set
// (1770-6.5.16) for PCCC.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::enip {

constexpr std::size_t kHeaderBytes = 24;  // EIP 2-3.1
// An encapsulated message is at most 65,511 bytes after its header (EIP 2-3.3).
constexpr std::size_t kDataBytesMax = 65511;
constexpr unsigned kDepthMax = 4;  // of services inside services

// Encapsulation commands (EIP 2-3.2).
enum Command : std::uint16_t {
  kNop = 0x00,
  kReservedCommand = 0x01,  // RSLinx opens with it; stands for all that are reserved
  kListServices = 0x04,
  kListIdentity = 0x63,
  kListInterfaces = 0x64,
  kRegisterSession = 0x65,
  kUnregisterSession = 0x66,
  kSendRRData = 0x6f,
  kSendUnitData = 0x70,
  kIndicateStatus = 0x72,
  kCancel = 0x73,
};
// A packet of an implicit connection is recognised by its address item (EIP 2-6.2.2).
constexpr std::uint16_t kIoCode = 0x8002;
// Commands that the standard reserves, up to here, share one function (EIP 2-3.2).
constexpr std::uint16_t kReservedCommandMax = 0xff;

constexpr std::uint8_t kReplyBit = 0x80;

enum Service : std::uint8_t {
  kGetAttributesAll = 0x01,
  kSetAttributesAll = 0x02,
  kGetAttributeList = 0x03,
  kSetAttributeList = 0x04,
  kReset = 0x05,
  kCreate = 0x08,
  kDelete = 0x09,
  kMultipleServicePacket = 0x0a,
  kGetAttributeSingle = 0x0e,
  kSetAttributeSingle = 0x10,
  kNoOperation = 0x17,
  kGetMember = 0x18,
  kSetMember = 0x19,
  kRemoveMember = 0x1b,
  kExecutePccc = 0x4b,
  kReadTag = 0x4c,
  kReadTemplate = 0x4c,
  kWriteTag = 0x4d,
  kReadModifyWriteTag = 0x4e,
  kForwardClose = 0x4e,
  kReadTagFragmented = 0x52,
  kUnconnectedSend = 0x52,
  kWriteTagFragmented = 0x53,
  kForwardOpen = 0x54,
  kGetInstanceAttributeList = 0x55,
  kLargeForwardOpen = 0x5b,
};

enum Class : std::uint16_t {
  kMessageRouter = 0x02,
  kAssembly = 0x04,
  kConnectionManager = 0x06,
  kPcccObject = 0x67,
  kSymbolObject = 0x6b,
  kTemplateObject = 0x6c,
};

// Sub-codes in the catalogue: services that mean something else for one class, and for tags; and
// after all classes what depends on more than the class.
constexpr std::int32_t kOfTags = 0;
constexpr std::int32_t kImplicitOpening = 0x10006;  // lets outputs be driven
constexpr std::int32_t kConfigurationData = 0x20006;
constexpr std::int32_t kForeignClose = 0x30006;  // of a connection that this session did not open
constexpr std::int32_t kOfDevice = 0x10000;      // settings of the device, not process data
constexpr std::int32_t kOfProgram = 0x20000;     // objects that make up the program

// Indices into the catalogue's fields.
enum Field : std::uint8_t {
  kService,
  kClass,
  kInstance,
  kAttribute,
  kMember,
  kTag,
  kElements,
  kValue,
  kConnectionPoint,
  kConnectionSize,
  kRpi,
  kVendor,
  kDevice,
  kPcccCommand,
  kPcccFunction,
  kFileType,
  kFileNumber,
  kElement,
  kStatus,
  kSubElement,
  kObject,
  kPort,
  kLink,
  kPath,
  kTransport,
  kConnectionType,
  kPriority,
  kVariable,
  kSize,
  kOffset,
  kCommand,
  kType,
};

const protocols::Catalogue& catalogue();

using protocols::kNotInCatalogue;
std::uint16_t find_command(std::uint16_t command);
// The catalogue index of a service asked of a class, or of a tag; kNotInCatalogue if it has none.
std::uint16_t find_service(std::uint8_t service, std::int32_t class_id);
// CIP, table 5-1.2: classes 0x64 to 0xc7 and 0x300 to 0x4ff are vendors' own.
constexpr bool is_vendors(std::int64_t class_id) {
  return (class_id >= 0x64 && class_id <= 0xc7) || (class_id >= 0x300 && class_id <= 0x4ff);
}

// The encapsulation header and what it carries.
struct Encapsulation {
  std::uint16_t command = 0;
  std::uint32_t session = 0;
  std::uint32_t status = 0;
  std::uint64_t context = 0;
  ByteView data;
};
protocols::Fault parse_encapsulation(ByteView message, Encapsulation& encapsulation);

// A common packet (EIP 2-6): the items that requests and answers need.
struct CommonPacket {
  bool connected = false;
  bool sequenced = false;
  std::uint32_t connection = 0;  // of connected and sequenced address items
  std::uint16_t sequence = 0;    // of connected data
  std::size_t data_bytes = 0;    // of the data item, with its sequence
  std::size_t others = 0;        // socket addresses after the data
  ByteView cip;
  ByteView to_target;  // the socket addresses that go with a forward open, if there are any
  ByteView to_originator;
};
protocols::Fault parse_common_packet(ByteView bytes, CommonPacket& packet);
// The message of a SendRRData or SendUnitData.
protocols::Fault parse_carried(const Encapsulation& encapsulation, CommonPacket& packet);

// A request to the message router (CIP 2-4.1).
struct Request {
  std::uint8_t service = 0;
  ByteView path;
  ByteView data;
};
protocols::Fault parse_request(ByteView bytes, Request& request);

// CIP 3-5.5.4.
struct UnconnectedSend {
  ByteView message;
  ByteView route;
};
protocols::Fault parse_unconnected_send(ByteView data, UnconnectedSend& send);

// What the session knows of the connection on which a request came, and of others.
struct Surroundings {
  std::span<const std::byte> session;
  bool connected = false;
  std::uint32_t connection = 0;
  ByteView connection_bytes{};
};

// Keeps an Asked, and an AskedOpening (opening.h).
protocols::Fault decode_cip_request(ByteView bytes, const Surroundings& surroundings,
                                    protocols::OperationList& operations,
                                    protocols::Parsed& parsed);
// `asked` is the function of the request that it answers; kNotInCatalogue if that is not known.
protocols::Fault decode_cip_reply(ByteView bytes, std::uint16_t asked,
                                  protocols::OperationList& operations);

}  // namespace bulkhead::enip
