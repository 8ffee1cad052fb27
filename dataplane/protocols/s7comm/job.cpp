// Jobs: every item of a read or write, blocks that are loaded, program invocations.
#include <bit>

#include "dataplane/protocols/s7comm/layout.h"

namespace bulkhead::s7comm {

using protocols::Fault;
using protocols::kNoSubCode;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::uint8_t kBitSize = 1;
constexpr std::uint8_t kCounterArea = 0x1c;
constexpr std::uint8_t kTimerArea = 0x1d;

// Bytes of one element; 0: unknown. A bit is no whole byte and told apart by its caller.
std::size_t bytes_of(std::uint8_t transport_size) {
  switch (transport_size) {
    case 1:  // bit
    case 2:  // byte
    case 3:  // char
      return 1;
    case 4:   // word
    case 5:   // int
    case 9:   // date
    case 12:  // S5 time
    case 28:  // counter
    case 29:  // timer
      return 2;
    case 6:   // dword
    case 7:   // dint
    case 8:   // real
    case 10:  // time of day
    case 11:  // time
      return 4;
    case 15:  // date and time
      return 8;
    default:
      return 0;
  }
}

struct Item {
  std::uint8_t transport_size = 0;
  std::uint16_t length = 0;
  std::size_t bytes = 0;  // in all, as data carries them
};

// An item of type "any" (0x12, 0x0a, 0x10): one span of one area.
Fault decode_item(ByteReader& reader, std::size_t count, Operation& operation, Item& item) {
  constexpr std::uint8_t kVariable = 0x12;
  constexpr std::uint8_t kAnyBytes = 0x0a;
  constexpr std::uint8_t kAny = 0x10;
  const std::uint8_t kind = reader.u8();
  const std::uint8_t item_bytes = reader.u8();
  const std::uint8_t syntax = reader.u8();
  item.transport_size = reader.u8();
  item.length = reader.u16();
  const std::uint16_t db = reader.u16();
  const std::uint8_t area = reader.u8();
  const std::uint32_t address = std::uint32_t{reader.u8()} << 16 | reader.u16();
  if (!reader.ok()) return Fault::truncated;
  if (kind != kVariable || item_bytes != kAnyBytes || syntax != kAny) return Fault::unknown_object;
  const std::size_t element = bytes_of(item.transport_size);
  if (element == 0) return Fault::unknown_object;
  if (item.length == 0) return Fault::bad_quantity;
  const bool numbered = area == kCounterArea || area == kTimerArea;
  std::int64_t first = address;
  std::int64_t last = first + item.length - 1;
  item.bytes = element * item.length;
  if (!numbered && item.transport_size == kBitSize) {
    if (item.length == 1) operation.set(kBit, address & 7);
    first = address >> 3;
    last = (std::int64_t{address} + item.length - 1) >> 3;
  } else if (!numbered) {
    if ((address & 7) != 0) return Fault::bad_value;
    first = address >> 3;
    last = first + static_cast<std::int64_t>(item.bytes) - 1;
  }
  constexpr std::int64_t kBytes = 1 << 21;  // 24 bits of bit address
  if (last >= (numbered ? 1 << 24 : kBytes)) return Fault::address_wrap;
  operation.set(kArea, area);
  if (area == 0x84 || area == 0x85) operation.set(kDb, db);
  operation.set(kAddress, Range{first, last});
  operation.set(kLength, item.length);
  operation.set(kTransportSize, item.transport_size);
  operation.set(kItemCount, static_cast<std::int64_t>(count));
  return Fault::none;
}

// How many bytes an item's data has: its length is in bits for the sizes 3 to 5, else in bytes, and
// size 0 says that there are none, whatever the length.
std::size_t data_bytes(std::uint8_t size, std::uint16_t length) {
  if (size == 0) return 0;
  return size >= 3 && size <= 5 ? (std::size_t{length} + 7) / 8 : length;
}

void set_value(const Item& item, ByteView data, Operation& operation) {
  if (item.length != 1) return;
  ByteReader reader(data);
  switch (item.transport_size) {
    case 1:
      operation.set_real(kValue, reader.u8() & 1);
      break;
    case 2:
    case 3:
      operation.set_real(kValue, reader.u8());
      break;
    case 5:
      operation.set_real(kValue, static_cast<std::int16_t>(reader.u16()));
      break;
    case 6:
      operation.set_real(kValue, reader.u32());
      break;
    case 7:
    case 11:
      operation.set_real(kValue, static_cast<std::int32_t>(reader.u32()));
      break;
    case 8:
      operation.set_real(kValue, std::bit_cast<float>(reader.u32()));
      break;
    case 10:
      operation.set_real(kValue, reader.u32());
      break;
    case 15:
      break;
    default:
      operation.set_real(kValue, reader.u16());
  }
}

// Items stand in the parameters, what is written to them in the data, each at an even offset.
Fault decode_items(const Pdu& pdu, bool write, OperationList& operations) {
  ByteReader reader(pdu.parameters);
  const std::uint8_t code = reader.u8();
  const std::size_t count = reader.u8();
  if (!reader.ok()) return Fault::truncated;
  if (count == 0) return Fault::bad_quantity;
  ByteReader data(pdu.data);
  for (std::size_t i = 0; i < count; ++i) {
    Fault fault = Fault::none;
    Operation* operation = add_operation(code, kNoSubCode, operations, fault);
    if (operation == nullptr) return fault;
    Item item;
    fault = decode_item(reader, count, *operation, item);
    if (fault != Fault::none) return fault;
    if (!write) continue;
    data.skip(1);
    const std::uint8_t size = data.u8();
    const std::size_t bytes = data_bytes(size, data.u16());
    const ByteView value = data.take(bytes);
    if (bytes % 2 != 0 && i + 1 < count) data.skip(1);
    if (!data.ok()) return Fault::truncated;
    if (bytes != item.bytes) return Fault::bad_byte_count;
    set_value(item, value, *operation);
  }
  // Some clients fill the last item up too.
  if (data.remaining() > (write ? 1U : 0U)) return Fault::trailing_bytes;
  return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

Fault decode_setup(const Pdu& pdu, OperationList& operations) {
  Fault fault = Fault::none;
  Operation* operation = add_operation(kSetup, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  ByteReader reader(pdu.parameters);
  reader.skip(6);
  operation->set(kPduSize, reader.u16());
  if (!reader.ok()) return Fault::truncated;
  return reader.remaining() == 0 && pdu.data.empty() ? Fault::none : Fault::trailing_bytes;
}

// Download and start of upload: seven octets, a block's name, and lengths behind it.
Fault decode_block(const Pdu& pdu, OperationList& operations) {
  ByteReader reader(pdu.parameters);
  const std::uint8_t code = reader.u8();
  Fault fault = Fault::none;
  Operation* operation = add_operation(code, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  reader.skip(7);
  const ByteView name = reader.take(reader.u8());
  if (code == kRequestDownload) reader.skip(reader.u8());
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0) return Fault::trailing_bytes;
  return set_block(name, *operation) ? Fault::none : Fault::bad_value;
}

// Blocks that a service works on stand in its parameter block.
Fault decode_pi_service(const Pdu& pdu, OperationList& operations) {
  constexpr std::size_t kBlockNameBytes = 8;
  ByteReader reader(pdu.parameters);
  reader.skip(8);
  const ByteView block = reader.take(reader.u16());
  const ByteView name = reader.take(reader.u8());
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0 || !pdu.data.empty()) return Fault::trailing_bytes;
  if (name.empty()) return Fault::bad_value;
  const std::size_t blocks = block.size() >= 2 ? block[0] : 0;
  const bool lists = blocks > 0 && block.size() == 2 + blocks * kBlockNameBytes;
  for (std::size_t i = 0; i < (lists ? blocks : 1); ++i) {
    Fault fault = Fault::none;
    Operation* operation = add_operation(kPiService, kNoSubCode, operations, fault);
    if (operation == nullptr) return fault;
    operation->set_name(kPiServiceName, name);
    if (lists && !set_block(block.subspan(2 + i * kBlockNameBytes, kBlockNameBytes), *operation)) {
      return Fault::bad_value;
    }
  }
  return Fault::none;
}

Fault decode_stop(const Pdu& pdu, OperationList& operations) {
  ByteReader reader(pdu.parameters);
  reader.skip(6);
  const ByteView name = reader.take(reader.u8());
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0 || !pdu.data.empty()) return Fault::trailing_bytes;
  Fault fault = Fault::none;
  Operation* operation = add_operation(kPlcStop, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  operation->set_name(kPiServiceName, name);
  return Fault::none;
}

// The function and its upload's identifier, or nothing behind the function.
Fault decode_plain(const Pdu& pdu, OperationList& operations) {
  ByteReader reader(pdu.parameters);
  const std::uint8_t code = reader.u8();
  Fault fault = Fault::none;
  if (add_operation(code, kNoSubCode, operations, fault) == nullptr) return fault;
  if (code != kCpuServices) reader.skip(7);
  if (!reader.ok()) return Fault::truncated;
  return reader.remaining() == 0 || code == kCpuServices ? Fault::none : Fault::trailing_bytes;
}

}  // namespace

Fault decode_job(const Pdu& pdu, OperationList& operations) {
  if (pdu.parameters.empty()) return Fault::truncated;
  switch (pdu.parameters[0]) {
    case kReadVar:
    case kWriteVar:
      return decode_items(pdu, pdu.parameters[0] == kWriteVar, operations);
    case kSetup:
      return decode_setup(pdu, operations);
    case kRequestDownload:
    case kDownloadBlock:
    case kDownloadEnded:
    case kStartUpload:
      return decode_block(pdu, operations);
    case kPiService:
      return decode_pi_service(pdu, operations);
    case kPlcStop:
      return decode_stop(pdu, operations);
    default:
      return decode_plain(pdu, operations);
  }
}

namespace {

// The answer to a read: a result and, where it is good, data for each item.
Fault check_results(const Pdu& pdu, bool read) {
  ByteReader parameters(pdu.parameters);
  parameters.skip(1);
  const std::size_t count = parameters.u8();
  if (!parameters.ok()) return Fault::truncated;
  ByteReader reader(pdu.data);
  for (std::size_t i = 0; i < count; ++i) {
    reader.skip(1);
    if (!read) continue;
    const std::uint8_t size = reader.u8();
    const std::size_t bytes = data_bytes(size, reader.u16());
    reader.skip(bytes);
    if (bytes % 2 != 0 && i + 1 < count) reader.skip(1);
  }
  if (!reader.ok()) return Fault::truncated;
  return reader.remaining() <= (read ? 1U : 0U) ? Fault::none : Fault::trailing_bytes;
}

}  // namespace

Fault decode_answer(const Pdu& pdu, OperationList& operations) {
  Fault fault = Fault::none;
  if (pdu.parameters.empty()) {
    if (pdu.rosctr != kAck) return Fault::truncated;
    return add_operation(kAckCode, kNoSubCode, operations, fault) != nullptr ? Fault::none : fault;
  }
  const std::uint8_t code = pdu.parameters[0];
  Operation* operation = add_operation(code, kNoSubCode, operations, fault);
  if (operation == nullptr) return fault;
  if (pdu.error_class != 0) return Fault::none;
  ByteReader reader(pdu.parameters.subspan(1));
  switch (code) {
    case kReadVar:
    case kWriteVar:
      operation->set(kItemCount, reader.u8());
      return check_results(pdu, code == kReadVar);
    case kSetup:
      reader.skip(5);
      operation->set(kPduSize, reader.u16());
      return reader.ok() ? Fault::none : Fault::truncated;
    default:
      return Fault::none;
  }
}

namespace {

// A subscription: how many items, how often, and they, as in a read.
Fault decode_cyclic(const UserData& user, OperationList& operations) {
  ByteReader reader(user.payload);
  const std::size_t count = reader.u16();
  reader.skip(2);
  if (!reader.ok()) return Fault::truncated;
  if (count == 0 || count > kItemsMax) return Fault::bad_quantity;
  for (std::size_t i = 0; i < count; ++i) {
    Fault fault = Fault::none;
    Operation* operation = add_operation(user.code(), user.sub_function, operations, fault);
    if (operation == nullptr) return fault;
    Item item;
    fault = decode_item(reader, count, *operation, item);
    if (fault != Fault::none) return fault;
  }
  return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

}  // namespace

Fault decode_user_data(const Pdu& pdu, OperationList& operations) {
  UserData user;
  Fault fault = parse_user_data(pdu, user);
  if (fault != Fault::none) return fault;
  const bool cyclic = user.group == 2 && user.sub_function != 4;
  if (cyclic && user.type == UserData::kAsk) return decode_cyclic(user, operations);
  Operation* operation = add_operation(user.code(), user.sub_function, operations, fault);
  if (operation == nullptr) return fault;
  if (user.type != UserData::kAsk) return Fault::none;
  ByteReader reader(user.payload);
  const unsigned function = user.group * 256U + user.sub_function;
  // Requests for what follows of a long answer have no payload.
  if (user.payload.empty()) return Fault::none;
  if (function == 0x401) {
    operation->set(kSzlId, reader.u16());
    operation->set(kSzlIndex, reader.u16());
    return reader.ok() ? Fault::none : Fault::truncated;
  }
  if (function == 0x302 || function == 0x303) {
    const ByteView text = reader.take(2);
    if (!reader.ok()) return Fault::truncated;
    if (function == 0x303)
      return set_block(user.payload, *operation) ? Fault::none : Fault::bad_value;
    if (text[0] != '0' || text[1] < '0') return Fault::bad_value;
    const int digit = text[1] <= '9' ? text[1] - '0' : text[1] - 'A' + 10;
    if (digit > 15 || digit < 0) return Fault::bad_value;
    operation->set(kBlockType, digit);
  }
  return Fault::none;
}

}  // namespace bulkhead::s7comm
