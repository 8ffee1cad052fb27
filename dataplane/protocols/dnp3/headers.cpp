// Object headers, and the sizes of the objects behind them.
#include "dataplane/protocols/dnp3/objects.h"

namespace bulkhead::dnp3 {

using protocols::Fault;

namespace {

constexpr std::uint8_t kAllObjects = 0x06;
constexpr std::uint8_t kVariableFormat = 0x5b;
constexpr std::uint32_t kNumberMax = 0xffff;  // of those that two octets hold

Fault read_range(ByteReader& reader, std::uint8_t bytes, Header& header) {
  header.form = Form::range;
  header.first = read_number(reader, bytes);
  const std::uint32_t last = read_number(reader, bytes);
  if (!reader.ok()) return Fault::truncated;
  if (last < header.first) return Fault::address_wrap;
  if (last - header.first == UINT32_MAX) return Fault::bad_quantity;
  // Four octets only where two do not hold it: many receivers do not read that form.
  if (bytes == 4 && last <= kNumberMax) return Fault::bad_value;
  header.count = last - header.first + 1;
  return Fault::none;
}

Fault read_count(ByteReader& reader, std::uint8_t bytes, Form form, Header& header) {
  header.form = form;
  header.count = read_number(reader, bytes);
  if (!reader.ok()) return Fault::truncated;
  return header.count == 0 ? Fault::bad_quantity : Fault::none;
}

struct GroupSizes {
  std::uint8_t group;
  std::array<std::uint8_t, 13> bytes;  // by variation; 0: there is none
};

// Annex A. Bits: see size_of_object().
constexpr std::array kGroups = {
    GroupSizes{1, {0, 0, 1}},
    GroupSizes{2, {0, 1, 7, 3}},
    GroupSizes{3, {0, 0, 1}},
    GroupSizes{4, {0, 1, 7, 3}},
    GroupSizes{10, {0, 0, 1}},
    GroupSizes{11, {0, 1, 7}},
    GroupSizes{12, {0, 11}},
    GroupSizes{13, {0, 1, 7}},
    GroupSizes{20, {0, 5, 3, 5, 3, 4, 2, 4, 2}},
    GroupSizes{21, {0, 5, 3, 5, 3, 11, 9, 11, 9, 4, 2, 4, 2}},
    GroupSizes{22, {0, 5, 3, 5, 3, 11, 9, 11, 9}},
    GroupSizes{23, {0, 5, 3, 5, 3, 11, 9, 11, 9}},
    GroupSizes{30, {0, 5, 3, 4, 2, 5, 9}},
    GroupSizes{31, {0, 5, 3, 11, 9, 4, 2, 5, 9}},
    GroupSizes{32, {0, 5, 3, 11, 9, 5, 9, 11, 15}},
    GroupSizes{33, {0, 5, 3, 11, 9, 5, 9, 11, 15}},
    GroupSizes{34, {0, 2, 4, 4}},
    GroupSizes{40, {0, 5, 3, 5, 9}},
    GroupSizes{41, {0, 5, 3, 5, 9}},
    GroupSizes{42, {0, 5, 3, 11, 9, 5, 9, 11, 15}},
    GroupSizes{43, {0, 5, 3, 11, 9, 5, 9, 11, 15}},
    GroupSizes{50, {0, 6, 10, 6, 11}},
    GroupSizes{51, {0, 6, 6}},
    GroupSizes{52, {0, 2, 2}},
    GroupSizes{81, {0, 3}},
    GroupSizes{101, {0, 2, 4, 8}},
    GroupSizes{102, {0, 1}},
    GroupSizes{120, {0, 0, 0, 6, 2}},
    GroupSizes{121, {0, 7}},
    GroupSizes{122, {0, 13, 7}},
};

// Octet strings and virtual terminals: the variation is their length (annexes A.44 to A.47).
bool is_string(std::uint8_t group) { return group >= 110 && group <= 113; }

bool is_free_format(std::uint8_t group, std::uint8_t variation) {
  switch (group) {
    case kFileObjects:
      return variation >= 1 && variation <= 8;
    case 83:
    case 86:
      return variation >= 1 && variation <= 3;
    case 85:
    case 87:
    case 88:
    case kApplicationObjects:
    case 91:
      return variation == 1;
    case kAuthenticationObjects:
      return variation >= 1 && variation <= 15 && variation != kAggressiveRequest && variation != 4;
    default:
      return false;
  }
}

}  // namespace

std::uint32_t read_number(ByteReader& reader, std::uint8_t bytes) {
  if (bytes == 1) return reader.u8();
  return bytes == 2 ? reader.u16_le() : reader.u32_le();
}

Fault read_header(ByteReader& reader, Header& header) {
  header = Header{};
  header.group = reader.u8();
  header.variation = reader.u8();
  const std::uint8_t qualifier = reader.u8();
  if (!reader.ok()) return Fault::truncated;
  if (qualifier == kAllObjects) return Fault::none;
  if (qualifier == kVariableFormat) {
    header.prefix_bytes = 2;
    return read_count(reader, 1, Form::sized, header);
  }
  const std::uint8_t prefix = qualifier >> 4;
  const std::uint8_t range = qualifier & 0x0f;
  if (range <= 2 && prefix == 0) {
    return read_range(reader, static_cast<std::uint8_t>(1U << range), header);
  }
  if (range < 7 || range > 8 || prefix > 3) return Fault::bad_value;
  if (prefix > 0) header.prefix_bytes = static_cast<std::uint8_t>(1U << (prefix - 1));
  return read_count(reader, static_cast<std::uint8_t>(range - 6),
                    prefix > 0 ? Form::indexed : Form::count, header);
}

ObjectSize size_of_object(std::uint8_t group, std::uint8_t variation) {
  if (group == 0) return {ObjectSize::attribute, 0};
  if (is_string(group) && variation > 0)
    return {ObjectSize::bits, static_cast<std::uint16_t>(variation * 8)};
  if (is_free_format(group, variation)) return {ObjectSize::free_format, 0};
  if (variation == 1 && (group == 1 || group == 10 || group == 80)) return {ObjectSize::bits, 1};
  if (group == 3 && variation == 1) return {ObjectSize::bits, 2};
  for (const GroupSizes& known : kGroups) {
    if (known.group != group || variation >= known.bytes.size()) continue;
    const std::uint8_t bytes = known.bytes[variation];
    if (bytes == 0) break;
    return {ObjectSize::bits, static_cast<std::uint16_t>(bytes * 8)};
  }
  return {};
}

bool is_readable(std::uint8_t group, std::uint8_t variation) {
  if (group == kClassObjects) return variation >= 1 && variation <= 4;
  switch (group) {
    case 12:  // controls, times of what else is in the message, and authentication
    case 41:
    case 51:
    case 52:
    case kFileObjects:
    case kApplicationObjects:
    case kAuthenticationObjects:
      return false;
    default:
      break;
  }
  if (group == 86 && variation == 2) return true;
  if (variation == 0) variation = 1;
  return size_of_object(group, variation).kind != ObjectSize::unknown;
}

}  // namespace bulkhead::dnp3
