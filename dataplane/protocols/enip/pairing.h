// What is remembered of a session: its handle, its connections, and requests that wait for their
// replies. Plain data.
#pragma once

#include <array>

#include "dataplane/protocols/enip/layout.h"
#include "dataplane/protocols/outstanding.h"

namespace bulkhead::enip {

constexpr std::size_t kOutstandingUsual = 4;

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint16_t command = 0;
  std::uint8_t service = 0;        // the reply's; 0: none is carried
  std::uint8_t outer_service = 0;  // an unconnected send may answer for what it carries
  std::uint64_t context = 0;       // of a connected request its sequence count
};

// Both ways of an explicit connection (CIP 3-5.5.2), as the reply to its opening named them.
struct Connection {
  std::uint32_t to_target = 0;
  std::uint32_t to_originator = 0;
};

struct Known {
  static constexpr std::size_t kConnectionsMax = 6;
  std::uint32_t session = 0;  // the handle; 0: none is registered
  std::uint8_t next = 0;      // of connections, round and round
  bool unseen = false;        // the beginning was not seen: any handle will do
  std::array<Connection, kConnectionsMax> connections{};
};

using Session = protocols::OutstandingTable<Outstanding, Known>;
static_assert(Session::bytes_for(kOutstandingUsual) <= protocols::kSessionBytesUsual);

// Both expect a message that decode accepted.
protocols::Fault accept_request(Session session, const Encapsulation& encapsulation,
                                std::uint32_t now_ms);
protocols::Fault accept_reply(Session session, const Encapsulation& encapsulation,
                              std::uint32_t now_ms);

// The way back of a connection; 0 if it is not known.
std::uint32_t way_back(const Known& known, std::uint32_t to_target);

}  // namespace bulkhead::enip
