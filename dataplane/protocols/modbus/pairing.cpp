// A short table in the order of asking: the answer is nearly always to the first.
#include "dataplane/protocols/modbus/pairing.h"

#include <algorithm>

#include "dataplane/protocols/modbus/umas.h"

namespace bulkhead::modbus {

using protocols::Fault;

namespace {

// AP 6.14: what the groups of a file read's answer come to.
std::uint16_t file_answer_bytes(const Adu& adu) {
  constexpr std::size_t kSubRequestBytes = 7;
  std::size_t total = 0;
  for (std::size_t at = 1; at + kSubRequestBytes <= adu.data.size(); at += kSubRequestBytes) {
    total += 2 + 2 * std::size_t{load_be16(adu.data.data() + at + 5)};
  }
  return static_cast<std::uint16_t>(total);
}

// Of what an answer must repeat in full (FNV-1a, 32 bits).
void remember_all(Outstanding& entry, ByteView bytes) {
  std::uint32_t hash = 2166136261U;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 16777619U;
  entry.second = static_cast<std::uint16_t>(hash >> 16);
  entry.third = static_cast<std::uint16_t>(hash);
  entry.data_bytes = static_cast<std::uint16_t>(bytes.size());
}

bool repeats_all(const Outstanding& asked, ByteView bytes) {
  Outstanding answered;
  remember_all(answered, bytes);
  return answered.second == asked.second && answered.third == asked.third &&
         answered.data_bytes == asked.data_bytes;
}

Outstanding remember(const Adu& adu, std::uint32_t now_ms) {
  Outstanding entry;
  entry.asked_ms = now_ms;
  entry.transaction = adu.transaction;
  entry.unit = adu.unit;
  entry.code = adu.code;
  ByteReader reader(adu.data);
  switch (adu.code) {
    case kReadCoils:
    case kReadDiscreteInputs:
      entry.address = reader.u16();
      entry.second = reader.u16();
      entry.data_bytes = static_cast<std::uint16_t>(bytes_for_bits(entry.second));
      break;
    case kReadHoldingRegisters:
    case kReadInputRegisters:
    case kReadWriteMultipleRegisters:
      entry.address = reader.u16();
      entry.data_bytes = static_cast<std::uint16_t>(2 * reader.u16());
      break;
    case kReadFileRecord:
      entry.data_bytes = file_answer_bytes(adu);
      break;
    case kEncapsulatedInterface:
      entry.address = reader.u8();
      entry.second = reader.u8();
      break;
    case kDiagnostics:
      entry.address = reader.u16();
      remember_all(entry, adu.data);
      break;
    case kWriteFileRecord:
      remember_all(entry, adu.data);
      break;
    case kUmas:
      reader.skip(1);
      entry.address = reader.u8();
      break;
    default:
      entry.address = reader.u16();
      entry.second = reader.u16();
      entry.third = adu.code == kMaskWriteRegister ? reader.u16() : std::uint16_t{0};
      break;
  }
  return entry;
}

bool answers(const Outstanding& asked, const Adu& adu) {
  if ((adu.code & kExceptionFlag) != 0) return true;
  ByteReader reader(adu.data);
  switch (adu.code) {
    case kReadCoils:
    case kReadDiscreteInputs:
      return reader.u8() == asked.data_bytes && is_padded(adu.data.subspan(1), asked.second);
    case kReadHoldingRegisters:
    case kReadInputRegisters:
    case kReadWriteMultipleRegisters:
    case kReadFileRecord:
      return reader.u8() == asked.data_bytes;
    case kWriteSingleCoil:
    case kWriteSingleRegister:
    case kWriteMultipleCoils:
    case kWriteMultipleRegisters:
      return reader.u16() == asked.address && reader.u16() == asked.second;
    case kMaskWriteRegister:
      return reader.u16() == asked.address && reader.u16() == asked.second &&
             reader.u16() == asked.third;
    case kDiagnostics: {
      const std::uint16_t sub_function = reader.u16();
      return sub_function == asked.address &&
             (!is_repeated(sub_function) || repeats_all(asked, adu.data));
    }
    case kEncapsulatedInterface: {
      const std::uint8_t mei = reader.u8();
      return mei == asked.address && (mei == kMeiCanopen || reader.u8() == asked.second);
    }
    case kWriteFileRecord:
      return repeats_all(asked, adu.data);
    default:
      return true;
  }
}

// What the answer to a request of this UMAS code does to the reservation.
void note_reservation(Reservation& reservation, std::uint8_t asked, const Adu& adu) {
  Umas umas;
  if (adu.code != kUmas || parse_umas(adu, umas) != Fault::none || umas.code != kUmasOk) return;
  if (asked == kUmasTakeReservation && !umas.data.empty())
    reservation = {true, umas.data[0], adu.unit};
  if (asked == kUmasReleaseReservation && adu.unit == reservation.unit) reservation = {};
}

// AP 4.1 and 6.8: a request to all units is never answered, nor is the order to listen only.
bool is_answered(const Outstanding& entry) {
  return entry.unit != 0 && (entry.code != kDiagnostics || entry.address != kForceListenOnly);
}

}  // namespace

void find_reservation(std::span<const std::byte> session, Adu& adu) {
  const Reservation* const reservation = Session::state_in(session);
  if (reservation == nullptr || !reservation->taken || reservation->unit != adu.unit) return;
  adu.session_key = reservation->key;
  adu.reserved = !adu.data.empty() && adu.data[0] == reservation->key;
}

std::size_t awaited(Session session, std::uint32_t now_ms) {
  return session.awaited(now_ms, is_answered);
}

// What is never answered makes room for any other request.
Fault accept_request(Session session, const Adu& adu, std::uint32_t now_ms) {
  const auto needless = [](const Outstanding& entry) { return !is_answered(entry); };
  const bool added = session.add(remember(adu, now_ms), now_ms, needless);
  return added ? Fault::none : Fault::too_many_outstanding;
}

Fault accept_response(Session session, const Adu& adu, std::uint32_t now_ms) {
  const auto code = static_cast<std::uint8_t>(adu.code & ~kExceptionFlag);
  Outstanding request;
  const Fault fault = session.answer(
      now_ms, [&](const Outstanding& entry) { return entry.transaction == adu.transaction; },
      [&](const Outstanding& entry) {
        return entry.unit == adu.unit && entry.code == code && answers(entry, adu);
      },
      &request);
  if (fault == Fault::none) {
    note_reservation(session.state(), static_cast<std::uint8_t>(request.address), adu);
  }
  return fault;
}

protocols::Difference difference(Session session, const Adu& adu) {
  const Outstanding* same = session.latest(
      [&](const Outstanding& entry) { return entry.transaction == adu.transaction; });
  if (same == nullptr) {
    const Outstanding* latest = session.latest(is_answered);
    if (latest == nullptr) return {};
    return {"transaction", latest->transaction, adu.transaction};
  }
  const auto code = static_cast<std::uint8_t>(adu.code & ~kExceptionFlag);
  if (same->unit != adu.unit) return {"unit", same->unit, adu.unit};
  if (same->code != code) return {"function", same->code, code};
  return {};
}

}  // namespace bulkhead::modbus
