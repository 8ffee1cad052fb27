// Sequence numbers go round below 2^32 and begin again below 1024 (6, 6.7.2.4). Those of secured
// messages cannot be read, and are checked by their receiver.
#include "dataplane/protocols/opcua/pairing.h"

#include <algorithm>

#include "dataplane/protocols/opcua/body.h"

namespace bulkhead::opcua {

using protocols::Direction;
using protocols::Fault;

namespace {

constexpr std::size_t kSequenceAt = 16;

Fault accept_sequence(Known& known, const Message& message, Direction direction) {
  const bool client = direction == Direction::request;
  bool& counted = client ? known.client_counted : known.server_counted;
  std::uint32_t& next = client ? known.client_next : known.server_next;
  if (!message.consistent) return Fault::bad_sequence;
  if (counted && !follows(next - 1, message.sequence)) return Fault::bad_sequence;
  // Only the first chunk of a message can be given another number.
  const bool spliced = client ? known.taken_out > 0 : known.put_in > 0;
  const bool renumbered = message.kind != Kind::open && message.chunks == 1;
  if (spliced && !renumbered) return Fault::bad_sequence;
  // Where the sender begins again, its receiver, to whom other numbers go, does not yet.
  const std::uint32_t leap = counted ? message.sequence - next : 0;
  if (spliced && client) known.taken_out += leap;
  if (spliced && !client) known.put_in -= leap;
  counted = true;
  next = message.last_sequence + 1;
  return Fault::none;
}

using Store = std::span<std::byte>;

Store store_in(std::span<std::byte> block) {
  return block.size() < kSessionBytesMax ? Store{} : block.subspan(kHandlesAt, kHandleBytesMax);
}

// What a request changes before it is answered. Handles that are asked for have room, or the
// request is refused.
Fault note_request(Known& known, Store store, const Message& message, const ServiceHead& head) {
  if (head.code == kCloseSession) remove_session(known.sessions, head.session);
  if (head.code != kRegisterNodes) return Fault::none;
  BodyReader nodes(message.body);
  nodes.type_id();
  skip_request_header(nodes);
  return ask_handles(known.sessions, store, head, message.request, nodes)
             ? Fault::none
             : Fault::too_many_outstanding;
}

// What an answer gives: a session, or handles of nodes.
Fault note_answer(Known& known, Store store, const Message& message, const ServiceHead& head,
                  std::uint16_t asked) {
  BodyReader body(message.body);
  body.type_id();
  skip_response_header(body);
  if (head.code == kCreateSessionAnswer) {
    body.node_id();
    const std::uint64_t session = session_of(body.node_id());
    if (!body.ok()) return body.fault();
    add_session(known.sessions, store, session);
  } else if (asked == kRegisterNodes) {
    learn_handles(known.sessions, store, message.request,
                  head.code == kRegisterNodesAnswer ? &body : nullptr);
  }
  return Fault::none;
}

Fault accept_request(Session session, Store store, const Message& message, const ServiceHead& head,
                     std::uint32_t now_ms) {
  if (message.kind == Kind::close) return Fault::none;
  const KnownSessions before = session.state().sessions;
  const Fault fault = note_request(session.state(), store, message, head);
  const Outstanding entry{now_ms, message.request, head.code};
  if (fault == Fault::none && session.add(entry, now_ms)) return Fault::none;
  session.state().sessions = before;
  return Fault::too_many_outstanding;
}

// An answer has the number of its request and the next encoding but two (6, annex A), or is a
// fault.
Fault accept_answer(Session session, Store store, const Message& message, const ServiceHead& head,
                    std::uint32_t now_ms) {
  Outstanding asked;
  const Fault fault = session.answer(
      now_ms, [&](const Outstanding& entry) { return entry.request == message.request; },
      [&](const Outstanding& entry) {
        return head.code == kServiceFault || head.function == find_function(entry.code) + 1;
      },
      &asked);
  // It may pass all the same, where its request passed but was not replicated to this appliance.
  if (fault != Fault::none && head.code == kRegisterNodesAnswer) {
    session.state().sessions.lost = true;
  }
  if (fault != Fault::none) return fault;
  return note_answer(session.state(), store, message, head, asked.code);
}

// A further piece of a request. Its last one comes when its value is as long as it was said to be:
// before that no server acts on it.
Fault accept_request_piece(Known& known, const Message& message) {
  if (message.request != known.asking || message.kind != Kind::message) return Fault::bad_sequence;
  Known next = known;
  const Fault fault = accept_sequence(next, message, Direction::request);
  if (fault != Fault::none) return fault;
  next.asking_bytes -= static_cast<std::uint32_t>(message.body_bytes);
  known = next;
  return Fault::none;
}

// A further piece of an answer: it is of the same request, and its numbers follow.
Fault accept_piece(Known& known, const Message& message) {
  if (message.request != known.answered) return Fault::bad_sequence;
  Known next = known;
  const Fault fault = accept_sequence(next, message, Direction::response);
  if (fault != Fault::none) return fault;
  next.answer_goes_on = message.unfinished;
  known = next;
  return Fault::none;
}

Fault accept_readable(Session session, Store store, const protocols::Parsed& parsed,
                      std::uint32_t now_ms) {
  const Message& message = *parsed.kept<Message>();
  const Direction direction = parsed.direction();
  Known& known = session.state();
  if (direction == Direction::response && known.answer_goes_on) return accept_piece(known, message);
  const bool asks = direction == Direction::request;
  if (asks && known.asking_bytes > 0) return accept_request_piece(known, message);
  const LongRequest* request = parsed.kept<LongRequest>();
  ServiceHead head;
  if (!message.aborted) {
    const Fault fault = parse_head(message, direction, head);
    if (fault != Fault::none) return fault;
  }
  if (message.kind != Kind::open && known.channel == Channel::closed) return Fault::not_started;
  Known next = known;
  if (const Fault fault = accept_sequence(next, message, direction); fault != Fault::none) {
    return fault;
  }
  if (!message.aborted) {
    const Fault fault = asks ? accept_request(session, store, message, head, now_ms)
                             : accept_answer(session, store, message, head, now_ms);
    if (fault != Fault::none) return fault;
  }
  next.sessions = known.sessions;
  if (request != nullptr) {
    next.asking = message.request;
    next.asking_bytes = static_cast<std::uint32_t>(request->total - message.body_bytes);
  } else if (!asks) {
    next.answer_goes_on = message.unfinished;
    next.answered = message.request;
  }
  if (message.kind == Kind::open && next.channel == Channel::closed) next.channel = Channel::plain;
  known = next;
  return Fault::none;
}

// The opening of a channel with a policy: its numbers cannot be read.
Fault accept_secured_open(Known& known, const Message& message) {
  if (known.channel == Channel::plain) return Fault::bad_value;
  const std::uint8_t signature_bytes = policy_of(message.policy).signature_bytes;
  if (known.channel == Channel::closed) {
    known.channel = signature_bytes > 0 ? Channel::secured : Channel::hidden;
    known.signature_bytes = signature_bytes;
  } else if (known.channel != Channel::unseen && known.signature_bytes != signature_bytes) {
    return Fault::bad_value;  // a channel keeps its policy
  }
  known.client_counted = known.server_counted = false;
  return Fault::none;
}

// Until the server has answered readably, one request is all that a channel carries: a client could
// choose what its encrypted bytes look like, but not what the server's do, and without an answer
// it has no session that would do more.
Fault accept_undecided(std::span<std::byte> block, const protocols::Parsed& parsed,
                       std::uint32_t now_ms) {
  const Session session = session_in(block);
  Known& known = session.state();
  const Message& message = *parsed.kept<Message>();
  const ReadBody* body = parsed.kept<ReadBody>();
  if (message.aborted) return Fault::none;
  const bool asks = parsed.is_request();
  if (body == nullptr || body->remaining != 0 || (asks && message.is_long())) {
    known.channel = Channel::hidden;
    return Fault::none;
  }
  if (asks && !session.entries().empty()) return Fault::not_started;
  const Fault fault = accept_readable(session, store_in(block), parsed, now_ms);
  if (fault == Fault::none && !asks) known.channel = Channel::signing;
  return fault;
}

}  // namespace

Session session_in(std::span<std::byte> block) {
  return Session(block.first(std::min(block.size(), kHandlesAt)));
}

Handles handles_in(std::span<const std::byte> block) {
  const Known* known = Session::state_in(block);
  if (known == nullptr) return {};
  const bool deep = block.size() >= kSessionBytesMax;
  return {known->sessions,
          deep ? block.subspan(kHandlesAt, kHandleBytesMax) : std::span<const std::byte>{}};
}

Fault accept_message(std::span<std::byte> block, const protocols::Parsed& parsed,
                     std::uint32_t now_ms) {
  const Session session = session_in(block);
  Known& known = session.state();
  const Message& message = *parsed.kept<Message>();
  switch (message.kind) {
    case Kind::hello:
    case Kind::acknowledge:
    case Kind::error:
    case Kind::reverse_hello:
      return Fault::none;
    case Kind::open:
      if (message.is_secured_open()) return accept_secured_open(known, message);
      // A channel does not lose its security.
      return known.channel == Channel::plain || known.channel == Channel::closed ||
                     known.channel == Channel::unseen
                 ? accept_readable(session, store_in(block), parsed, now_ms)
                 : Fault::bad_value;
    default:
      break;
  }
  switch (known.channel) {
    case Channel::hidden:
      return Fault::none;
    case Channel::unseen:
      if (!parsed.is_request()) known.answer_goes_on = message.unfinished;
      return Fault::none;
    case Channel::secured:
      return accept_undecided(block, parsed, now_ms);
    default:
      return accept_readable(session, store_in(block), parsed, now_ms);
  }
}

protocols::Difference difference(Session session, const Message& message) {
  const Known& known = session.state();
  const bool readable = known.channel == Channel::plain || known.channel == Channel::signing;
  if (!readable || (message.kind != Kind::message && message.kind != Kind::open)) return {};
  if (known.server_counted && !follows(known.server_next - 1, message.sequence)) {
    return {"sequence_number", known.server_next, message.sequence};
  }
  if (known.answer_goes_on) {
    if (message.request == known.answered) return {};
    return {"request_id", known.answered, message.request};
  }
  const Outstanding* same =
      session.latest([&](const Outstanding& entry) { return entry.request == message.request; });
  const Outstanding* latest = session.latest([](const Outstanding&) { return true; });
  if (latest == nullptr) return {};
  if (same == nullptr) return {"request_id", latest->request, message.request};
  BodyReader body(message.body);
  const std::uint32_t type = body.type_id();
  if (!body.ok()) return {};
  return {"type", same->code + 3U, type};
}

bool take_out(Known& known, const Message& message, Direction direction) {
  const bool client = direction == Direction::request;
  const bool numbered =
      message.kind == Kind::open || message.kind == Kind::message || message.kind == Kind::close;
  if (!client && !numbered) return true;
  if (message.kind != Kind::message || known.channel != Channel::plain) return false;
  if (client && (message.chunks != 1 || message.is_long() || known.asking_bytes > 0)) return false;
  Known next = known;
  if (accept_sequence(next, message, direction) != Fault::none || !next.server_counted) {
    return false;
  }
  if (client) ++next.taken_out;
  if (!client) next.put_in -= static_cast<std::uint32_t>(message.chunks);
  known = next;
  return true;
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
