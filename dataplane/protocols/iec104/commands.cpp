// Commands and their confirmations (101, 6.8: command transmission), by type and addresses.
#include "dataplane/protocols/iec104/session.h"

namespace bulkhead::iec104 {

using protocols::Fault;

namespace {

constexpr std::uint16_t kBroadcast = 0xffff;  // 101, 7.2.4

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
         (entry.common_address == other.common_address || entry.common_address == kBroadcast);
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

std::size_t awaited(Session session, std::uint32_t now_ms) {
  return session.awaited(now_ms, [](const Outstanding& entry) { return !entry.confirmed; });
}

Fault accept_command(Session session, const Asdu& asdu, std::uint32_t now_ms) {
  constexpr std::uint8_t kRead = 102;  // is answered with what it asks for
  const TypeInfo type = type_info(asdu.type);
  if (!type.command || asdu.type == kRead) return Fault::none;
  const Outstanding command = entry_of(asdu, type, now_ms);
  if (const Fault fault = check_selection(session, command, now_ms); fault != Fault::none) {
    return fault;
  }
  const auto confirmed = [](const Outstanding& entry) { return entry.confirmed; };
  return session.add(command, now_ms, confirmed) ? Fault::none : Fault::too_many_outstanding;
}

// A confirmation may be followed by data and by a termination; a negative one ends it.
Fault accept_confirmation(Session session, const Asdu& asdu, std::uint32_t now_ms) {
  const TypeInfo type = type_info(asdu.type);
  if (!type.command) return Fault::none;
  session.forget_aged(now_ms);
  const Outstanding answer = entry_of(asdu, type, now_ms);
  Fault fault = Fault::unrequested_response;
  for (std::size_t i = 0; i < session.entries().size(); ++i) {
    Outstanding& entry = session.entries()[i];
    if (!same_object(entry, answer)) continue;
    fault = Fault::mismatched_response;
    const bool deactivates = asdu.cause == kDeactivationCon;
    if (deactivates != (entry.cause == kDeactivation) && asdu.cause < kUnknownFirst) continue;
    const bool terminates = asdu.cause == kActivationTermination;
    if (terminates && !entry.confirmed && asdu.type < 100) continue;
    // What is confirmed is what was commanded; clocks and counters may answer with their own.
    const bool exact = type.element == Element::command || type.has_qualifier;
    if (exact && (entry.content != answer.content || entry.select != answer.select)) continue;
    const bool ends = asdu.negative || terminates || asdu.cause != kActivationCon;
    const bool broadcast = entry.common_address == kBroadcast;
    if (ends && !broadcast) {
      session.remove(i);
    } else {
      entry.confirmed = true;
    }
    return Fault::none;
  }
  return fault;
}

}  // namespace bulkhead::iec104
