// Single segments of paths (CIP, C-1.4), each in the one form that is accepted.
#pragma once

#include "dataplane/protocols/enip/layout.h"

namespace bulkhead::enip {

constexpr std::uint8_t kTypeMask = 0xe0;
constexpr std::uint8_t kPortSegment = 0x00;
constexpr std::uint8_t kLogical = 0x20;
constexpr std::uint8_t kProductionInhibit = 0x43;
constexpr std::uint8_t kSimpleData = 0x80;
constexpr std::uint8_t kSymbol = 0x91;
constexpr std::uint8_t kElectronicKey = 0x34;

constexpr std::uint8_t kLogicalTypeMask = 0x1c;
constexpr std::uint8_t kOfClass = 0x00;
constexpr std::uint8_t kOfInstance = 0x04;
constexpr std::uint8_t kOfMember = 0x08;
constexpr std::uint8_t kOfConnectionPoint = 0x0c;
constexpr std::uint8_t kOfAttribute = 0x10;

// C-1.4.2: in one, two or four octets. Clients send 16 bits where 8 would do (instance 0 of the
// symbol object, to list tags), and all receivers read them alike; of 32 bits some know nothing,
// and they stand only where they have to. Classes and attributes have no more than 16.
inline protocols::Fault read_logical_value(ByteReader& reader, std::uint8_t segment,
                                           std::uint32_t& value) {
  using protocols::Fault;
  const std::uint8_t type = segment & kLogicalTypeMask;
  std::uint8_t pad = 0;
  switch (segment & 0x03) {
    case 0:
      value = reader.u8();
      break;
    case 1:
      pad = reader.u8();
      value = reader.u16_le();
      break;
    case 2:
      if (type == kOfClass || type == kOfAttribute) return Fault::unknown_object;
      pad = reader.u8();
      value = reader.u32_le();
      break;
    default:
      return Fault::unknown_object;
  }
  if (!reader.ok()) return Fault::truncated;
  const bool too_long = (segment & 0x03) == 2 && value <= 0xffff;
  return pad == 0 && !too_long ? Fault::none : Fault::bad_value;
}

// C-1.4.4.2: an ANSI symbol. Its characters are visible ones, less those that spell indices and
// objects in the text of a path.
inline bool is_in_symbol(std::uint8_t c) {
  return c >= 0x20 && c <= 0x7e && c != '[' && c != ']' && c != '/';
}

inline protocols::Fault read_symbol(ByteReader& reader, ByteView& name) {
  using protocols::Fault;
  const std::size_t length = reader.u8();
  name = reader.take(length);
  const std::uint8_t pad = length % 2 != 0 ? reader.u8() : std::uint8_t{0};
  if (!reader.ok()) return Fault::truncated;
  if (length == 0 || pad != 0) return Fault::bad_value;
  if (name.front() == '.' || name.back() == '.') return Fault::bad_value;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool empty_part = name[i] == '.' && name[i - 1] == '.';
    if (!is_in_symbol(name[i]) || empty_part) return Fault::bad_value;
  }
  return Fault::none;
}

}  // namespace bulkhead::enip
