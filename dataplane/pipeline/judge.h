// Judges the messages of a session.
#pragma once

#include <span>

#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/packet_ends.h"

namespace bulkhead::pipeline {

// Prefetches the cached verdict of the packet's request. Precondition: its flow is inspected.
void prefetch_verdict(const Context& context, const flow::Packet& packet);

// judge_message() of a flow whose protocol is known, or not yet. `longest_part`: see judge_parts();
// 0 if the message came in one piece.
void judge_known(Context& context, const flow::Packet& packet, ByteView message, std::size_t length,
                 Verdict& verdict, std::size_t longest_part = 0);
void judge_unknown(Context& context, const flow::Packet& packet, ByteView message,
                   std::size_t length, Verdict& verdict);

// Parses, judges and accepts one message of the flow. `verdict` is new, and the caller reports it.
// `length`: the whole message's; `message` may be its head alone.
inline void judge_message(Context& context, const flow::Packet& packet, ByteView message,
                          std::size_t length, Verdict& verdict) {
  packet.flow->protocol_known ? judge_known(context, packet, message, length, verdict)
                              : judge_unknown(context, packet, message, length, verdict);
}

// Judges all messages of a packet, each of which must be whole. Reports all verdicts but the last:
// `verdict`, on `message`. False if any is refused: the packet leaves whole or not at all.
bool judge_whole_messages(Context& context, const flow::Packet& packet, ByteView bytes,
                          Verdict& verdict, ByteView& message);

// A verdict on a message that could not be delimited, or is refused before it was parsed.
// `message`: what is there of it, for events.
Verdict refused_message(const flow::Packet& packet, Reason reason, protocols::Fault fault,
                        ByteView message = {});

// Writes the refusal of a request into `reply`; its length, 0 if the protocol has none.
std::size_t write_refusal(Context& context, const flow::Flow& flow, const Verdict& verdict,
                          ByteView request, std::span<std::uint8_t> reply);

}  // namespace bulkhead::pipeline
