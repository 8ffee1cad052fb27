// Ends and direction of a packet of a session.
#pragma once

#include <cstddef>

#include "dataplane/flow/flow.h"
#include "dataplane/flow/packet.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::pipeline {

// Whether the packet is non-IP. Precondition: neighbours are resolved.
inline bool is_non_ip(const flow::Packet& packet) { return packet.ip.version == 0; }

// The direction of the packet's messages.
inline protocols::Direction direction_of(const flow::Packet& packet) {
  return packet.from_client ? protocols::Direction::request : protocols::Direction::response;
}

// The end of the packet's flow that it goes to.
inline std::size_t receiver_of(const flow::Packet& packet) {
  return packet.from_client ? flow::kServer : flow::kClient;
}

// The end of the packet's flow that it comes from.
inline std::size_t sender_of(const flow::Packet& packet) { return 1 - receiver_of(packet); }

}  // namespace bulkhead::pipeline
