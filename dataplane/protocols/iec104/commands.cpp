// Commands and their confirmations (101, 6.8: command transmission), by type and addresses.
#include "dataplane/protocols/iec104/session.h"

namespace bulkhead::iec104 {

using protocols::Fault;

namespace {

// FNV-1a over the object's value, its select bit left out; the time tag may differ.
std::uint32_t digest_of(const Asdu& asdu, const TypeInfo& type, bool& select) {
  constexpr std::size_t kAddressBytes = 3;
  const std::size_t count = type.value_bytes + (type.has_qualifier ? 1U : 0U);
  const ByteView content = asdu.objects.subspan(kAddressBytes, count);
  const bool selects = type.element == Element::command ||
                       (type.has_qualifier && type.type < 110 && !content.empty());
  std::uint32_t digest = 0x811c9dc5U;
  for (std::size_t i = 0; i < content.size(); ++i) {
    std::uint8_t byte = content[i];
    if (selects && i + 1 == content.size()) {
      select = (byte & 0x80) != 0;
      byte &= 0x7f;
    }
    digest = (digest ^ byte) * 0x01000193U;
  }
  return digest;
}

bool same_object(const Outstanding& entry, const Outstanding& other) {
  return entry.type == other.type && entry.object_address == other.object_address &&
         (entry.common_address == other.common_address || entry.common_address == kToAll);
}

Outstanding entry_of(const Asdu& asdu, const TypeInfo& type, std::uint32_t now_ms) {
  Outstanding entry;
  entry.asked_ms = now_ms;
  entry.type = asdu.type;
  entry.cause = asdu.cause;
  entry.common_address = asdu.common_address;
  entry.object_address = ByteReader(asdu.objects).u24_le();
  entry.content = digest_of(asdu, type, entry.select);
  return entry;
}

// What is executed after a select must be what was selected (101, 6.8).
Fault check_selection(Session session, const Outstanding& command, std::uint32_t now_ms) {
  if (command.cause != kActivation) return Fault::none;
  for (std::size_t i = session.entries().size(); i > 0; --i) {
    const Outstanding& entry = session.entries()[i - 1];
    if (!entry.select || !entry.confirmed || !same_object(entry, command)) continue;
    const bool lasts = now_ms - entry.asked_ms <= kSelectedMs;
    const bool same = entry.content == command.content;
    if (!command.select && lasts && !same) return Fault::not_selected;
    session.remove(i - 1);
  }
  return Fault::none;
}

}  // namespace

namespace {

constexpr std::uint8_t kReadCommand = 102;

// How well a confirmation fits a command; 0 not at all.
enum class Fit : std::uint8_t { none, object, exact };

Fit fit_of(const Outstanding& entry, const Outstanding& answer, std::uint8_t cause) {
  if (!same_object(entry, answer)) return Fit::none;
  const bool deactivates = cause == kDeactivationCon;
  if (deactivates != (entry.cause == kDeactivation) && cause < kUnknownFirst) return Fit::none;
  const bool terminates = cause == kActivationTermination;
  if (terminates && !entry.confirmed && answer.type < 100) return Fit::none;
  // What some stations confirm is not what was commanded, but what they made of it.
  const bool exact = entry.content == answer.content && entry.select == answer.select;
  return exact ? Fit::exact : Fit::object;
}

// The command that a confirmation is for: that of the same content before others.
Outstanding* find_command(Session session, const Outstanding& answer, std::uint8_t cause,
                          bool& same) {
  Outstanding* found = nullptr;
  for (Outstanding& entry : session.entries()) {
    same = same || same_object(entry, answer);
    const Fit fit = fit_of(entry, answer, cause);
    if (fit == Fit::exact) return &entry;
    if (fit == Fit::object && found == nullptr) found = &entry;
  }
  return found;
}

void remove(Session session, const Outstanding* entry) {
  session.remove(static_cast<std::size_t>(entry - session.entries().data()));
}

// 101, 7.3.4.3: what a read asked for comes for the cause "request".
void end_reads(Session session, const Asdu& asdu) {
  if (asdu.cause != kRequest) return;
  const std::uint32_t first = ByteReader(asdu.objects).u24_le();
  for (std::size_t i = session.entries().size(); i > 0; --i) {
    const Outstanding& entry = session.entries()[i - 1];
    if (entry.type == kReadCommand && entry.object_address == first &&
        entry.common_address == asdu.common_address) {
      session.remove(i - 1);
    }
  }
}

}  // namespace

std::size_t awaited(Session session, std::uint32_t now_ms) {
  return session.awaited(now_ms, [](const Outstanding& entry) { return !entry.confirmed; });
}

Fault accept_command(Session session, const Asdu& asdu, std::uint32_t now_ms) {
  const TypeInfo type = type_info(asdu.type);
  if (!type.command) return Fault::none;
  const Outstanding command = entry_of(asdu, type, now_ms);
  if (const Fault fault = check_selection(session, command, now_ms); fault != Fault::none) {
    return fault;
  }
  const auto confirmed = [](const Outstanding& entry) { return entry.confirmed; };
  return session.add(command, now_ms, confirmed) ? Fault::none : Fault::too_many_outstanding;
}

// A confirmation may be followed by data and by a termination; a negative one ends it.
Fault accept_confirmation(Session session, Numbers& numbers, const Asdu& asdu,
                          std::uint32_t now_ms) {
  const TypeInfo type = type_info(asdu.type);
  session.forget_aged(now_ms);
  if (!type.command) {
    end_reads(session, asdu);
    return Fault::none;
  }
  const Outstanding answer = entry_of(asdu, type, now_ms);
  bool same = false;
  Outstanding* const entry = find_command(session, answer, asdu.cause, same);
  if (entry == nullptr) {
    if (numbers.unmatched > 0) {
      --numbers.unmatched;
      return Fault::none;
    }
    return same ? Fault::mismatched_response : Fault::unrequested_response;
  }
  const bool ends = asdu.negative || asdu.cause != kActivationCon;
  if (ends && entry->common_address != kToAll) {
    remove(session, entry);
  } else {
    entry->confirmed = true;
  }
  return Fault::none;
}

protocols::Difference difference(Session session, const Apdu& apdu) {
  const Numbers& numbers = session.state();
  if (!apdu.is_information()) return {};
  if (!numbers.server_unknown && apdu.send_number != numbers.server_next) {
    return {"send_number", numbers.server_next, apdu.send_number};
  }
  Asdu asdu;
  if (parse_asdu(apdu.asdu, asdu) != Fault::none) return {};
  const Outstanding* asked =
      session.latest([](const Outstanding& entry) { return !entry.confirmed; });
  if (asked == nullptr) return {};
  const std::uint32_t object = ByteReader(asdu.objects).u24_le();
  if (asked->type != asdu.type) return {"type", asked->type, asdu.type};
  if (asked->common_address != asdu.common_address && asked->common_address != kToAll) {
    return {"common_address", asked->common_address, asdu.common_address};
  }
  if (asked->object_address != object) return {"object", asked->object_address, object};
  return {"cause", asked->cause == kDeactivation ? kDeactivationCon : kActivationCon, asdu.cause};
}

}  // namespace bulkhead::iec104
