// Items of jobs: what of which area, and the data that is written there. Sizes that stand twice
// agree, and data has the sizes that every receiver steps over alike.
#include <bit>
#include <string_view>

#include "dataplane/protocols/planted.h"
#include "dataplane/protocols/s7comm/layout.h"

namespace bulkhead::s7comm {

using protocols::Fault;
using protocols::kNoSubCode;
using protocols::Operation;
using protocols::OperationList;

namespace {

enum Size : std::uint8_t {
  kBitSize = 1,
  kIntSize = 5,
  kDintSize = 7,
  kRealSize = 8,
  kCounterSize = 28,
  kTimerSize = 29,
};
constexpr std::uint8_t kDataBlock = 0x84;
constexpr std::uint8_t kInstanceBlock = 0x85;

// Of S7-300 to -1500, and of the S7-200 (3, 5 to 7, 0x1e, 0x1f).
bool is_area(std::uint8_t area) {
  const bool memory = area >= 0x80 && area <= 0x87;
  const bool numbered = area >= 0x1c && area <= 0x1f;
  return memory || numbered || area == 3 || (area >= 5 && area <= 7);
}

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
    case 19:  // string: as many characters as it was declared with, at most
      return 256;
    default:
      return 0;
  }
}

struct Item {
  std::uint8_t transport_size = 0;
  std::uint8_t area = 0;
  std::uint16_t length = 0;
  std::uint16_t db = 0;
  std::uint32_t address = 0;
  std::size_t bytes = 0;  // in all, as data carries them; not known of a symbol
  bool symbolic = false;

  bool is_bit() const { return transport_size == kBitSize; }
  bool is_numbered() const {
    return transport_size == kCounterSize || transport_size == kTimerSize;
  }
};

// An item of type "any" (0x12, 0x0a, 0x10): one span of one area.
Fault parse_any(ByteReader reader, Item& item) {
  item.transport_size = reader.u8();
  item.length = reader.u16();
  item.db = reader.u16();
  item.area = reader.u8();
  item.address = std::uint32_t{reader.u8()} << 16 | reader.u16();
  if (!reader.ok() || reader.remaining() != 0) return Fault::unknown_object;
  const std::size_t element = bytes_of(item.transport_size);
  if (element == 0 || !is_area(item.area)) return Fault::unknown_object;
  if (item.length == 0) return Fault::bad_quantity;
  // More bits than one have no layout that receivers agree on.
  if (item.is_bit() && item.length != 1) return Fault::bad_quantity;
  item.bytes = element * item.length;
  return Fault::none;
}

// Counters and timers have numbers instead of bytes, so the size decides how the address is read,
// unless a receiver goes by the area: both say the same.
bool agrees(const Item& item) {
  const bool in_block = item.area == kDataBlock || item.area == kInstanceBlock;
  if (!in_block && item.db != 0) return false;
  const bool counters = item.area == 0x1c || item.area == 0x1e;
  const bool timers = item.area == 0x1d || item.area == 0x1f;
  if (item.transport_size == kCounterSize) return counters;
  if (item.transport_size == kTimerSize) return timers;
  return !counters && !timers;
}

// In hexadecimal without zeros in front; how many digits.
std::size_t put_hex(std::uint32_t number, std::span<std::uint8_t> to) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::size_t digits = 1;
  while (digits < 8 && number >> (4 * digits) != 0) ++digits;
  for (std::size_t i = 0; i < digits; ++i) {
    to[i] = static_cast<std::uint8_t>(kDigits[number >> (4 * (digits - 1 - i)) & 15]);
  }
  return digits;
}

Fault set_fields(const Item& item, std::size_t count, Operation& operation) {
  const bool numbered = item.is_numbered();
  std::int64_t first = item.address;
  std::int64_t last = first + item.length - 1;
  if (!numbered) {
    if (item.is_bit()) {
      operation.set(kBit, item.address & 7);
    } else if ((item.address & 7) != 0) {
      return Fault::bad_value;
    }
    first = item.address >> 3;
    last = first + static_cast<std::int64_t>(item.bytes) - 1;
  }
  constexpr std::int64_t kBytes = 1 << 21;  // 24 bits of bit address
  if (last >= (numbered ? 1 << 16 : kBytes)) return Fault::address_wrap;
  operation.set(kArea, item.area);
  if (item.area == kDataBlock || item.area == kInstanceBlock) operation.set(kDb, item.db);
  operation.set(kAddress, Range{first, last});
  operation.set(kLength, item.length);
  operation.set(kTransportSize, item.transport_size);
  operation.set(kItemCount, static_cast<std::int64_t>(count));
  return Fault::none;
}

// A symbol of an S7-1200 (0x12, length, 0xb2): area, a check of the symbol, and numbers below it.
Fault set_symbol(ByteReader reader, Operation& operation, OperationList& operations) {
  constexpr std::uint8_t kReserved = 0xff;
  constexpr std::size_t kNumberBytes = 4;
  constexpr std::size_t kTextBytes = 9;  // of one number, with its dot
  const std::uint8_t reserved = reader.u8();
  const std::uint32_t area = reader.u32();
  operation.set(kSymbolCrc, reader.u32());
  const std::size_t numbers = reader.remaining() / kNumberBytes;
  if (!reader.ok() || numbers == 0 || reader.remaining() % kNumberBytes != 0) {
    return Fault::unknown_object;
  }
  if (reserved != kReserved) return Fault::bad_value;
  const std::span<std::uint8_t> text = operations.compose((numbers + 1) * kTextBytes);
  if (text.empty()) return Fault::too_many_operations;
  std::size_t at = put_hex(area, text);
  for (std::size_t i = 0; i < numbers; ++i) {
    text[at++] = '.';
    at += put_hex(reader.u32(), text.subspan(at));
  }
  operation.set_name(kSymbol, ByteView(text).first(at));
  return Fault::none;
}

Fault decode_item(ByteReader& reader, std::size_t count, Operation& operation, Item& item,
                  OperationList& operations) {
  constexpr std::uint8_t kVariable = 0x12;
  constexpr std::uint8_t kAny = 0x10;
  constexpr std::uint8_t kSymbolic = 0xb2;
  const std::uint8_t kind = reader.u8();
  const std::size_t bytes = reader.u8();
  const std::uint8_t syntax = reader.u8();
  const ByteView rest = bytes > 0 ? reader.take(bytes - 1) : ByteView{};
  if (!reader.ok()) return Fault::truncated;
  item.symbolic = syntax == kSymbolic;
  if (kind != kVariable || (syntax != kAny && !item.symbolic)) return Fault::unknown_object;
  if (item.symbolic) {
    operation.set(kItemCount, static_cast<std::int64_t>(count));
    return set_symbol(ByteReader(rest), operation, operations);
  }
  if (const Fault fault = parse_any(ByteReader(rest), item); fault != Fault::none) return fault;
  return agrees(item) ? set_fields(item, count, operation) : Fault::bad_value;
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

struct Data {
  std::uint8_t size = 0;
  std::uint16_t length = 0;
  ByteView value;
};

bool is_whole_number(const Item& item) {
  return item.transport_size == kIntSize || item.transport_size == kDintSize;
}

// What an item's data is called: its bits (4; 5 of whole numbers), its bytes (9; 7 of reals), or
// one bit (3).
bool has_size_of(const Item& item, const Data& data) {
  const std::size_t bits = item.bytes * 8;
  switch (data.size) {
    case 3:
      return item.is_bit() && data.length == 1;
    case 4:
      return !item.is_bit() && data.length == bits;
    case 5:
      return is_whole_number(item) && data.length == bits;
    case 7:
      return item.transport_size == kRealSize && data.length == item.bytes;
    case 9:
      return !item.is_bit() && data.length == item.bytes;
    default:
      return false;
  }
}

// A receiver that goes by the item's own size takes lengths of data for bits, but for bits,
// counters and timers (Snap7's server does). Where another item follows, data of another form makes
// it read that one's elsewhere.
bool is_stepped_over_alike(const Item& item, const Data& data) {
  const bool in_bits = data.size == 4 || data.size == 5;
  return item.is_bit() || in_bits != item.is_numbered();
}

// What is written to a symbol has the size that its data says; nothing stands behind it.
Fault decode_symbol_data(ByteReader& reader, bool last, const OperationList& operations) {
  const std::uint8_t reserved = reader.u8();
  const ByteView octet = reader.take(1);
  const std::uint8_t size = octet.empty() ? std::uint8_t{0} : octet[0];
  const std::uint16_t length = reader.u16();
  const bool in_bits = size == 4 || size == 5;
  const bool known =
      in_bits ? length % 8 == 0 : size == 7 || size == 9 || (size == 3 && length == 1);
  if (!last) return Fault::unknown_object;
  if (!known) return Fault::bad_byte_count;
  const ByteView value = reader.take(data_bytes(size, length));
  if (!reader.ok()) return Fault::truncated;
  if (in_bits) operations.leave_free(octet, "4 or 5: both count bits", 0x01);
  operations.leave_free(value, "elements whose values policy does not judge");
  return reserved == 0 ? Fault::none : Fault::bad_value;
}

Fault decode_data(ByteReader& reader, const Item& item, bool last, Operation& operation,
                  const OperationList& operations) {
  if (item.symbolic) return decode_symbol_data(reader, last, operations);
  const std::uint8_t reserved = reader.u8();
  Data data;
  const ByteView size = reader.take(1);
  data.size = size.empty() ? std::uint8_t{0} : size[0];
  data.length = reader.u16();
  data.value = reader.take(item.bytes);
  const bool filled = item.bytes % 2 != 0 && !last;
  const std::uint8_t fill = filled ? reader.u8() : std::uint8_t{0};
  const bool fits = has_size_of(item, data) || planted(protocols::Mistake::item_size_unread);
  if (!fits) return Fault::bad_byte_count;
  if (!reader.ok()) return Fault::truncated;
  if (reserved != 0 || fill != 0) return Fault::bad_value;
  if (item.is_bit() && data.value[0] > 1) return Fault::bad_value;
  if (!last && !is_stepped_over_alike(item, data)) operation.set(kDataSize, data.size);
  if (is_whole_number(item)) operations.leave_free(size, "4 or 5: both count bits", 0x01);
  set_value(item, data.value, operation);
  if (!operation.has(kValue)) {
    operations.leave_free(data.value, "elements whose values policy does not judge");
  }
  return Fault::none;
}

}  // namespace

Fault decode_item(ByteReader& reader, std::size_t count, Operation& operation,
                  OperationList& operations) {
  Item item;
  return decode_item(reader, count, operation, item, operations);
}

Fault decode_items(const Pdu& pdu, bool write, OperationList& operations) {
  ByteReader reader(pdu.parameters);
  const std::uint8_t code = reader.u8();
  const std::size_t count = reader.u8();
  if (!reader.ok()) return Fault::truncated;
  if (count == 0) return Fault::bad_quantity;
  ByteReader data(pdu.data);
  bool odd = false;
  for (std::size_t i = 0; i < count; ++i) {
    Fault fault = Fault::none;
    Operation* operation = add_operation(code, kNoSubCode, operations, fault);
    if (operation == nullptr) return fault;
    Item item;
    fault = decode_item(reader, count, *operation, item, operations);
    if (fault != Fault::none) return fault;
    if (!write) continue;
    fault = decode_data(data, item, i + 1 == count, *operation, operations);
    if (fault != Fault::none) return fault;
    odd = item.bytes % 2 != 0;
  }
  if (reader.remaining() != 0) return Fault::trailing_bytes;
  // Some clients fill the last item up too.
  operations.leave_free(pdu.data.last(data.remaining()), "a fill octet");
  if (data.remaining() == 1 && odd) return data.u8() == 0 ? Fault::none : Fault::bad_value;
  return data.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

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

}  // namespace bulkhead::s7comm
