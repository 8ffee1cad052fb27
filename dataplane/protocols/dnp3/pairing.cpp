// One request of a master to an outstation is under way at a time (4.2.2.4), but a session may lead
// to several outstations.
#include "dataplane/protocols/dnp3/pairing.h"

namespace bulkhead::dnp3 {

using protocols::Fault;

namespace {

bool is_control(std::uint8_t code) { return code >= kSelect && code <= kDirectOperateNoResponse; }

// The selection is of the same objects, by the request before this one (4.4.3).
bool is_selected(Session session, const Outstanding& request, std::uint32_t now_ms) {
  for (const Outstanding& entry : session.entries()) {
    if (entry.code == kSelect && entry.master == request.master &&
        entry.outstation == request.outstation && entry.controls == request.controls &&
        ((entry.sequence + 1) & 0x0f) == request.sequence &&
        now_ms - entry.asked_ms <= kSelectedMs) {
      return true;
    }
  }
  return false;
}

// Any further request to an outstation ends what was selected there.
void forget_selections(Session session, const Outstanding& request) {
  for (std::size_t i = session.entries().size(); i > 0; --i) {
    const Outstanding& entry = session.entries()[i - 1];
    if (entry.answered && entry.master == request.master &&
        entry.outstation == request.outstation) {
      session.remove(i - 1);
    }
  }
}

bool answers(const Outstanding& asked, const Application& application) {
  if (asked.answered || asked.sequence != application.sequence()) return false;
  if (application.first() == asked.continued) return false;
  if (!is_control(asked.code) || application.objects.empty()) return true;
  return application.code == kAuthenticateResponse ||
         digest_of_controls(application.objects) == asked.controls;
}

}  // namespace

std::size_t awaited(Session session, std::uint32_t now_ms) {
  return session.awaited(now_ms, [](const Outstanding& entry) { return !entry.answered; });
}

Fault accept_request(Session session, const Fragment& fragment, std::uint32_t now_ms) {
  if (!fragment.has_application) return Fault::none;
  Application application;
  if (const Fault fault = parse_application(fragment, application); fault != Fault::none) {
    return fault;
  }
  Outstanding request;
  request.asked_ms = now_ms;
  request.master = fragment.link.source;
  request.outstation = fragment.link.destination;
  request.code = application.code;
  request.sequence = application.sequence();
  if (is_control(request.code)) request.controls = digest_of_controls(application.objects);
  if (request.code == kOperate && !is_selected(session, request, now_ms)) {
    return Fault::not_selected;
  }
  if (request.code == kConfirm) return Fault::none;
  const auto selected = [](const Outstanding& entry) { return entry.answered; };
  if (wants_response(request.code) && request.outstation < kBroadcastFirst &&
      !session.add(request, now_ms, selected)) {
    return Fault::too_many_outstanding;
  }
  forget_selections(session, request);
  return Fault::none;
}

Fault accept_response(Session session, const Fragment& fragment, std::uint32_t now_ms) {
  if (!fragment.has_application) return Fault::none;
  session.forget_aged(now_ms);
  Application application;
  if (const Fault fault = parse_application(fragment, application); fault != Fault::none) {
    return fault;
  }
  if (application.code == kUnsolicitedResponse) return Fault::none;
  Fault fault = Fault::unrequested_response;
  for (std::size_t i = 0; i < session.entries().size(); ++i) {
    Outstanding& entry = session.entries()[i];
    if (entry.master != fragment.link.destination || entry.outstation != fragment.link.source) {
      continue;
    }
    if (!answers(entry, application)) {
      if (!entry.answered) fault = Fault::mismatched_response;
      continue;
    }
    // A challenge asks for authentication first; the answer to the request follows (7.5.1).
    const bool challenge =
        application.code == kAuthenticateResponse && entry.code != kAuthenticateRequest;
    if (challenge) return Fault::none;
    if (!application.final()) {
      entry.continued = true;
      entry.sequence = static_cast<std::uint8_t>((entry.sequence + 1) & 0x0f);
    } else if (entry.code == kSelect) {
      entry.answered = true;
    } else {
      session.remove(i);
    }
    return Fault::none;
  }
  return fault;
}

}  // namespace bulkhead::dnp3
