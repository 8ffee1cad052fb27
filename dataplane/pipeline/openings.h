// Which SYNs begin a session. While many are opening, whoever has not shown that what is sent to
// its address reaches it must do so first, which costs no memory here and nothing of the server's.
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

// The packet's sender, as its frame names it.
inline flow::HostAt sending_host(const flow::Packet& packet) {
  return {packet.ip.source, packet.ethernet.source, packet.port};
}

enum class Opens : std::uint8_t { begins, is_challenged, is_refused };

struct OpeningVerdict {
  Opens opens = Opens::begins;
  std::uint32_t gives_way = flow::Openings::kNone;  // slot of the session that is forgotten for it
};

// What the SYN would be among those that are opening, charged to `ids`.
flow::Opening opening_of(const Context& context, const flow::Packet& packet, flow::ShareIds ids);
OpeningVerdict judge_opening(const Context& context, const flow::Opening& opening);

// Ends a SYN that does not begin a session.
void turn_away(Context& context, flow::Packet& packet, Opens opens);

// The packet's flow is one of those that are opening.
void note_opening(Context& context, const flow::Packet& packet);

// Both ends of a session that is open have shown that what is sent to them reaches them.
void note_proofs(Context& context, const flow::Flow& flow);
// Whether a RST answers a challenge. It goes no further then.
bool takes_proof(Context& context, flow::Packet& packet);

}  // namespace bulkhead::pipeline
