// A short table in the order of asking: the answer is nearly always to the first.
#include "dataplane/protocols/modbus/pairing.h"

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
      entry.data_bytes = static_cast<std::uint16_t>(bytes_for_bits(reader.u16()));
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
    case kDiagnostics:
      return reader.u16() == asked.address;
    case kEncapsulatedInterface:
      return reader.u8() == asked.address;
    case kWriteFileRecord:
      return reader.u16() == asked.address && reader.u16() == asked.second;
    default:
      return true;
  }
}

// What the answer to a request of this UMAS code does to the reservation.
void note_reservation(Reservation& reservation, std::uint8_t asked, const Adu& adu) {
  Umas umas;
  if (adu.code != kUmas || parse_umas(adu, umas) != Fault::none || umas.code != kUmasOk) return;
  if (asked == kUmasTakeReservation && !umas.data.empty()) reservation = {true, umas.data[0]};
  if (asked == kUmasReleaseReservation) reservation = {};
}

}  // namespace

std::size_t awaited(Session session, std::uint32_t now_ms) {
  return session.awaited(now_ms, [](const Outstanding& entry) { return entry.unit != 0; });
}

// A request to all units is never answered, so it makes room for any other.
Fault accept_request(Session session, const Adu& adu, std::uint32_t now_ms) {
  if (adu.code == kUmas) {
    const Reservation& reservation = session.state();
    Umas umas;
    if (const Fault fault = parse_umas(adu, umas); fault != Fault::none) return fault;
    const bool holds = reservation.taken && reservation.key == umas.key;
    if (needs_reservation(umas.code) && !holds) return Fault::not_started;
  }
  const auto broadcast = [](const Outstanding& entry) { return entry.unit == 0; };
  const bool added = session.add(remember(adu, now_ms), now_ms, broadcast);
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

}  // namespace bulkhead::modbus
