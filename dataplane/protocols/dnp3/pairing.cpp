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
    if (entry.answered && entry.is_between(request.master, request.outstation)) {
      session.remove(i - 1);
    }
  }
}

bool answers(const Outstanding& asked, const Application& application) {
  if (!asked.is_asked() || asked.sequence != application.sequence()) return false;
  if (application.first() == asked.continued) return false;
  if (!is_control(asked.code) || application.objects.empty()) return true;
  return application.code == kAuthenticateResponse ||
         digest_of_controls(application.objects) == asked.controls;
}

// 4.2.2.4.3: a response with CON asks for a confirmation with its number, of its kind.
Fault note_confirmation(Session session, const Fragment& response, const Application& application,
                        std::uint32_t now_ms) {
  if (!application.confirm()) return Fault::none;
  Outstanding asked;
  asked.asked_ms = now_ms;
  asked.master = response.link.destination;
  asked.outstation = response.link.source;
  asked.code = kConfirm;
  asked.sequence = application.sequence();
  asked.unsolicited = application.unsolicited();
  for (std::size_t i = session.entries().size(); i > 0; --i) {
    const Outstanding& entry = session.entries()[i - 1];
    if (entry.code == kConfirm && entry.is_between(asked.master, asked.outstation) &&
        entry.unsolicited == asked.unsolicited) {
      session.remove(i - 1);
    }
  }
  const auto selected = [](const Outstanding& entry) { return entry.answered; };
  return session.add(asked, now_ms, selected) ? Fault::none : Fault::too_many_outstanding;
}

std::uint8_t kind_of(const Application& application) {
  return static_cast<std::uint8_t>(application.control & 0x1f);  // UNS and the sequence number
}

// Events leave an outstation's buffer when they are confirmed: only by who was asked to. The
// confirmation may cross the next response, or come again.
Fault accept_confirmation(Session session, const Fragment& fragment,
                          const Application& application) {
  for (const Outstanding& entry : session.entries()) {
    const bool asked = entry.code == kConfirm && entry.unsolicited == application.unsolicited() &&
                       entry.is_between(fragment.link.source, fragment.link.destination);
    const unsigned ahead = (entry.sequence - application.sequence()) & 0x0fU;
    if (!asked || ahead > 1) continue;
    Begun& begun = session.state();
    const bool of_spanning = begun.spanning == kind_of(application) &&
                             begun.spanning_source == fragment.link.destination;
    if (of_spanning) begun.numbers = 0;  // the master has all of it
    return Fault::none;
  }
  return session.state().unseen ? Fault::none : Fault::unrequested_response;
}

// The request that a response answers; a fault if there is none.
Fault find_asked(Session session, const Fragment& response, const Application& application,
                 std::size_t& index) {
  Fault fault = session.state().unseen ? Fault::none : Fault::unrequested_response;
  const std::size_t known = session.entries().size();
  for (index = 0; index < known; ++index) {
    const Outstanding& entry = session.entries()[index];
    if (!entry.is_between(response.link.destination, response.link.source)) continue;
    if (answers(entry, application)) return Fault::none;
    if (entry.is_asked()) fault = Fault::mismatched_response;
  }
  return fault;
}

// Files are read, written and closed by a handle that this session was given (A.31): a rule that
// names files does so where they are opened. Keeps the handle for as long as it is used.
Fault use_file(Session session, Outstanding& request, const Application& application) {
  const FileHandle file = file_handle_of(application.objects);
  if (!file.known) return Fault::none;
  request.controls = file.handle;
  for (std::size_t i = 0; i < session.entries().size(); ++i) {
    Outstanding entry = session.entries()[i];
    if (entry.code != kOpenedFile || entry.controls != file.handle ||
        !entry.is_between(request.master, request.outstation)) {
      continue;
    }
    entry.asked_ms = request.asked_ms;
    session.remove(i);
    session.add(entry, request.asked_ms);
    return Fault::none;
  }
  return Fault::not_started;
}

// What the answer to a request of files opened or closed.
void note_file(Session session, const Outstanding& asked, const Application& application,
               std::uint32_t now_ms) {
  if (asked.code == kCloseFile || asked.code == kAbortFile) {
    for (std::size_t i = session.entries().size(); i > 0; --i) {
      const Outstanding& entry = session.entries()[i - 1];
      if (entry.code == kOpenedFile && entry.controls == asked.controls &&
          entry.is_between(asked.master, asked.outstation)) {
        session.remove(i - 1);
      }
    }
    return;
  }
  const FileHandle file = file_handle_of(application.objects);
  if (asked.code != kOpenFile || !file.known || file.status != 0) return;
  Outstanding opened = asked;
  opened.asked_ms = now_ms;
  opened.code = kOpenedFile;
  opened.controls = file.handle;
  session.add(opened, now_ms);  // the request made room
}

// What answers the request that left last shows that the outstation got that whole: if it can be to
// no earlier one with the same number, which nobody waits for any more.
void note_settled(Session session, const Fragment& response, const Application& application,
                  std::uint32_t now_ms) {
  const auto fits = [&](const Outstanding& entry) {
    return entry.is_asked() && entry.sequence == application.sequence() &&
           entry.is_between(response.link.destination, response.link.source);
  };
  const Outstanding* last =
      session.latest([](const Outstanding& entry) { return entry.is_asked(); });
  if (last == nullptr || !fits(*last)) return;
  for (const Outstanding& entry : session.entries()) {
    const bool awaited = now_ms - entry.asked_ms <= protocols::kAwaitedMs;
    if (&entry != last && awaited && fits(entry)) return;
  }
  Begun& begun = session.state();
  begun.settled = true;
  begun.settled_master = last->master;
  begun.settled_outstation = response.link.source;
}

}  // namespace

std::size_t awaited(Session session, std::uint32_t now_ms) {
  return session.awaited(now_ms, [](const Outstanding& entry) { return entry.is_asked(); });
}

Fault accept_request(Session session, const Fragment& fragment, const Application& application,
                     std::uint32_t now_ms) {
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
  if (request.code == kConfirm) return accept_confirmation(session, fragment, application);
  if (const Fault fault = use_file(session, request, application); fault != Fault::none) {
    return fault;
  }
  const auto selected = [](const Outstanding& entry) { return entry.answered; };
  if (wants_response(request.code) && request.outstation < kBroadcastFirst &&
      !session.add(request, now_ms, selected)) {
    return Fault::too_many_outstanding;
  }
  forget_selections(session, request);
  session.state().settled = false;
  return Fault::none;
}

Fault accept_response(Session session, const Fragment& fragment, const Application& application,
                      std::uint32_t now_ms) {
  session.forget_aged(now_ms);
  if (application.code == kUnsolicitedResponse) {
    return note_confirmation(session, fragment, application, now_ms);
  }
  std::size_t index = 0;
  Fault fault = find_asked(session, fragment, application, index);
  if (fault != Fault::none) return fault;
  fault = note_confirmation(session, fragment, application, now_ms);
  if (fault != Fault::none) return fault;
  find_asked(session, fragment, application, index);  // noting may have moved it
  if (index == session.entries().size()) return Fault::none;
  Outstanding& entry = session.entries()[index];
  note_settled(session, fragment, application, now_ms);
  // A challenge asks for authentication first; the answer to the request follows (7.5.1).
  if (application.code == kAuthenticateResponse && entry.code != kAuthenticateRequest) {
    return Fault::none;
  }
  session.state().unseen = false;
  if (!application.final()) {
    entry.continued = true;
    entry.sequence = static_cast<std::uint8_t>((entry.sequence + 1) & 0x0f);
  } else if (entry.code == kSelect) {
    entry.answered = true;
  } else {
    const Outstanding asked = entry;
    session.remove(index);
    note_file(session, asked, application, now_ms);
  }
  return Fault::none;
}

bool may_span(Session session, const Fragment& request, const Application& application) {
  const Begun& begun = session.state();
  return wants_response(application.code) && begun.settled &&
         begun.settled_master == request.link.source &&
         begun.settled_outstation == request.link.destination;
}

bool may_span_answer(Session session, const Fragment& response, const Application& application,
                     std::uint32_t now_ms) {
  const Begun& begun = session.state();
  const bool like = begun.spanning == kind_of(application) &&
                    begun.spanning_source == response.link.source &&
                    now_ms - begun.spanning_ms <= kSpanningMs;
  return !like || (begun.numbers & numbers_awaited(response.message)) == 0;
}

void note_spanning(Session session, const Fragment& response, const Application& application,
                   std::uint32_t now_ms) {
  Begun& begun = session.state();
  const bool like =
      begun.spanning == kind_of(application) && begun.spanning_source == response.link.source;
  begun.numbers = (like ? begun.numbers : 0) | numbers_awaited(response.message);
  begun.spanning = kind_of(application);
  begun.spanning_source = response.link.source;
  begun.spanning_ms = now_ms;
}

protocols::Difference difference(Session session, const LinkHeader& link,
                                 const Application& application) {
  const Outstanding* asked = session.latest([&](const Outstanding& entry) {
    return entry.is_asked() && entry.is_between(link.destination, link.source);
  });
  if (asked != nullptr) {
    if (asked->sequence == application.sequence()) return {};
    return {"sequence", asked->sequence, application.sequence()};
  }
  asked = session.latest([](const Outstanding& entry) { return entry.is_asked(); });
  if (asked == nullptr) return {};
  if (asked->outstation != link.source) return {"source", asked->outstation, link.source};
  return {"destination", asked->master, link.destination};
}

}  // namespace bulkhead::dnp3
