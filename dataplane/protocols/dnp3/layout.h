// Numbers and shapes of DNP3 that the files of this module share. Source: IEEE Std 1815-2012.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::dnp3 {

// Function codes of the application layer (4.2.2.5).
enum Code : std::uint8_t {
  kConfirm = 0,
  kRead = 1,
  kWrite = 2,
  kSelect = 3,
  kOperate = 4,
  kDirectOperate = 5,
  kDirectOperateNoResponse = 6,
  kImmediateFreeze = 7,
  kImmediateFreezeNoResponse = 8,
  kFreezeClear = 9,
  kFreezeClearNoResponse = 10,
  kFreezeAtTime = 11,
  kFreezeAtTimeNoResponse = 12,
  kColdRestart = 13,
  kWarmRestart = 14,
  kInitializeData = 15,
  kInitializeApplication = 16,
  kStartApplication = 17,
  kStopApplication = 18,
  kSaveConfiguration = 19,
  kEnableUnsolicited = 20,
  kDisableUnsolicited = 21,
  kAssignClass = 22,
  kDelayMeasure = 23,
  kRecordCurrentTime = 24,
  kOpenFile = 25,
  kCloseFile = 26,
  kDeleteFile = 27,
  kGetFileInformation = 28,
  kAuthenticateFile = 29,
  kAbortFile = 30,
  kActivateConfiguration = 31,
  kAuthenticateRequest = 32,
  kAuthenticateRequestNoAck = 33,
  kResponse = 129,
  kUnsolicitedResponse = 130,
  kAuthenticateResponse = 131,
};

// Frames of the data link layer that carry no application data are functions too. Their code is
// kLinkCode with the PRM bit and the function code of the control octet (9.2.4.1.3).
constexpr std::uint16_t kLinkCode = 0x100;
constexpr std::uint8_t kPrimary = 0x40;
enum LinkFunction : std::uint8_t {
  kLinkResetLinkStates = 0,
  kLinkResetUserProcess = 1,
  kLinkTestLinkStates = 2,
  kLinkConfirmedUserData = 3,
  kLinkUserData = 4,
  kLinkRequestLinkStatus = 9,
  kLinkNotFunctioning = 14,  // of a secondary station
};

// Indices into the catalogue's fields.
enum Field : std::uint8_t {
  kSource,
  kDestination,
  kGroup,
  kVariation,
  kIndex,
  kControlCode,
  kCount,
  kOnTime,
  kOffTime,
  kValue,
  kIin,
  kBroadcast,
  kFragment,
  kCon,
  kFcb,
  kDfc,
  kName,
  kMode,
  kQuantity,
  kOutstationOpens,
};

// Functions that are not of one access class for all objects have one function for each kind of
// object; the sub-code is a group of the kind, or a variation of group 120.
enum SubCode : std::int16_t {
  kOfAttributes = 0,
  kOfDeadbands = 34,
  kOfTimes = 50,
  kOfFiles = 70,
  kOfTerminals = 112,
  kOfUsers = 10,
};

const protocols::Catalogue& catalogue();

using protocols::kNotInCatalogue;
// The catalogue index of a function; kNotInCatalogue if the catalogue does not have it.
std::uint16_t find_function(std::uint16_t code, std::int32_t sub_code = protocols::kNoSubCode);

// Addresses (9.2.4.1.4): of no one station are those from here on.
constexpr std::size_t kLinkHeaderBytes = 10;
constexpr std::uint16_t kReservedFirst = 0xfff0;
constexpr std::uint16_t kSelfAddress = 0xfffc;     // its receiver answers by its own address
constexpr std::uint16_t kBroadcastFirst = 0xfffd;  // to all stations
// Bits of the control octet (9.2.4.1.3).
constexpr std::uint8_t kDirectionFromMaster = 0x80;
constexpr std::uint8_t kFrameCountBit = 0x20;
constexpr std::uint8_t kFrameCountValid = 0x10;  // DFC in frames of a secondary station

// The header of a data link frame (9.2.4.1).
struct LinkHeader {
  std::uint8_t control = 0;
  std::uint16_t destination = 0;
  std::uint16_t source = 0;
  std::size_t data_bytes = 0;   // user data, without the CRCs
  std::size_t frame_bytes = 0;  // all of the frame

  bool has_user_data() const {
    const std::uint8_t function = control & 0x4f;
    return function == (kPrimary | kLinkUserData) ||
           function == (kPrimary | kLinkConfirmedUserData);
  }
  std::uint16_t code() const { return static_cast<std::uint16_t>(kLinkCode | (control & 0x4f)); }
};

// CRC of 9.2.4.1.5, as it is sent: low octet first.
std::uint16_t crc(ByteView bytes);

// Precondition: kLinkHeaderBytes or more. Checks what delimits the frame: start, length and CRC.
protocols::Fault parse_link_header(ByteView bytes, LinkHeader& header);

// Whether a station takes the frame for what it is: its function and its flags belong together
// (9.2.4.1.3), it has user data or not as its function demands, and its addresses may be used so.
protocols::Fault check_link_header(const LinkHeader& header, protocols::Direction direction);

// A message here is what makes one fragment of the application layer, all data link frames that
// carry it (8.2), or one frame without user data. Frames that do not make a whole fragment are
// delimited too, and do not parse.
protocols::Frame frame_message(ByteView stream, const protocols::MessageContext& context);

// See protocols::SpanningMessages::part_of().
protocols::Part part_of(ByteView before, ByteView datagram);
// By bit, the transport numbers of a fragment's frames after the first: those that a receiver
// which lost some of them may wait for. Precondition: the message was framed.
std::uint64_t numbers_awaited(ByteView message);

constexpr std::uint8_t kTransportSequence = 0x3f;  // of the transport octet (8.2.1.1)

// No outstation is required to take more than 2048 octets (4.1.2); many can be set to more.
constexpr std::size_t kFragmentBytesMax = 65536;
// Transport numbers go round after 64: no frame of a request, or of what UDP carries, can be
// dropped and its place be taken by another.
constexpr std::size_t kNumberedFramesMax = 64;

// A fragment put together, its CRCs checked and removed. Its octets stand in memory of the thread,
// until the same thread gathers another.
struct Fragment {
  LinkHeader link;  // of the first frame
  bool has_application = false;
  bool opens = false;  // an outstation begins with it on a connection that it opened itself
  std::size_t size = 0;
  ByteView message;
  std::uint8_t* bytes = nullptr;

  ByteView view() const { return {bytes, size}; }
};

// Declares octets of a fragment free (OperationList::leave_free) where they stand in the message.
// `part` is a view into the fragment.
void leave_free(const protocols::OperationList& operations, const Fragment& fragment, ByteView part,
                std::string_view reason, std::uint8_t mask = 0xff);

// A fault if the message is not exactly one fragment, or one frame without user data.
protocols::Fault gather(ByteView message, protocols::Direction direction, Fragment& fragment);

// The header of the application layer (4.2.2).
struct Application {
  std::uint8_t control = 0;
  std::uint8_t code = 0;
  std::uint16_t iin = 0;
  ByteView objects;

  bool first() const { return (control & 0x80) != 0; }
  bool final() const { return (control & 0x40) != 0; }
  bool confirm() const { return (control & 0x20) != 0; }
  bool unsolicited() const { return (control & 0x10) != 0; }
  std::uint8_t sequence() const { return control & 0x0f; }
  bool is_response() const { return code >= kResponse && code <= kAuthenticateResponse; }
};

protocols::Fault parse_application(const Fragment& fragment, Application& application);

// Whether the requests of a function are answered (4.2.2.5).
bool wants_response(std::uint8_t code);

// Each object header is an operation, and so is each object that controls something. Precondition:
// the catalogue has the function.
protocols::Fault decode_objects(const Fragment& fragment, const Application& application,
                                protocols::OperationList& operations);

}  // namespace bulkhead::dnp3
