// A connection is asked for by a request, open once its reply names both identifiers, and from then
// on every packet has to be of its size and at its interval at most.
#include "dataplane/protocols/enip/implicit.h"

#include <algorithm>

#include "dataplane/protocols/enip/opening.h"

namespace bulkhead::enip {

using protocols::Direction;
using protocols::Fault;
using protocols::OperationList;

namespace {

constexpr std::uint32_t kAskedMs = 30'000;         // for an opening that is never answered
constexpr std::uint32_t kFirstSilenceMs = 10'000;  // CIP 3-4.6.2: before the first packet
constexpr std::uint32_t kIntervalsEarly = 4;       // packets that a sender may be ahead of its pace
constexpr std::uint32_t kEarlyUs = 10'000;         // and the time that a schedule may slip
constexpr std::uint32_t kPaceForgottenMs = 60'000;
constexpr std::size_t kTagBytesMax = 64;
constexpr std::uint32_t kOneHost = protocols::RelatedTraffic::kOneHost;
constexpr std::uint8_t kToMany = 1;
constexpr std::uint8_t kPointToPoint = 2;
constexpr std::size_t kToOriginator = 1;

// One way of an open connection.
struct Way {
  std::uint32_t connection = 0;
  std::uint32_t interval_us = 0;  // 0: nothing travels this way
  std::uint32_t full_at_us = 0;   // of a generic cell rate algorithm; wraps
  std::uint32_t silence_ms = 0;   // after which the connection has ended
  std::uint32_t heard_ms = 0;
  std::uint16_t bytes = 0;
  std::uint32_t group = kOneHost;
};

struct Connection {
  ForwardOpen open;
  Route route;  // of the request, and on from there of its own path
  std::array<Way, 2> ways;
  std::uint32_t asked_ms = 0;
  bool is_open = false;
  std::uint8_t tag_bytes = 0;
  std::array<std::uint8_t, kTagBytesMax> tag{};

  ByteView tag_name() const { return {tag.data(), tag_bytes}; }
};

class Block {
 public:
  explicit Block(std::span<std::byte> bytes) : layout_(reinterpret_cast<Layout*>(bytes.data())) {}

  static constexpr std::size_t bytes() { return sizeof(Layout); }

  std::span<Connection> connections() const {
    return std::span(layout_->connections).first(layout_->count);
  }
  Connection* add() const {
    if (layout_->count == kImplicitMax) return nullptr;
    Connection& connection = layout_->connections[layout_->count++];
    connection = {};
    return &connection;
  }
  void remove(std::size_t index) const {
    const std::span<Connection> known = connections();
    std::copy(known.begin() + static_cast<std::ptrdiff_t>(index) + 1, known.end(),
              known.begin() + static_cast<std::ptrdiff_t>(index));
    --layout_->count;
  }
  template <typename Which>
  void remove_if(Which which) const {
    for (std::size_t i = 0; i < layout_->count;) {
      if (which(layout_->connections[i])) {
        remove(i);
      } else {
        ++i;
      }
    }
  }

 private:
  struct alignas(8) Layout {
    std::uint32_t count;
    std::array<Connection, kImplicitMax> connections;
  };
  Layout* layout_;
};

// CIP 3-4.6: a connection ends when either side has heard nothing for so many of its intervals.
bool has_ended(const Connection& connection, std::uint32_t now_ms) {
  if (!connection.is_open) return now_ms - connection.asked_ms > kAskedMs;
  return std::any_of(connection.ways.begin(), connection.ways.end(), [&](const Way& way) {
    return way.interval_us != 0 && now_ms - way.heard_ms > way.silence_ms;
  });
}

// The CIP request or reply that a message carries, with what goes beside it; nothing if none.
CommonPacket carried(ByteView message) {
  Encapsulation encapsulation;
  CommonPacket packet;
  const bool carries =
      parse_encapsulation(message, encapsulation) == Fault::none &&
      (encapsulation.command == kSendRRData || encapsulation.command == kSendUnitData) &&
      parse_carried(encapsulation, packet) == Fault::none;
  return carries ? packet : CommonPacket{};
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
  return names ? group : kOneHost;
}

// What opens an implicit connection, at the end of which route; false if the message does not.
bool parse_opening(ByteView cip, Names& names, ForwardOpen& open, Route& route, ByteView& tag) {
  Innermost innermost;
  ConnectionPath path;
  names.clear();
  if (cip.empty() || find_innermost(cip, Route{}, names, innermost) != Fault::none) return false;
  const bool opens =
      is_opening(innermost.request.service) && innermost.path.class_id == kConnectionManager;
  if (!opens || parse_open(innermost.request, names, open, path) != Fault::none) return false;
  route = innermost.route;
  tag = path.tag;
  return is_implicit(open) && route.add(open.route.bytes());
}

Fault note_request(const Block& block, ByteView message, std::uint32_t now_ms) {
  thread_local Names names;
  ForwardOpen open;
  Route route;
  ByteView tag;
  const CommonPacket packet = carried(message);
  // Where a connection leads only the session knows; openings are sent unconnected (CIP 3-5.5).
  if (packet.connected) return Fault::none;
  if (!parse_opening(packet.cip, names, open, route, tag)) return Fault::none;
  if (tag.size() > kTagBytesMax) return Fault::bad_length;  // it could not be judged anew
  block.remove_if([&](const Connection& connection) {
    return has_ended(connection, now_ms) ||
           (!connection.is_open && open.name == connection.open.name);
  });
  Connection* connection = block.add();
  if (connection == nullptr) return Fault::too_many_outstanding;
  connection->open = open;
  connection->route = route;
  connection->asked_ms = now_ms;
  connection->tag_bytes = static_cast<std::uint8_t>(tag.size());
  std::copy(tag.begin(), tag.end(), connection->tag.begin());
  return Fault::none;
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

Way open_way(const ForwardOpen& open, std::size_t side, std::uint32_t connection,
             std::uint32_t actual_us, std::uint32_t group, std::uint32_t now_ms) {
  const ForwardOpen::Way& asked = open.ways[side];
  Way way;
  if (asked.type == kToMany && side == kToOriginator) way.group = group;
  if (asked.type != kPointToPoint && way.group == kOneHost) return way;
  way.connection = connection;
  way.bytes = asked.bytes;
  way.interval_us = interval_of(open, asked.rpi_us, actual_us);
  way.heard_ms = now_ms;
  way.full_at_us = now_ms * 1000;
  const std::uint64_t silence_ms = (std::uint64_t{std::max(asked.rpi_us, actual_us)}
                                    << (2 + std::min<unsigned>(open.multiplier, 7))) /
                                   1000;
  way.silence_ms = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(silence_ms, kFirstSilenceMs, 0x7fffffff));
  return way;
}

void note_opened(const Block& block, const ConnectionName& name, ByteReader& rest,
                 const std::array<std::uint32_t, 2>& identifiers, std::uint32_t group,
                 std::uint32_t now_ms) {
  const std::array<std::uint32_t, 2> actual_us = {rest.u32_le(), rest.u32_le()};
  if (!rest.ok()) return;
  block.remove_if([&](const Connection& connection) {
    return connection.is_open && name == connection.open.name;
  });
  for (Connection& connection : block.connections()) {
    if (name != connection.open.name) continue;
    connection.is_open = true;
    for (std::size_t side = 0; side < 2; ++side) {
      connection.ways[side] =
          open_way(connection.open, side, identifiers[side], actual_us[side], group, now_ms);
    }
    return;
  }
}

// CIP 3-5.5.2 and 3-5.5.3. A reply with a failure names its connection too.
void note_reply(const Block& block, const CommonPacket& packet, std::uint32_t now_ms) {
  constexpr std::uint16_t kNotFound = 0x0107;  // CIP 3-5.6: there is no such connection
  ByteReader reader(packet.cip);
  const auto service = static_cast<std::uint8_t>(reader.u8() & ~kReplyBit);
  reader.skip(1);
  const std::uint8_t status = reader.u8();
  const std::size_t words = reader.u8();
  ByteReader extended(reader.take(words * 2));
  const bool not_found = words > 0 && extended.u16_le() == kNotFound;
  const bool opened = is_opening(service) && status == 0;
  std::array<std::uint32_t, 2> identifiers{};
  if (opened) identifiers = {reader.u32_le(), reader.u32_le()};
  const ConnectionName name = read_name(reader);
  if (!reader.ok()) return;
  if (opened) {
    return note_opened(block, name, reader, identifiers, group_in(packet.to_originator), now_ms);
  }
  const bool closed = service == kForwardClose && (status == 0 || not_found);
  block.remove_if([&](const Connection& connection) {
    return name == connection.open.name && (closed || (is_opening(service) && !connection.is_open));
  });
}

// A clock of 32 bits goes round once in 71 minutes.
bool keeps_pace(Way& way, std::uint32_t now_ms) {
  const std::uint32_t now_us = now_ms * 1000;
  const auto ahead_us = static_cast<std::int32_t>(way.full_at_us - now_us);
  const bool fresh = ahead_us < 0 || now_ms - way.heard_ms > kPaceForgottenMs;
  const std::uint64_t debt_us = fresh ? 0 : static_cast<std::uint32_t>(ahead_us);
  constexpr std::uint64_t kDebtMax = 0x7fffffff;
  const std::uint64_t allowed_us = std::uint64_t{way.interval_us} * kIntervalsEarly + kEarlyUs;
  if (debt_us >
      std::min(allowed_us, kDebtMax - std::min<std::uint64_t>(way.interval_us, kDebtMax))) {
    return false;
  }
  way.full_at_us = now_us + static_cast<std::uint32_t>(
                                std::min<std::uint64_t>(debt_us + way.interval_us, kDebtMax));
  return true;
}

class Implicit final : public protocols::RelatedTraffic {
 public:
  std::uint16_t port() const override { return kIoPort; }
  std::size_t bytes() const override { return Block::bytes(); }

  bool concerns(ByteView message, Direction direction) const override {
    const ByteView cip = carried(message).cip;
    if (cip.empty()) return false;
    if (direction == Direction::request) {
      thread_local Names names;
      names.clear();
      Innermost innermost;
      return find_innermost(cip, Route{}, names, innermost) == Fault::none &&
             is_opening(innermost.request.service);
    }
    const auto service = static_cast<std::uint8_t>(cip[0] & ~kReplyBit);
    return is_opening(service) || service == kForwardClose;
  }

  Fault note(std::span<std::byte> block, ByteView message, Direction direction,
             std::uint32_t now_ms) const override {
    if (direction == Direction::request) return note_request(Block(block), message, now_ms);
    note_reply(Block(block), carried(message), now_ms);
    return Fault::none;
  }

  std::uint32_t group_of(ByteView answer) const override {
    return group_in(carried(answer).to_originator);
  }

  Fault admit(std::span<std::byte> block, ByteView message, Direction direction,
              std::uint32_t group, std::uint32_t now_ms) const override {
    CommonPacket packet;
    if (parse_common_packet(message, packet) != Fault::none) return Fault::not_started;
    const std::size_t side = direction == Direction::request ? 0 : 1;
    const Block known(block);
    const std::span<Connection> connections = known.connections();
    for (std::size_t i = 0; i < connections.size(); ++i) {
      Way& way = connections[i].ways[side];
      if (!connections[i].is_open || way.interval_us == 0 || way.connection != packet.connection ||
          way.group != group) {
        continue;
      }
      if (has_ended(connections[i], now_ms)) {
        known.remove(i);
        return Fault::not_started;
      }
      if (packet.data_bytes > way.bytes) return Fault::bad_length;
      if (!keeps_pace(way, now_ms)) return Fault::too_often;
      way.heard_ms = now_ms;
      return Fault::none;
    }
    return Fault::not_started;
  }

  bool opening(std::span<std::byte> block, std::size_t index,
               OperationList& operations) const override {
    const std::span<Connection> connections = Block(block).connections();
    operations.clear();
    if (index >= connections.size()) return false;
    const Connection& connection = connections[index];
    thread_local Names names;
    names.clear();
    RouteFields route;
    describe_route(connection.route, names, route);
    add_open(connection.open, connection.tag_name(), route, operations);
    return true;
  }

  void end(std::span<std::byte> block, std::size_t index) const override {
    const Block known(block);
    if (index < known.connections().size()) known.remove(index);
  }
};

}  // namespace

const protocols::RelatedTraffic& implicit_connections() {
  static const Implicit kImplicit;
  return kImplicit;
}

}  // namespace bulkhead::enip
