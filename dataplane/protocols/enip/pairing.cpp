// Requests are tied to replies by the sender's context or, on connections, by the sequence count;
// connections to their route by the reply to their opening.
#include "dataplane/protocols/enip/pairing.h"

#include <algorithm>

namespace bulkhead::enip {

using protocols::Fault;

namespace {

constexpr std::size_t kTableBytes = Session::bytes_for(protocols::kOutstandingMax);

// The connections of a block. Place 0 is in every block.
class Connections {
 public:
  explicit Connections(std::span<std::byte> block) : block_(block) {}

  std::size_t size() const { return block_.size() >= kSessionBytesMax ? 1 + kConnectionsMax : 1; }
  Connection& at(std::size_t place) const {
    return place == 0 ? first().connection : more(place).connection;
  }
  std::span<std::uint8_t> room(std::size_t place) const {
    return place == 0 ? std::span<std::uint8_t>(first().route) : more(place).route;
  }
  Route route(std::size_t place) const {
    const Connection& connection = at(place);
    Route route;
    route.unknown = connection.route_unknown != 0;
    route.add(ByteView(room(place))
                  .first(std::min<std::size_t>(connection.route_size, room(place).size())));
    return route;
  }
  void set_route(std::size_t place, const Route& route) const {
    Connection& connection = at(place);
    connection.route_size = route.size & 0x7fU;
    connection.route_unknown = route.unknown ? 1 : 0;
    std::copy(route.bytes().begin(), route.bytes().end(), room(place).begin());
  }
  void forget(std::size_t place) const { at(place) = Connection{}; }

 private:
  Placed<12>& first() const { return Session(block_.first(table_bytes())).state().first; }
  Placed<Route::kBytesMax>& more(std::size_t place) const {
    return reinterpret_cast<Placed<Route::kBytesMax>*>(block_.data() + kTableBytes)[place - 1];
  }
  std::size_t table_bytes() const { return std::min(block_.size(), kTableBytes); }

  std::span<std::byte> block_;
};

// Reading a block changes nothing in it.
std::span<std::byte> readable(std::span<const std::byte> block) {
  return {const_cast<std::byte*>(block.data()), block.size()};
}

enum Carried : std::uint8_t { kPlain = 0x00, kUnconnected = 0x40, kConnected = 0x80 };
constexpr std::uint8_t kCarriedMask = 0xc0;
constexpr std::uint8_t kPlaceMask = 0x3f;  // and one more: 0 is for nothing that it opens
static_assert(1 + kConnectionsMax <= kPlaceMask);

std::uint8_t carried_by(std::uint16_t command) {
  if (command == kSendRRData) return kUnconnected;
  return command == kSendUnitData ? kConnected : kPlain;
}

bool wants_reply(std::uint16_t command) {
  return command != kNop && command != kUnregisterSession && command != kCancel;
}

// EIP 2-3.3: commands that carry CIP need a session, and it is this one's.
Fault check_session(const Known& known, const Encapsulation& encapsulation) {
  const bool needs =
      carried_by(encapsulation.command) != kPlain || encapsulation.command == kUnregisterSession;
  if (!needs || known.unseen) return Fault::none;
  const bool same = known.session != 0 && encapsulation.session == known.session;
  return same ? Fault::none : Fault::not_started;
}

bool is_open(const Connection& connection) { return connection.state > Connection::kAsked; }

constexpr std::size_t kNowhere = kPlaceMask;

template <typename Which>
std::size_t find(const Connections& connections, Which which) {
  for (std::size_t i = 0; i < connections.size(); ++i) {
    if (which(connections.at(i))) return i;
  }
  return kNowhere;
}

// An opening that is not answered any more has no request that waits for it.
void forget_unanswered(Session session, const Connections& connections) {
  for (std::size_t i = 0; i < connections.size(); ++i) {
    if (connections.at(i).state != Connection::kAsked) continue;
    const auto entries = session.entries();
    const bool waits = std::any_of(entries.begin(), entries.end(), [i](const Outstanding& entry) {
      return (entry.how & kPlaceMask) == i + 1;
    });
    if (!waits) connections.forget(i);
  }
}

// A place for what is asked to be opened: a free one, or in the larger block the next in turn.
std::size_t place_for(Known& known, const Connections& connections, const Route& route) {
  for (std::size_t i = 0; i < connections.size(); ++i) {
    const bool free = connections.at(i).state == Connection::kNone;
    if (free && connections.room(i).size() >= route.size) return i;
  }
  if (connections.size() == 1) return kNowhere;
  for (std::size_t i = 0; i < kConnectionsMax; ++i) {
    known.next = static_cast<std::uint8_t>(known.next % kConnectionsMax + 1);
    if (is_open(connections.at(known.next))) return known.next;
  }
  return kNowhere;
}

Fault note_opening(std::span<std::byte> block, const ForwardOpen& open, const Route& route,
                   Outstanding& entry) {
  const Session session = session_in(block);
  const Connections connections(block);
  forget_unanswered(session, connections);
  const auto asked = [&](const Connection& each) {
    return each.state == Connection::kAsked && each.name == open.name;
  };
  // Which of both a reply is to could not be known.
  if (find(connections, asked) != kNowhere) return Fault::bad_sequence;
  const std::size_t place = place_for(session.state(), connections, route);
  if (place == kNowhere) return Fault::too_many_outstanding;
  connections.forget(place);
  connections.at(place).name = open.name;
  connections.at(place).state = Connection::kAsked;
  connections.set_route(place, route);
  entry.how = static_cast<std::uint8_t>(entry.how | (place + 1));
  return Fault::none;
}

// CIP 3-5.5.2 and 3-5.5.3: a successful opening names both connection identifiers.
void note_answer(const Connections& connections, const Outstanding& asked, ByteView reply) {
  Opened opened;
  const std::size_t place = (asked.how & kPlaceMask) - std::size_t{1};
  if (place < connections.size()) {
    Connection& connection = connections.at(place);
    if (!parse_opened(reply, opened) || connection.state != Connection::kAsked) {
      return connections.forget(place);
    }
    for (std::size_t i = 0; i < connections.size(); ++i) {
      const Connection& other = connections.at(i);
      const bool replaced =
          is_open(other) && (other.name == opened.name || other.to_target == opened.connections[0]);
      if (replaced) connections.forget(i);
    }
    const std::int32_t kind = catalogue().functions[asked.function].sub_code;
    connection.state = kind == kImplicitOpening ? Connection::kImplicit : Connection::kExplicit;
    connection.to_target = opened.connections[0];
    connection.to_originator = opened.connections[1];
    return;
  }
  ByteReader reader(reply);
  const std::uint8_t service = reader.u8();
  reader.skip(1);
  const bool succeeded = reader.u8() == 0;
  reader.skip(std::size_t{reader.u8()} * 2);
  const ConnectionName name = read_name(reader);
  if (!reader.ok() || service != (kForwardClose | kReplyBit) || !succeeded) return;
  const std::size_t closed =
      find(connections, [&](const Connection& each) { return is_open(each) && each.name == name; });
  if (closed != kNowhere) connections.forget(closed);
}

// A connected request's context: its sequence count, and the connection where it is known.
std::uint64_t context_of(std::size_t place, const CommonPacket& packet) {
  return std::uint64_t{place} << 16 | packet.sequence;
}

bool is_to(const Connection& connection, std::uint32_t to_target) {
  return connection.state == Connection::kExplicit && connection.to_target == to_target;
}

// The sender's context as CIP has numbers, least octet first.
std::uint64_t as_number(std::uint64_t context) {
  std::uint64_t number = 0;
  for (unsigned octet = 0; octet < 8; ++octet, context >>= 8)
    number = number << 8 | (context & 0xff);
  return number;
}

// What of a reply is the same as of its request.
class Answer {
 public:
  // `packet` is what it carries, if it carries something.
  Answer(const Connections& connections, const Encapsulation& encapsulation,
         const CommonPacket* packet)
      : connections_(connections),
        command_(find_command(encapsulation.command)),
        how_(carried_by(encapsulation.command)),
        carries_(packet != nullptr),
        context_(encapsulation.context) {
    if (packet == nullptr) return;
    service_ = packet->cip[0] & static_cast<std::uint8_t>(~kReplyBit);
    opens_ = parse_opened(packet->cip, opened_);
    if (how_ != kConnected) return;
    context_ = context_of(find(connections,
                               [&](const Connection& each) {
                                 return each.state == Connection::kExplicit &&
                                        each.to_originator == packet->connection;
                               }),
                          *packet);
  }

  bool is_to(const Outstanding& entry) const {
    // An error of the encapsulation names no connection.
    const bool any = how_ == kConnected && !carries_;
    return is_like(entry) && (any || entry.context == context_);
  }

  // Whether both travel alike.
  bool is_like(const Outstanding& entry) const {
    return (entry.how & kCarriedMask) == how_ && (how_ != kPlain || entry.function == command_);
  }

  // The same number of a request.
  protocols::Difference difference(const Outstanding& entry) const {
    constexpr std::uint64_t kSequence = 0xffff;
    if (is_to(entry)) return {"service", entry.service, service_};
    if (how_ != kConnected)
      return {"sender_context", as_number(entry.context), as_number(context_)};
    return {"sequence_count", entry.context & kSequence, context_ & kSequence};
  }

  bool fits(const Outstanding& entry) const {
    const std::size_t place = (entry.how & kPlaceMask) - std::size_t{1};
    const bool opening = opens_ && place < connections_.size();
    if (opening && connections_.at(place).name != opened_.name) return false;
    // An unconnected send may answer for what it carries.
    return !carries_ || entry.service == service_ || service_ == kUnconnectedSend;
  }

 private:
  const Connections& connections_;
  std::uint16_t command_;
  std::uint8_t how_;
  bool carries_;
  bool opens_ = false;
  std::uint8_t service_ = 0;
  std::uint64_t context_;
  Opened opened_;
};

// What the innermost request asks for, and where.
Fault note_carried(std::span<std::byte> block, const protocols::Parsed& parsed,
                   Outstanding& entry) {
  const CommonPacket& packet = *parsed.kept<CommonPacket>();
  if (packet.connected) {
    const Connections connections(block);
    const std::size_t place =
        find(connections, [&](const Connection& each) { return is_to(each, packet.connection); });
    entry.context = context_of(place, packet);
  }
  const Asked& asked = *parsed.kept<Asked>();
  entry.service = asked.service;
  entry.function = asked.function;
  const AskedOpening* opening = parsed.kept<AskedOpening>();
  if (opening == nullptr) return Fault::none;
  return note_opening(block, opening->open, opening->route, entry);
}

}  // namespace

Session session_in(std::span<std::byte> block) {
  return Session(block.first(std::min(block.size(), kTableBytes)));
}

std::uint32_t way_back(std::span<std::byte> block, std::uint32_t to_target) {
  const Connections connections(block);
  const std::size_t place =
      find(connections, [&](const Connection& each) { return is_to(each, to_target); });
  return place == kNowhere ? 0 : connections.at(place).to_originator;
}

bool find_route(std::span<const std::byte> block, std::uint32_t to_target, Route& route) {
  if (block.empty()) return false;
  const Connections connections(readable(block));
  const std::size_t place =
      find(connections, [&](const Connection& each) { return is_to(each, to_target); });
  if (place != kNowhere) {
    route = connections.route(place);
    return true;
  }
  route.unknown = session_in(readable(block)).state().unseen;
  return route.unknown;
}

bool has_opened(std::span<const std::byte> block, const ConnectionName& name, const Route& route) {
  if (block.empty()) return false;
  const Connections connections(readable(block));
  for (std::size_t i = 0; i < connections.size(); ++i) {
    const Connection& each = connections.at(i);
    if (is_open(each) && each.name == name && connections.route(i) == route) return true;
  }
  return false;
}

std::uint16_t asked_function(std::span<const std::byte> block, const Encapsulation& encapsulation,
                             const CommonPacket& packet) {
  if (block.empty() || packet.cip.empty()) return kNotInCatalogue;
  const Connections connections(readable(block));
  const Answer answer(connections, encapsulation, &packet);
  for (const Outstanding& entry : session_in(readable(block)).entries()) {
    if (answer.is_to(entry) && answer.fits(entry)) return entry.function;
  }
  return kNotInCatalogue;
}

Fault accept_request(std::span<std::byte> block, const protocols::Parsed& request,
                     std::uint32_t now_ms) {
  const Encapsulation& encapsulation = *request.kept<Encapsulation>();
  const Session session = session_in(block);
  if (const Fault fault = check_session(session.state(), encapsulation); fault != Fault::none) {
    return fault;
  }
  if (!wants_reply(encapsulation.command)) return Fault::none;
  session.forget_aged(now_ms);
  Outstanding entry;
  entry.asked_ms = now_ms;
  entry.function = find_command(encapsulation.command);
  entry.how = carried_by(encapsulation.command);
  entry.context = encapsulation.context;
  if (entry.how != kPlain) {
    const Fault fault = note_carried(block, request, entry);
    if (fault != Fault::none) return fault;
  }
  if (session.add(entry, now_ms)) return Fault::none;
  const std::size_t place = (entry.how & kPlaceMask) - std::size_t{1};
  const Connections connections(block);
  if (place < connections.size()) connections.forget(place);
  return Fault::too_many_outstanding;
}

Fault accept_reply(std::span<std::byte> block, const protocols::Parsed& reply,
                   std::uint32_t now_ms) {
  const Encapsulation& encapsulation = *reply.kept<Encapsulation>();
  if (!wants_reply(encapsulation.command)) return Fault::none;
  const Session session = session_in(block);
  const Connections connections(block);
  const CommonPacket* packet = reply.kept<CommonPacket>();
  const Answer answer(connections, encapsulation, packet);
  Outstanding asked;
  const Fault fault = session.answer(
      now_ms, [&](const Outstanding& entry) { return answer.is_to(entry); },
      [&](const Outstanding& entry) { return answer.fits(entry); }, &asked);
  if (fault != Fault::none) return fault;
  if (encapsulation.command == kRegisterSession && encapsulation.status == 0) {
    session.state().session = encapsulation.session;
  }
  note_answer(connections, asked, packet != nullptr ? packet->cip : ByteView{});
  return Fault::none;
}

protocols::Difference difference(std::span<std::byte> block, const protocols::Parsed& reply) {
  const Encapsulation& encapsulation = *reply.kept<Encapsulation>();
  const Session session = session_in(block);
  const Connections connections(block);
  const CommonPacket* packet = reply.kept<CommonPacket>();
  const Answer answer(connections, encapsulation, packet);
  const Outstanding* asked =
      session.latest([&](const Outstanding& entry) { return answer.is_to(entry); });
  if (asked == nullptr) {
    asked = session.latest([&](const Outstanding& entry) { return answer.is_like(entry); });
  }
  if (asked != nullptr) return answer.difference(*asked);
  asked = session.latest([](const Outstanding& entry) { return entry.how == kPlain; });
  if (asked == nullptr || packet != nullptr) return {};
  return {"command", catalogue().functions[asked->function].code, encapsulation.command};
}

}  // namespace bulkhead::enip
