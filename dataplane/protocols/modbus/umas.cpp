// Blocks of memory and variables with every byte that they touch.
#include "dataplane/protocols/modbus/umas.h"

namespace bulkhead::modbus {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::int64_t kOffsetMax = 0xffffffff;

Operation* add_umas(const Adu& adu, const Umas& umas, OperationList& operations, Fault& fault) {
  return add_operation(adu, umas.code, operations, fault);
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
  if (umas.code == kUmasWriteMemoryBlock) reader.skip(length);
  if (const Fault end = at_end(reader); end != Fault::none) return end;
  return set_bytes(*operation, block, offset, length);
}

// The project's checksum, how many, and for each: whether it is an array and the size of an
// element, block, offset in two parts, elements of an array, and, of a write, the value.
Fault decode_variables(const Adu& adu, const Umas& umas, OperationList& operations) {
  const bool writes = umas.code == kUmasWriteVariables;
  ByteReader reader(umas.data);
  reader.skip(4);
  const std::uint8_t count = reader.u8();
  if (!reader.ok()) return Fault::truncated;
  if (count == 0) return Fault::bad_quantity;
  for (std::uint8_t i = 0; i < count; ++i) {
    Fault fault = Fault::none;
    Operation* operation = add_umas(adu, umas, operations, fault);
    if (operation == nullptr) return fault;
    const std::uint8_t kind = reader.u8();
    const std::uint16_t block = reader.u16_le();
    if (!writes) reader.skip(1);
    const std::uint32_t base = reader.u16_le();
    const std::uint32_t more = writes ? reader.u16_le() : reader.u8();
    const bool array = (kind >> 4) != 0;
    const std::uint32_t elements = array ? reader.u16_le() : 1;
    const unsigned size_index = kind & 0x0f;
    if (!reader.ok()) return Fault::truncated;
    if ((kind >> 4) > 1 || size_index < 1 || size_index > 4) return Fault::unknown_object;
    const std::uint32_t length = elements << (size_index - 1);
    if (writes) reader.skip(length);
    fault = set_bytes(*operation, block, std::uint64_t{base} + more, length);
    if (fault != Fault::none) return fault;
  }
  return at_end(reader);
}

// Four bytes that differ by the tool, and who it is.
Fault decode_take_reservation(const Adu& adu, const Umas& umas, OperationList& operations) {
  Fault fault = Fault::none;
  Operation* operation = add_umas(adu, umas, operations, fault);
  if (operation == nullptr) return fault;
  ByteReader reader(umas.data);
  reader.skip(4);
  operation->set_name(kOwner, reader.take(reader.u8()));
  return at_end(reader);
}

}  // namespace

Fault parse_umas(const Adu& adu, Umas& umas) {
  ByteReader reader(adu.data);
  umas.key = reader.u8();
  umas.code = reader.u8();
  umas.data = reader.rest();
  return adu.data.size() >= 2 ? Fault::none : Fault::truncated;
}

bool needs_reservation(std::uint8_t code) {
  switch (code) {
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

Fault decode_umas_request(const Adu& adu, OperationList& operations) {
  Umas umas;
  if (const Fault fault = parse_umas(adu, umas); fault != Fault::none) return fault;
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
    default: {
      Fault fault = Fault::none;
      add_umas(adu, umas, operations, fault);
      return fault;
    }
  }
}

// Answers say only whether it went well; pairing knows what did.
Fault decode_umas_response(const Adu& adu, OperationList& operations) {
  Umas umas;
  if (const Fault fault = parse_umas(adu, umas); fault != Fault::none) return fault;
  if (umas.code != kUmasOk && umas.code != kUmasError) return Fault::wrong_direction;
  Fault fault = Fault::none;
  add_umas(adu, umas, operations, fault);
  return fault;
}

}  // namespace bulkhead::modbus
