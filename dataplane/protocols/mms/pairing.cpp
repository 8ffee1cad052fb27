// Both sides ask: to obtain a file, the server opens and reads it at its client, with invoke
// identifiers of its own that may be those of the client.
#include "dataplane/protocols/mms/pairing.h"

#include <algorithm>

namespace bulkhead::mms {

using protocols::Direction;
using protocols::Fault;

namespace {

// Where MMS stands, plus one.
std::uint16_t place_of(bool bare, std::uint32_t context) {
  return bare ? Agreed::kBare : static_cast<std::uint16_t>(context + 1);
}

// A PDU stands in the context that the association named for MMS, or, if that was not seen, in the
// first one.
Fault check_context(Agreed& agreed, const Unit& unit) {
  const std::uint16_t known = place_of(unit.bare, unit.context);
  if (unit.spdu == kConnect || agreed.context == 0) agreed.context = known;
  return agreed.context == known ? Fault::none : Fault::bad_value;
}

// localDetailCalling and localDetailCalled (ISO 9506-2, 8.2): how long a PDU its sender takes.
std::uint32_t local_detail(const ber::Element& initiate) {
  constexpr std::uint32_t kLeast = 1024;  // less is nothing that any implementation has
  ber::Reader reader(initiate.content);
  ber::Element detail;
  if (!reader.next_if(ber::context(0), detail)) return 0;
  const auto bytes = ber::to_unsigned(detail.content);
  if (!bytes || *bytes > 0xffffffffU) return 0;
  return std::max(static_cast<std::uint32_t>(*bytes), kLeast);
}

Fault check_size(const Agreed& agreed, const Unit& unit, Direction direction) {
  const std::uint32_t limit =
      direction == Direction::request ? agreed.to_server_bytes : agreed.to_client_bytes;
  return limit == 0 || unit.pdu.content.size() <= limit ? Fault::none : Fault::bad_length;
}

Fault ask(Session session, const Outstanding& request, std::uint32_t now_ms) {
  return session.add(request, now_ms) ? Fault::none : Fault::too_many_outstanding;
}

// `fits(entry)`: the answer is to this one, if its identifier is too.
template <typename Fits>
Fault answer(Session session, const Outstanding& wanted, std::uint32_t now_ms, Fits fits) {
  const auto same = [&wanted](const Outstanding& entry) {
    return entry.invoke_id == wanted.invoke_id && entry.by_server == wanted.by_server &&
           !entry.is_open();
  };
  return session.answer(now_ms, same, fits);
}

bool is_confirmed(const Outstanding& entry) { return entry.service < Outstanding::kInitiate; }

// What a service opens, uses or closes by a number that an answer gave.
struct Use {
  std::uint8_t kind = 0;  // 0: it does none of it
  bool closes = false;
};

Use use_of(std::uint32_t service) {
  switch (service) {
    case kFileOpen:
    case kFileRead:
      return {Outstanding::kFile, false};
    case kFileClose:
      return {Outstanding::kFile, true};
    case kInitiateUpload:
    case kUploadSegment:
      return {Outstanding::kUpload, false};
    case kTerminateUpload:
      return {Outstanding::kUpload, true};
    default:
      return {};
  }
}

bool opens(std::uint32_t service) { return service == kFileOpen || service == kInitiateUpload; }

std::uint32_t number_of(ByteView content) {
  return static_cast<std::uint32_t>(ber::to_integer(content).value_or(0));
}

// The place of what the number stands for among what this side opened; nothing if it did not.
std::optional<std::size_t> find_open(Session session, std::uint8_t kind, std::uint32_t number,
                                     bool by_server) {
  const std::span<Outstanding> known = session.entries();
  for (std::size_t i = 0; i < known.size(); ++i) {
    const Outstanding& each = known[i];
    if (each.service == kind && each.invoke_id == number && each.by_server == by_server) return i;
  }
  return std::nullopt;
}

// Files and uploads are read and closed only by the numbers under which this side opened them in
// this session, where they were judged by their names.
Fault ask_confirmed(Session session, Outstanding entry, const Call& call, std::uint32_t now_ms) {
  const Use use = opens(call.service.number()) ? Use{} : use_of(call.service.number());
  if (use.kind == 0) return ask(session, entry, now_ms);
  session.forget_aged(now_ms);
  const std::uint32_t number = number_of(call.service.content);
  if (!find_open(session, use.kind, number, entry.by_server)) return Fault::not_started;
  if (const Fault fault = ask(session, entry, now_ms); fault != Fault::none) return fault;
  const auto place = find_open(session, use.kind, number, entry.by_server);
  if (!place) return Fault::none;  // it made room for the request
  Outstanding used = session.entries()[*place];
  session.remove(*place);
  used.asked_ms = now_ms;
  return use.closes ? Fault::none : ask(session, used, now_ms);
}

void note_opened(Session session, Outstanding entry, const ber::Element& service,
                 std::uint32_t now_ms) {
  ber::Reader reader(service.content);
  ber::Element number;
  if (!opens(service.number()) || !reader.next(number)) return;
  entry.service = use_of(service.number()).kind;
  entry.invoke_id = number_of(number.content);
  if (const auto place = find_open(session, entry.service, entry.invoke_id, entry.by_server)) {
    session.remove(*place);
  }
  session.add(entry, now_ms);  // the request that it answers has left its place
}

Fault accept_response(Session session, Outstanding wanted, const Call& call, std::uint32_t now_ms) {
  const auto results = results_given(call.service);
  wanted.service = static_cast<std::uint8_t>(call.service.number());
  const Fault fault = answer(session, wanted, now_ms, [&](const Outstanding& entry) {
    if (entry.service != wanted.service) return false;
    return entry.results == Outstanding::kAnyResults || !results || entry.results == *results;
  });
  if (fault == Fault::none) note_opened(session, wanted, call.service, now_ms);
  return fault;
}

Fault accept_alone(Session session, Outstanding entry, std::uint8_t service, bool asks,
                   std::uint32_t now_ms) {
  entry.service = service;
  if (asks) return ask(session, entry, now_ms);
  return answer(session, entry, now_ms,
                [service](const Outstanding& known) { return known.service == service; });
}

}  // namespace

// How many results come cannot be seen.
Fault accept_long(Session session, const LongAnswer& long_answer, std::uint32_t now_ms) {
  Agreed& agreed = session.state();
  const std::uint16_t place = place_of(long_answer.bare, long_answer.context);
  if (agreed.context == 0) agreed.context = place;
  if (agreed.context != place) return Fault::bad_value;
  const std::uint32_t limit = agreed.to_client_bytes;
  if (limit != 0 && long_answer.pdu_bytes > limit) return Fault::bad_length;
  Outstanding wanted;
  wanted.asked_ms = now_ms;
  wanted.invoke_id = long_answer.invoke_id;
  return answer(session, wanted, now_ms,
                [&](const Outstanding& entry) { return entry.service == long_answer.service; });
}

Fault accept_long(Session session, const LongRequest& request, std::uint32_t now_ms) {
  Agreed& agreed = session.state();
  const std::uint16_t place = place_of(request.bare, request.context);
  if (agreed.context != 0 && agreed.context != place) return Fault::bad_value;
  const std::uint32_t limit = agreed.to_server_bytes;
  if (limit != 0 && request.pdu_bytes > limit) return Fault::bad_length;
  Outstanding entry;
  entry.asked_ms = now_ms;
  entry.invoke_id = request.invoke_id;
  entry.service = kWrite;
  entry.results = 1;
  if (const Fault fault = ask(session, entry, now_ms); fault != Fault::none) return fault;
  agreed.context = place;
  return Fault::none;
}

std::size_t awaited(Session session, std::uint32_t now_ms) {
  return session.awaited(
      now_ms, [](const Outstanding& entry) { return !entry.by_server && !entry.is_open(); });
}

Fault accept_pdu(Session session, const Unit& unit, const Call& call, Direction direction,
                 std::uint32_t now_ms) {
  Agreed& agreed = session.state();
  if (const Fault fault = check_context(agreed, unit); fault != Fault::none) return fault;
  if (const Fault fault = check_size(agreed, unit, direction); fault != Fault::none) return fault;
  const bool from_server = direction == Direction::response;
  const auto tag = static_cast<std::uint8_t>(unit.pdu.number());
  const bool asks = tag == kConfirmedRequest || tag == kCancelRequest || tag == kConcludeRequest ||
                    tag == kInitiateRequest;
  Outstanding entry;
  entry.asked_ms = now_ms;
  entry.invoke_id = call.invoke_id.value_or(0);
  entry.by_server = asks ? from_server : !from_server;
  switch (tag) {
    case kConfirmedRequest: {
      const auto results = variables_asked(call.service);
      entry.service = static_cast<std::uint8_t>(call.service.number());
      entry.results = static_cast<std::uint16_t>(std::min<std::size_t>(
          results.value_or(Outstanding::kAnyResults), Outstanding::kAnyResults));
      return ask_confirmed(session, entry, call, now_ms);
    }
    case kConfirmedResponse:
      return accept_response(session, entry, call, now_ms);
    case kConfirmedError:
      return answer(session, entry, now_ms, is_confirmed);
    case kReject:  // of what was not understood, and so of anything or of nothing
      if (call.invoke_id) {
        answer(session, entry, now_ms, [](const Outstanding&) { return true; });
      }
      return Fault::none;
    case kCancelRequest:
    case kCancelResponse:
    case kCancelError:
      return accept_alone(session, entry, Outstanding::kCancel, asks, now_ms);
    case kInitiateRequest:
    case kInitiateResponse:
    case kInitiateError: {
      const Fault fault = accept_alone(session, entry, Outstanding::kInitiate, asks, now_ms);
      if (fault != Fault::none || tag == kInitiateError) return fault;
      (asks ? agreed.to_client_bytes : agreed.to_server_bytes) = local_detail(unit.pdu);
      return Fault::none;
    }
    case kConcludeRequest:
    case kConcludeResponse:
    case kConcludeError:
      return accept_alone(session, entry, Outstanding::kConclude, asks, now_ms);
    default:
      return Fault::none;
  }
}

Fault accept_unit(Session session, const Unit& unit, const Call* call, Direction direction,
                  std::uint32_t now_ms) {
  if (call == nullptr) return Fault::none;
  const Agreed before = session.state();
  const Fault fault = accept_pdu(session, unit, *call, direction, now_ms);
  if (fault != Fault::none) session.state() = before;
  return fault;
}

protocols::Difference difference(Session session, const Unit& unit, const Call& call) {
  if (!call.invoke_id) return {};
  const auto is_asked = [](const Outstanding& entry) {
    return is_confirmed(entry) && !entry.by_server;
  };
  const Outstanding* same = session.latest([&](const Outstanding& entry) {
    return is_asked(entry) && entry.invoke_id == *call.invoke_id;
  });
  if (same == nullptr) {
    const Outstanding* latest = session.latest(is_asked);
    if (latest == nullptr) return {};
    return {"invoke_id", latest->invoke_id, *call.invoke_id};
  }
  if (unit.pdu.number() != kConfirmedResponse) return {};
  const std::uint32_t service = call.service.number();
  if (same->service != service) return {"service", same->service, service};
  const auto results = results_given(call.service);
  return {"results", same->results, results.value_or(same->results)};
}

}  // namespace bulkhead::mms
