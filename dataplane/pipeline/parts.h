// Messages that come in several datagrams (protocols/spanning.h): the datagrams are held until the
// last is there, the message is judged once, and all leave in their order or none does. Each
// direction of a session holds one message; its buffers are segments of the worker's pool.
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

constexpr std::uint32_t kPartsMax = 64;

// Bytes to be judged: one datagram's messages, or all parts of a message, joined in the scratch
// memory.
struct Collected {
  ByteView bytes;
  bool in_parts = false;
  std::size_t longest = 0;  // bytes of the longest part
};

// A direction of a flow with held parts, by its sender.
struct Holder {
  flow::Flow& flow;
  std::size_t end;
  flow::TcpSide& side() const { return flow.sides[end]; }
};

inline bool holds_parts(const flow::Flow& flow) {
  return flow.sides[flow::kClient].held_count + flow.sides[flow::kServer].held_count > 0;
}

// Consumes the packet's buffer if the datagram is a part and the last one is still to come, or if
// there is no room for it. Precondition: the packet's flow is inspected, and not TCP.
Collected collect(Context& context, flow::Packet& packet);

// Judges the message that is all of the parts. False if it is refused.
bool judge_collected(Context& context, const flow::Packet& packet, const Collected& collected,
                     Verdict& verdict);

// As judge_message(), of a message that is whole in several datagrams, the longest of so many
// bytes.
void judge_parts(Context& context, const flow::Packet& packet, ByteView message,
                 std::size_t longest_part, Verdict& verdict);
// Refuses the granted message in `context.parsed` if a receiver that loses some of its datagrams
// might read another one.
void check_parts(Context& context, const flow::Packet& packet, std::size_t longest_part,
                 Verdict& verdict);

// Sends the parts of a granted message, `packet` last. Its flow is the one in which it was judged:
// the holder's or the turned one.
void release_parts(Context& context, const Holder& holder, flow::Packet& packet, ByteView message);

// Notes a granted message that leaves in one datagram.
void note_asked(Context& context, const flow::Packet& packet, ByteView message);

// Drops each held part, with an event.
void drop_parts(Context& context, const Holder& holder, Reason reason);
void drop_parts(Context& context, flow::Flow& flow);
// The same for parts whose message is overdue. Called when a timer of the flow expires.
void drop_late_parts(Context& context, flow::Flow& flow);

}  // namespace bulkhead::pipeline
