// A connection is asked for by a request, open once its reply names both identifiers, and from then
// on every packet has to be of its size and at its interval at most.
#include "dataplane/protocols/enip/implicit.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "dataplane/protocols/enip/opening.h"

namespace bulkhead::enip {

using protocols::Carrier;
using protocols::Direction;
using protocols::Expectation;
using protocols::Fault;
using protocols::MessageContext;
using protocols::OperationList;
using protocols::Parsed;
using protocols::Party;
using protocols::RelationStep;

namespace {

constexpr std::uint32_t kAnswerMs = 30'000;        // for an opening that is never answered
constexpr std::uint32_t kFirstSilenceMs = 10'000;  // CIP 3-4.6.2: before the first packet
constexpr std::size_t kTagBytesMax = 64;
constexpr std::uint32_t kNoGroup = 0;
constexpr std::uint8_t kToMany = 1;
constexpr std::uint8_t kPointToPoint = 2;
constexpr std::size_t kToOriginator = 1;

// What a forward open asked for: RelationStep::asked.
struct RequestedConnection {
  ForwardOpen open;
  Route route;  // of the request, and on from there of its own path
  std::uint8_t tag_bytes = 0;
  std::array<std::uint8_t, kTagBytesMax> tag{};

  ByteView tag_name() const { return {tag.data(), std::min<std::size_t>(tag_bytes, tag.size())}; }
};
static_assert(std::is_trivially_copyable_v<RequestedConnection> &&
              sizeof(RequestedConnection) <= protocols::kAskedBytesMax);

// False if the bytes are none.
bool read_asked(std::span<const std::byte> bytes, RequestedConnection& asked) {
  if (bytes.size() != sizeof(asked)) return false;
  std::memcpy(&asked, bytes.data(), sizeof(asked));
  return true;
}

// CIP 3-5.5.2: serial number, vendor and originator.
protocols::RelationName name_of(const ConnectionName& connection) {
  protocols::RelationName name;
  store_be16(name.bytes.data(), connection.serial);
  store_be16(name.bytes.data() + 2, connection.vendor);
  store_be32(name.bytes.data() + 4, connection.originator);
  return name;
}

// EIP 2-6.3.3: an answer that opens a connection to many names the group; its numbers have the
// order of the network.
std::uint32_t group_in(ByteView socket) {
  constexpr std::uint16_t kInternet = 2;
  constexpr std::size_t kSocketBytes = 16;
  ByteReader reader(socket);
  const std::uint16_t family = reader.u16();
  const std::uint16_t port = reader.u16();
  const std::uint32_t group = reader.u32();
  constexpr std::uint32_t kMulticast = 0xe;  // RFC 5771: 224.0.0.0/4
  const bool names = socket.size() == kSocketBytes && family == kInternet && port == kIoPort &&
                     group >> 28 == kMulticast;
  return names ? group : kNoGroup;
}

Fault follow_request(const AskedOpening* opening, RelationStep& step) {
  if (opening == nullptr || !is_implicit(opening->open)) return Fault::none;
  const ByteView tag = opening->tag;
  if (tag.size() > kTagBytesMax) return Fault::bad_length;  // it could not be judged anew
  RequestedConnection asked{opening->open, opening->route};
  asked.tag_bytes = static_cast<std::uint8_t>(tag.size());
  std::copy(tag.begin(), tag.end(), asked.tag.begin());
  step.kind = RelationStep::Kind::ask;
  step.name = name_of(asked.open.name);
  step.wait_ms = kAnswerMs;
  step.asked_bytes = sizeof(asked);
  std::memcpy(step.asked.data(), &asked, sizeof(asked));
  return Fault::none;
}

// CIP 3-5.5.2 and 3-5.5.3. The reply to an opening that failed names its connection too.
void follow_reply(ByteView cip, RelationStep& step) {
  constexpr std::uint16_t kNotFound = 0x0107;  // CIP 3-5.6: there is no such connection
  ByteReader reader(cip);
  const auto service = static_cast<std::uint8_t>(reader.u8() & ~kReplyBit);
  reader.skip(1);
  const std::uint8_t status = reader.u8();
  const std::size_t words = reader.u8();
  ByteReader extended(reader.take(words * 2));
  const bool not_found = words > 0 && extended.u16_le() == kNotFound;
  const bool opened = is_opening(service) && status == 0;
  const bool closed = service == kForwardClose && (status == 0 || not_found);
  if (opened) reader.skip(8);  // identifiers of the connection
  step.name = name_of(read_name(reader));
  if (!reader.ok()) return;
  if (opened) {
    step.kind = RelationStep::Kind::open;
  } else if (closed) {
    step.kind = RelationStep::Kind::close;
  } else if (is_opening(service)) {
    step.kind = RelationStep::Kind::refuse;
  }
}

// How often packets may come: as was asked for and granted; a target may choose to be faster (CIP
// 3-5.5.2, actual packet interval), but not by more than half. What is not sent at a cycle may come
// four times as often (CIP 3-5.4.1, production inhibit time).
std::uint32_t interval_of(const ForwardOpen& open, std::uint32_t asked_us,
                          std::uint32_t actual_us) {
  const bool cyclic = (open.trigger >> 4 & 7U) == 0;
  const std::uint32_t floor_us = asked_us / 2;
  const std::uint32_t paced_us =
      actual_us == 0 ? asked_us : std::max(std::min(actual_us, asked_us), floor_us);
  return std::max(cyclic ? paced_us : paced_us / 4, 1U);
}

// One way of a connection; false if nothing travels there.
bool open_way(const ForwardOpen& open, std::size_t side, std::uint32_t connection,
              std::uint32_t actual_us, std::uint32_t group, Expectation& expectation) {
  const ForwardOpen::Way& asked = open.ways[side];
  const bool back = side == kToOriginator;
  expectation.from.party = back ? Party::server : Party::client;
  expectation.to.party = back ? Party::client : Party::server;
  if (asked.type == kToMany && back && group != kNoGroup) {
    expectation.to = {Party::other, protocols::EndpointAddress::of_ipv4(group)};
  } else if (asked.type != kPointToPoint) {
    return false;
  }
  expectation.carrier = Carrier::udp;
  expectation.direction = back ? Direction::response : Direction::request;
  expectation.port = kIoPort;
  expectation.identifier = connection;
  expectation.bytes_max = asked.bytes;
  expectation.interval_us = interval_of(open, asked.rpi_us, actual_us);
  const std::uint64_t silence_ms = (std::uint64_t{std::max(asked.rpi_us, actual_us)}
                                    << (2 + std::min<unsigned>(open.multiplier, 7))) /
                                   1000;
  expectation.silence_ms = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(silence_ms, kFirstSilenceMs, 0x7fffffff));
  return true;
}

class Implicit final : public protocols::Expectations {
 public:
  Fault follow(const Parsed& message, const MessageContext& context,
               RelationStep& step) const override {
    const CommonPacket* packet = message.kept<CommonPacket>();
    if (context.carrier != Carrier::tcp || packet == nullptr || packet->cip.empty()) {
      return Fault::none;
    }
    if (message.is_request()) {
      // Where a connection leads only the session knows; openings are sent unconnected (3-5.5).
      return packet->connected ? Fault::none : follow_request(message.kept<AskedOpening>(), step);
    }
    follow_reply(packet->cip, step);
    return Fault::none;
  }

  std::size_t open(std::span<const std::byte> bytes, const Parsed& answer,
                   protocols::OpenedExpectations expectations) const override {
    RequestedConnection asked;
    const CommonPacket* packet = answer.kept<CommonPacket>();
    if (!read_asked(bytes, asked) || packet == nullptr) return 0;
    ByteReader reader(packet->cip);
    reader.skip(3);
    reader.skip(std::size_t{reader.u8()} * 2);
    const std::array<std::uint32_t, 2> identifiers = {reader.u32_le(), reader.u32_le()};
    read_name(reader);
    const std::array<std::uint32_t, 2> actual_us = {reader.u32_le(), reader.u32_le()};
    if (!reader.ok()) return 0;
    const std::uint32_t group = group_in(packet->to_originator);
    std::size_t count = 0;
    for (std::size_t side = 0; side < 2; ++side) {
      Expectation& next = expectations[count];
      next = Expectation{};
      if (open_way(asked.open, side, identifiers[side], actual_us[side], group, next)) ++count;
    }
    return count;
  }

  void describe(std::span<const std::byte> bytes, OperationList& operations) const override {
    RequestedConnection asked;
    operations.clear();
    if (!read_asked(bytes, asked)) return;
    thread_local Names names;
    names.clear();
    RouteFields route;
    describe_route(asked.route, names, route);
    // The tag is to live as long as `bytes` do.
    const auto* tag =
        reinterpret_cast<const std::uint8_t*>(bytes.data()) + offsetof(RequestedConnection, tag);
    add_open(asked.open, {tag, asked.tag_name().size()}, route, operations);
  }

  std::optional<Observed> observe(ByteView message, Carrier carrier) const override {
    CommonPacket packet;
    if (carrier != Carrier::udp || parse_common_packet(message, packet) != Fault::none) {
      return std::nullopt;
    }
    return Observed{packet.connection, packet.data_bytes, find_command(kIoCode)};
  }

  // What a target sends to a group is of the sessions of all that opened it.
  std::span<const protocols::SharedService> shared_services() const override {
    static constexpr std::array<protocols::SharedService, 2> kServices = {
        {{Carrier::tcp, kSessionPort}, {Carrier::udp, kIoPort}}};
    return kServices;
  }
};

}  // namespace

const protocols::Expectations& implicit_connections() {
  static const Implicit kImplicit;
  return kImplicit;
}

}  // namespace bulkhead::enip
