// Messages that come in several datagrams (Protocol::part_of): the datagrams are held until the
// last is there, the message is judged once, and all leave in their order or none does. Each
// direction of a session holds one message; its buffers are segments of the worker's pool.
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

constexpr std::uint32_t kPartsMax = 64;

// What is to be judged: the datagram's messages, or all parts of one, joined in the scratch memory.
struct Collected {
  ByteView bytes;
  bool in_parts = false;
  std::size_t longest = 0;  // bytes of the longest part
};

// A direction of a flow that holds parts, by its sender.
struct Holder {
  flow::Flow& flow;
  std::size_t end;
  flow::TcpSide& side() const { return flow.sides[end]; }
};

inline bool holds_parts(const flow::Flow& flow) {
  return flow.sides[flow::kClient].held_count + flow.sides[flow::kServer].held_count > 0;
}

// Takes the packet's buffer where the datagram is a part and the last is still to come, or where
// there is no room for it. Precondition: the packet's flow is inspected, and no TCP.
Collected collect(Context& context, flow::Packet& packet);

// False if a receiver that loses datagrams might read another message; `verdict` says so then.
bool may_leave_in_parts(Context& context, const flow::Packet& packet, const Collected& collected,
                        Verdict& verdict);

// A message in parts is granted: they leave, `packet` last. Its flow is the one in which it was
// judged, the holder's or the turned one.
void release_parts(Context& context, const Holder& holder, flow::Packet& packet, ByteView message);

// The packet's message is granted, and leaves in one datagram.
void note_asked(Context& context, const flow::Packet& packet, ByteView message);

// Tells of each part that is held, and drops it.
void drop_parts(Context& context, const Holder& holder, Reason reason);
void drop_parts(Context& context, flow::Flow& flow);
// The same for those that have waited too long for the rest. A timer of the flow has run out.
void drop_late_parts(Context& context, flow::Flow& flow);

}  // namespace bulkhead::pipeline
