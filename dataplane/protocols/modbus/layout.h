// Numbers and names of Modbus that the files of this module share. Sources: MODBUS Application
// Protocol Specification V1.1b3 ("AP") and MODBUS Messaging on TCP/IP Implementation Guide V1.0b.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::modbus {

constexpr std::size_t kMbapBytes = 7;       // Messaging guide 3.1.3
constexpr std::size_t kLengthFieldEnd = 6;  // bytes before those that MBAP's length counts
constexpr std::size_t kPduBytesMax = 253;   // AP 4.1
constexpr std::size_t kLengthMin = 2;       // unit and function code
constexpr std::size_t kLengthMax = 1 + kPduBytesMax;
constexpr std::uint8_t kExceptionFlag = 0x80;
constexpr std::uint32_t kAddressSpace = 65536;
constexpr std::uint16_t kBitsReadMax = 2000;         // AP 6.1, 6.2
constexpr std::uint16_t kRegistersReadMax = 125;     // AP 6.3, 6.4, 6.17
constexpr std::uint16_t kBitsWrittenMax = 1968;      // AP 6.11
constexpr std::uint16_t kRegistersWrittenMax = 123;  // AP 6.12
constexpr std::uint16_t kReadWriteWrittenMax = 121;  // AP 6.17
constexpr std::uint16_t kFifoCountMax = 31;          // AP 6.18
constexpr std::uint8_t kReferenceType = 6;           // AP 6.14
constexpr std::uint16_t kRecordMax = 9999;           // AP 6.14

enum Code : std::uint8_t {
  kReadCoils = 1,
  kReadDiscreteInputs = 2,
  kReadHoldingRegisters = 3,
  kReadInputRegisters = 4,
  kWriteSingleCoil = 5,
  kWriteSingleRegister = 6,
  kReadExceptionStatus = 7,
  kDiagnostics = 8,
  kGetCommEventCounter = 11,
  kGetCommEventLog = 12,
  kWriteMultipleCoils = 15,
  kWriteMultipleRegisters = 16,
  kReportServerId = 17,
  kReadFileRecord = 20,
  kWriteFileRecord = 21,
  kMaskWriteRegister = 22,
  kReadWriteMultipleRegisters = 23,
  kReadFifoQueue = 24,
  kEncapsulatedInterface = 43,
  kUmas = 90,  // see umas.h
};

// AP 7: exception codes.
constexpr std::uint8_t kIllegalFunction = 1;
constexpr std::uint8_t kIllegalDataAddress = 2;
constexpr std::uint8_t kIllegalDataValue = 3;

// AP 6.17: one request, two functions for policy. The code alone is the one that writes.
constexpr std::int32_t kReadHalf = 1;
constexpr std::int32_t kWriteHalf = protocols::kNoSubCode;

constexpr std::uint8_t kMeiCanopen = 13;
constexpr std::uint8_t kMeiDeviceIdentification = 14;

// Indices into the catalogue's fields.
enum Field : std::uint8_t {
  kUnit,
  kAddress,
  kQuantity,
  kValue,
  kFile,
  kRecord,
  kSubFunction,
  kMei,
  kReadDeviceIdCode,
  kObjectId,
  kAndMask,
  kOrMask,
  kException,
  kMemory,
  kBlock,
  kOffset,
  kLength,
  kOwner,
  kMonitor,
  kUnreserved,
};

const protocols::Catalogue& catalogue();

using protocols::kNotInCatalogue;

// The catalogue index of a function; kNotInCatalogue if the catalogue does not have it.
std::uint16_t find_function(std::uint8_t code, std::int32_t sub_code = protocols::kNoSubCode);

bool is_user_defined(std::uint8_t code);

// The parts of a message whose MBAP header frame() accepted.
struct Adu {
  std::uint16_t transaction = 0;
  std::uint8_t unit = 0;
  std::uint8_t code = 0;
  ByteView data;  // after the function code
  // Of UMAS: the key of the reservation that its session took of this unit, 0 where there is none;
  // and whether the request has that key.
  std::uint8_t session_key = 0;
  bool reserved = false;
};

// The largest value of the length field that a message of the function code may have.
std::size_t length_max(std::uint8_t code);

// Checks the header against the message's length; a message that frame() delimited passes.
protocols::Fault parse_adu(ByteView message, Adu& adu);

protocols::Fault decode_request(const Adu& adu, protocols::OperationList& operations);
protocols::Fault decode_response(const Adu& adu, protocols::OperationList& operations);

// One operation of `code` on its unit; nullptr if the catalogue lacks it or the list is full.
protocols::Operation* add_operation(const Adu& adu, std::int32_t sub_code,
                                    protocols::OperationList& operations, protocols::Fault& fault);

// The operation of a function that its sub-code names: the sub-function of diagnostics or the type
// of an encapsulated interface, which stands at the start of `reader`. nullptr as above.
protocols::Operation* add_sub_operation(const Adu& adu, ByteReader& reader,
                                        protocols::OperationList& operations,
                                        protocols::Fault& fault);

// AP 6.8: the data of diagnostics, in requests and in the answers that repeat them.
enum SubFunction : std::uint16_t {
  kReturnQueryData = 0,
  kRestartCommunications = 1,
  kChangeDelimiter = 3,
  kForceListenOnly = 4,
  kClearCounters = 10,
  kClearOverrun = 20,
};
protocols::Fault decode_diagnostic_data(ByteReader& reader, protocols::Operation& operation,
                                        const protocols::OperationList& operations);
constexpr bool is_repeated(std::uint16_t sub_function) {
  return sub_function <= kRestartCommunications || sub_function == kChangeDelimiter ||
         sub_function == kForceListenOnly || sub_function == kClearCounters ||
         sub_function == kClearOverrun;
}

constexpr std::size_t bytes_for_bits(std::size_t bits) { return (bits + 7) / 8; }

// AP 6.11, and 6.1 and 6.2 for answers: the bits after the last coil are zero. Precondition:
// `bytes` has bytes_for_bits(bits) of them.
inline bool is_padded(ByteView bytes, std::size_t bits) {
  return bits % 8 == 0 || bytes[bits / 8] >> bits % 8 == 0;
}

// How `reader` must stand once all of a PDU was read.
inline protocols::Fault at_end(const ByteReader& reader) {
  if (!reader.ok()) return protocols::Fault::truncated;
  return reader.remaining() == 0 ? protocols::Fault::none : protocols::Fault::trailing_bytes;
}

}  // namespace bulkhead::modbus
