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
constexpr unsigned kDepthMax = 8;               // of constructed values inside one another

// A message begins with its BVLC, or with the length of its frame.
inline bool is_lpdu(ByteView message) { return !message.empty() && message[0] < 0x06; }

// BVLL functions (J.2) that carry an NPDU, or do not.
enum Bvlc : std::uint8_t {
  kForwardedNpdu = 0x04,
  kDistributeBroadcast = 0x09,
  kOriginalUnicast = 0x0a,
  kOriginalBroadcast = 0x0b,
  kNoBvlc = 0xff,
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

enum Service : std::uint8_t {
  kSubscribeCov = 5,
  kAtomicReadFile = 6,
  kAtomicWriteFile = 7,
  kAddListElement = 8,
  kRemoveListElement = 9,
  kCreateObject = 10,
  kDeleteObject = 11,
  kReadProperty = 12,
  kReadPropertyMultiple = 14,
  kWriteProperty = 15,
  kWritePropertyMultiple = 16,
  kDeviceCommunicationControl = 17,
  kReinitializeDevice = 20,
  kReadRange = 26,
  kSubscribeCovProperty = 28,
};

// Codes are services, functions, message types and PDU types; sub-codes tell them apart. Confirmed
// services have none.
enum SubCode : std::uint8_t { kOfUnconfirmed = 1, kOfBvlc = 2, kOfNetwork = 3, kOfPdu = 4 };

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
};

const protocols::Catalogue& catalogue();

using protocols::kNotInCatalogue;
std::uint16_t find_function(std::uint16_t code, std::int32_t sub_code = protocols::kNoSubCode);

// A message down to what its APDU carries.
struct Message {
  std::uint8_t bvlc = 0;
  bool has_npdu = false;
  std::int32_t network_message = -1;  // of the network layer (6.2.4); then there is no APDU
  std::int32_t network = -1;          // DNET (6.2.2.1)
  std::uint8_t pdu_type = 0;
  bool segmented = false;
  bool more_follows = false;
  std::uint8_t invoke_id = 0;
  std::uint8_t service = 0;
  ByteView npdu;
  ByteView data;  // behind the service
};

protocols::Fault parse_message(ByteView bytes, Message& message);

// A request, in that the sender waits for something, is told apart from an answer.
constexpr bool is_answer(std::uint8_t pdu_type) { return pdu_type >= kSimpleAck; }

protocols::Fault decode_service(const Message& message, protocols::OperationList& operations);

}  // namespace bulkhead::bacnet
