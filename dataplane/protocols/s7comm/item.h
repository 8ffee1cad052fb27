// Items, and what is written to them.
#pragma once

#include "dataplane/protocols/s7comm/layout.h"

namespace bulkhead::s7comm {

enum Size : std::uint8_t {
  kBitSize = 1,
  kIntSize = 5,
  kDintSize = 7,
  kRealSize = 8,
  kCounterSize = 28,
  kTimerSize = 29,
  kCounter200Size = 30,  // of an S7-200
  kTimer200Size = 31,
};

// How an item says what it is of.
enum Syntax : std::uint8_t {
  kAny = 0x10,
  kOfControl = 0x82,        // a variable of a numerical control, in its units
  kOfControlMetric = 0x83,  // the same in metric units
  kOfControlInch = 0x84,
  kOfDrive = 0xa2,   // a parameter of a drive
  kAreas = 0xb0,     // several areas of data blocks, which are read
  kSymbolic = 0xb2,  // a symbol of an S7-1200
};

struct Item {
  std::uint8_t transport_size = 0;
  std::uint8_t area = 0;
  std::uint16_t length = 0;
  std::uint16_t db = 0;
  std::uint32_t address = 0;
  std::size_t bytes = 0;  // in all, as data carries them; not known of what has a name
  std::uint8_t syntax = kAny;
  protocols::Operation* operation = nullptr;

  bool is_bit() const { return transport_size == kBitSize; }
  bool is_numbered() const {
    return transport_size >= kCounterSize && transport_size <= kTimer200Size;
  }
};

// How many bytes, counters or timers one element of a transport size takes, where that is a value
// that can be limited; else 0.
std::int64_t places_of_value(std::int64_t transport_size);

// The data of an item, which is the operation's.
protocols::Fault decode_data(ByteReader& reader, const Item& item, bool last,
                             protocols::Operation& operation,
                             const protocols::OperationList& operations);

}  // namespace bulkhead::s7comm
