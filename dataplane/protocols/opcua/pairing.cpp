// Sequence numbers go round below 2^32 and begin again below 1024 (6, 6.7.2.4). Those of secured
// messages cannot be read, and are checked by their receiver.
#include "dataplane/protocols/opcua/pairing.h"

namespace bulkhead::opcua {

using protocols::Direction;
using protocols::Fault;

namespace {

constexpr std::size_t kSequenceAt = 16;

bool follows(std::uint32_t expected, std::uint32_t number) {
  constexpr std::uint32_t kWrapBelow = 1024;
  constexpr std::uint32_t kLastNumbers = 4294966271U;
  return number == expected || (expected > kLastNumbers && number < kWrapBelow);
}

Fault accept_sequence(Known& known, const Message& message, Direction direction) {
  const bool client = direction == Direction::request;
  bool& counted = client ? known.client_counted : known.server_counted;
  std::uint32_t& next = client ? known.client_next : known.server_next;
  if (!message.consistent) return Fault::bad_sequence;
  if (counted && !follows(next, message.sequence)) return Fault::bad_sequence;
  // Only the first chunk of a message can be given another number.
  const bool spliced = client ? known.taken_out > 0 : known.put_in > 0;
  const bool renumbered = message.kind != Kind::open && message.chunks == 1;
  if (spliced && !renumbered) return Fault::bad_sequence;
  counted = true;
  next = message.last_sequence + 1;
  return Fault::none;
}

Fault accept_request(Session session, const Message& message, std::uint16_t code,
                     std::uint32_t now_ms) {
  if (message.kind == Kind::close) return Fault::none;
  const Outstanding entry{now_ms, message.request, code};
  return session.add(entry, now_ms) ? Fault::none : Fault::too_many_outstanding;
}

// An answer has the number of its request and the next encoding but two (6, annex A), or is a
// fault.
Fault accept_answer(Session session, const Message& message, std::uint16_t code,
                    std::uint32_t now_ms) {
  return session.answer(
      now_ms, [&](const Outstanding& entry) { return entry.request == message.request; },
      [&](const Outstanding& entry) {
        return code == kServiceFault || find_function(code) == find_function(entry.code) + 1;
      });
}

Fault accept_readable(Session session, const Message& message, Direction direction,
                      std::uint32_t now_ms) {
  Reading reading{};
  std::uint16_t code = 0;
  Known& known = session.state();
  if (!message.aborted) {
    const Fault fault = decode_body(message, direction, nullptr, reading, code);
    if (fault != Fault::none) return fault;
    if (reading != Reading::exact) return Fault::trailing_bytes;
  }
  if (message.kind != Kind::open && known.channel == Channel::closed) return Fault::not_started;
  Known next = known;
  if (const Fault fault = accept_sequence(next, message, direction); fault != Fault::none) {
    return fault;
  }
  if (!message.aborted) {
    const Fault fault = direction == Direction::request
                            ? accept_request(session, message, code, now_ms)
                            : accept_answer(session, message, code, now_ms);
    if (fault != Fault::none) return fault;
  }
  if (message.kind == Kind::open && next.channel == Channel::closed) next.channel = Channel::plain;
  known = next;
  return Fault::none;
}

}  // namespace

Fault accept_message(Session session, const Message& message, Direction direction,
                     std::uint32_t now_ms) {
  Known& known = session.state();
  switch (message.kind) {
    case Kind::hello:
    case Kind::acknowledge:
    case Kind::error:
    case Kind::reverse_hello:
      return Fault::none;
    case Kind::open:
      if (!message.is_secured_open()) {
        return known.channel == Channel::secured
                   ? Fault::bad_value  // a channel does not lose its security
                   : accept_readable(session, message, direction, now_ms);
      }
      if (known.channel == Channel::plain) return Fault::bad_value;
      known.channel = Channel::secured;
      return Fault::none;
    default:
      break;
  }
  if (known.channel == Channel::secured || known.channel == Channel::unseen) return Fault::none;
  return accept_readable(session, message, direction, now_ms);
}

bool take_out(Known& known, const Message& message) {
  if (message.kind != Kind::message || message.chunks != 1 || known.channel != Channel::plain) {
    return false;
  }
  Known next = known;
  if (accept_sequence(next, message, Direction::request) != Fault::none) return false;
  ++next.taken_out;
  known = next;
  return known.server_counted;
}

void put_in(Known& known, std::span<std::uint8_t> chunk) {
  store_le32(chunk.data() + kSequenceAt, known.server_next + known.put_in);
  ++known.put_in;
}

void renumber(const Known& known, Direction direction, std::span<std::uint8_t> chunk) {
  const std::uint32_t number = load_le32(chunk.data() + kSequenceAt);
  const std::uint32_t other =
      direction == Direction::request ? number - known.taken_out : number + known.put_in;
  store_le32(chunk.data() + kSequenceAt, other);
}

}  // namespace bulkhead::opcua
