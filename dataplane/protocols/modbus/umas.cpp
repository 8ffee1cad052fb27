// Blocks of memory and variables with every byte that they touch.
#include "dataplane/protocols/modbus/umas.h"

#include <algorithm>

namespace bulkhead::modbus {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::int64_t kOffsetMax = 0xffffffff;

Operation* add_umas(const Adu& adu, const Umas& umas, OperationList& operations, Fault& fault) {
  Operation* operation = add_operation(adu, umas.code, operations, fault);
  const bool unreserved = is_about_reservation(umas.code, umas.key) && !adu.reserved;
  if (operation != nullptr && unreserved) operation->set(kUnreserved, 1);
  return operation;
}

Fault set_bytes(Operation& operation, std::uint16_t block, std::uint64_t offset,
                std::uint32_t length) {
  if (length == 0) return Fault::bad_quantity;
  const auto first = static_cast<std::int64_t>(offset);
  if (first + length - 1 > kOffsetMax) return Fault::address_wrap;
  operation.set(kBlock, block);
  operation.set(kOffset, Range{first, first + length - 1});
  operation.set(kLength, length);
  return Fault::none;
}

// Memory area, block, offset and length; behind them, of a write, that many bytes.
Fault decode_memory(const Adu& adu, const Umas& umas, OperationList& operations) {
  Fault fault = Fault::none;
  Operation* operation = add_umas(adu, umas, operations, fault);
  if (operation == nullptr) return fault;
  ByteReader reader(umas.data);
  operation->set(kMemory, reader.u8());
  const std::uint16_t block = reader.u16_le();
  const std::uint32_t offset = reader.u32_le();
  const std::uint16_t length = reader.u16_le();
  if (umas.code == kUmasWriteMemoryBlock) {
    operations.leave_free(reader.take(length), "content of memory");
  }
  if (const Fault end = at_end(reader); end != Fault::none) return end;
  return set_bytes(*operation, block, offset, length);
}

// Where a variable begins: of a read a page of 256 bytes and a byte of it, of a write the lower and
// the upper 16 bits (Apache PLC4X, which found it with controllers).
std::uint32_t variable_offset(ByteReader& reader, bool writes) {
  const std::uint32_t first = reader.u16_le();
  const std::uint32_t second = writes ? reader.u16_le() : reader.u8();
  return writes ? second << 16 | first : first << 8 | second;
}

// The project's checksum, how many, and for each: whether it is an array and the size of an
// element, block, of a read a constant, where it begins, elements of an array, and, of a write, the
// value.
Fault decode_variables(const Adu& adu, const Umas& umas, OperationList& operations) {
  constexpr std::uint8_t kConstant = 1;
  const bool writes = umas.code == kUmasWriteVariables;
  ByteReader reader(umas.data);
  operations.leave_free(reader.take(4), "the project's checksum, which the controller compares");
  const std::uint8_t count = reader.u8();
  if (!reader.ok()) return Fault::truncated;
  if (count == 0) return Fault::bad_quantity;
  for (std::uint8_t i = 0; i < count; ++i) {
    Fault fault = Fault::none;
    Operation* operation = add_umas(adu, umas, operations, fault);
    if (operation == nullptr) return fault;
    const std::uint8_t kind = reader.u8();
    const std::uint16_t block = reader.u16_le();
    const std::uint8_t constant = writes ? kConstant : reader.u8();
    const std::uint32_t offset = variable_offset(reader, writes);
    const bool array = (kind >> 4) != 0;
    const std::uint32_t elements = array ? reader.u16_le() : 1;
    const unsigned size_index = kind & 0x0f;
    if (!reader.ok()) return Fault::truncated;
    if ((kind >> 4) > 1 || size_index < 1 || size_index > 4) return Fault::unknown_object;
    if (constant != kConstant) return Fault::bad_value;
    const std::uint32_t length = elements << (size_index - 1);
    if (writes) operations.leave_free(reader.take(length), "the value of a variable");
    fault = set_bytes(*operation, block, offset, length);
    if (fault != Fault::none) return fault;
  }
  return at_end(reader);
}

// A table of variables that the controller keeps for the client, and what it is to do with it, step
// by step: register one (5, 9), which names where it begins and not how long it is, read all (7),
// or forget all (11).
Fault decode_monitor(const Adu& adu, const Umas& umas, OperationList& operations) {
  constexpr std::uint8_t kTable = 0x15;
  enum Step : std::uint8_t {
    kRegister = 0x05,
    kReadAll = 0x07,
    kRegisterAndRead = 0x09,
    kReset = 0x0b
  };
  ByteReader reader(umas.data);
  const std::uint8_t table = reader.u8();
  const std::uint8_t reserved = reader.u8();
  const std::uint8_t count = reader.u8();
  if (!reader.ok()) return Fault::truncated;
  if (table != kTable || reserved != 0) return Fault::bad_value;
  if (count == 0) return Fault::bad_quantity;
  for (std::uint8_t i = 0; i < count; ++i) {
    Fault fault = Fault::none;
    Operation* operation = add_umas(adu, umas, operations, fault);
    if (operation == nullptr) return fault;
    const std::uint8_t step = reader.u8();
    operation->set(kMonitor, step);
    if (step == kReadAll || step == kReset) continue;
    if (!reader.ok()) return Fault::truncated;
    if (step != kRegister && step != kRegisterAndRead) return Fault::unknown_object;
    operations.leave_free(reader.take(1), "the client's own number of a variable");
    operation->set(kBlock, reader.u16_le());
    operation->set(kOffset, reader.u16_le());
    if (step == kRegisterAndRead) continue;
    constexpr std::uint8_t kForget = 1;
    constexpr std::uint8_t kBegin = 2;
    const std::uint8_t action = reader.u8();
    if (reader.ok() && action != kForget && action != kBegin) return Fault::bad_value;
  }
  return at_end(reader);
}

// Four bytes that differ by the tool, and who it is.
Fault decode_take_reservation(const Adu& adu, const Umas& umas, OperationList& operations) {
  Fault fault = Fault::none;
  Operation* operation = add_umas(adu, umas, operations, fault);
  if (operation == nullptr) return fault;
  ByteReader reader(umas.data);
  operations.leave_free(reader.take(4), "what differs by the tool that reserves");
  const ByteView owner = reader.take(reader.u8());
  operation->set_name(kOwner, owner);
  const bool printable = std::all_of(owner.begin(), owner.end(), [](std::uint8_t letter) {
    return letter >= 0x20 && letter <= 0x7e;
  });
  if (const Fault end = at_end(reader); end != Fault::none) return end;
  return printable ? Fault::none : Fault::bad_value;
}

// The kind of record, which part of it, and, by most clients, two bytes of zero.
Fault decode_dictionary(const Adu& adu, const Umas& umas, OperationList& operations) {
  constexpr std::uint16_t kVariables = 0xdd02;
  constexpr std::uint16_t kTypes = 0xdd03;
  constexpr std::size_t kPartBytes = 9;
  Fault fault = Fault::none;
  if (add_umas(adu, umas, operations, fault) == nullptr) return fault;
  ByteReader reader(umas.data);
  const ByteView record = reader.take(2);
  const ByteView part = reader.rest();
  if (!reader.ok()) return Fault::truncated;
  const std::uint16_t kind = load_le16(record.data());
  if (kind != kVariables && kind != kTypes) return Fault::bad_value;
  operations.leave_free(record.first(1), "whether names or types are listed", 0x01);
  operations.leave_free(part, "which part of the dictionary");
  if (part.size() < kPartBytes) return Fault::truncated;
  if (part.size() == kPartBytes) return Fault::none;
  if (part.size() != kPartBytes + 2) return Fault::trailing_bytes;
  return load_le16(part.data() + kPartBytes) == 0 ? Fault::none : Fault::bad_value;
}

// Functions of which only the code is judged. How many bytes follow it, where that is known.
Fault decode_by_code(const Adu& adu, const Umas& umas, OperationList& operations) {
  Fault fault = Fault::none;
  if (add_umas(adu, umas, operations, fault) == nullptr) return fault;
  std::size_t bytes = umas.data.size();
  switch (umas.code) {
    case kUmasInitComm:
    case kUmasReadProjectInfo:
      bytes = 1;
      break;
    case kUmasReadId:
    case kUmasReadPlcInfo:
    case kUmasReleaseReservation:
    case kUmasKeepAlive:
      bytes = 0;
      break;
    default:
      break;
  }
  if (umas.data.size() < bytes) return Fault::truncated;
  if (umas.data.size() > bytes) return Fault::trailing_bytes;
  operations.leave_free(umas.data, "what the function's class grants with it");
  return Fault::none;
}

// The key of this session's reservation is what lets a request pass without `unreserved`. A
// keep-alive has it, or none: where the one becomes the other by a bit, that bit says nothing.
void leave_key(const Adu& adu, const Umas& umas, const OperationList& operations) {
  std::uint8_t mask = 0xff;
  if (umas.code == kUmasKeepAlive && (adu.reserved || umas.key == 0)) {
    const std::uint8_t own = adu.session_key;
    mask = (own & (own - 1)) == 0 ? own : std::uint8_t{0};
  } else if (is_about_reservation(umas.code, umas.key) && adu.reserved) {
    mask = 0;
  }
  if (mask == 0) return;
  operations.leave_free(adu.data.first(1), "key of a reservation, which accept() compares", mask);
}

}  // namespace

Fault parse_umas(const Adu& adu, Umas& umas) {
  ByteReader reader(adu.data);
  umas.key = reader.u8();
  umas.code = reader.u8();
  umas.data = reader.rest();
  return adu.data.size() >= 2 ? Fault::none : Fault::truncated;
}

Fault decode_umas_request(const Adu& adu, OperationList& operations) {
  Umas umas;
  if (const Fault fault = parse_umas(adu, umas); fault != Fault::none) return fault;
  leave_key(adu, umas, operations);
  switch (umas.code) {
    case kUmasOk:
    case kUmasError:
      return Fault::wrong_direction;
    case kUmasTakeReservation:
      return decode_take_reservation(adu, umas, operations);
    case kUmasReadMemoryBlock:
    case kUmasWriteMemoryBlock:
      return decode_memory(adu, umas, operations);
    case kUmasReadVariables:
    case kUmasWriteVariables:
      return decode_variables(adu, umas, operations);
    case kUmasMonitorPlc:
      return decode_monitor(adu, umas, operations);
    case kUmasDataDictionary:
      return decode_dictionary(adu, umas, operations);
    default:
      return decode_by_code(adu, umas, operations);
  }
}

// Answers say only whether it went well; pairing knows what did.
Fault decode_umas_response(const Adu& adu, OperationList& operations) {
  Umas umas;
  if (const Fault fault = parse_umas(adu, umas); fault != Fault::none) return fault;
  if (umas.code != kUmasOk && umas.code != kUmasError) return Fault::wrong_direction;
  operations.leave_free(adu.data.first(1), "key of a reservation, which accept() compares");
  Fault fault = Fault::none;
  if (add_umas(adu, umas, operations, fault) == nullptr) return fault;
  operations.leave_free(umas.data, "what a controller answers to a request that was granted");
  return Fault::none;
}

}  // namespace bulkhead::modbus
