// What is random about a case, drawn once from its seed.
#pragma once

#include "tests/adversarial/model/conversation.h"

namespace bulkhead::adversary {

constexpr std::size_t kClient = 0;
constexpr std::size_t kServer = 1;

// The zone port that an end stands behind.
inline std::uint16_t port_of(std::size_t end) {
  return end == kClient ? support::kSupervision : support::kControl;
}
inline std::size_t end_at(std::uint16_t port) {
  return port == support::kSupervision ? kClient : kServer;
}

struct Link {
  std::uint32_t loss = 0, twice = 0, late = 0;  // of a thousand frames
  TimeNs delay_ns = 100 * kMicrosecondNs;
};

struct Plan {
  TcpConfig ends[2];
  Link links[2];
  std::vector<Request> requests;
  std::size_t depth = 1;     // requests under way at once
  std::uint32_t pieces = 0;  // 0: whole writes, 1: two pieces, 2: byte by byte, 3: several at once
  bool half_close = false;   // the client closes before the answers are in
  bool attacked = false;
  bool rogue_server = false;
  std::uint32_t strays = 0;    // of a hundred answers: beside so many goes one that answers nothing
  bool reopens = false;        // the attacker: resets its session and opens it with the same number
  bool loses_attacks = false;  // what leaves of such a script never arrives
  std::uint64_t takeover_at = 0;  // which frame is the last that the first appliance sees; 0: none
  TimeNs think_ns = 0;            // of the server
};

Plan random_plan(Random& random, std::uint16_t client_port);

}  // namespace bulkhead::adversary
