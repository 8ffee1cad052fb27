// Parts of messages, and what they are tied to.
#include "dataplane/protocols/s7comm_plus/layout.h"

namespace bulkhead::s7comm_plus {

using protocols::Direction;
using protocols::Fault;

Fault parse_part(ByteView user, Part& part) {
  constexpr std::uint8_t kIntegrityBytes = 32;
  ByteReader reader(user);
  const std::uint8_t id = reader.u8();
  part.version = reader.u8();
  const std::size_t length = reader.u16();
  part.content = reader.take(length);
  if (!user.empty() && id != kProtocolId) return Fault::not_this_protocol;
  if (!reader.ok()) return Fault::truncated;
  if (part.version == kSystemEvent) {
    part.last = true;
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
  constexpr std::uint8_t kSubscription = 0x70;  // of which a notification's object number begins
  ByteReader reader(part.content);
  head = Head{};
  head.opcode = reader.u8();
  const bool from_client = direction == Direction::request;
  if (head.opcode == kNotification) return !from_client && reader.u8() == kSubscription;
  const bool answer = head.opcode == kResponse || head.opcode == kOpenResponse;
  if (from_client ? head.opcode != kRequest : !answer) return false;
  const bool reserved = reader.u16() != 0;
  head.function = reader.u16();
  const bool reserved_too = reader.u16() != 0;
  head.sequence = reader.u16();
  if (from_client) {
    head.session = reader.u32();
    reader.skip(1);  // transport flags
    head.object = reader.u32();
  }
  return reader.ok() && !reserved && !reserved_too;
}

namespace {

Fault accept_head(Session session, const Head& head, std::uint32_t now_ms) {
  if (head.opcode == kNotification) return Fault::none;
  if (head.opcode == kRequest) {
    const Outstanding entry{now_ms, head.sequence, head.function};
    return session.add(entry, now_ms) ? Fault::none : Fault::too_many_outstanding;
  }
  // An error stands for the answer to any function.
  return session.answer(
      now_ms, [&](const Outstanding& entry) { return entry.sequence == head.sequence; },
      [&](const Outstanding& entry) {
        return entry.function == head.function || head.function == kError;
      });
}

}  // namespace

// A continuation needs no grant, so it must belong to a message that was granted.
Fault accept_part(Session session, const Part& part, Direction direction, std::uint32_t now_ms) {
  if (part.version == kSystemEvent) return Fault::none;
  bool& unfinished = session.state().of(direction);
  if (!unfinished) {
    Head head;
    if (!parse_head(part, direction, head)) return Fault::bad_sequence;
    if (const Fault fault = accept_head(session, head, now_ms); fault != Fault::none) return fault;
  }
  unfinished = !part.last;
  return Fault::none;
}

}  // namespace bulkhead::s7comm_plus
