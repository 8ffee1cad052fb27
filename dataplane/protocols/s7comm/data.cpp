// Data that is written to items, and results: sizes that stand twice agree, and data has the sizes
// that every receiver steps over alike.
#include <bit>

#include "dataplane/protocols/planted.h"
#include "dataplane/protocols/s7comm/item.h"
#include "dataplane/protocols/unread.h"

namespace bulkhead::s7comm {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

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
    case 10:
      operation.set_real(kValue, reader.u32());
      break;
    case 7:
    case 11:
      operation.set_real(kValue, static_cast<std::int32_t>(reader.u32()));
      break;
    case 8:
      operation.set_real(kValue, std::bit_cast<float>(reader.u32()));
      break;
    case 4:
    case 9:
    case 12:
    case kCounterSize:
    case kTimerSize:
    case kCounter200Size:
    case kTimer200Size:
      operation.set_real(kValue, reader.u16());
      break;
    default:  // a date and time, a string
      break;
  }
}

void leave_unread(const Item& item, ByteView data, const Operation& operation,
                  const OperationList& operations) {
  constexpr std::string_view kUnjudged = "elements whose values policy does not judge";
  constexpr std::uint8_t kReal = 8;
  const bool single_real = item.length == 1 && item.transport_size == kReal;
  if (single_real) protocols::leave_sign_of_zero(data.first(1), operation, kValue, operations);
  if (operation.has(kValue)) return;
  if (!single_real) return operations.leave_free(data, kUnjudged);
  protocols::leave_no_number(data, kUnjudged, operations, [](ByteView octets) {
    return float64_order(std::bit_cast<float>(load_be32(octets.data())));
  });
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

// What is written to what has a name has the size that its data says; nothing stands behind it.
Fault decode_named_data(ByteReader& reader, bool last, const OperationList& operations) {
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

}  // namespace

Fault decode_data(ByteReader& reader, const Item& item, bool last, Operation& operation,
                  const OperationList& operations) {
  if (item.syntax != kAny) return decode_named_data(reader, last, operations);
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
  leave_unread(item, data.value, operation, operations);
  return Fault::none;
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
