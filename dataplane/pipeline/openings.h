// Decides which SYNs begin a session. While many are opening, a host that has not proved its
// address must do so first, which takes no memory here and does not reach the server.
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
  std::uint32_t gives_way = flow::Openings::kNone;  // slot of the session that is dropped for it
};

// The SYN as an opening session, charged to `ids`.
flow::Opening opening_of(const Context& context, const flow::Packet& packet, flow::ShareIds ids);
OpeningVerdict judge_opening(const Context& context, const flow::Opening& opening);

// Refuses or challenges a SYN that does not begin a session.
void turn_away(Context& context, flow::Packet& packet, Opens opens);

// Adds the packet's flow to the opening sessions.
void note_opening(Context& context, const flow::Packet& packet);

// Notes that both ends of an open session have proved their addresses.
void note_proofs(Context& context, const flow::Flow& flow);
// True if a RST answers a challenge; it is consumed.
bool consume_proof(Context& context, flow::Packet& packet);

// Removes a session from the opening ones.
inline void end_opening(Context& context, const flow::Flow& flow) {
  context.openings.remove(context.flows.index_of(flow));
}

}  // namespace bulkhead::pipeline
