// Items of jobs and subscriptions: what of which area.
#include "dataplane/protocols/s7comm/item.h"

#include <string_view>

namespace bulkhead::s7comm {

using protocols::Fault;
using protocols::kNoSubCode;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::uint8_t kDataBlock = 0x84;
constexpr std::uint8_t kInstanceBlock = 0x85;
constexpr std::size_t kAnyBytes = 10;  // behind the length of an item

// Of S7-300 to -1500, and of the S7-200 (3, 5 to 7, 0x1e, 0x1f).
bool is_area(std::uint8_t area) {
  const bool memory = area >= 0x80 && area <= 0x87;
  const bool numbered = area >= 0x1c && area <= 0x1f;
  return memory || numbered || area == 3 || (area >= 5 && area <= 7);
}

// Bytes of one element; 0: unknown. A bit is no whole byte; the caller handles it.
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
    case 30:  // the same of an S7-200
    case 31:
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
  if (item.is_numbered()) return item.area == item.transport_size;  // libnodave sends them so
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

Fault set_fields(const Item& item, Operation& operation) {
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
  return Fault::none;
}

// Numbers as text, in hexadecimal with dots.
class Text {
 public:
  Text(std::size_t numbers, OperationList& operations)
      : room_(operations.compose(kPrefixBytes + numbers * kNumberBytes)) {}

  bool has_room() const { return !room_.empty(); }
  void add(std::string_view prefix) {
    for (const char c : prefix) room_[at_++] = static_cast<std::uint8_t>(c);
  }
  void add(std::uint32_t number) {
    if (at_ > 0) room_[at_++] = '.';
    at_ += put_hex(number, room_.subspan(at_));
  }
  ByteView name() const { return ByteView(room_).first(at_); }

 private:
  static constexpr std::size_t kPrefixBytes = 8;
  static constexpr std::size_t kNumberBytes = 9;  // with its dot

  std::span<std::uint8_t> room_;
  std::size_t at_ = 0;
};

// A symbol of an S7-1200: area, a check of the symbol, and numbers below it.
Fault set_symbol(ByteReader reader, Operation& operation, OperationList& operations) {
  constexpr std::uint8_t kReserved = 0xff;
  constexpr std::size_t kNumberBytes = 4;
  const std::uint8_t reserved = reader.u8();
  const std::uint32_t area = reader.u32();
  operation.set(kSymbolCrc, reader.u32());
  const std::size_t numbers = reader.remaining() / kNumberBytes;
  if (!reader.ok() || numbers == 0 || reader.remaining() % kNumberBytes != 0) {
    return Fault::unknown_object;
  }
  if (reserved != kReserved) return Fault::bad_value;
  Text text(numbers + 1, operations);
  if (!text.has_room()) return Fault::too_many_operations;
  text.add(area);
  for (std::size_t i = 0; i < numbers; ++i) text.add(reader.u32());
  operation.set_name(kSymbol, text.name());
  return Fault::none;
}

// A variable of a numerical control: area and unit, column, line, module, how many lines. A
// parameter of a drive: three numbers of unknown meaning, the parameter and its index.
Fault set_numbers(ByteReader reader, std::uint8_t syntax, Operation& operation,
                  OperationList& operations) {
  const bool of_drive = syntax == kOfDrive;
  Text text(5, operations);
  if (!text.has_room()) return Fault::too_many_operations;
  text.add(of_drive ? "drive" : "nck");
  text.add(reader.u8());
  text.add(reader.u16());
  text.add(reader.u16());
  text.add(of_drive ? reader.u16() : reader.u8());
  text.add(of_drive ? reader.u16() : reader.u8());
  if (!reader.ok() || reader.remaining() != 0) return Fault::unknown_object;
  operation.set_name(kSymbol, text.name());
  return Fault::none;
}

// What is listed: items of a job, or of a subscription.
struct Listed {
  std::uint16_t code = 0;
  std::int32_t sub_code = kNoSubCode;
  std::size_t count = 0;
  bool write = false;
  bool mixed = false;  // see is_mixed()
  bool last = false;
};

Operation* add_listed(const Listed& listed, std::uint8_t syntax, OperationList& operations,
                      Fault& fault) {
  Operation* operation = add_operation(listed.code, listed.sub_code, operations, fault);
  if (operation == nullptr) return nullptr;
  operation->set(kItemCount, static_cast<std::int64_t>(listed.count));
  if (listed.mixed) operation->set(kSyntax, syntax);
  return operation;
}

// How many, and of each its bytes, its block and where it begins there.
Fault add_areas(ByteReader reader, const Listed& listed, Item& item, OperationList& operations) {
  constexpr std::size_t kAreaBytes = 5;
  const std::size_t count = reader.u8();
  if (!reader.ok() || count == 0 || reader.remaining() != count * kAreaBytes) {
    return Fault::unknown_object;
  }
  item.bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Fault fault = Fault::none;
    Operation* operation = add_listed(listed, kAreas, operations, fault);
    if (operation == nullptr) return fault;
    Item area;
    area.transport_size = 2;
    area.area = kDataBlock;
    area.length = reader.u8();
    area.db = reader.u16();
    area.address = std::uint32_t{reader.u16()} << 3;
    area.bytes = area.length;
    item.bytes += area.bytes;
    if (area.length == 0) return Fault::bad_quantity;
    if (fault = set_fields(area, *operation); fault != Fault::none) return fault;
  }
  return Fault::none;
}

Fault add_item(ByteReader& reader, const Listed& listed, Item& item, OperationList& operations) {
  constexpr std::uint8_t kVariable = 0x12;
  const std::uint8_t kind = reader.u8();
  const std::size_t bytes = reader.u8();
  item.syntax = reader.u8();
  const ByteView rest = bytes > 0 ? reader.take(bytes - 1) : ByteView{};
  const bool filled = bytes % 2 != 0 && !listed.last;
  const std::uint8_t fill = filled ? reader.u8() : std::uint8_t{0};
  if (!reader.ok()) return Fault::truncated;
  if (kind != kVariable) return Fault::unknown_object;
  if (fill != 0) return Fault::bad_value;
  if (item.syntax == kAreas) {
    return listed.write ? Fault::unknown_object
                        : add_areas(ByteReader(rest), listed, item, operations);
  }
  Fault fault = Fault::none;
  Operation* operation = add_listed(listed, item.syntax, operations, fault);
  if (operation == nullptr) return fault;
  item.operation = operation;
  switch (item.syntax) {
    case kAny:
      fault = parse_any(ByteReader(rest), item);
      if (fault != Fault::none) return fault;
      return agrees(item) ? set_fields(item, *operation) : Fault::bad_value;
    case kSymbolic:
      return set_symbol(ByteReader(rest), *operation, operations);
    case kOfControl:
    case kOfControlMetric:
    case kOfControlInch:
    case kOfDrive:
      return set_numbers(ByteReader(rest), item.syntax, *operation, operations);
    default:
      return Fault::unknown_object;
  }
}

// Whether there is an item of another kind than kAny, or of another length.
bool has_others(ByteReader items, std::size_t count) {
  for (std::size_t i = 0; i < count && items.ok(); ++i) {
    items.skip(1);
    const std::size_t bytes = items.u8();
    const ByteView item = items.take(bytes);
    items.skip(bytes % 2);
    if (bytes != kAnyBytes || item.empty() || item[0] != kAny) return true;
  }
  return false;
}

// Whether an item of kAny begins at this distance after the first one.
bool begins_any(ByteView items, std::size_t count, std::size_t at) {
  ByteReader reader(items);
  for (std::size_t i = 0; i < count && reader.offset() <= at; ++i) {
    const std::size_t begin = reader.offset();
    reader.skip(1);
    const std::size_t bytes = reader.u8();
    const ByteView item = reader.take(bytes);
    reader.skip(bytes % 2);
    if (begin == at) return bytes == kAnyBytes && !item.empty() && item[0] == kAny;
  }
  return false;
}

// Whether a receiver that takes every item for one of kAny and steps over it as such (Snap7's
// server) may find other items: past the end, or with an area and a size. Where what
// is written to several stands it finds elsewhere at any rate.
bool is_mixed(ByteView items, std::size_t count, bool write) {
  constexpr std::size_t kItemBytes = 2 + kAnyBytes;
  constexpr std::size_t kSizeAt = 3;
  constexpr std::size_t kAreaAt = 8;
  if (!has_others(ByteReader(items), count)) return false;
  if (write && count > 1) return true;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = i * kItemBytes;
    if (begins_any(items, count, at)) continue;
    if (at + kItemBytes > items.size()) return true;
    if (is_area(items[at + kAreaAt]) && bytes_of(items[at + kSizeAt]) != 0) return true;
  }
  return false;
}

}  // namespace

std::int64_t places_of_value(std::int64_t transport_size) {
  constexpr std::int64_t kValueBytesMax = 4;
  if (transport_size >= kCounterSize && transport_size <= kTimer200Size) return 1;
  const std::size_t bytes = transport_size < 0 || transport_size > 0xff
                                ? 0
                                : bytes_of(static_cast<std::uint8_t>(transport_size));
  return bytes <= kValueBytesMax ? static_cast<std::int64_t>(bytes) : 0;
}

Fault add_items(ByteView items, std::uint16_t code, std::int32_t sub_code, std::size_t count,
                OperationList& operations) {
  ByteReader reader(items);
  Listed listed{code, sub_code, count, false, is_mixed(items, count, false), false};
  for (std::size_t i = 0; i < count; ++i) {
    listed.last = i + 1 == count;
    Item item;
    const Fault fault = add_item(reader, listed, item, operations);
    if (fault != Fault::none) return fault;
  }
  return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

Fault decode_items(const Pdu& pdu, bool write, OperationList& operations) {
  ByteReader reader(pdu.parameters);
  const std::uint8_t code = reader.u8();
  const std::size_t count = reader.u8();
  if (!reader.ok()) return Fault::truncated;
  if (count == 0) return Fault::bad_quantity;
  const bool mixed = is_mixed(pdu.parameters.subspan(reader.offset()), count, write);
  Listed listed{code, kNoSubCode, count, write, mixed, false};
  ByteReader data(pdu.data);
  bool odd = false;
  for (std::size_t i = 0; i < count; ++i) {
    listed.last = i + 1 == count;
    Item item;
    Fault fault = add_item(reader, listed, item, operations);
    if (fault != Fault::none) return fault;
    if (!write) continue;
    fault = decode_data(data, item, listed.last, *item.operation, operations);
    if (fault != Fault::none) return fault;
    odd = item.bytes % 2 != 0;
  }
  if (reader.remaining() != 0) return Fault::trailing_bytes;
  // Some clients fill the last item up too.
  operations.leave_free(pdu.data.last(data.remaining()), "a fill octet");
  if (data.remaining() == 1 && odd) return data.u8() == 0 ? Fault::none : Fault::bad_value;
  return data.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

namespace {

// What the items of a list take in an answer: a head and their bytes, to an even number but for
// the last's.
std::size_t answer_bytes(ByteReader reader, std::size_t count) {
  constexpr std::size_t kHead = 4;
  constexpr std::uint8_t kString = 19;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    reader.skip(1);
    ByteReader item_reader(reader.take(reader.u8()));
    Item item;
    const bool any = item_reader.u8() == 0x10 &&
                     parse_any(ByteReader(item_reader.rest()), item) == Fault::none &&
                     item.transport_size != kString;
    const std::size_t content = any ? item.bytes : 1;
    bytes += kHead + content + (i + 1 < count ? content % 2 : 0);
  }
  return bytes;
}

}  // namespace

bool answer_fits(const Pdu& pdu, std::size_t pdu_size) {
  constexpr std::size_t kHeadOfAnswer = kHeaderBytes + 4;  // error, function and number of items
  ByteReader reader(pdu.parameters);
  if (reader.u8() != kReadVar) return true;
  const std::size_t count = reader.u8();
  return kHeadOfAnswer + answer_bytes(reader, count) <= pdu_size;
}

bool answer_fits(const UserData& user, std::size_t pdu_size) {
  constexpr std::size_t kHeadOfAnswer = kHeaderBytes + 12 + 4 + 2;  // parameters, payload, count
  if (user.group != 2 || user.type != UserData::kAsk || user.sub_function == 4) return true;
  ByteReader reader(user.payload);
  const std::size_t count = reader.u16();
  reader.skip(2);
  return kHeadOfAnswer + answer_bytes(reader, count) <= pdu_size;
}

}  // namespace bulkhead::s7comm
