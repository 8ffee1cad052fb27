// Outstanding requests of one session, and which response answers which (Messaging guide 4.2: the
// transaction identifier ties them). Plain data, good when all zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/protocols/modbus/layout.h"
#include "dataplane/protocols/outstanding.h"

namespace bulkhead::modbus {

constexpr std::size_t kOutstandingUsual = 7;

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint16_t transaction = 0;
  std::uint16_t address = 0;     // or the sub-function of diagnostics
  std::uint16_t second = 0;      // quantity, value or and mask: what an echo must repeat
  std::uint16_t third = 0;       // or mask
  std::uint16_t data_bytes = 0;  // of the answer after its byte count; 0: not fixed
  std::uint8_t unit = 0;
  std::uint8_t code = 0;
};

// The controller's reservation (UMAS), as far as this session took it.
struct Reservation {
  bool taken = false;
  std::uint8_t key = 0;
  std::uint8_t unit = 0;  // whose it is
};

using Session = protocols::OutstandingTable<Outstanding, Reservation>;
constexpr auto kStateLayout = Session::layout<kOutstandingUsual, 16, 3>(4);

// What of a request of function 90 the session of this block, which may be empty, has reserved.
void find_reservation(std::span<const std::byte> session, Adu& adu);

// Requests that a server is expected to answer: not those to all units (AP 4.1), and none that has
// waited longer than protocols::kAwaitedMs.
std::size_t awaited(Session session, std::uint32_t now_ms);

// Both expect a message that parse() accepted.
protocols::Fault accept_request(Session session, const Adu& adu, std::uint32_t now_ms);
protocols::Fault accept_response(Session session, const Adu& adu, std::uint32_t now_ms);

// By which number an answer that accept_response() refused differs: the transaction of the latest
// request, or the unit or function of the request that has its transaction.
protocols::Difference difference(Session session, const Adu& adu);

}  // namespace bulkhead::modbus
