// Built-in types; values inside values are bounded in depth, arrays by the bytes that are there.
#include "dataplane/protocols/opcua/body.h"

#include <array>
#include <bit>
#include <cmath>

#include "dataplane/protocols/opcua/text.h"
#include "dataplane/protocols/unread.h"

namespace bulkhead::opcua {

using protocols::Fault;

std::size_t width_of(std::uint8_t type) {
  constexpr std::array<std::uint8_t, 20> kWidths = {0, 0, 1, 1, 2,  2, 4, 4, 8, 8,
                                                    4, 8, 0, 8, 16, 0, 0, 0, 0, 4};
  return type < kWidths.size() ? kWidths[type] : 0;
}

namespace {

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
  const std::size_t begin = offset();
  const std::uint32_t length = u32();
  if (length != UINT32_MAX && length != 0) return take(length);
  leave_since(begin, "null or empty, which are alike");
  return {};
}

ByteView BodyReader::plain_text() {
  const ByteView text = string();
  if (!is_plain_text(text)) fail(Fault::bad_value);
  return text;
}

std::size_t BodyReader::array_length() {
  const std::size_t begin = offset();
  const std::uint32_t length = u32();
  if (length == UINT32_MAX || length == 0) {
    leave_since(begin, "null or empty, which are alike");
    return 0;
  }
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
      if (node.name_space == 0 && node.number <= UINT8_MAX) fail(Fault::bad_value);
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

std::uint32_t BodyReader::type_id() {
  constexpr std::uint16_t kFourOctets = 0x0001;  // and namespace 0
  if (u16() != kFourOctets) fail(Fault::bad_value);
  return u16();
}

// 5.2.2.10.
void BodyReader::expanded_node_id() {
  constexpr std::uint8_t kHasUri = 0x80;
  constexpr std::uint8_t kHasServer = 0x40;
  const std::uint8_t encoding = u8();
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
}

// 5.2.2.14.
void BodyReader::localized_text() {
  const std::uint8_t mask = u8();
  if (mask > 3) fail(Fault::bad_value);
  if ((mask & 0x01) != 0) string();
  if ((mask & 0x02) != 0) string();
}

void BodyReader::enumeration(std::uint32_t last) {
  if (u32() > last) fail(Fault::bad_value);
}

// 5.1.2: the built-in types by their numbers.
std::optional<double> BodyReader::scalar(std::uint8_t type, unsigned depth) {
  constexpr std::uint8_t kBoolean = 1;
  constexpr std::uint8_t kDouble = 11;
  if (type == kBoolean) {
    const std::uint8_t truth = u8();
    if (truth > 1) fail(Fault::bad_value);
    return truth;
  }
  if (type > kBoolean && type <= kDouble) {
    const ByteView bytes = take(width_of(type));
    const std::optional<double> number = ok() ? number_of(type, bytes) : std::nullopt;
    return number && !std::isnan(*number) ? number : std::nullopt;
  }
  // In the order of their numbers, from String on; a variant and what a diagnosis says are no
  // values by themselves (5.2.2.16), and 18 has an encoding of its own.
  constexpr std::string_view kTypes = "s8gssn-4qlxd";
  if (type == 18) {
    expanded_node_id();
  } else if (type >= 12 && type <= 23) {
    field(kTypes[type - 12U], depth + 1);
  } else {
    fail(Fault::bad_value);
  }
  return std::nullopt;
}

// 5.2.2.16: where there are dimensions, they multiply to the length.
void BodyReader::array(std::uint8_t type, bool dimensioned, unsigned depth) {
  constexpr std::uint8_t kVariant = 24;
  const std::size_t length = array_length();
  const std::size_t width = width_of(type);
  if (width > 0) take(length * width);
  for (std::size_t left = width > 0 ? 0 : length; left > 0 && ok(); --left) {
    if (type == kVariant) {
      variant(depth + 1);
    } else {
      scalar(type, depth);
    }
  }
  if (!dimensioned) return;
  const std::size_t count = array_length();
  std::uint64_t product = count > 0 ? 1 : 0;
  for (std::size_t left = count; left > 0 && ok(); --left) {
    product = product > length ? product : product * u32();
  }
  if (count == 0 || product != length) fail(Fault::bad_value);
}

Value BodyReader::variant(unsigned depth) {
  constexpr std::uint8_t kArray = 0x80;
  constexpr std::uint8_t kDimensions = 0x40;
  if (depth > kDepthMax) fail(Fault::too_deep);
  Value value;
  value.encoding = u8();
  const std::size_t begin = offset();
  const bool dimensioned = (value.encoding & kDimensions) != 0;
  const std::uint8_t type = value.encoding & 0x3f;
  const bool is_array = (value.encoding & kArray) != 0;
  if ((dimensioned && !is_array) || (type == 0 && is_array)) fail(Fault::bad_value);
  if (!ok()) return value;
  if (is_array) {
    array(type, dimensioned, depth);
  } else if (type != 0) {
    value.number = scalar(type, depth);
  }
  if (ok()) value.bytes = bytes_.subspan(begin, offset() - begin);
  return value;
}

// 5.2.2.17: picoseconds count from a time that is there.
Value BodyReader::data_value(unsigned depth) {
  constexpr std::string_view kTime = "the time of a value";
  Value value;
  if (depth > kDepthMax) fail(Fault::too_deep);
  const std::uint8_t mask = u8();
  const bool source = (mask & 0x04) != 0;
  const bool server = (mask & 0x08) != 0;
  const bool source_fine = (mask & 0x10) != 0;
  const bool server_fine = (mask & 0x20) != 0;
  if (mask > 0x3f || (source_fine && !source) || (server_fine && !server)) fail(Fault::bad_value);
  if ((mask & 0x01) != 0 && ok()) value = variant(depth + 1);
  if (stepped_over_ && mask != 0x01) fail(Fault::unknown_object);
  if ((mask & 0x02) != 0) value.status = take(4);
  const std::size_t begin = offset();
  take((source ? 8U : 0U) + (source_fine ? 2U : 0U));
  take((server ? 8U : 0U) + (server_fine ? 2U : 0U));
  leave_since(begin, kTime);
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

namespace {

// Of a variant of this encoding.
std::optional<double> number_in(std::uint8_t encoding, ByteView bytes) {
  std::array<std::uint8_t, 1 + protocols::kUnreadBytesMax> variant{encoding};
  std::copy(bytes.begin(), bytes.end(), variant.begin() + 1);
  BodyReader reader(ByteView(variant).first(1 + bytes.size()));
  const Value value = reader.variant();
  return reader.ok() && reader.remaining() == 0 ? value.number : std::nullopt;
}

}  // namespace

void leave_unread(const Value& value, const protocols::Operation& operation,
                  const protocols::OperationList& operations) {
  constexpr std::uint8_t kFloat = 10;
  constexpr std::uint8_t kDouble = 11;
  const std::uint8_t type = value.encoding;
  if (value.number && (type == kFloat || type == kDouble)) {
    protocols::leave_sign_of_zero(value.bytes.last(1), operation, kValue, operations);
  }
  if (value.number) return;
  protocols::leave_no_number(value.bytes, "a value that is no single number", operations,
                             [type](ByteView octets) { return number_in(type, octets); });
}

}  // namespace bulkhead::opcua
