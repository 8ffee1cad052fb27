// Parts of messages, and what they are tied to.
#include <algorithm>

#include "dataplane/protocols/s7comm_plus/layout.h"

namespace bulkhead::s7comm_plus {

using protocols::Direction;
using protocols::Fault;

Fault parse_part(ByteView user, Part& part) {
  constexpr std::uint8_t kIntegrityBytes = 32;
  constexpr std::size_t kSystemEventBytes = 16;
  ByteReader reader(user);
  const std::uint8_t id = reader.u8();
  part.version = reader.u8();
  const std::size_t length = reader.u16();
  part.content = reader.take(length);
  if (!user.empty() && id != kProtocolId) return Fault::not_this_protocol;
  if (!reader.ok()) return Fault::truncated;
  if (part.version == kSystemEvent) {
    part.last = true;
    if (part.content.size() < kSystemEventBytes) return Fault::truncated;
    return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
  }
  if (part.version < kVersion1 || part.version > kVersion3) return Fault::bad_value;
  part.last = reader.remaining() > 0;
  if (part.last) {
    const bool trailer =
        reader.u8() == kProtocolId && reader.u8() == part.version && reader.u16() == 0;
    if (!trailer || !reader.ok()) return Fault::bad_value;
    if (reader.remaining() != 0) return Fault::trailing_bytes;
  }
  if (part.version != kVersion3) return Fault::none;
  // A keyed hash stands in front of each part; without the key it is only skipped.
  if (part.content.size() < 1U + kIntegrityBytes) return Fault::truncated;
  if (part.content[0] != kIntegrityBytes) return Fault::bad_length;
  part.content = part.content.subspan(1 + kIntegrityBytes);
  return Fault::none;
}

bool parse_head(const Part& part, Direction direction, Head& head) {
  // With which the number of a notification's subscription begins: S7-1500, older S7-1200.
  constexpr std::uint8_t kSubscription = 0x70;
  constexpr std::uint8_t kSubscriptionOld = 0x10;
  ByteReader reader(part.content);
  head = Head{};
  head.version = part.version;
  head.opcode = reader.u8();
  const bool from_client = direction == Direction::request;
  if (head.opcode == kNotification) {
    const std::uint8_t first = reader.u8();
    return !from_client && (first == kSubscription || first == kSubscriptionOld);
  }
  const bool answer = head.opcode == kResponse || head.opcode == kOpenResponse;
  if (from_client ? head.opcode != kRequest : !answer) return false;
  const bool reserved = reader.u16() != 0;
  head.function = reader.u16();
  const bool reserved_too = reader.u16() != 0;
  head.sequence = reader.u16();
  if (from_client) {
    head.session = reader.u32();
    head.flags = reader.u8();
    head.object = reader.u32();
  } else {
    head.flags = reader.u8();
  }
  head.whole = part.last;
  head.rest = reader.rest();
  return reader.ok() && !reserved && !reserved_too;
}

namespace {

// 1 to 5 octets of seven bits, the last without its highest.
std::uint32_t read_vlq(ByteReader& reader) {
  std::uint32_t value = 0;
  for (int octets = 0; octets < 5; ++octets) {
    const std::uint8_t octet = reader.u8();
    value = value << 7 | (octet & 0x7fU);
    if ((octet & 0x80) == 0) break;
  }
  return value;
}

// What a creation gave: behind a result, how many objects and their numbers.
void learn(Own& own, std::uint16_t asked, const Head& answer) {
  constexpr int kResultOctets = 9;
  const auto kind = catalogue().functions[asked].sub_code;
  if (answer.function != kCreateObject) return;
  ByteReader reader(answer.rest);
  for (int octets = 0; octets < kResultOctets && (reader.u8() & 0x80) != 0; ++octets) {
  }
  const std::size_t count = reader.u8();
  const std::uint32_t first = read_vlq(reader);
  const std::uint32_t second = count > 1 ? read_vlq(reader) : 0;
  if (!reader.ok() || count == 0 || first == 0) return;
  if (kind == kOnSession) {
    std::copy_backward(own.sessions.begin(), own.sessions.end() - 1, own.sessions.end());
    own.sessions[0] = {first, second};
  } else if (kind == kOnSubscription) {
    std::copy_backward(own.subscriptions.begin(), own.subscriptions.end() - 1,
                       own.subscriptions.end());
    own.subscriptions[0] = first;
  }
}

// A deletion that passes ends what was given, whatever its answer says.
void forget(Own& own, const Head& request) {
  if (request.function != kDeleteObject || request.object == 0) return;
  for (auto& session : own.sessions) {
    if (session.object == request.object) session = {};
  }
  std::replace(own.subscriptions.begin(), own.subscriptions.end(), request.object,
               std::uint32_t{0});
}

Fault accept_head(Session session, const Head& head, std::uint32_t now_ms) {
  constexpr std::uint8_t kNoAnswer = 0x40;
  if (head.opcode == kNotification) return Fault::none;
  Own& own = session.state().own;
  if (head.opcode == kRequest) {
    const std::uint16_t function = function_of(head, own);
    if (function == protocols::kNotInCatalogue) return Fault::unknown_function;
    const bool answered = (head.flags & kNoAnswer) == 0;
    const Outstanding entry{now_ms, head.sequence, function};
    if (answered && !session.add(entry, now_ms)) return Fault::too_many_outstanding;
    forget(own, head);
    return Fault::none;
  }
  // An error stands for the answer to any function.
  Outstanding asked;
  const Fault fault = session.answer(
      now_ms, [&](const Outstanding& entry) { return entry.sequence == head.sequence; },
      [&](const Outstanding& entry) {
        return catalogue().functions[entry.function].code == head.function ||
               head.function == kError;
      },
      &asked);
  if (fault == Fault::none) learn(own, asked.function, head);
  return fault;
}

}  // namespace

std::uint16_t asked_function(std::span<const std::byte> session, const Head& response) {
  if (Session::state_in(session) == nullptr) return protocols::kNotInCatalogue;
  // Reading a block changes nothing in it.
  const Session known({const_cast<std::byte*>(session.data()), session.size()});
  for (const Outstanding& entry : known.entries()) {
    const bool same = entry.sequence == response.sequence &&
                      catalogue().functions[entry.function].code == response.function;
    if (same) return entry.function;
  }
  return protocols::kNotInCatalogue;
}

bool Own::has_session(std::uint32_t object) const {
  return object != 0 && std::any_of(sessions.begin(), sessions.end(),
                                    [&](const Session& each) { return each.object == object; });
}

bool Own::has_container(std::uint32_t object) const {
  return object != 0 && std::any_of(sessions.begin(), sessions.end(), [&](const Session& each) {
           return each.object == object || each.container == object;
         });
}

bool Own::has_subscription(std::uint32_t object) const {
  return object != 0 &&
         std::find(subscriptions.begin(), subscriptions.end(), object) != subscriptions.end();
}

// A continuation needs no grant, so it must belong to a message that was granted.
Fault accept_part(Session session, const Part& part, const Head* head, Direction direction,
                  std::uint32_t now_ms) {
  if (part.version == kSystemEvent) return Fault::none;
  bool& unfinished = session.state().unfinished(direction);
  if (!unfinished) {
    if (head == nullptr) return Fault::bad_sequence;
    if (const Fault fault = accept_head(session, *head, now_ms); fault != Fault::none) return fault;
  }
  unfinished = !part.last;
  return Fault::none;
}

protocols::Difference difference(Session session, const Part& part, const Head* answer) {
  if (part.version == kSystemEvent || session.state().from_server || answer == nullptr ||
      answer->opcode == kNotification) {
    return {};
  }
  const Head& head = *answer;
  const Outstanding* same =
      session.latest([&](const Outstanding& entry) { return entry.sequence == head.sequence; });
  if (same != nullptr) {
    return {"function", catalogue().functions[same->function].code, head.function};
  }
  const Outstanding* latest = session.latest([](const Outstanding&) { return true; });
  if (latest == nullptr) return {};
  return {"sequence", latest->sequence, head.sequence};
}

}  // namespace bulkhead::s7comm_plus
