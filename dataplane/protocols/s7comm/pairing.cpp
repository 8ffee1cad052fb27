// Both sides ask: a PLC that is loaded fetches the blocks with jobs of its own.
#include "dataplane/protocols/s7comm/pairing.h"

#include <algorithm>

namespace bulkhead::s7comm {

using protocols::Direction;
using protocols::Fault;

namespace {

// The head of a PDU and its parameters and data must fit what was agreed on.
Fault check_size(const Agreed& agreed, const Pdu& pdu) {
  const bool answers = pdu.rosctr == kAck || pdu.rosctr == kAckData;
  const std::size_t bytes =
      kHeaderBytes + (answers ? 2U : 0U) + pdu.parameters.size() + pdu.data.size();
  return agreed.pdu_size == 0 || bytes <= agreed.pdu_size ? Fault::none : Fault::bad_length;
}

Fault accept_request(Session session, const Outstanding& request, std::uint32_t now_ms) {
  return session.add(request, now_ms) ? Fault::none : Fault::too_many_outstanding;
}

Fault accept_answer(Session session, const Outstanding& answer, const Pdu& pdu,
                    std::uint32_t now_ms, Outstanding* answered = nullptr) {
  const bool refused = pdu.rosctr == kAck || pdu.error_class != 0;
  return session.answer(
      now_ms,
      [&](const Outstanding& entry) {
        return entry.reference == answer.reference && entry.by_server == answer.by_server;
      },
      [&](const Outstanding& entry) {
        const bool same = entry.code == answer.code &&
                          (entry.sub_function == answer.sub_function || entry.code == kPiService) &&
                          (refused || entry.items == answer.items);
        return same || (refused && (pdu.parameters.empty() || entry.code == answer.code));
      },
      answered);
}

std::uint32_t pack(const Block& block) {
  return std::uint32_t{block.type} << 24 | std::uint32_t{block.file_system} << 16 | block.number;
}

Block unpack(std::uint32_t subject) {
  return {static_cast<std::uint8_t>(subject >> 24), static_cast<std::uint8_t>(subject >> 16),
          static_cast<std::uint16_t>(subject)};
}

// An upload that is started over with an identifier means its new block; of more than there is room
// for the oldest is forgotten, and goes on only where no rule needs its block.
void learn_upload(Session session, const Outstanding& started, const Pdu& pdu) {
  if (started.code != kStartUpload || pdu.rosctr != kAckData || pdu.error_class != 0) return;
  if (pdu.parameters.size() < 8) return;
  Uploads& uploads = session.state().uploads;
  const std::uint32_t id = upload_id(pdu);
  std::size_t at = 0;
  while (at + 1 < uploads.size() && uploads[at].id != id) ++at;
  std::move_backward(uploads.begin(), uploads.begin() + static_cast<std::ptrdiff_t>(at),
                     uploads.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  uploads[0] = {id, unpack(started.subject)};
}

// An answer says whether more follows (1) or not, and by what number that is asked for.
void note_unfinished(Session session, const UserData& user, const Outstanding& asked) {
  Unfinished& unfinished = session.state().unfinished;
  const bool more = user.part.size() == 2 && user.part[1] != 0;
  if (more) {
    unfinished = {user.group, user.sub_function, user.sequence, asked.subject};
  } else if (unfinished.goes_on_with(user)) {
    unfinished = {};
  }
}

// The sizes that a setup and its answer name: the answer's counts.
void agree(Session session, const Pdu& pdu) {
  constexpr std::uint16_t kLeast = 64;  // less is no size that any controller has
  const bool setup = pdu.rosctr == kAckData && pdu.error_class == 0 && pdu.parameters.size() == 8 &&
                     pdu.parameters[0] == kSetup;
  if (!setup) return;
  const std::uint16_t size = load_be16(pdu.parameters.data() + 6);
  session.state().pdu_size = size < kLeast ? kLeast : size;
}

}  // namespace

std::int32_t asked_pi(std::span<const std::byte> session, const Pdu& answer) {
  if (Session::state_in(session) == nullptr) return protocols::kNoSubCode;
  // Reading a block changes nothing in it.
  const Session known({const_cast<std::byte*>(session.data()), session.size()});
  for (const Outstanding& entry : known.entries()) {
    const bool same = entry.code == kPiService && entry.reference == answer.reference;
    if (same && entry.sub_function != 0) return entry.sub_function;
  }
  return protocols::kNoSubCode;
}

std::size_t awaited(Session session, std::uint32_t now_ms) {
  return session.awaited(now_ms, [](const Outstanding& entry) { return !entry.by_server; });
}

Fault accept_pdu(Session session, const Pdu& pdu, const UserData* user_data, Direction direction,
                 std::uint32_t now_ms) {
  if (const Fault fault = check_size(session.state(), pdu); fault != Fault::none) return fault;
  const bool from_server = direction == Direction::response;
  Outstanding entry;
  entry.asked_ms = now_ms;
  entry.reference = pdu.reference;
  if (user_data != nullptr) {
    const UserData& user = *user_data;
    entry.code = user.code();
    entry.sub_function = user.sub_function;
    if (user.type == UserData::kPush) return Fault::none;
    const std::size_t size = session.state().pdu_size;
    if (size != 0 && !answer_fits(user, size)) return Fault::bad_length;
    if (user.type == UserData::kAsk) {
      const Unfinished& unfinished = session.state().unfinished;
      const bool known = user.goes_on && unfinished.goes_on_with(user);
      entry.subject = known ? unfinished.subject : subject_of(user);
      return accept_request(session, entry, now_ms);
    }
    Outstanding asked;
    const Fault fault = accept_answer(session, entry, pdu, now_ms, &asked);
    if (fault == Fault::none) note_unfinished(session, user, asked);
    return fault;
  }
  ByteReader reader(pdu.parameters);
  entry.code = reader.u8();
  if (entry.code == kReadVar || entry.code == kWriteVar) entry.items = reader.u8();
  if (pdu.rosctr == kJob) {
    const std::size_t size = session.state().pdu_size;
    if (size != 0 && !answer_fits(pdu, size)) return Fault::bad_length;
    if (entry.code == kPiService) entry.sub_function = kind_of_pi(pdu);
    if (Block block; entry.code == kStartUpload && parse_start_upload(pdu, block)) {
      entry.subject = pack(block);
    }
    entry.by_server = from_server;
    return accept_request(session, entry, now_ms);
  }
  entry.by_server = !from_server;
  Outstanding answered;
  const Fault fault = accept_answer(session, entry, pdu, now_ms, &answered);
  if (fault != Fault::none) return fault;
  agree(session, pdu);
  learn_upload(session, answered, pdu);
  return Fault::none;
}

protocols::Difference difference(Session session, const Pdu& pdu) {
  const auto is_asked = [](const Outstanding& entry) { return !entry.by_server; };
  const Outstanding* same = session.latest([&](const Outstanding& entry) {
    return is_asked(entry) && entry.reference == pdu.reference;
  });
  if (same == nullptr) {
    const Outstanding* latest = session.latest(is_asked);
    if (latest == nullptr) return {};
    return {"pdu_reference", latest->reference, pdu.reference};
  }
  ByteReader reader(pdu.parameters);
  const std::uint16_t code = reader.u8();
  if (pdu.rosctr == kUserData || !reader.ok()) return {};
  if (same->code != code) return {"function", same->code, code};
  return {"items", same->items, reader.u8()};
}

}  // namespace bulkhead::s7comm
