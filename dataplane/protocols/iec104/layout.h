// Numbers and shapes of IEC 60870-5-104 that the files of this module share. Sources: IEC
// 60870-5-104:2006 ("104") and, for what ASDUs hold, IEC 60870-5-101:2003 ("101").
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::iec104 {

constexpr std::uint8_t kStart = 0x68;       // 104, 5
constexpr std::size_t kApciBytes = 6;       // start, length and four control octets
constexpr std::size_t kLengthFieldEnd = 2;  // octets before those that the length counts
constexpr std::uint8_t kLengthMin = 4;
constexpr std::uint8_t kLengthMax = 253;     // 104, 5
constexpr std::size_t kAsduHeaderBytes = 6;  // 104, 7.1: two octets each for cause and address
constexpr std::uint16_t kToAll = 0xffff;     // the common address of all stations (101, 7.2.4)
constexpr std::uint16_t kNumbers = 32768;    // send and receive numbers are modulo this

// Frames without an ASDU are functions too; their code is this with their first control octet.
constexpr std::uint16_t kControlCode = 0x100;
enum Unnumbered : std::uint8_t {
  kStartDtAct = 0x07,
  kStartDtCon = 0x0b,
  kStopDtAct = 0x13,
  kStopDtCon = 0x23,
  kTestFrAct = 0x43,
  kTestFrCon = 0x83,
};
constexpr std::uint8_t kSupervisory = 0x01;

// Causes of transmission (101, 7.2.3).
enum Cause : std::uint8_t {
  kRequest = 5,
  kActivation = 6,
  kActivationCon = 7,
  kDeactivation = 8,
  kDeactivationCon = 9,
  kActivationTermination = 10,
  kAuthenticationFirst = 14,
  kAuthenticationLast = 16,
  kUnknownFirst = 44,
  kUnknownLast = 47,
};

// Indices into the catalogue's fields.
enum Field : std::uint8_t {
  kCause,
  kNegative,
  kTest,
  kOriginator,
  kCommonAddress,
  kObjectAddress,
  kValue,
  kQualifier,
  kSelect,
  kBroadcast,
  kFile,
};

// What an information element holds in front of its time tag (101, 7.2.6).
enum class Element : std::uint8_t {
  none,
  bit,         // SIQ: one octet, bit 0
  two_bits,    // DIQ: one octet, bits 0 and 1
  step,        // VTI and quality
  bitstring,   // BSI, and quality where it is monitored
  normalized,  // NVA
  scaled,      // SVA
  floating,    // IEEE STD 754
  counter,     // BCR
  delay,       // CP16Time2a: milliseconds
  command,     // SCO, DCO, RCO: value, qualifier and select in one octet
  qualifier,   // QOI, QCC, QRP, QPA, COI
  other,       // its size is known, but it has no value field
  file,        // the name of a file in front
  segment,     // the same of a segment, which says its own length
  opaque,      // its size is not known; no addresses of objects
};

struct TypeInfo {
  std::uint8_t type = 0;
  Element element = Element::none;
  std::uint8_t element_bytes = 0;  // without the object address, with qualifiers and time
  std::uint8_t value_bytes = 0;    // of it, where a value or a command's qualifier follows
  bool command = false;            // from the controlling station
  bool has_qualifier = false;      // an octet after the value: QOS (with select) or QPM
  std::uint8_t time_bytes = 0;     // at the end of element_bytes
  bool single = false;             // one object, with its address
};

// Codes of functions that are a type with some qualifiers only, as sub-codes of the type.
constexpr std::int32_t kFreezes = 1;  // C_CI_NA_1 with FRZ

const protocols::Catalogue& catalogue();

using protocols::kNotInCatalogue;
// The catalogue index of a type, or of kControlCode and more; kNotInCatalogue if it is none.
std::uint16_t find_function(std::uint16_t code);

// The function of C_CI_NA_1 with a qualifier that freezes or resets counters.
std::uint16_t find_freeze();

// How the information objects of a type look. Precondition: find_function() knows it.
TypeInfo type_info(std::uint8_t type);

// A frame (104, 5).
struct Apdu {
  std::uint8_t control = 0;  // the first control octet
  std::uint16_t send_number = 0;
  std::uint16_t receive_number = 0;
  ByteView asdu;

  bool is_information() const { return (control & 1) == 0; }
  bool is_supervisory() const { return (control & 3) == 1; }
};

// Checks the frame against the message's length; a message that frame() delimited has it.
protocols::Fault parse_apdu(ByteView message, Apdu& apdu);

// The header of an ASDU (101, 7.2).
struct Asdu {
  std::uint8_t type = 0;
  std::uint8_t count = 0;
  bool sequence = false;  // one address, consecutive objects
  std::uint8_t cause = 0;
  bool negative = false;
  bool test = false;
  std::uint8_t originator = 0;
  std::uint16_t common_address = 0;
  ByteView structure;  // the octet that holds count and sequence
  ByteView objects;
};

protocols::Fault parse_asdu(ByteView bytes, Asdu& asdu);

protocols::Fault decode_asdu(const Asdu& asdu, protocols::Direction direction,
                             protocols::OperationList& operations);

}  // namespace bulkhead::iec104
