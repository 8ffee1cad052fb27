// Confirmed services that wait for their answers, by invoke identifier and who asked; state
// machines that answers opened, of files and of uploads; and what both sides agreed on: the
// presentation context of MMS and how long a PDU may be.
#pragma once

#include "dataplane/protocols/mms/layout.h"
#include "dataplane/protocols/outstanding.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::mms {

constexpr std::size_t kOutstandingUsual = 8;

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint32_t invoke_id = 0;
  std::uint16_t results = 0;  // how many must come; kAnyResults if that is not known
  std::uint8_t service = 0;   // a service's tag, or one of those below
  bool by_server = false;

  static constexpr std::uint16_t kAnyResults = 0xffff;
  static constexpr std::uint8_t kInitiate = 0xf0;
  static constexpr std::uint8_t kConclude = 0xf1;
  static constexpr std::uint8_t kCancel = 0xf2;
  // What an answer opened, by the number that it gave: used until it is closed.
  static constexpr std::uint8_t kFile = 0xf3;
  static constexpr std::uint8_t kUpload = 0xf4;

  bool is_open() const { return service >= kFile; }
};

struct Agreed {
  std::uint16_t context = 0;          // plus one; 0: it is not known; kBare: there is none
  bool in_pieces = false;             // the server's answer goes on
  std::uint32_t to_client_bytes = 0;  // longest MMS PDU; 0: it is not known
  std::uint32_t to_server_bytes = 0;
  std::uint32_t asking_bytes = 0;  // octets that the client's request still has to have

  static constexpr std::uint16_t kBare = 0xffff;
};

using Session = protocols::OutstandingTable<Outstanding, Agreed>;
constexpr auto kStateLayout = Session::layout<kOutstandingUsual, 12, 16>(3);

// Expects a unit that parse() accepted; `call` is what its PDU holds, if it has one.
protocols::Fault accept_unit(Session session, const Unit& unit, const Call* call,
                             protocols::Direction direction, std::uint32_t now_ms);

// The head of a long answer, and of a long request.
protocols::Fault accept_long(Session session, const LongAnswer& answer, std::uint32_t now_ms);
protocols::Fault accept_long(Session session, const LongRequest& request, std::uint32_t now_ms);

std::size_t awaited(Session session, std::uint32_t now_ms);

// By which number a server's answer that was not accepted differs: its invoke identifier from that
// of the latest request, or its service from that of the request that has its identifier.
protocols::Difference difference(Session session, const Unit& unit, const Call& call);

}  // namespace bulkhead::mms
