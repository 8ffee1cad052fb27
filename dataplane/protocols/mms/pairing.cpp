// Both sides ask: to obtain a file, the server opens and reads it at its client, with invoke
// identifiers of its own that may be those of the client.
#include "dataplane/protocols/mms/pairing.h"

#include <algorithm>

namespace bulkhead::mms {

using protocols::Direction;
using protocols::Fault;

namespace {

// A PDU stands in the context that the association named for MMS, or, if that was not seen, in the
// first one.
Fault check_context(Agreed& agreed, const Unit& unit) {
  const auto known = static_cast<std::uint16_t>(unit.context + 1);
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
    return entry.invoke_id == wanted.invoke_id && entry.by_server == wanted.by_server;
  };
  return session.answer(now_ms, same, fits);
}

bool is_confirmed(const Outstanding& entry) { return entry.service < Outstanding::kInitiate; }

Fault accept_response(Session session, Outstanding wanted, const Call& call, std::uint32_t now_ms) {
  const auto results = results_given(call.service);
  wanted.service = static_cast<std::uint8_t>(call.service.number());
  return answer(session, wanted, now_ms, [&](const Outstanding& entry) {
    if (entry.service != wanted.service) return false;
    return entry.results == Outstanding::kAnyResults || !results || entry.results == *results;
  });
}

Fault accept_alone(Session session, Outstanding entry, std::uint8_t service, bool asks,
                   std::uint32_t now_ms) {
  entry.service = service;
  if (asks) return ask(session, entry, now_ms);
  return answer(session, entry, now_ms,
                [service](const Outstanding& known) { return known.service == service; });
}

}  // namespace

std::size_t awaited(Session session, std::uint32_t now_ms) {
  return session.awaited(now_ms, [](const Outstanding& entry) { return !entry.by_server; });
}

Fault accept_unit(Session session, const Unit& unit, Direction direction, std::uint32_t now_ms) {
  if (!unit.has_pdu) return Fault::none;
  Agreed& agreed = session.state();
  if (const Fault fault = check_context(agreed, unit); fault != Fault::none) return fault;
  if (const Fault fault = check_size(agreed, unit, direction); fault != Fault::none) return fault;
  Call call;
  if (const Fault fault = parse_call(unit, call); fault != Fault::none) return fault;
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
      return ask(session, entry, now_ms);
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

}  // namespace bulkhead::mms
