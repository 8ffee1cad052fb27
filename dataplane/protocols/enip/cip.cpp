// CIP requests and replies: services inside services are taken apart, each is an operation.
#include <algorithm>
#include <array>
#include <bit>

#include "dataplane/protocols/enip/layout.h"

namespace bulkhead::enip {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

Fault parse_request(ByteView bytes, Request& request) {
  ByteReader reader(bytes);
  request.service = reader.u8();
  request.path = reader.take(std::size_t{reader.u8()} * 2);
  request.data = reader.rest();
  return reader.ok() ? Fault::none : Fault::truncated;
}

Fault parse_open(const Request& request, Names& names, ForwardOpen& open, ByteView& tag) {
  const bool large = request.service == kLargeForwardOpen;
  ByteReader reader(request.data);
  const auto read_way = [&](ForwardOpen::Way& way) {
    way.rpi_us = reader.u32_le();
    const std::uint32_t parameters = large ? reader.u32_le() : reader.u16_le();
    way.bytes = static_cast<std::uint16_t>(parameters & (large ? 0xffffU : 0x01ffU));
    way.type = static_cast<std::uint8_t>(parameters >> (large ? 29 : 13) & 3U);
  };
  open.service = request.service;
  reader.skip(2);
  open.ways[0].connection = reader.u32_le();
  open.ways[1].connection = reader.u32_le();
  open.serial = reader.u16_le();
  open.vendor = reader.u16_le();
  open.originator = reader.u32_le();
  open.multiplier = reader.u8();
  reader.skip(3);
  read_way(open.ways[0]);
  read_way(open.ways[1]);
  open.trigger = reader.u8();
  const ByteView bytes = reader.take(std::size_t{reader.u8()} * 2);
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0) return Fault::trailing_bytes;
  Path path;
  if (const Fault fault = parse_path(bytes, names, path); fault != Fault::none) return fault;
  open.class_id = path.class_id;
  open.instance = path.instance;
  open.key_vendor = static_cast<std::int32_t>(path.vendor);
  open.key_device = static_cast<std::int32_t>(path.device);
  open.points = static_cast<std::uint8_t>(path.connection_point_count);
  open.connection_points = path.connection_points;
  tag = path.tag;
  return Fault::none;
}

// An operation for each connection point of the path, or one for the path.
Fault set_open(const ForwardOpen& open, ByteView tag, Operation& first, OperationList& operations) {
  first.set(kService, open.service);
  first.set(kConnectionSize, std::max(open.ways[0].bytes, open.ways[1].bytes));
  first.set(kRpi, std::min(open.ways[0].rpi_us, open.ways[1].rpi_us));
  if (open.class_id >= 0) first.set(kClass, open.class_id);
  if (open.instance >= 0) first.set(kInstance, open.instance);
  if (!tag.empty()) first.set_name(kTag, tag);
  if (open.key_vendor >= 0) first.set(kVendor, open.key_vendor);
  if (open.key_device >= 0) first.set(kDevice, open.key_device);
  if (open.points == 0) return Fault::none;
  first.set(kConnectionPoint, open.connection_points[0]);
  if (open.points == 1) return Fault::none;
  const Operation copy = first;
  Operation* second = operations.add(copy.function);
  if (second == nullptr) return Fault::too_many_operations;
  *second = copy;
  second->set(kConnectionPoint, open.connection_points[1]);
  return Fault::none;
}

namespace {

// Bytes of one element of a basic type (CIP, C-5.1); 0 where it is none.
std::size_t bytes_of(std::uint16_t type) {
  switch (type) {
    case 0xc1:  // BOOL
    case 0xc2:  // SINT
    case 0xc6:  // USINT
    case 0xd1:  // BYTE
      return 1;
    case 0xc3:  // INT
    case 0xc7:  // UINT
    case 0xd2:  // WORD
      return 2;
    case 0xc4:  // DINT
    case 0xc8:  // UDINT
    case 0xca:  // REAL
    case 0xd3:  // DWORD
      return 4;
    case 0xc5:  // LINT
    case 0xc9:  // ULINT
    case 0xcb:  // LREAL
    case 0xd4:  // LWORD
      return 8;
    default:
      return 0;
  }
}

void set_value(std::uint16_t type, ByteReader& reader, Operation& operation) {
  switch (type) {
    case 0xc1:
      return operation.set_real(kValue, reader.u8() != 0 ? 1 : 0);
    case 0xc2:
      return operation.set_real(kValue, static_cast<std::int8_t>(reader.u8()));
    case 0xc3:
      return operation.set_real(kValue, static_cast<std::int16_t>(reader.u16_le()));
    case 0xc4:
      return operation.set_real(kValue, static_cast<std::int32_t>(reader.u32_le()));
    case 0xca:
      return operation.set_real(kValue, std::bit_cast<float>(reader.u32_le()));
    case 0xcb:
      return operation.set_real(kValue, std::bit_cast<double>(reader.u64_le()));
    case 0xc6:
    case 0xd1:
      return operation.set_real(kValue, reader.u8());
    case 0xc7:
    case 0xd2:
      return operation.set_real(kValue, reader.u16_le());
    case 0xc8:
    case 0xd3:
      return operation.set_real(kValue, reader.u32_le());
    default:
      return;  // 64-bit integers are not exact as real numbers
  }
}

class Decoder {
 public:
  Decoder(OperationList& operations, Names& names) : operations_(operations), names_(names) {}

  Fault decode(ByteView bytes, unsigned depth) {
    if (depth > kDepthMax) return Fault::too_deep;
    Request request;
    if (const Fault fault = parse_request(bytes, request); fault != Fault::none) return fault;
    Path path;
    if (const Fault fault = parse_path(request.path, names_, path); fault != Fault::none) {
      return fault;
    }
    const bool tag = !path.tag.empty() || path.class_id == kSymbolObject;
    const bool tag_service = request.service >= kReadTag && request.service <= kWriteTagFragmented;
    const std::int32_t of = tag && tag_service ? kOfTags : static_cast<std::int32_t>(path.class_id);
    const std::uint16_t function = find_service(request.service, of);
    if (function == kNotInCatalogue) return Fault::unknown_function;
    Operation* operation = add(function, request, path);
    if (operation == nullptr) return Fault::too_many_operations;
    const protocols::FunctionInfo& info = catalogue().functions[function];
    if (of == kOfTags && info.sub_code == kOfTags) return decode_tag(request, path, *operation);
    if (path.class_id == kConnectionManager) return decode_manager(request, depth, *operation);
    if (info.code == kExecutePccc && info.sub_code == kPcccObject) {
      return decode_pccc(request, *operation);
    }
    switch (request.service) {
      case kMultipleServicePacket:
        return decode_packet(request.data, depth);
      case kGetAttributeList:
      case kSetAttributeList:
        return decode_attribute_list(function, request, path, *operation);
      default:
        return Fault::none;
    }
  }

 private:
  Operation* add(std::uint16_t function, const Request& request, const Path& path) {
    Operation* operation = operations_.add(function);
    if (operation == nullptr) return nullptr;
    operation->set(kService, request.service);
    if (path.class_id >= 0) operation->set(kClass, path.class_id);
    if (path.instance >= 0) operation->set(kInstance, path.instance);
    if (path.attribute >= 0) operation->set(kAttribute, path.attribute);
    if (path.member >= 0) operation->set(kMember, path.member);
    if (!path.tag.empty()) operation->set_name(kTag, path.tag);
    return operation;
  }

  static void set_span(const Path& path, std::uint16_t elements, Operation& operation) {
    const std::int64_t first = path.member >= 0 ? path.member : 0;
    operation.set(kElements, elements);
    operation.set(kMember, Range{first, first + (elements > 0 ? elements - 1 : 0)});
  }

  // 1756-PM020: how many elements, and for writes first of which type.
  static Fault decode_tag(const Request& request, const Path& path, Operation& operation) {
    constexpr std::uint16_t kStructure = 0x02a0;
    ByteReader reader(request.data);
    const bool write = request.service == kWriteTag || request.service == kWriteTagFragmented;
    const bool fragmented =
        request.service == kReadTagFragmented || request.service == kWriteTagFragmented;
    if (request.service == kReadModifyWriteTag) {
      const std::size_t mask_bytes = reader.u16_le();
      reader.skip(2 * mask_bytes);
      set_span(path, 1, operation);
      return at_end(reader);
    }
    std::uint16_t type = 0;
    if (write) {
      type = reader.u16_le();
      if (type == kStructure) reader.skip(2);
    }
    const std::uint16_t elements = reader.u16_le();
    if (fragmented) reader.skip(4);
    if (!reader.ok()) return Fault::truncated;
    if (elements == 0) return Fault::bad_quantity;
    set_span(path, elements, operation);
    if (!write) return at_end(reader);
    const std::size_t each = bytes_of(type);
    if (fragmented || each == 0) return Fault::none;
    // A single BOOL or SINT may be filled up to a word.
    const std::size_t bytes = each * elements;
    const bool fits = reader.remaining() == bytes || reader.remaining() == bytes + bytes % 2;
    if (!fits) return Fault::bad_byte_count;
    if (elements == 1) set_value(type, reader, operation);
    return Fault::none;
  }

  static Fault at_end(const ByteReader& reader) {
    if (!reader.ok()) return Fault::truncated;
    return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
  }

  // CIP, A-4.3 and: each attribute is an operation. What is set has no length but the
  // attribute's own, so that only the first is known where several are set.
  Fault decode_attribute_list(std::uint16_t function, const Request& request, const Path& path,
                              Operation& first) {
    ByteReader reader(request.data);
    const std::size_t count = reader.u16_le();
    if (!reader.ok()) return Fault::truncated;
    if (count == 0) return Fault::bad_quantity;
    if (request.service == kSetAttributeList) {
      if (count > 1) return Fault::unknown_object;
      first.set(kAttribute, reader.u16_le());
      return reader.ok() ? Fault::none : Fault::truncated;
    }
    Operation* operation = &first;
    for (std::size_t i = 0; i < count; ++i) {
      if (operation == nullptr) operation = add(function, request, path);
      if (operation == nullptr) return Fault::too_many_operations;
      operation->set(kAttribute, reader.u16_le());
      if (!reader.ok()) return Fault::truncated;
      operation = nullptr;
    }
    return at_end(reader);
  }

  // CIP, A-4.9: offsets count from where the number of services stands; no byte is between them.
  Fault decode_packet(ByteView data, unsigned depth) {
    ByteReader reader(data);
    const std::size_t count = reader.u16_le();
    if (!reader.ok()) return Fault::truncated;
    if (count == 0) return Fault::bad_quantity;
    std::size_t begin = reader.u16_le();
    if (!reader.ok()) return Fault::truncated;
    if (begin != 2 + 2 * count) return Fault::bad_value;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t end = i + 1 < count ? reader.u16_le() : data.size();
      if (!reader.ok() || end <= begin || end > data.size()) return Fault::truncated;
      const Fault fault = decode(data.subspan(begin, end - begin), depth + 1);
      if (fault != Fault::none) return fault;
      begin = end;
    }
    return Fault::none;
  }

  Fault decode_manager(const Request& request, unsigned depth, Operation& operation) {
    switch (request.service) {
      case kUnconnectedSend:
        return decode_unconnected_send(request.data, depth);
      case kForwardOpen:
      case kLargeForwardOpen:
        return decode_open(request, operation);
      case kForwardClose:
        return decode_close(request.data, operation);
      default:
        return Fault::none;
    }
  }

  // CIP 3-5.5.4: the message, a pad if it is odd, and its route.
  Fault decode_unconnected_send(ByteView data, unsigned depth) {
    ByteReader reader(data);
    reader.skip(2);
    const std::size_t bytes = reader.u16_le();
    const ByteView message = reader.take(bytes);
    if (bytes % 2 != 0) reader.skip(1);
    const std::size_t words = reader.u8();
    reader.skip(1);
    const ByteView route = reader.take(words * 2);
    if (const Fault end = at_end(reader); end != Fault::none) return end;
    Path path;
    if (const Fault fault = parse_path(route, names_, path); fault != Fault::none) return fault;
    return decode(message, depth + 1);
  }

  Fault decode_open(const Request& request, Operation& first) {
    ForwardOpen open;
    ByteView tag;
    const Fault fault = parse_open(request, names_, open, tag);
    if (fault != Fault::none) return fault;
    if (is_implicit(open)) first.function = find_service(request.service, kImplicitOpening);
    return set_open(open, tag, first, operations_);
  }

  // CIP 3-5.5.3.
  Fault decode_close(ByteView data, Operation& operation) {
    ByteReader reader(data);
    reader.skip(4);
    operation.set(kVendor, reader.u16_le());
    reader.skip(4);
    const std::size_t words = reader.u8();
    reader.skip(1);
    reader.skip(words * 2);
    return at_end(reader);
  }

  // 1770-6.5.16, chapter 7: behind the requestor's identifier command, status, transaction and,
  // for some commands, a function; then addresses of the typed logical reads and writes.
  static Fault decode_pccc(const Request& request, Operation& operation) {
    ByteReader reader(request.data);
    const std::size_t requestor_bytes = reader.u8();
    if (reader.ok() && requestor_bytes == 0) return Fault::bad_length;
    reader.skip(requestor_bytes - 1);
    const std::uint8_t command = reader.u8();
    reader.skip(3);
    if (!reader.ok()) return Fault::truncated;
    operation.set(kPcccCommand, command);
    if (command != 0x0f && command != 0x06 && command != 0x07) return Fault::none;
    const std::uint8_t function = reader.u8();
    if (!reader.ok()) return Fault::truncated;
    operation.set(kPcccFunction, function);
    const bool typed =
        command == 0x0f && (function == 0xa1 || function == 0xa2 || function == 0xa9 ||
                            function == 0xaa || function == 0xab);
    if (!typed) return Fault::none;
    const auto read_address = [&reader] {
      const std::uint16_t value = reader.u8();
      return value == 0xff ? reader.u16_le() : value;
    };
    operation.set(kElements, reader.u8());
    operation.set(kFileNumber, read_address());
    operation.set(kFileType, reader.u8());
    operation.set(kElement, read_address());
    return reader.ok() ? Fault::none : Fault::truncated;
  }

  OperationList& operations_;
  Names& names_;
};

// A reply does not say what it was asked of.
std::uint16_t function_of_reply(std::uint8_t service) {
  const std::uint16_t of_tag = find_service(service, kOfTags);
  return service == kForwardOpen || service == kLargeForwardOpen
             ? find_service(service, kConnectionManager)
             : of_tag;
}

Fault decode_reply(ByteView bytes, unsigned depth, OperationList& operations) {
  if (depth > kDepthMax) return Fault::too_deep;
  ByteReader reader(bytes);
  const std::uint8_t code = reader.u8();
  reader.skip(1);
  const std::uint8_t status = reader.u8();
  reader.skip(std::size_t{reader.u8()} * 2);
  if (!reader.ok()) return Fault::truncated;
  if ((code & kReplyBit) == 0) return Fault::wrong_direction;
  const auto service = static_cast<std::uint8_t>(code & ~kReplyBit);
  const std::uint16_t function = function_of_reply(service);
  if (function == kNotInCatalogue) return Fault::unknown_function;
  Operation* operation = operations.add(function);
  if (operation == nullptr) return Fault::too_many_operations;
  operation->set(kService, service);
  operation->set(kStatus, status);
  constexpr std::uint8_t kEmbeddedError = 0x1e;  // CIP, appendix B
  const bool several =
      service == kMultipleServicePacket && (status == 0 || status == kEmbeddedError);
  if (!several) return Fault::none;
  const ByteView data = reader.rest();
  ByteReader offsets(data);
  const std::size_t count = offsets.u16_le();
  std::size_t begin = offsets.u16_le();
  if (!offsets.ok() || count == 0 || begin < 2 + 2 * count) return Fault::truncated;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t end = i + 1 < count ? offsets.u16_le() : data.size();
    if (!offsets.ok() || end <= begin || end > data.size()) return Fault::truncated;
    const Fault fault = decode_reply(data.subspan(begin, end - begin), depth + 1, operations);
    if (fault != Fault::none) return fault;
    begin = end;
  }
  return Fault::none;
}

}  // namespace

Fault decode_cip_request(ByteView bytes, OperationList& operations) {
  thread_local Names names;
  names.clear();
  if (!bytes.empty() && (bytes[0] & kReplyBit) != 0) return Fault::wrong_direction;
  return Decoder(operations, names).decode(bytes, 1);
}

Fault decode_cip_reply(ByteView bytes, OperationList& operations) {
  return decode_reply(bytes, 1, operations);
}

ByteView innermost_request(ByteView bytes) {
  constexpr std::array<std::uint8_t, 4> kManagerPath = {0x20, kConnectionManager, 0x24, 1};
  for (unsigned depth = 0; depth < kDepthMax; ++depth) {
    Request request;
    if (parse_request(bytes, request) != Fault::none) return bytes;
    const bool manager =
        request.service == kUnconnectedSend && std::equal(request.path.begin(), request.path.end(),
                                                          kManagerPath.begin(), kManagerPath.end());
    ByteReader reader(request.data);
    reader.skip(2);
    const ByteView inner = reader.take(reader.u16_le());
    if (!manager || !reader.ok()) return bytes;
    bytes = inner;
  }
  return bytes;
}

}  // namespace bulkhead::enip
