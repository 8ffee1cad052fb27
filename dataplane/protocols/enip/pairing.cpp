// Requests are tied to replies by the sender's context or, on connections, by the sequence count.
#include "dataplane/protocols/enip/pairing.h"

namespace bulkhead::enip {

using protocols::Fault;

namespace {

bool wants_reply(std::uint16_t command) {
  return command != kNop && command != kUnregisterSession && command != kCancel &&
         command != kIoCode;
}

// EIP 2-3.3: commands that carry CIP need a session, and it is this one's.
Fault check_session(const Known& known, const Encapsulation& encapsulation) {
  const bool needs = encapsulation.command == kSendRRData ||
                     encapsulation.command == kSendUnitData ||
                     encapsulation.command == kUnregisterSession;
  if (!needs || known.unseen) return Fault::none;
  const bool same = known.session != 0 && encapsulation.session == known.session;
  return same ? Fault::none : Fault::not_started;
}

// CIP 3-5.5.2: a successful opening names both connection identifiers.
void note_connection(Known& known, ByteView reply) {
  ByteReader reader(reply);
  const std::uint8_t service = reader.u8() & static_cast<std::uint8_t>(~kReplyBit);
  reader.skip(1);
  const std::uint8_t status = reader.u8();
  reader.skip(std::size_t{reader.u8()} * 2);
  Connection connection;
  connection.to_target = reader.u32_le();
  connection.to_originator = reader.u32_le();
  const bool opens = service == kForwardOpen || service == kLargeForwardOpen;
  if (!reader.ok() || !opens || status != 0) return;
  known.connections[known.next] = connection;
  known.next = static_cast<std::uint8_t>((known.next + 1U) % Known::kConnectionsMax);
}

bool carries_cip(std::uint16_t command) {
  return command == kSendRRData || command == kSendUnitData;
}

}  // namespace

std::uint32_t way_back(const Known& known, std::uint32_t to_target) {
  for (std::size_t i = 0; i < known.connections.size(); ++i) {
    const std::size_t at =
        (known.next + known.connections.size() - 1 - i) % known.connections.size();
    if (known.connections[at].to_target == to_target) return known.connections[at].to_originator;
  }
  return 0;
}

Fault accept_request(Session session, const Encapsulation& encapsulation, std::uint32_t now_ms) {
  if (const Fault fault = check_session(session.state(), encapsulation); fault != Fault::none) {
    return fault;
  }
  Outstanding entry;
  entry.asked_ms = now_ms;
  entry.command = encapsulation.command;
  entry.context = encapsulation.context;
  if (carries_cip(encapsulation.command)) {
    CommonPacket packet;
    if (const Fault fault = parse_carried(encapsulation, packet); fault != Fault::none) {
      return fault;
    }
    if (packet.cip.empty()) return Fault::truncated;
    if (encapsulation.command == kSendUnitData) entry.context = packet.sequence;
    entry.outer_service = packet.cip[0];
    const ByteView inner = innermost_request(packet.cip);
    if (inner.empty()) return Fault::truncated;
    entry.service = inner[0];
  }
  if (!wants_reply(encapsulation.command)) return Fault::none;
  return session.add(entry, now_ms) ? Fault::none : Fault::too_many_outstanding;
}

Fault accept_reply(Session session, const Encapsulation& encapsulation, std::uint32_t now_ms) {
  if (!wants_reply(encapsulation.command)) return Fault::none;
  CommonPacket packet;
  std::uint64_t context = encapsulation.context;
  std::uint8_t service = 0;
  const bool carries = carries_cip(encapsulation.command) && encapsulation.status == 0;
  if (carries) {
    if (const Fault fault = parse_carried(encapsulation, packet); fault != Fault::none) {
      return fault;
    }
    if (packet.cip.empty()) return Fault::truncated;
    service = packet.cip[0] & static_cast<std::uint8_t>(~kReplyBit);
    if (encapsulation.command == kSendUnitData) context = packet.sequence;
  }
  const Fault fault = session.answer(
      now_ms,
      [&](const Outstanding& entry) {
        return entry.command == encapsulation.command && entry.context == context;
      },
      [&](const Outstanding& entry) {
        return !carries || entry.service == service || entry.outer_service == service;
      });
  if (fault != Fault::none) return fault;
  if (encapsulation.command == kRegisterSession && encapsulation.status == 0) {
    session.state().session = encapsulation.session;
  }
  if (carries) note_connection(session.state(), packet.cip);
  return Fault::none;
}

}  // namespace bulkhead::enip
