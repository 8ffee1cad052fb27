// Decodes requests: one function a layout, each with the clause that draws it.
#include "dataplane/protocols/modbus/umas.h"
#include "dataplane/protocols/planted.h"

namespace bulkhead::modbus {

using protocols::ElementEncoding;
using protocols::Elements;
using protocols::Fault;
using protocols::kNoSubCode;
using protocols::Mistake;
using protocols::Operation;
using protocols::OperationList;

namespace {

Fault set_span(Operation& operation, std::uint16_t address, std::uint16_t quantity,
               std::uint16_t quantity_max) {
  if (quantity == 0 || quantity > quantity_max) return Fault::bad_quantity;
  if (std::uint32_t{address} + quantity > kAddressSpace) return Fault::address_wrap;
  operation.set(kAddress, Range{address, address + quantity - 1});
  operation.set(kQuantity, quantity);
  return Fault::none;
}

void set_elements(Operation& operation, ByteView bytes, std::uint16_t first, std::uint16_t count,
                  ElementEncoding encoding) {
  operation.elements = Elements{bytes, first, count, encoding};
}

// AP 6.1 to 6.4.
Fault decode_read(const Adu& adu, std::uint16_t quantity_max, OperationList& operations) {
  Fault fault = Fault::none;
  Operation* operation = add_operation(adu, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  ByteReader reader(adu.data);
  const std::uint16_t address = reader.u16();
  const std::uint16_t quantity = reader.u16();
  if (const Fault end = at_end(reader); end != Fault::none) return end;
  return set_span(*operation, address, quantity, quantity_max);
}

// AP 6.5 and 6.6. A coil's 0xFF00 is the value 1, as in function 15.
Fault decode_write_single(const Adu& adu, OperationList& operations) {
  constexpr std::uint16_t kCoilOn = 0xff00;
  Fault fault = Fault::none;
  Operation* operation = add_operation(adu, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  ByteReader reader(adu.data);
  const std::uint16_t address = reader.u16();
  std::uint16_t value = reader.u16();
  if (const Fault end = at_end(reader); end != Fault::none) return end;
  operation->set(kAddress, address);
  if (adu.code == kWriteSingleCoil) {
    if (value != 0 && value != kCoilOn) return Fault::bad_value;
    value = value == kCoilOn ? 1 : 0;
    operation->set(kValue, value);
    return Fault::none;
  }
  operation->set(kValue, value);
  set_elements(*operation, adu.data.subspan(2), address, 1, ElementEncoding::be16);
  return Fault::none;
}

// AP 6.11 and 6.12.
Fault decode_write_multiple(const Adu& adu, OperationList& operations) {
  const bool coils = adu.code == kWriteMultipleCoils;
  Fault fault = Fault::none;
  Operation* operation = add_operation(adu, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  ByteReader reader(adu.data);
  const std::uint16_t address = reader.u16();
  const std::uint16_t quantity = reader.u16();
  const std::size_t byte_count = reader.u8();
  const ByteView bytes = reader.take(byte_count);
  if (const Fault end = at_end(reader); end != Fault::none) return end;
  fault = set_span(*operation, address, quantity, coils ? kBitsWrittenMax : kRegistersWrittenMax);
  if (fault != Fault::none) return fault;
  const std::size_t expected = coils ? bytes_for_bits(quantity) : std::size_t{quantity} * 2;
  const bool longer = byte_count > expected && planted(Mistake::second_size_unread);
  if (byte_count != expected && !longer) return Fault::bad_byte_count;
  const bool padded = !coils || is_padded(bytes, quantity) || planted(Mistake::padding_unread);
  if (!padded) return Fault::bad_value;
  set_elements(*operation, bytes, address, quantity,
               coils ? ElementEncoding::bits : ElementEncoding::be16);
  return Fault::none;
}

// AP 6.8. Only sub-function 0 carries free data; the others a field of two bytes, which two of them
// use.
Fault decode_diagnostics(const Adu& adu, OperationList& operations) {
  ByteReader reader(adu.data);
  Fault fault = Fault::none;
  Operation* operation = add_sub_operation(adu, reader, operations, fault);
  if (operation == nullptr) return fault;
  return decode_diagnostic_data(reader, *operation, operations);
}

// AP 6.14 and 6.15: each sub-request is an operation.
Fault decode_file_records(const Adu& adu, OperationList& operations) {
  const bool write = adu.code == kWriteFileRecord;
  ByteReader reader(adu.data);
  const std::size_t byte_count = reader.u8();
  // AP 6.14 and 6.15: at most 0xf5 of a read, 0xfb of a write.
  const std::size_t byte_count_max = write ? 0xfb : 0xf5;
  if (byte_count != reader.remaining() || byte_count == 0 || byte_count > byte_count_max) {
    return Fault::bad_byte_count;
  }
  std::size_t answer_bytes = 0;
  while (reader.remaining() > 0) {
    Fault fault = Fault::none;
    Operation* operation = add_operation(adu, kNoSubCode, operations, fault);
    if (operation == nullptr) return fault;
    const std::uint8_t reference_type = reader.u8();
    const std::uint16_t file = reader.u16();
    const std::uint16_t record = reader.u16();
    const std::uint16_t length = reader.u16();
    if (write) reader.skip(std::size_t{length} * 2);
    if (!reader.ok()) return Fault::truncated;
    if (reference_type != kReferenceType || file == 0) return Fault::bad_value;
    if (length == 0) return Fault::bad_quantity;
    if (std::uint32_t{record} + length - 1 > kRecordMax) return Fault::address_wrap;
    answer_bytes += 2 + std::size_t{length} * 2;
    if (!write && 2 + answer_bytes > kPduBytesMax) return Fault::bad_quantity;
    if (write) {
      operations.leave_free(
          adu.data.subspan(reader.offset() - std::size_t{length} * 2, std::size_t{length} * 2),
          "AP 6.15: content of records");
    }
    operation->set(kFile, file);
    operation->set(kRecord, Range{record, record + length - 1});
    operation->set(kQuantity, length);
  }
  return at_end(reader);
}

// AP 6.16.
Fault decode_mask_write(const Adu& adu, OperationList& operations) {
  Fault fault = Fault::none;
  Operation* operation = add_operation(adu, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  ByteReader reader(adu.data);
  operation->set(kAddress, reader.u16());
  operation->set(kAndMask, reader.u16());
  operation->set(kOrMask, reader.u16());
  return at_end(reader);
}

// AP 6.17: a read and a write, each with its own span and each a function for policy.
Fault decode_read_write(const Adu& adu, OperationList& operations) {
  Fault fault = Fault::none;
  Operation* write = add_operation(adu, kWriteHalf, operations, fault);
  if (write == nullptr) return fault;
  Operation* read = add_operation(adu, kReadHalf, operations, fault);
  if (read == nullptr) return fault;
  ByteReader reader(adu.data);
  const std::uint16_t read_address = reader.u16();
  const std::uint16_t read_quantity = reader.u16();
  const std::uint16_t write_address = reader.u16();
  const std::uint16_t write_quantity = reader.u16();
  const std::size_t byte_count = reader.u8();
  const ByteView bytes = reader.take(byte_count);
  if (const Fault end = at_end(reader); end != Fault::none) return end;
  fault = set_span(*read, read_address, read_quantity, kRegistersReadMax);
  if (fault != Fault::none) return fault;
  fault = set_span(*write, write_address, write_quantity, kReadWriteWrittenMax);
  if (fault != Fault::none) return fault;
  if (byte_count != std::size_t{write_quantity} * 2) return Fault::bad_byte_count;
  if (planted(Mistake::second_half_unjudged)) return Fault::none;
  set_elements(*write, bytes, write_address, write_quantity, ElementEncoding::be16);
  return Fault::none;
}

// AP 6.18.
Fault decode_read_fifo(const Adu& adu, OperationList& operations) {
  Fault fault = Fault::none;
  Operation* operation = add_operation(adu, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  ByteReader reader(adu.data);
  operation->set(kAddress, reader.u16());
  return at_end(reader);
}

// AP 6.19 to 6.21.
Fault decode_encapsulated(const Adu& adu, OperationList& operations) {
  ByteReader reader(adu.data);
  Fault fault = Fault::none;
  Operation* operation = add_sub_operation(adu, reader, operations, fault);
  if (operation == nullptr) return fault;
  if (operation->fields[kMei].range.low == kMeiCanopen) {
    operations.leave_free(reader.rest(), "AP 6.20: CiA 309, which is not read here");
    return Fault::none;
  }
  const std::uint8_t read_code = reader.u8();
  const std::uint8_t object = reader.u8();
  if (const Fault end = at_end(reader); end != Fault::none) return end;
  if (read_code < 1 || read_code > 4) return Fault::bad_value;
  operation->set(kReadDeviceIdCode, read_code);
  operation->set(kObjectId, object);
  return Fault::none;
}

// AP 6.7, 6.9, 6.10 and 6.13: nothing behind the code. User-defined codes: anything.
Fault decode_plain(const Adu& adu, OperationList& operations) {
  Fault fault = Fault::none;
  if (add_operation(adu, kNoSubCode, operations, fault) == nullptr) return fault;
  if (!is_user_defined(adu.code)) return adu.data.empty() ? Fault::none : Fault::trailing_bytes;
  operations.leave_free(adu.data, "AP 5: an implementer's own format");
  return Fault::none;
}

}  // namespace

Fault decode_diagnostic_data(ByteReader& reader, Operation& operation,
                             const OperationList& operations) {
  constexpr std::uint16_t kClearLog = 0xff00;
  const std::int64_t sub_function = operation.fields[kSubFunction].range.low;
  if (sub_function == kReturnQueryData) {
    const ByteView data = reader.rest();
    operations.leave_free(data, "AP 6.8: data that comes back");
    return !data.empty() && data.size() % 2 == 0 ? Fault::none : Fault::bad_length;
  }
  const std::uint16_t data = reader.u16();
  if (const Fault end = at_end(reader); end != Fault::none) return end;
  if (sub_function == kRestartCommunications) {
    operation.set(kValue, data);
    return data == 0 || data == kClearLog ? Fault::none : Fault::bad_value;
  }
  if (sub_function == kChangeDelimiter) {
    operation.set(kValue, data >> 8);
    return (data & 0xff) == 0 ? Fault::none : Fault::bad_value;
  }
  return data == 0 ? Fault::none : Fault::bad_value;
}

Fault decode_request(const Adu& adu, OperationList& operations) {
  switch (adu.code) {
    case kReadCoils:
    case kReadDiscreteInputs:
      return decode_read(adu, kBitsReadMax, operations);
    case kReadHoldingRegisters:
    case kReadInputRegisters:
      return decode_read(adu, kRegistersReadMax, operations);
    case kWriteSingleCoil:
    case kWriteSingleRegister:
      return decode_write_single(adu, operations);
    case kDiagnostics:
      return decode_diagnostics(adu, operations);
    case kWriteMultipleCoils:
    case kWriteMultipleRegisters:
      return decode_write_multiple(adu, operations);
    case kReadFileRecord:
    case kWriteFileRecord:
      return decode_file_records(adu, operations);
    case kMaskWriteRegister:
      return decode_mask_write(adu, operations);
    case kReadWriteMultipleRegisters:
      return decode_read_write(adu, operations);
    case kReadFifoQueue:
      return decode_read_fifo(adu, operations);
    case kEncapsulatedInterface:
      return decode_encapsulated(adu, operations);
    case kUmas:
      return decode_umas_request(adu, operations);
    default:
      return decode_plain(adu, operations);
  }
}

}  // namespace bulkhead::modbus
