// Built-in types; values inside values are bounded in depth, arrays by the bytes that are there.
#include "dataplane/protocols/opcua/body.h"

#include <array>
#include <bit>
#include <cmath>

#include "dataplane/protocols/opcua/text.h"

namespace bulkhead::opcua {

using protocols::Fault;

namespace {

// Of the types whose elements may hold anything; 0 for the others.
std::size_t width_of(std::uint8_t type) {
  constexpr std::array<std::uint8_t, 20> kWidths = {0, 0, 1, 1, 2,  2, 4, 4, 8, 8,
                                                    4, 8, 0, 8, 16, 0, 0, 0, 0, 4};
  return type < kWidths.size() ? kWidths[type] : 0;
}

// The numbers of types 2 to 11; nothing where a double does not hold it exactly.
std::optional<double> number_of(std::uint8_t type, ByteView bytes) {
  constexpr std::uint64_t kExactMax = std::uint64_t{1} << 53;
  ByteReader reader(bytes);
  switch (type) {
    case 2:
      return static_cast<std::int8_t>(reader.u8());
    case 3:
      return reader.u8();
    case 4:
      return static_cast<std::int16_t>(reader.u16_le());
    case 5:
      return reader.u16_le();
    case 6:
      return static_cast<std::int32_t>(reader.u32_le());
    case 7:
      return reader.u32_le();
    case 10:
      return std::bit_cast<float>(reader.u32_le());
    case 11:
      return std::bit_cast<double>(reader.u64_le());
    default:
      break;
  }
  const std::uint64_t bits = reader.u64_le();
  const bool negative = type == 8 && bits >> 63 != 0;
  const std::uint64_t magnitude = negative ? ~bits + 1 : bits;
  if (magnitude > kExactMax) return std::nullopt;
  const auto exact = static_cast<double>(magnitude);
  return negative ? -exact : exact;
}

}  // namespace

ByteView BodyReader::string() {
  const std::uint32_t length = u32();
  return length == UINT32_MAX ? ByteView{} : take(length);
}

ByteView BodyReader::plain_text() {
  const ByteView text = string();
  if (!is_plain_text(text)) fail(Fault::bad_value);
  return text;
}

std::size_t BodyReader::array_length() {
  const std::uint32_t length = u32();
  if (length == UINT32_MAX) return 0;
  if (length > remaining()) {
    fail(Fault::truncated);
    return 0;
  }
  return length;
}

// 5.2.2.9. The flags of an ExpandedNodeId (0x80, 0x40) are none of a NodeId's: some receivers drop
// them, others read what they announce.
NodeId BodyReader::node_id() {
  NodeId node;
  switch (u8()) {
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
      node.name_space = u16();
      node.kind = NodeId::Kind::text;
      node.name = plain_text();
      break;
    case 4:
      node.name_space = u16();
      node.kind = NodeId::Kind::guid;
      node.name = take(16);
      break;
    case 5:
      node.name_space = u16();
      node.kind = NodeId::Kind::bytes;
      node.name = string();
      break;
    default:
      fail(Fault::bad_value);
  }
  if (node.kind != NodeId::Kind::number && node.name.empty()) fail(Fault::bad_value);
  return node;
}

// 5.2.2.10: with a namespace's URI its index is zero.
void BodyReader::expanded_node_id(std::string_view reason) {
  constexpr std::uint8_t kHasUri = 0x80;
  constexpr std::uint8_t kHasServer = 0x40;
  const std::size_t begin = reader_.offset();
  const std::uint8_t encoding = remaining() > 0 ? bytes_[begin] : std::uint8_t{0};
  u8();
  switch (encoding & 0x3f) {
    case 0:
      take(1);
      break;
    case 1:
      take(3);
      break;
    case 2:
      take(6);
      break;
    case 3:
    case 5:
      take(2);
      string();
      break;
    case 4:
      take(18);
      break;
    default:
      fail(Fault::bad_value);
  }
  if ((encoding & kHasUri) != 0) string();
  if ((encoding & kHasServer) != 0) take(4);
  leave(since(begin), reason);
}

// 5.2.2.14.
void BodyReader::localized_text(std::string_view reason) {
  const std::uint8_t mask = u8();
  if (mask > 3) fail(Fault::bad_value);
  if ((mask & 0x01) != 0) leave(string(), reason);
  if ((mask & 0x02) != 0) leave(string(), reason);
}

void BodyReader::enumeration(std::uint32_t last, std::string_view reason) {
  const ByteView bytes = take(4);
  leave(bytes, reason);
  if (!bytes.empty() && load_le32(bytes.data()) > last) fail(Fault::bad_value);
}

void BodyReader::leave_value(const Value& value, std::string_view reason) const {
  leave(value.encoding, reason);
  leave(value.bytes, reason);
  leave(value.status, reason);
}

// 5.1.2: the built-in types by their numbers.
Value BodyReader::scalar(std::uint8_t type, std::string_view reason, unsigned depth) {
  constexpr std::uint8_t kBoolean = 1;
  constexpr std::uint8_t kDouble = 11;
  Value value;
  value.type = type;
  if (type >= kBoolean && type <= kDouble) {
    value.bytes = take(type == kBoolean ? 1 : width_of(type));
    if (!ok()) return value;
    if (type == kBoolean) {
      if (value.bytes[0] > 1) fail(Fault::bad_value);
      value.number = value.bytes[0];
    } else {
      value.number = number_of(type, value.bytes);
    }
    if (value.number && std::isnan(*value.number)) value.number.reset();
    if (!value.number) leave(value.bytes, reason);
    return value;
  }
  // In the order of their numbers, from DateTime on; a variant and what a diagnosis says are no
  // values by themselves (5.2.2.16), and 18 has an encoding of its own.
  constexpr std::string_view kTypes = "s8gssn-4qlxd";
  if (type == 18) {
    expanded_node_id(reason);
  } else if (type >= 12 && type <= 23) {
    content_of(kTypes[type - 12U], reason, depth + 1);
  } else {
    fail(Fault::bad_value);
  }
  return value;
}

// 5.2.2.16: where there are dimensions, they multiply to the length.
void BodyReader::array(std::uint8_t type, bool dimensioned, std::string_view reason,
                       unsigned depth) {
  constexpr std::uint8_t kVariant = 24;
  const std::size_t length = array_length();
  const std::size_t width = width_of(type);
  if (width > 0) leave(take(length * width), reason);
  for (std::size_t left = width > 0 ? 0 : length; left > 0 && ok(); --left) {
    leave_value(type == kVariant ? variant(reason, depth + 1) : scalar(type, reason, depth),
                reason);
  }
  if (!dimensioned) return;
  const std::size_t count = array_length();
  std::uint64_t product = count > 0 ? 1 : 0;
  for (std::size_t left = count; left > 0 && ok(); --left) {
    product = product > length ? product : product * u32();
  }
  if (count == 0 || product != length) fail(Fault::bad_value);
}

Value BodyReader::variant(std::string_view reason, unsigned depth) {
  constexpr std::uint8_t kArray = 0x80;
  constexpr std::uint8_t kDimensions = 0x40;
  if (depth > kDepthMax) fail(Fault::too_deep);
  Value value;
  const ByteView octet = take(1);
  if (!ok()) return value;
  const std::uint8_t encoding = octet[0];
  const bool dimensioned = (encoding & kDimensions) != 0;
  const std::uint8_t type = encoding & 0x3f;
  const bool is_array = (encoding & kArray) != 0;
  if ((dimensioned && !is_array) || (type == 0 && is_array)) fail(Fault::bad_value);
  if (is_array && ok()) {
    array(type, dimensioned, reason, depth);
  } else if (type != 0 && ok()) {
    value = scalar(type, reason, depth);
  }
  value.type = type;
  value.encoding = octet;
  return value;
}

// 5.2.2.17: picoseconds count from a time that is there.
Value BodyReader::data_value(std::string_view reason, unsigned depth) {
  constexpr std::string_view kTime = "the time of a value";
  Value value;
  if (depth > kDepthMax) fail(Fault::too_deep);
  const std::uint8_t mask = u8();
  const bool source = (mask & 0x04) != 0;
  const bool server = (mask & 0x08) != 0;
  const bool source_fine = (mask & 0x10) != 0;
  const bool server_fine = (mask & 0x20) != 0;
  if (mask > 0x3f || (source_fine && !source) || (server_fine && !server)) fail(Fault::bad_value);
  if ((mask & 0x01) != 0 && ok()) value = variant(reason, depth + 1);
  if (stepped_over_ && mask != 0x01) fail(Fault::unknown_object);
  if ((mask & 0x02) != 0) value.status = take(4);
  if (source) leave(take(8), kTime);
  if (source_fine) leave(take(2), kTime);
  if (server) leave(take(8), kTime);
  if (server_fine) leave(take(2), kTime);
  return value;
}

void BodyReader::diagnostics(unsigned depth) {
  if (depth > kDepthMax) return fail(Fault::too_deep);
  const std::uint8_t mask = u8();
  if (mask > 0x7f) fail(Fault::bad_value);
  for (unsigned bit = 0; bit < 4; ++bit) {
    if ((mask >> bit & 1U) != 0) take(4);
  }
  if ((mask & 0x10) != 0) string();
  if ((mask & 0x20) != 0) take(4);
  if ((mask & 0x40) != 0 && ok()) diagnostics(depth + 1);
}

NodeId BodyReader::structure(ByteView& body) {
  constexpr std::uint8_t kOctets = 1;  // a body of XML is for other mappings
  body = {};
  const NodeId type = node_id();
  const std::uint8_t encoding = u8();
  if (encoding > kOctets) fail(Fault::bad_value);
  if (encoding != kOctets) return type;
  const std::uint32_t length = u32();
  // A body without a type is not stepped over by all (node-opcua).
  if (length == UINT32_MAX || length == 0 || type.is_null()) fail(Fault::bad_value);
  if (ok()) body = take(length);
  return type;
}

}  // namespace bulkhead::opcua
