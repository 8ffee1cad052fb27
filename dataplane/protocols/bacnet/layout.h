// Numbers and shapes of BACnet that the files of this module share. Source: ANSI/ASHRAE 135-2020.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::bacnet {

constexpr std::uint8_t kBvlcType = 0x81;  // annex J.2
constexpr std::size_t kBvlcBytes = 4;
constexpr std::uint8_t kAccessPoint = 0x82;  // clause 7: in IEEE 802.2, as unnumbered information
constexpr std::size_t kLlcBytes = 5;         // the length, which is less than 0x0600, and 3 more
constexpr std::size_t kMessageBytesMax = 1600;  // J.2: a BVLL message fits an Ethernet frame
constexpr std::size_t kIpAddressBytes = 6;      // J.1.2: B/IP address, 4 octets and the port

// A message begins with its BVLC, or with the length of its frame.
inline bool is_lpdu(ByteView message) { return !message.empty() && message[0] < 0x06; }

// BVLL functions (J.2).
enum Bvlc : std::uint8_t {
  kBvlcResult = 0x00,
  kWriteBroadcastTable = 0x01,
  kReadBroadcastTable = 0x02,
  kReadBroadcastTableAck = 0x03,
  kForwardedNpdu = 0x04,
  kRegisterForeignDevice = 0x05,
  kReadForeignTable = 0x06,
  kReadForeignTableAck = 0x07,
  kDeleteForeignEntry = 0x08,
  kDistributeBroadcast = 0x09,
  kOriginalUnicast = 0x0a,
  kOriginalBroadcast = 0x0b,
  kNoBvlc = 0xff,
};

// Messages of the network layer (6.2.4).
enum NetworkMessage : std::uint8_t {
  kWhoIsRouter = 0x00,
  kIAmRouter = 0x01,
  kICouldBeRouter = 0x02,
  kRejectMessage = 0x03,
  kRouterBusy = 0x04,
  kRouterAvailable = 0x05,
  kInitializeTable = 0x06,
  kInitializeTableAck = 0x07,
  kEstablishConnection = 0x08,
  kDisconnectConnection = 0x09,
  kWhatIsNetworkNumber = 0x12,
  kNetworkNumberIs = 0x13,
  kProprietary = 0x80,  // from here on; one function for all
};

// PDU types (20.1.2.1).
enum PduType : std::uint8_t {
  kConfirmedRequest = 0,
  kUnconfirmedRequest = 1,
  kSimpleAck = 2,
  kComplexAck = 3,
  kSegmentAck = 4,
  kErrorPdu = 5,
  kReject = 6,
  kAbort = 7,
};

// Clause 21: confirmed services.
enum Service : std::uint8_t {
  kAcknowledgeAlarm = 0,
  kConfirmedCov = 1,
  kConfirmedEvent = 2,
  kGetAlarmSummary = 3,
  kGetEnrollmentSummary = 4,
  kSubscribeCov = 5,
  kAtomicReadFile = 6,
  kAtomicWriteFile = 7,
  kAddListElement = 8,
  kRemoveListElement = 9,
  kCreateObject = 10,
  kDeleteObject = 11,
  kReadProperty = 12,
  kReadPropertyConditional = 13,
  kReadPropertyMultiple = 14,
  kWriteProperty = 15,
  kWritePropertyMultiple = 16,
  kDeviceCommunicationControl = 17,
  kConfirmedPrivateTransfer = 18,
  kConfirmedTextMessage = 19,
  kReinitializeDevice = 20,
  kVtOpen = 21,
  kVtClose = 22,
  kVtData = 23,
  kAuthenticate = 24,
  kRequestKey = 25,
  kReadRange = 26,
  kLifeSafetyOperation = 27,
  kSubscribeCovProperty = 28,
  kGetEventInformation = 29,
  kSubscribeCovPropertyMultiple = 30,
  kConfirmedCovMultiple = 31,
  kAuditLogQuery = 33,
};

// Clause 21: unconfirmed services.
enum UnconfirmedService : std::uint8_t {
  kIAm = 0,
  kIHave = 1,
  kUnconfirmedCov = 2,
  kUnconfirmedEvent = 3,
  kUnconfirmedPrivateTransfer = 4,
  kUnconfirmedTextMessage = 5,
  kTimeSynchronization = 6,
  kWhoHas = 7,
  kWhoIs = 8,
  kUtcTimeSynchronization = 9,
  kWriteGroup = 10,
  kUnconfirmedCovMultiple = 11,
  kWhoAmI = 13,
  kYouAre = 14,
};

// Codes are services, functions, message types and PDU types; sub-codes distinguish them. Confirmed
// services have none; one that does different things by what it is done to has a function for each.
enum SubCode : std::uint8_t {
  kOfUnconfirmed = 1,
  kOfBvlc = 2,
  kOfNetwork = 3,
  kOfPdu = 4,
  kOnOverride = 5,
  kOnSetting = 6,
  kOnProgram = 7,
};

// Indices into the catalogue's fields.
enum Field : std::uint8_t {
  kObjectType,
  kInstance,
  kProperty,
  kIndex,
  kPriority,
  kValue,
  kDevice,
  kNetwork,
  kPassword,
  kErrorClass,
  kErrorCode,
  kAddress,
  kAddressLength,
  kSourceNetwork,
  kSourceAddress,
  kSourceAddressLength,
  kOrigin,
  kDistribution,
  kBroadcast,
  kDatatype,
  kDuration,
  kPosition,
  kRecord,
  kVendor,
  kServiceNumber,
  kObjectName,
  kGroup,
  kChannel,
  kRouterNetwork,
  kPeer,
  kToAll,
  kInhibitDelay,
};

constexpr std::uint16_t kGlobalBroadcast = 0xffff;  // 6.2.2.1, as DNET

const protocols::Catalogue& catalogue();

using protocols::kNotInCatalogue;
std::uint16_t find_function(std::uint16_t code, std::int32_t sub_code = protocols::kNoSubCode);

// DNET and DADR, or SNET and SADR (6.2.2.1). No octet of an address: all of that network.
struct NetworkAddress {
  std::uint16_t network = 0;  // 0: there is none
  ByteView octets;
};

// A message down to what its APDU carries.
struct Message {
  std::uint8_t bvlc = 0;
  bool has_npdu = false;
  bool is_network_message = false;  // then there is no APDU
  std::uint8_t network_message = 0;
  NetworkAddress to;
  NetworkAddress from;
  ByteView origin;  // B/IP address of a Forwarded-NPDU
  std::uint8_t pdu_type = 0;
  bool segmented = false;
  bool more_follows = false;
  bool by_server = false;  // SRV, of a segment's acknowledgement or an abort
  bool answers = false;    // a question of its session to one host, see pairing.h
  protocols::Reach reach = protocols::Reach::unknown;
  std::uint8_t invoke_id = 0;
  std::uint8_t service = 0;  // or why: of a reject or an abort
  ByteView npdu;
  ByteView hop_count;
  ByteView apdu_head;
  ByteView data;  // after the service, the message type or the BVLC
};

protocols::Fault parse_message(ByteView bytes, Message& message);

// Whether a form of the virtual link is that of a broadcast, to whomever it is sent: a BBMD that
// gets one passes it on to all of its network (J.4.5).
constexpr bool is_broadcast(std::uint8_t bvlc) {
  return bvlc == kOriginalBroadcast || bvlc == kForwardedNpdu || bvlc == kDistributeBroadcast;
}

// Whether a PDU answers a request; the sender of any other waits for an answer.
constexpr bool is_answer(std::uint8_t pdu_type) { return pdu_type >= kSimpleAck; }

// Who-Is and Who-Has, and whether a device that it concerns answers one of them. Both have parsed.
bool is_question_to_many(const Message& message);
bool answers_question(const Message& question, const Message& answer);

// One operation of the function, with where its message goes and where it came from; nullptr, and
// why in `fault`.
protocols::Operation* add_operation(const Message& message, std::uint16_t function,
                                    protocols::OperationList& operations, protocols::Fault& fault);

// Says which bits of the headers are left to the sender.
void leave_headers_free(const Message& message, const protocols::OperationList& operations);

// BVLL functions without an NPDU, and messages of the network layer.
protocols::Fault decode_virtual_link(const Message& message, protocols::OperationList& operations);
protocols::Fault decode_network_message(const Message& message,
                                        protocols::OperationList& operations);
protocols::Fault decode_confirmed(const Message& message, protocols::OperationList& operations);
protocols::Fault decode_unconfirmed(const Message& message, protocols::OperationList& operations);
// Also segments, of which nothing but their service can be judged.
protocols::Fault decode_answer(const Message& message, protocols::OperationList& operations);
protocols::Fault decode_segment(const Message& message, protocols::OperationList& operations);

}  // namespace bulkhead::bacnet
