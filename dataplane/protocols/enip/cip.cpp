// CIP requests: services inside services are taken apart, each is an operation.
#include <algorithm>
#include <array>

#include "dataplane/protocols/enip/pairing.h"
#include "dataplane/protocols/enip/services.h"

namespace bulkhead::enip {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

Fault at_end(const ByteReader& reader) {
  if (!reader.ok()) return Fault::truncated;
  return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

Fault parse_request(ByteView bytes, Request& request) {
  ByteReader reader(bytes);
  request.service = reader.u8();
  request.path = reader.take(std::size_t{reader.u8()} * 2);
  request.data = reader.rest();
  return reader.ok() ? Fault::none : Fault::truncated;
}

// CIP 3-5.5.4: the message, a pad if it is odd, and its route.
Fault parse_unconnected_send(ByteView data, UnconnectedSend& send) {
  constexpr std::uint8_t kTimeTickMask = 0x0f;
  ByteReader reader(data);
  const std::uint8_t tick = reader.u8();
  reader.skip(1);
  const std::size_t bytes = reader.u16_le();
  send.message = reader.take(bytes);
  const std::uint8_t pad = bytes % 2 != 0 ? reader.u8() : std::uint8_t{0};
  const std::size_t words = reader.u8();
  const std::uint8_t reserved = reader.u8();
  send.route = reader.take(words * 2);
  if (const Fault end = at_end(reader); end != Fault::none) return end;
  return tick <= kTimeTickMask && pad == 0 && reserved == 0 ? Fault::none : Fault::bad_value;
}

namespace {

bool is_object(const Path& path, Class class_id) {
  return path.is_plain() && path.class_id == class_id && path.instance == 1 && path.attribute < 0 &&
         path.member < 0;
}

// CIP 5A: where a device has its process data: the data of assemblies and
// registers, the values of output points.
bool is_process_data(const Path& path) {
  constexpr std::array<std::array<std::uint16_t, 2>, 4> kData = {
      {{kAssembly, 3}, {0x07, 4}, {0x09, 3}, {0x0b, 3}}};
  return path.is_plain() && std::any_of(kData.begin(), kData.end(), [&](const auto& each) {
           return path.class_id == each[0] && path.attribute == each[1];
         });
}

// CIP, appendix A: of the services that all objects have in common, these are for one attribute or
// member; the others are for the whole instance. What else its path names receivers skip (OpENer),
// so that a rule on it would say less than is done.
bool is_for_its_path(std::uint8_t service, const Path& path) {
  constexpr std::uint8_t kObjectServices = 0x32;  // from here on of vendors and of objects
  if (service >= kObjectServices) return true;
  const bool member = service >= kGetMember && service <= kRemoveMember;
  const bool attribute = member || service == kGetAttributeSingle || service == kSetAttributeSingle;
  return (attribute || path.attribute < 0) && (member || path.member < 0 || path.is_tag());
}

// What the object of a service is to the catalogue.
std::int32_t object_of(const Request& request, const Path& path) {
  const bool tag_service = request.service >= kReadTag && request.service <= kWriteTagFragmented;
  if (path.is_tag() && tag_service) return kOfTags;
  if (is_process_data(path)) return protocols::kNoSubCode;
  return path.class_id >= 0 ? static_cast<std::int32_t>(path.class_id) : kOfProgram;
}

// The function of a whole request: of a list, what its first attribute makes it.
std::uint16_t function_of(const Request& request, Path path) {
  constexpr std::size_t kFirstAttributeEnd = 4;
  const bool list = request.service == kGetAttributeList || request.service == kSetAttributeList;
  if (list && path.attribute < 0 && request.data.size() >= kFirstAttributeEnd) {
    path.attribute = load_le16(request.data.data() + 2);
  }
  return find_service(request.service, object_of(request, path));
}

// How many octets attributes have that are set in lists (CIP 5-3, EIP 5-4, 5-5, 5-7; the wall clock
// of Logix); 0 where that is not known.
std::size_t bytes_of_attribute(const Path& path) {
  struct Known {
    std::uint16_t class_id;
    std::uint16_t first;
    std::uint16_t last;
    std::uint8_t bytes;
  };
  constexpr std::array<Known, 9> kKnown = {{
      {0x48, 1, 8, 1},    // QoS: a tag, and priorities
      {0x8b, 6, 6, 8},    // wall clock: microseconds
      {0xf5, 3, 3, 4},    // TCP/IP: how the host is configured
      {0xf5, 8, 8, 1},    // time to live
      {0xf5, 9, 9, 8},    // multicast addresses
      {0xf5, 10, 10, 1},  // address conflicts
      {0xf5, 13, 13, 2},  // inactivity
      {0xf6, 6, 6, 4},    // Ethernet link: control
      {0xf6, 9, 9, 1},    // state
  }};
  for (const Known& each : kKnown) {
    const bool same = path.class_id == each.class_id && path.attribute >= each.first &&
                      path.attribute <= each.last;
    if (same) return each.bytes;
  }
  return 0;
}

class Decoder {
 public:
  Decoder(const Surroundings& surroundings, OperationList& operations, Names& names,
          protocols::Parsed& parsed)
      : surroundings_(surroundings), operations_(operations), names_(names), parsed_(parsed) {}

  Fault decode(ByteView bytes, const Route& route) {
    if (const Fault fault = go(route); fault != Fault::none) return fault;
    return decode_service(bytes, 1);
  }

 private:
  Fault go(const Route& route) {
    route_ = route;
    return describe_route(route_, names_, route_fields_);
  }

  Fault decode_service(ByteView bytes, unsigned depth) {
    if (depth > kDepthMax) return Fault::too_deep;
    Request request;
    if (const Fault fault = parse_request(bytes, request); fault != Fault::none) return fault;
    if ((request.service & kReplyBit) != 0) return Fault::wrong_direction;
    Path path;
    if (const Fault fault = parse_path(request.path, names_, path); fault != Fault::none) {
      return fault;
    }
    if (!is_for_its_path(request.service, path)) return Fault::unknown_object;
    note_asked(request, path);
    const std::int32_t of = object_of(request, path);
    const std::uint16_t function = find_service(request.service, of);
    if (function == kNotInCatalogue) return Fault::unknown_function;
    if (path.class_id == kConnectionManager) {
      return decode_manager(function, request, path, depth);
    }
    switch (request.service) {
      case kMultipleServicePacket:
        return decode_packet(function, request, path, depth);
      case kGetAttributeList:
      case kSetAttributeList:
        return decode_attribute_list(request, path);
      default:
        break;
    }
    Operation* operation = add(function, request, path);
    if (operation == nullptr) return Fault::too_many_operations;
    if (catalogue().functions[function].sub_code == kOfTags) {
      return decode_tag(request, path, *operation, operations_);
    }
    if (request.service == kExecutePccc && path.class_id == kPcccObject) {
      return decode_pccc(request, *operation, operations_);
    }
    return decode_data(request, path, *operation);
  }

  // Keeps the innermost request; of a packet the first one inside that a reply does not tell by its
  // service alone.
  void note_asked(const Request& request, const Path& path) {
    const bool sends = request.service == kUnconnectedSend && is_object(path, kConnectionManager);
    if (sends || packets_ > 1) return;
    const std::uint16_t function = function_of(request, path);
    if (packets_ == 0) {
      asked_ = &parsed_.keep(Asked{function, request.service});
    } else if (!ambiguous_ && function != function_alone(request.service)) {
      ambiguous_ = true;
      asked_->function = function;
    }
  }

  Operation* add(std::uint16_t function, const Request& request, const Path& path) {
    Operation* operation = operations_.add(function);
    if (operation == nullptr) return nullptr;
    operation->set(kService, request.service);
    set_path(path, *operation);
    route_fields_.set(*operation);
    return operation;
  }

  // What a service carries that has no field: content, or nothing.
  Fault decode_data(const Request& request, const Path& path, Operation& operation) const {
    switch (request.service) {
      case kReset:  // CIP 5-2.3.1: which kind
        if (request.data.size() > 1) return Fault::bad_length;
        if (!request.data.empty()) operation.set_real(kValue, request.data[0]);
        return Fault::none;
      case kReadTemplate:  // 1756-PM020: from which octet on, and how many
        if (path.class_id != kTemplateObject) break;
        operations_.leave_free(request.data, "which part of a template is read");
        return request.data.size() == 6 ? Fault::none : Fault::bad_length;
      case kNoOperation:
        return request.data.empty() ? Fault::none : Fault::trailing_bytes;
      case kGetAttributesAll:
      case kGetAttributeSingle:
        if (!request.data.empty() && !is_vendors(path.class_id)) return Fault::trailing_bytes;
        break;
      default:
        break;
    }
    operations_.leave_free(request.data, "what a service that is granted by its object carries");
    return Fault::none;
  }

  // CIP, A-4.3 and: each attribute is an operation; a list of none is one without. What is
  // set has no length but the attribute's own; where that is not known only the last can be read.
  Fault decode_attribute_list(const Request& request, Path path) {
    ByteReader reader(request.data);
    const std::size_t count = reader.u16_le();
    if (!reader.ok()) return Fault::truncated;
    if (path.attribute >= 0) return Fault::unknown_object;
    const bool sets = request.service == kSetAttributeList;
    for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i) {
      if (count > 0) path.attribute = reader.u16_le();
      if (!reader.ok()) return Fault::truncated;
      const std::uint16_t function = find_service(request.service, object_of(request, path));
      if (add(function, request, path) == nullptr) return Fault::too_many_operations;
      if (!sets || count == 0) continue;
      const std::size_t known = path.is_plain() ? bytes_of_attribute(path) : 0;
      if (known == 0 && i + 1 < count) return Fault::unknown_object;
      const ByteView value = reader.take(known != 0 ? known : reader.remaining());
      operations_.leave_free(value, "what is written");
    }
    return at_end(reader);
  }

  // CIP, A-4.9: offsets count from where the number of services stands; no byte is between them.
  // Only the message router takes it.
  Fault decode_packet(std::uint16_t function, const Request& request, const Path& path,
                      unsigned depth) {
    if (!is_object(path, kMessageRouter)) return Fault::unknown_object;
    if (add(function, request, path) == nullptr) return Fault::too_many_operations;
    const ByteView data = request.data;
    ByteReader reader(data);
    const std::size_t count = reader.u16_le();
    if (!reader.ok()) return Fault::truncated;
    if (count == 0) return Fault::bad_quantity;
    std::size_t begin = reader.u16_le();
    if (!reader.ok()) return Fault::truncated;
    if (begin != 2 + 2 * count) return Fault::bad_value;
    ++packets_;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t end = i + 1 < count ? reader.u16_le() : data.size();
      if (!reader.ok() || end <= begin || end > data.size()) return Fault::truncated;
      const Fault fault = decode_service(data.subspan(begin, end - begin), depth + 1);
      if (fault != Fault::none) return fault;
      begin = end;
    }
    --packets_;
    return Fault::none;
  }

  // CIP 3-5.5. Services inside services are for the router, not for the manager.
  Fault decode_manager(std::uint16_t function, const Request& request, const Path& path,
                       unsigned depth) {
    if (request.service == kMultipleServicePacket) return Fault::unknown_object;
    if (request.service == kGetAttributeList || request.service == kSetAttributeList) {
      return decode_attribute_list(request, path);
    }
    const bool own = request.service == kUnconnectedSend || is_opening(request.service) ||
                     request.service == kForwardClose;
    if (own && !is_object(path, kConnectionManager)) return Fault::unknown_object;
    if (is_opening(request.service)) return decode_open(request);
    if (request.service == kForwardClose) return decode_close(request, path);
    Operation* operation = add(function, request, path);
    if (operation == nullptr) return Fault::too_many_operations;
    if (request.service == kUnconnectedSend) return decode_unconnected_send(request.data, depth);
    return decode_data(request, path, *operation);
  }

  Fault decode_unconnected_send(ByteView data, unsigned depth) {
    UnconnectedSend send;
    if (const Fault fault = parse_unconnected_send(data, send); fault != Fault::none) return fault;
    operations_.leave_free(data.first(1), "time", 0x0f);
    operations_.leave_free(data.subspan(1, 1), "time");
    const Route outer = route_;
    const RouteFields outer_fields = route_fields_;
    Route inner = route_;
    if (const Fault fault = parse_route(send.route, inner); fault != Fault::none) return fault;
    if (const Fault fault = go(inner); fault != Fault::none) return fault;
    const Fault fault = decode_service(send.message, depth + 1);
    route_ = outer;
    route_fields_ = outer_fields;
    return fault;
  }

  // A connection leads along this request's own route, and from there along its path's.
  Fault decode_open(const Request& request) {
    ForwardOpen open;
    ConnectionPath path;
    const Fault fault = parse_open(request, names_, open, path);
    if (fault != Fault::none) return fault;
    RouteFields fields;
    Route route = route_;
    if (!route.add(open.route.bytes())) return Fault::bad_length;
    if (const Fault told = describe_route(route, names_, fields); told != Fault::none) return told;
    if (packets_ == 0) {
      parsed_.keep(AskedOpening{open, route, path.tag});
      if (is_implicit(open)) asked_->function = find_service(request.service, kImplicitOpening);
    }
    const ByteView data = request.data;
    operations_.leave_free(data.first(1), "time", 0x0f);
    operations_.leave_free(data.subspan(1, 1), "time");
    operations_.leave_free(data.subspan(2, 16), "identifiers of the connection");
    operations_.leave_free(data.subspan(18, 1), "time", 0x07);
    operations_.leave_free(data.subspan(19, 3), "reserved; some clients leave them as they are");
    operations_.leave_free(path.key, "another value makes the device refuse");
    operations_.leave_free(path.configuration, "configuration that is granted");
    return add_open(open, path.tag, fields, operations_);
  }

  // CIP 3-5.5.3: a connection is known by its name at the end of its route; only the session that
  // opened it has the right to close it without more.
  Fault decode_close(const Request& request, const Path& path) {
    ForwardClose close;
    if (const Fault fault = parse_close(request.data, names_, close); fault != Fault::none) {
      return fault;
    }
    Route route = route_;
    if (!route.add(close.path.route.bytes())) return Fault::bad_length;
    const bool own = has_opened(surroundings_.session, close.name, route);
    const std::int32_t of = own ? static_cast<std::int32_t>(kConnectionManager) : kForeignClose;
    const std::uint16_t function = find_service(request.service, of);
    if (packets_ == 0) asked_->function = function;
    Operation* operation = operations_.add(function);
    if (operation == nullptr) return Fault::too_many_operations;
    operation->set(kService, request.service);
    set_path(path, *operation);
    operation->set(kVendor, close.name.vendor);
    RouteFields fields;
    if (const Fault told = describe_route(route, names_, fields); told != Fault::none) return told;
    fields.set(*operation);
    operations_.leave_free(request.data.first(1), "time", 0x0f);
    operations_.leave_free(request.data.subspan(1, 1), "time");
    if (operations_.accounts()) leave_name(request.data, close.name, route, own);
    operations_.leave_free(close.path.key, "a close is for the name of its connection");
    operations_.leave_free(close.path.application, "a close is for the name of its connection");
    return Fault::none;
  }

  // What of the connection's number and its originator's leads to another of the session's own, or
  // of others'.
  void leave_name(ByteView data, const ConnectionName& name, const Route& route, bool own) const {
    const auto leave = [&](std::size_t octet, std::size_t bit, const ConnectionName& other) {
      if (has_opened(surroundings_.session, other, route) != own) return;
      operations_.leave_free(data.subspan(octet, 1), "which connection",
                             static_cast<std::uint8_t>(1U << bit % 8));
    };
    for (std::size_t bit = 0; bit < 32; ++bit) {
      ConnectionName other = name;
      other.originator ^= std::uint32_t{1} << bit;
      leave(6 + bit / 8, bit, other);
      other = name;
      other.serial = static_cast<std::uint16_t>(other.serial ^ 1U << bit % 16);
      if (bit < 16) leave(2 + bit / 8, bit, other);
    }
  }

  const Surroundings& surroundings_;
  OperationList& operations_;
  Names& names_;
  protocols::Parsed& parsed_;
  Asked* asked_ = nullptr;  // stands once the innermost request is read
  unsigned packets_ = 0;    // that the service stands in
  bool ambiguous_ = false;
  Route route_;
  RouteFields route_fields_;
};

}  // namespace

Fault decode_cip_request(ByteView bytes, const Surroundings& surroundings,
                         OperationList& operations, protocols::Parsed& parsed) {
  thread_local Names names;
  names.clear();
  Route route;
  if (surroundings.connected && !find_route(surroundings.session, surroundings.connection, route)) {
    return Fault::not_started;
  }
  if (route.unknown) {
    operations.leave_free(surroundings.connection_bytes, "one unknown connection is as another");
  }
  return Decoder(surroundings, operations, names, parsed).decode(bytes, route);
}

}  // namespace bulkhead::enip
