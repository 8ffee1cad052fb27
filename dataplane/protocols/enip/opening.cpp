// Forward opens and closes: each bit of their parameters is judged or refused, but for times and
// identifiers.
#include "dataplane/protocols/enip/opening.h"

#include <algorithm>

#include "dataplane/protocols/planted.h"

namespace bulkhead::enip {

using protocols::Fault;
using protocols::Mistake;
using protocols::Operation;
using protocols::OperationList;

ConnectionName read_name(ByteReader& reader) {
  ConnectionName name;
  name.serial = reader.u16_le();
  name.vendor = reader.u16_le();
  name.originator = reader.u32_le();
  return name;
}

namespace {

constexpr std::uint8_t kPointToPoint = 2;
constexpr std::uint8_t kTimeTickMask = 0x0f;
constexpr std::uint8_t kMultiplierMax = 7;  // CIP 3-5.5.1.5

// CIP 3-5.5.1.1: owner, type, a reserved bit, priority, fixed or variable, size.
Fault read_way(ByteReader& reader, bool large, ForwardOpen::Way& way) {
  way.rpi_us = reader.u32_le();
  const std::uint32_t size_mask = large ? 0xffffU : 0x01ffU;
  const std::uint32_t raw = large ? reader.u32_le() : reader.u16_le();
  way.bytes = static_cast<std::uint16_t>(raw & size_mask);
  const std::uint32_t flags = large ? raw >> 16 : raw;
  constexpr std::uint32_t kReserved = 0x8000U | 0x1000U;  // the first is a redundant owner's
  constexpr std::uint32_t kReservedOfLarge = kReserved | 0x01ffU;
  if ((flags & (large ? kReservedOfLarge : kReserved)) != 0) return Fault::bad_value;
  way.variable = (flags >> 9 & 1U) != 0;
  way.priority = static_cast<std::uint8_t>(flags >> 10 & 3U);
  way.type = static_cast<std::uint8_t>(flags >> 13 & 3U);
  return way.type <= kPointToPoint ? Fault::none : Fault::bad_value;
}

// CIP 3-4.4.3, EIP 3-2: classes 0 and 1 travel in datagrams, class 3 on the session; none else is
// defined for EtherNet/IP, and a receiver that takes class 2 for one of them opens outputs.
Fault check_transport(const ForwardOpen& open, const ConnectionPath& path) {
  constexpr std::uint8_t kServer = 0x80;
  const std::uint8_t transport = open.trigger & 0x0fU;
  const std::uint8_t trigger = open.trigger >> 4 & 7U;
  const bool server = (open.trigger & kServer) != 0;
  if (trigger > 2) return Fault::bad_value;
  if (transport <= 1) return server ? Fault::bad_value : Fault::none;
  if (transport != 3 || !server) return Fault::bad_value;
  const bool both = open.ways[0].type == kPointToPoint && open.ways[1].type == kPointToPoint;
  // Messages to another object than the router would have a form of its own.
  const bool to_router = path.class_id == kMessageRouter && path.instance == 1 &&
                         path.point_count == 0 && !path.has_configuration && path.inhibit.empty();
  if (!to_router) return Fault::unknown_object;
  return both ? Fault::none : Fault::bad_value;
}

// Which points carry data (3-5.5.1.10): with both given, they do. With one, and an instance of an
// assembly in front, receivers differ about that: configuration, or what is written. One for both
// ways has an instance in front.
Fault set_points(const ConnectionPath& path, ForwardOpen& open) {
  const bool writes = open.ways[0].type != 0;
  const bool reads = open.ways[1].type != 0;
  open.points = path.points;
  open.instances = {path.instance, path.instance};
  if (path.point_count == 2) {
    // Of an opening of nothing, which renews a configuration, they are those of the connection.
    const bool renews = !writes && !reads && path.points[0] != path.points[1];
    return (writes && reads) || renews ? Fault::none : Fault::bad_value;
  }
  if (path.point_count == 0) return Fault::none;
  open.points[1] = path.points[0];
  if (!writes || !reads) return Fault::none;
  if (path.instance < 0) return Fault::bad_value;
  open.points[0] = path.instance;
  open.instances[0] = -1;
  return Fault::none;
}

}  // namespace

Fault parse_open(const Request& request, Names& names, ForwardOpen& open, ConnectionPath& path) {
  const bool large = request.service == kLargeForwardOpen;
  ByteReader reader(request.data);
  open.service = request.service;
  const std::uint8_t tick = reader.u8();
  reader.skip(1);
  open.ways[0].connection = reader.u32_le();
  open.ways[1].connection = reader.u32_le();
  open.name = read_name(reader);
  open.multiplier = reader.u8();
  reader.skip(3);
  for (ForwardOpen::Way& way : open.ways) {
    const Fault fault = read_way(reader, large, way);
    if (fault != Fault::none) return reader.ok() ? fault : Fault::truncated;
  }
  open.trigger = reader.u8();
  const ByteView bytes = reader.take(std::size_t{reader.u8()} * 2);
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0) return Fault::trailing_bytes;
  if (tick > kTimeTickMask || open.multiplier > kMultiplierMax) return Fault::bad_value;
  if (const Fault fault = parse_connection_path(bytes, names, path); fault != Fault::none) {
    return fault;
  }
  if (const Fault fault = check_transport(open, path); fault != Fault::none) return fault;
  open.class_id = path.class_id;
  open.instance = path.instance;
  open.key_vendor = path.vendor;
  open.key_device = path.device;
  open.route = path.route;
  open.has_configuration = path.has_configuration;
  open.configuration_bytes = static_cast<std::uint16_t>(path.configuration.size());
  if (!path.inhibit.empty()) open.inhibit_ms = path.inhibit[0];
  return set_points(path, open);
}

namespace {

Operation* add_target(std::uint16_t function, const ForwardOpen& open, ByteView tag,
                      const RouteFields& route, OperationList& operations) {
  Operation* operation = operations.add(function);
  if (operation == nullptr) return nullptr;
  operation->set(kService, open.service);
  if (open.class_id >= 0) operation->set(kClass, open.class_id);
  if (!tag.empty()) operation->set_name(kTag, tag);
  if (open.key_vendor >= 0) operation->set(kVendor, open.key_vendor);
  if (open.key_device >= 0) operation->set(kDevice, open.key_device);
  if (!planted(Mistake::route_unread)) route.set(*operation);
  return operation;
}

}  // namespace

// An operation for each way, one where both are alike; and one for what it configures.
Fault add_open(const ForwardOpen& open, ByteView tag, const RouteFields& route,
               OperationList& operations) {
  const std::uint16_t function =
      find_service(open.service, is_implicit(open) ? kImplicitOpening
                                                   : static_cast<std::int32_t>(kConnectionManager));
  const bool alike = open.ways[0].is_like(open.ways[1]) && open.points[0] == open.points[1] &&
                     open.instances[0] == open.instances[1];
  for (std::size_t side = 0; side < (alike ? 1U : 2U); ++side) {
    const ForwardOpen::Way& way = open.ways[side];
    Operation* operation = add_target(function, open, tag, route, operations);
    if (operation == nullptr) return Fault::too_many_operations;
    if (open.instances[side] >= 0) operation->set(kInstance, open.instances[side]);
    if (open.inhibit_ms >= 0) operation->set_real(kValue, open.inhibit_ms);
    if (open.points[side] >= 0) operation->set(kConnectionPoint, open.points[side]);
    operation->set(kConnectionSize, way.bytes);
    operation->set(kRpi, way.rpi_us);
    operation->set(kConnectionType, way.type);
    operation->set(kPriority, way.priority);
    operation->set(kVariable, way.variable ? 1 : 0);
    operation->set(kTransport, open.trigger);
  }
  if (!open.has_configuration || planted(Mistake::configuration_unread)) return Fault::none;
  Operation* configures =
      add_target(find_service(open.service, kConfigurationData), open, tag, route, operations);
  if (configures == nullptr) return Fault::too_many_operations;
  if (open.instance >= 0) configures->set(kInstance, open.instance);
  configures->set(kSize, open.configuration_bytes);
  return Fault::none;
}

Fault parse_close(ByteView data, Names& names, ForwardClose& close) {
  ByteReader reader(data);
  const std::uint8_t tick = reader.u8();
  reader.skip(1);
  close.name = read_name(reader);
  const std::size_t words = reader.u8();
  const std::uint8_t reserved = reader.u8();
  const ByteView path = reader.take(words * 2);
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0) return Fault::trailing_bytes;
  if (tick > kTimeTickMask || reserved != 0) return Fault::bad_value;
  return parse_connection_path(path, names, close.path);
}

bool parse_opened(ByteView reply, Opened& opened) {
  ByteReader reader(reply);
  const auto service = static_cast<std::uint8_t>(reader.u8() & ~kReplyBit);
  reader.skip(1);
  const std::uint8_t status = reader.u8();
  reader.skip(std::size_t{reader.u8()} * 2);
  opened.connections = {reader.u32_le(), reader.u32_le()};
  opened.name = read_name(reader);
  return reader.ok() && is_opening(service) && status == 0;
}

}  // namespace bulkhead::enip
