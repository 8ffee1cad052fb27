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
// An encapsulated message is at most 65,511 bytes behind its header (EIP 2-3.3).
constexpr std::size_t kDataBytesMax = 65511;
constexpr unsigned kDepthMax = 4;  // of services inside services

// Encapsulation commands (EIP 2-3.2).
enum Command : std::uint16_t {
  kNop = 0x00,
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
// A packet of an implicit connection is told by its address item (EIP 2-6.2.2).
constexpr std::uint16_t kIoCode = 0x8002;

constexpr std::uint8_t kReplyBit = 0x80;

enum Service : std::uint8_t {
  kGetAttributeList = 0x03,
  kSetAttributeList = 0x04,
  kMultipleServicePacket = 0x0a,
  kGetAttributeSingle = 0x0e,
  kSetAttributeSingle = 0x10,
  kExecutePccc = 0x4b,
  kReadTag = 0x4c,
  kWriteTag = 0x4d,
  kReadModifyWriteTag = 0x4e,
  kForwardClose = 0x4e,
  kReadTagFragmented = 0x52,
  kUnconnectedSend = 0x52,
  kWriteTagFragmented = 0x53,
  kForwardOpen = 0x54,
  kLargeForwardOpen = 0x5b,
};

enum Class : std::uint16_t {
  kMessageRouter = 0x02,
  kConnectionManager = 0x06,
  kPcccObject = 0x67,
  kSymbolObject = 0x6b,
};

// Sub-codes in the catalogue: services that mean something else for one class, and for tags.
constexpr std::int32_t kOfTags = 0;
// Forward opens of implicit connections, behind all classes: they let outputs be driven.
constexpr std::int32_t kImplicitOpening = 0x10006;

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
};

const protocols::Catalogue& catalogue();

using protocols::kNotInCatalogue;
std::uint16_t find_command(std::uint16_t command);
// The catalogue index of a service asked of a class, or of a tag; kNotInCatalogue if it has none.
std::uint16_t find_service(std::uint8_t service, std::int32_t class_id);

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
  std::uint32_t connection = 0;  // of connected and sequenced address items
  std::uint16_t sequence = 0;    // of connected data
  std::size_t data_bytes = 0;    // of the data item, with its sequence
  ByteView cip;
  ByteView to_originator;  // the socket address that goes with a forward open, if there is one
};
protocols::Fault parse_common_packet(ByteView bytes, CommonPacket& packet);
// The message of a SendRRData or SendUnitData.
protocols::Fault parse_carried(const Encapsulation& encapsulation, CommonPacket& packet);

// A path (CIP, appendix C) as a request gives it.
struct Path {
  std::int64_t class_id = -1;
  std::int64_t instance = -1;
  std::int64_t attribute = -1;
  std::int64_t member = -1;
  std::int64_t vendor = -1;
  std::int64_t device = -1;
  ByteView tag;  // put together as Name.Name[1].Name, without the last index, which is `member`
  std::array<std::int64_t, 2> connection_points = {-1, -1};
  std::size_t connection_point_count = 0;
};

// Names that paths of one message spell stand here; good until the thread decodes another.
class Names {
 public:
  void clear() { used_ = 0; }
  bool add(ByteView part);
  bool add(char c) { return add(ByteView{reinterpret_cast<const std::uint8_t*>(&c), 1}); }
  bool add_index(std::uint32_t index);
  std::size_t used() const { return used_; }
  ByteView from(std::size_t begin) const { return {bytes_.data() + begin, used_ - begin}; }

 private:
  std::size_t used_ = 0;
  std::array<std::uint8_t, 65536> bytes_;
};

protocols::Fault parse_path(ByteView bytes, Names& names, Path& path);

// A request to the message router (CIP 2-4.1).
struct Request {
  std::uint8_t service = 0;
  ByteView path;
  ByteView data;
};
protocols::Fault parse_request(ByteView bytes, Request& request);

// A forward open (CIP 3-5.5.2): plain data, but for the tag, which stands beside it. What a path
// does not have is negative.
struct ForwardOpen {
  struct Way {
    std::uint32_t connection = 0;
    std::uint32_t rpi_us = 0;
    std::uint16_t bytes = 0;
    std::uint8_t type = 0;  // 0: none, 1: multicast, 2: point to point
  };
  std::array<Way, 2> ways;  // to the target, to the originator
  std::uint32_t originator = 0;
  std::uint16_t serial = 0;
  std::uint16_t vendor = 0;     // of the originator
  std::uint8_t service = 0;     // which opening
  std::uint8_t multiplier = 0;  // time-out: 4 packets, twice for each
  std::uint8_t trigger = 0;     // transport class and trigger
  std::uint8_t points = 0;
  std::array<std::int64_t, 2> connection_points = {-1, -1};
  std::int64_t class_id = -1;
  std::int64_t instance = -1;
  std::int32_t key_vendor = -1;
  std::int32_t key_device = -1;
};
// CIP 3-4.4.3: whether it is of a transport class whose data travels in datagrams.
constexpr bool is_implicit(const ForwardOpen& open) { return (open.trigger & 0x0fU) <= 1; }
// Of a request to the connection manager. `names` holds the tag.
protocols::Fault parse_open(const Request& request, Names& names, ForwardOpen& open, ByteView& tag);
// What it asks for, into `first` and more behind it.
protocols::Fault set_open(const ForwardOpen& open, ByteView tag, protocols::Operation& first,
                          protocols::OperationList& operations);

protocols::Fault decode_cip_request(ByteView bytes, protocols::OperationList& operations);
protocols::Fault decode_cip_reply(ByteView bytes, protocols::OperationList& operations);

// The request that an unconnected send carries, if it is one; the same request otherwise.
ByteView innermost_request(ByteView bytes);

}  // namespace bulkhead::enip
