// Decodes responses. Addresses appear only where the server repeats them; pairing knows the rest.
#include "dataplane/protocols/modbus/umas.h"

namespace bulkhead::modbus {

using protocols::Elements;
using protocols::Fault;
using protocols::kNoSubCode;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::string_view kAnswered = "what a server answers to a request that was granted";

// An exception does not say which sub-function it refuses; any function of its code will do.
std::int32_t first_sub_code(std::uint8_t code) {
  if (code == kDiagnostics) return 0;
  if (code == kEncapsulatedInterface) return kMeiDeviceIdentification;
  if (code == kUmas) return kUmasError;
  if (code == kReadWriteMultipleRegisters) return kReadHalf;
  return kNoSubCode;
}

Fault decode_exception(const Adu& adu, OperationList& operations) {
  Fault fault = Fault::none;
  Adu refused = adu;
  refused.code = static_cast<std::uint8_t>(adu.code & ~kExceptionFlag);
  Operation* operation = add_operation(refused, first_sub_code(refused.code), operations, fault);
  if (operation == nullptr) return fault;
  ByteReader reader(adu.data);
  const std::uint8_t exception = reader.u8();
  if (const Fault end = at_end(reader); end != Fault::none) return end;
  // AP 7 lists the codes that it defines. Devices give others, and all say the same: it was not
  // done.
  operation->set(kException, exception);
  return Fault::none;
}

// AP 6.1 to 6.4 and 6.17, and the free data of 6.13: a byte count and that many bytes.
Fault decode_counted(const Adu& adu, std::size_t element_bytes, std::size_t bytes_max,
                     OperationList& operations) {
  Fault fault = Fault::none;
  const bool half = adu.code == kReadWriteMultipleRegisters;
  if (add_operation(adu, half ? kReadHalf : kNoSubCode, operations, fault) == nullptr) return fault;
  ByteReader reader(adu.data);
  const std::size_t byte_count = reader.u8();
  if (!reader.ok()) return Fault::truncated;
  if (byte_count != reader.remaining()) return Fault::bad_byte_count;
  if (adu.code != kReadFileRecord) operations.leave_free(adu.data.subspan(1), kAnswered);
  const bool fits = byte_count > 0 && byte_count % element_bytes == 0 && byte_count <= bytes_max;
  return fits ? Fault::none : Fault::bad_byte_count;
}

// AP 6.5, 6.6, 6.11, 6.12 and 6.16: the head of the request again.
Fault decode_echo(const Adu& adu, OperationList& operations) {
  Fault fault = Fault::none;
  Operation* operation = add_operation(adu, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  ByteReader reader(adu.data);
  const std::uint16_t address = reader.u16();
  const std::uint16_t second = reader.u16();
  const std::uint16_t third = adu.code == kMaskWriteRegister ? reader.u16() : std::uint16_t{0};
  if (const Fault end = at_end(reader); end != Fault::none) return end;
  operation->set(kAddress, address);
  if (adu.code == kMaskWriteRegister) {
    operation->set(kAndMask, second);
    operation->set(kOrMask, third);
  } else if (adu.code == kWriteSingleRegister) {
    operation->set(kValue, second);
  } else if (adu.code == kWriteSingleCoil) {
    if (second != 0 && second != 0xff00) return Fault::bad_value;
    operation->set(kValue, second == 0 ? 0 : 1);
  } else {
    if (second == 0) return Fault::bad_quantity;
    if (std::uint32_t{address} + second > kAddressSpace) return Fault::address_wrap;
    operation->set(kAddress, Range{address, address + second - 1});
    operation->set(kQuantity, second);
  }
  return Fault::none;
}

Fault decode_diagnostics(const Adu& adu, OperationList& operations) {
  ByteReader reader(adu.data);
  Fault fault = Fault::none;
  Operation* operation = add_sub_operation(adu, reader, operations, fault);
  if (operation == nullptr) return fault;
  if (is_repeated(static_cast<std::uint16_t>(operation->fields[kSubFunction].range.low))) {
    return decode_diagnostic_data(reader, *operation, operations);
  }
  operations.leave_free(reader.take(2), kAnswered);
  return at_end(reader);
}

// AP 6.7 (one byte), 6.9 (two words) and user-defined codes (anything).
Fault decode_fixed(const Adu& adu, OperationList& operations) {
  Fault fault = Fault::none;
  if (add_operation(adu, kNoSubCode, operations, fault) == nullptr) return fault;
  operations.leave_free(adu.data, kAnswered);
  if (is_user_defined(adu.code)) return Fault::none;
  const std::size_t expected = adu.code == kReadExceptionStatus ? 1 : 4;
  if (adu.data.size() < expected) return Fault::truncated;
  return adu.data.size() == expected ? Fault::none : Fault::trailing_bytes;
}

// AP 6.10: status, event count and message count stand before at most 64 events.
Fault decode_event_log(const Adu& adu, OperationList& operations) {
  constexpr std::size_t kHeadBytes = 6;
  constexpr std::size_t kEventsMax = 64;
  const Fault fault = decode_counted(adu, 1, kHeadBytes + kEventsMax, operations);
  if (fault != Fault::none) return fault;
  return adu.data.size() - 1 >= kHeadBytes ? Fault::none : Fault::bad_byte_count;
}

// AP 6.14: groups of length, reference type and data.
Fault decode_read_file(const Adu& adu, OperationList& operations) {
  Fault fault = decode_counted(adu, 1, kPduBytesMax - 2, operations);
  ByteReader groups(adu.data.empty() ? adu.data : adu.data.subspan(1));
  while (fault == Fault::none && groups.remaining() > 0) {
    const std::size_t length = groups.u8();
    const std::uint8_t reference_type = groups.u8();
    if (!groups.ok() || length < 3 || length % 2 == 0) return Fault::bad_byte_count;
    operations.leave_free(groups.take(length - 1), kAnswered);
    if (!groups.ok()) return Fault::truncated;
    if (reference_type != kReferenceType) return Fault::bad_value;
  }
  return fault;
}

// AP 6.18: byte count and FIFO count are both two bytes.
Fault decode_fifo(const Adu& adu, OperationList& operations) {
  Fault fault = Fault::none;
  if (add_operation(adu, kNoSubCode, operations, fault) == nullptr) return fault;
  ByteReader reader(adu.data);
  const std::size_t byte_count = reader.u16();
  const std::size_t fifo_count = reader.u16();
  if (!reader.ok()) return Fault::truncated;
  if (fifo_count > kFifoCountMax) return Fault::bad_quantity;
  if (byte_count != 2 + 2 * fifo_count) return Fault::bad_byte_count;
  operations.leave_free(reader.take(2 * fifo_count), kAnswered);
  return at_end(reader);
}

// AP 6.21: how much the server identifies, and objects, each with its own length; if more follow,
// the number of the next.
Fault decode_identification(ByteReader& reader, Operation& operation,
                            const OperationList& operations) {
  constexpr std::uint8_t kOneByOne = 0x80;
  const std::uint8_t read_code = reader.u8();
  const ByteView conformity = reader.take(1);
  const std::uint8_t more_follows = reader.u8();
  operations.leave_free(reader.take(1), "AP 6.21: the object that follows");
  const std::size_t objects = reader.u8();
  for (std::size_t i = 0; i < objects && reader.ok(); ++i) {
    operations.leave_free(reader.take(1), kAnswered);
    operations.leave_free(reader.take(reader.u8()), kAnswered);
  }
  if (const Fault end = at_end(reader); end != Fault::none) return end;
  operation.set(kReadDeviceIdCode, read_code);
  operations.leave_free(conformity, "AP 6.21: how much the server identifies", kOneByOne | 0x03);
  // Not defined there, but devices that know nothing of levels say 0.
  const bool known = read_code >= 1 && read_code <= 4 && (conformity[0] & ~kOneByOne) <= 3;
  return known && (more_follows == 0 || more_follows == 0xff) ? Fault::none : Fault::bad_value;
}

Fault decode_encapsulated(const Adu& adu, OperationList& operations) {
  ByteReader reader(adu.data);
  Fault fault = Fault::none;
  Operation* operation = add_sub_operation(adu, reader, operations, fault);
  if (operation == nullptr) return fault;
  const bool canopen = operation->fields[kMei].range.low == kMeiCanopen;
  if (!canopen) return decode_identification(reader, *operation, operations);
  operations.leave_free(reader.rest(), kAnswered);
  return Fault::none;
}

}  // namespace

Fault decode_response(const Adu& adu, OperationList& operations) {
  if ((adu.code & kExceptionFlag) != 0) return decode_exception(adu, operations);
  switch (adu.code) {
    case kReadCoils:
    case kReadDiscreteInputs:
      return decode_counted(adu, 1, bytes_for_bits(kBitsReadMax), operations);
    case kReadHoldingRegisters:
    case kReadInputRegisters:
    case kReadWriteMultipleRegisters:
      return decode_counted(adu, 2, std::size_t{kRegistersReadMax} * 2, operations);
    case kWriteSingleCoil:
    case kWriteSingleRegister:
    case kWriteMultipleCoils:
    case kWriteMultipleRegisters:
    case kMaskWriteRegister:
      return decode_echo(adu, operations);
    case kDiagnostics:
      return decode_diagnostics(adu, operations);
    case kGetCommEventLog:
      return decode_event_log(adu, operations);
    case kReportServerId:
      return decode_counted(adu, 1, kPduBytesMax - 2, operations);
    case kReadFileRecord:
      return decode_read_file(adu, operations);
    case kWriteFileRecord:
      return decode_request(adu, operations);  // AP 6.15: the request again
    case kReadFifoQueue:
      return decode_fifo(adu, operations);
    case kEncapsulatedInterface:
      return decode_encapsulated(adu, operations);
    case kUmas:
      return decode_umas_response(adu, operations);
    default:
      return decode_fixed(adu, operations);
  }
}

}  // namespace bulkhead::modbus
