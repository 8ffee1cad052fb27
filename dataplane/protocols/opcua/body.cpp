// Built-in types; values inside values are bounded in depth, arrays by the bytes that are there.
#include "dataplane/protocols/opcua/body.h"

#include <bit>

namespace bulkhead::opcua {

ByteView BodyReader::string() {
  const std::uint32_t length = u32();
  return length == UINT32_MAX ? ByteView{} : reader_.take(length);
}

std::size_t BodyReader::array_length() {
  const std::uint32_t length = u32();
  if (length == UINT32_MAX) return 0;
  if (length > remaining()) {
    fail();
    return 0;
  }
  return length;
}

// 5.2.2.9 and 5.2.2.10, of expanded ones too.
NodeId BodyReader::node_id() {
  constexpr std::uint8_t kHasUri = 0x80;
  constexpr std::uint8_t kHasServer = 0x40;
  NodeId node;
  const std::uint8_t encoding = u8();
  switch (encoding & 0x3f) {
    case 0:
      node.number = u8();
      break;
    case 1:
      node.name_space = u8();
      node.number = u16();
      break;
    case 2:
      node.name_space = u16();
      node.number = u32();
      break;
    case 3:
    case 5:
      node.name_space = u16();
      node.is_numeric = false;
      node.name = string();
      break;
    case 4:
      node.name_space = u16();
      node.is_numeric = false;
      node.name = reader_.take(16);
      break;
    default:
      fail();
  }
  if ((encoding & kHasUri) != 0) string();
  if ((encoding & kHasServer) != 0) skip(4);
  return node;
}

void BodyReader::qualified_name() {
  skip(2);
  string();
}

// 5.2.2.14.
void BodyReader::localized_text() {
  const std::uint8_t mask = u8();
  if ((mask & 0x01) != 0) string();
  if ((mask & 0x02) != 0) string();
}

// 5.2.2.15.
void BodyReader::extension_object() {
  node_id();
  const std::uint8_t encoding = u8();
  if (encoding > 2) fail();
  if (encoding != 0) string();
}

// 5.2.2.12.
void BodyReader::diagnostic_info(unsigned depth) {
  if (depth > kDepthMax) return fail();
  const std::uint8_t mask = u8();
  for (unsigned bit = 0; bit < 4; ++bit) {
    if ((mask >> bit & 1U) != 0) skip(4);
  }
  if ((mask & 0x10) != 0) string();
  if ((mask & 0x20) != 0) skip(4);
  if ((mask & 0x40) != 0 && ok()) diagnostic_info(depth + 1);
}

// 5.1.2: the built-in types by their numbers.
std::optional<double> BodyReader::scalar(std::uint8_t type, unsigned depth) {
  switch (type) {
    case 1:
      return u8() != 0 ? 1 : 0;
    case 2:
      return static_cast<std::int8_t>(u8());
    case 3:
      return u8();
    case 4:
      return static_cast<std::int16_t>(u16());
    case 5:
      return u16();
    case 6:
      return static_cast<std::int32_t>(u32());
    case 7:
      return u32();
    case 10:
      return std::bit_cast<float>(u32());
    case 11:
      return std::bit_cast<double>(u64());
    case 8:
    case 9:
    case 13:
      skip(8);
      return std::nullopt;
    case 12:
    case 15:
    case 16:
      string();
      return std::nullopt;
    case 14:
      skip(16);
      return std::nullopt;
    case 17:
    case 18:
      node_id();
      return std::nullopt;
    case 19:
      skip(4);
      return std::nullopt;
    case 20:
      qualified_name();
      return std::nullopt;
    case 21:
      localized_text();
      return std::nullopt;
    case 22:
      extension_object();
      return std::nullopt;
    case 23:
      data_value(depth + 1);
      return std::nullopt;
    case 24:
      variant(depth + 1);
      return std::nullopt;
    case 25:
      diagnostic_info(depth + 1);
      return std::nullopt;
    default:
      fail();
      return std::nullopt;
  }
}

// 5.2.2.16.
std::optional<double> BodyReader::variant(unsigned depth) {
  constexpr std::uint8_t kArray = 0x80;
  constexpr std::uint8_t kDimensions = 0x40;
  if (depth > kDepthMax) {
    fail();
    return std::nullopt;
  }
  const std::uint8_t encoding = u8();
  const std::uint8_t type = encoding & 0x3f;
  if (type == 0) {
    if ((encoding & (kArray | kDimensions)) != 0) fail();
    return std::nullopt;
  }
  if ((encoding & kArray) == 0) {
    if ((encoding & kDimensions) != 0) fail();
    return scalar(type, depth);
  }
  for (std::size_t left = array_length(); left > 0 && ok(); --left) scalar(type, depth);
  if ((encoding & kDimensions) != 0) {
    for (std::size_t left = array_length(); left > 0 && ok(); --left) skip(4);
  }
  return std::nullopt;
}

// 5.2.2.17.
std::optional<double> BodyReader::data_value(unsigned depth) {
  if (depth > kDepthMax) {
    fail();
    return std::nullopt;
  }
  std::optional<double> value;
  const std::uint8_t mask = u8();
  if ((mask & 0xc0) != 0) fail();
  if ((mask & 0x01) != 0) value = variant(depth + 1);
  if ((mask & 0x02) != 0) skip(4);
  if ((mask & 0x04) != 0) skip(8);
  if ((mask & 0x10) != 0) skip(2);
  if ((mask & 0x08) != 0) skip(8);
  if ((mask & 0x20) != 0) skip(2);
  return value;
}

std::uint32_t BodyReader::request_header() {
  node_id();
  skip(8);
  const std::uint32_t handle = u32();
  skip(4);
  string();
  skip(4);
  extension_object();
  return handle;
}

void BodyReader::response_header() {
  skip(8 + 4 + 4);
  diagnostic_info();
  for (std::size_t left = array_length(); left > 0 && ok(); --left) string();
  extension_object();
}

}  // namespace bulkhead::opcua
