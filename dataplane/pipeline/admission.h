// Admits a session under the current policy: by its own rules, or because a message of another
// session opened it (expectations.h).
#pragma once

#include "dataplane/pipeline/context.h"
#include "dataplane/policy/classifier.h"

namespace bulkhead::pipeline {

struct Sides {
  std::uint16_t client_zone = policy::kNoZone;
  std::uint16_t server_zone = policy::kNoZone;
  policy::Endpoints endpoints;
};

// Zones and endpoints for a service on the flow's server. Conduits and rules refer to the opener of
// a session: where roles are reversed that is the server.
Sides sides_of(const Context& context, const flow::Flow& flow, std::uint16_t server_port,
               policy::Transport transport);

// What the conduit between them grants.
inline policy::Classification classify(const policy::Tables& tables, const Sides& sides) {
  return policy::classify(tables, sides.client_zone, sides.server_zone, sides.endpoints);
}

// Assigns the conduit and rules that were found to the flow.
void adopt(Context& context, flow::Flow& flow, const Sides& sides,
           const policy::Classification& found);

// Whether a datagram's source and destination port are equal, so that either host may be the
// server.
bool has_alike_ports(const flow::Packet& packet);

// The flow of the packet's hosts with client and server exchanged; inserted if rules let the other
// host send requests. nullptr: none, or no room. Precondition: the packet's flow is inspected or
// plain.
flow::Flow* find_turned(Context& context, const flow::Packet& packet);

// Notes a granted question to many hosts. Each may answer, for a few seconds, from the zone that
// the question went to and to the address and port that asked.
void note_question(Context& context, const flow::Packet& packet, ByteView message);
// The entry of a question that a datagram may answer, or nullptr.
flow::Flow* find_question(Context& context, const flow::Packet& packet, std::uint16_t source_zone);
bool is_question(const flow::Flow& flow);
// Precondition: the packet's flow is the entry of a question.
Verdict judge_answer_to_many(Context& context, flow::Packet& packet);

}  // namespace bulkhead::pipeline
