// UMAS, which Schneider's controllers carry in function 90: a reservation key, a code of its own,
// data in little endian. Schneider publishes no specification; sources are what the open
// implementations agree on (Apache PLC4X, the analyses of Kaspersky ICS CERT), checked against real
// traffic. It stands in this module because one session carries both.
#pragma once

#include "dataplane/protocols/modbus/layout.h"

namespace bulkhead::modbus {

// What may be longer than any other PDU: what both sides agree on when they begin is at most 1021.
constexpr std::size_t kUmasLengthMax = 1 + 1024;

enum UmasCode : std::uint8_t {
  kUmasInitComm = 0x01,
  kUmasReadId = 0x02,
  kUmasReadProjectInfo = 0x03,
  kUmasReadPlcInfo = 0x04,
  kUmasRepeat = 0x0a,
  kUmasTakeReservation = 0x10,
  kUmasReleaseReservation = 0x11,
  kUmasKeepAlive = 0x12,
  kUmasReadMemoryBlock = 0x20,
  kUmasWriteMemoryBlock = 0x21,
  kUmasReadVariables = 0x22,
  kUmasWriteVariables = 0x23,
  kUmasWriteCoilsRegisters = 0x25,
  kUmasDataDictionary = 0x26,
  kUmasInitializeDownload = 0x33,
  kUmasDownloadBlock = 0x34,
  kUmasEndDownload = 0x35,
  kUmasStartPlc = 0x40,
  kUmasStopPlc = 0x41,
  kUmasMonitorPlc = 0x50,
  kUmasWriteIoObject = 0x71,
  kUmasError = 0xfd,
  kUmasOk = 0xfe,
};

// What stands after function code 90.
struct Umas {
  std::uint8_t key = 0;  // of the reservation; 0: without one
  std::uint8_t code = 0;
  ByteView data;
};
protocols::Fault parse_umas(const Adu& adu, Umas& umas);

protocols::Fault decode_umas_request(const Adu& adu, protocols::OperationList& operations);
protocols::Fault decode_umas_response(const Adu& adu, protocols::OperationList& operations);

// Changes the controller, its program, or who may: it needs the reservation that its session took.
constexpr bool needs_reservation(std::uint8_t code) {
  switch (code) {
    case kUmasReleaseReservation:
    case kUmasWriteMemoryBlock:
    case kUmasWriteVariables:
    case kUmasWriteCoilsRegisters:
    case kUmasInitializeDownload:
    case kUmasDownloadBlock:
    case kUmasEndDownload:
    case kUmasStartPlc:
    case kUmasStopPlc:
    case kUmasWriteIoObject:
      return true;
    default:
      return false;
  }
}

// What a request does depends on whose reservation its key is: one of no key (0) keeps nothing
// alive but its own connection.
constexpr bool is_about_reservation(std::uint8_t code, std::uint8_t key) {
  return needs_reservation(code) || (code == kUmasKeepAlive && key != 0);
}

}  // namespace bulkhead::modbus
