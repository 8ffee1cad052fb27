// How a session comes under the policy of this moment: under its own rules, or because a message of
// another session opened it beside that one (protocols/related.h).
#pragma once

#include "dataplane/pipeline/context.h"
#include "dataplane/policy/classifier.h"

namespace bulkhead::pipeline {

struct Sides {
  std::uint16_t client_zone = policy::kNoZone;
  std::uint16_t server_zone = policy::kNoZone;
  policy::Endpoints endpoints;
};

// Of a flow's hosts, for a service of its server. Conduits and rules speak of who opens a session:
// where its roles are reversed that is the server.
Sides sides_of(const Context& context, const flow::Flow& flow, std::uint16_t server_port,
               policy::Transport transport);

// The flow is governed by what was found.
void adopt(Context& context, flow::Flow& flow, const Sides& sides,
           const policy::Classification& found);

// Whether a datagram goes to the port that it comes from, so that either host may be the server.
bool has_alike_ports(const flow::Packet& packet);

// The entry in which the packet's hosts have each other's role; it is made where rules let the
// other one ask. nullptr: there is none, or no room. Precondition: the packet's flow is inspected
// or plain.
flow::Flow* find_turned(Context& context, const flow::Packet& packet);

// A granted question of the packet's flow to many hosts, which may answer it one by one: to the
// address and port that asked, from the zone that the question went to, for a few seconds.
void note_question(Context& context, const flow::Packet& packet, ByteView message);
// The entry of the question that a datagram may answer, or nullptr.
flow::Flow* find_question(Context& context, const flow::Packet& packet, std::uint16_t source_zone);
bool is_question(const flow::Flow& flow);
// Precondition: the packet's flow is the entry of a question.
Verdict judge_answer_to_many(Context& context, flow::Packet& packet);

// Whether something that was opened may cover the datagram: `found` says then what governs it, and
// the result is the server's port of the session that opened it; else 0 and nothing changes. What
// goes to a group goes to the zone of the host that opened it.
std::uint16_t find_opener(Context& context, const flow::Packet& packet,
                          policy::Classification& found, Sides& sides);

// A granted message of the packet's session may open, confirm or end something beside it.
protocols::Fault note_related(Context& context, const flow::Packet& packet, ByteView message,
                              std::uint16_t rule);

// Judges a message by what was opened between its hosts. False if nothing that is open covers it.
bool judge_related(Context& context, const flow::Packet& packet, ByteView message,
                   Verdict& verdict);

}  // namespace bulkhead::pipeline
