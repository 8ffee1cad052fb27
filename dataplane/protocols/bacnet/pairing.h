// Outstanding requests of one session, and which answer answers which (5.4: the invoke identifier
// ties them, between the same two devices). Plain data, good when all zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/protocols/bacnet/layout.h"
#include "dataplane/protocols/outstanding.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::bacnet {

constexpr std::size_t kOutstandingUsual = 7;

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint32_t route = 0;      // whom it is for and who sent it, beyond the two hosts
  std::uint32_t reference = 0;  // object, property and index of a read; 0: the answer names none
  std::uint8_t invoke_id = 0;
  std::uint8_t service = 0;
  bool by_server = false;   // it notifies
  bool any_device = false;  // whichever device is asked: the answer names the one that it is
};

using Session = protocols::OutstandingTable<Outstanding>;
constexpr auto kStateLayout = Session::layout<kOutstandingUsual, 16, 1>(3);

// Both expect a message that parse() accepted. `from_server`: the side that did not begin the
// session sent it.
protocols::Fault accept_request(Session session, const Message& message, bool from_server,
                                std::uint32_t now_ms);
protocols::Fault accept_answer(Session session, const Message& message, bool from_server,
                               std::uint32_t now_ms);

// By which number a server's answer that was not accepted differs: its invoke identifier from that
// of the latest request, or its service from that of the request that has its identifier.
protocols::Difference difference(Session session, const Message& message);

}  // namespace bulkhead::bacnet
