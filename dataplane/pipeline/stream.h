// Messages in the streams of a TCP session.
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

// A part of the pool is kept for messages that are whole: unfinished ones must not stop them.
inline bool reserve_is_touched(const SessionContext& context) {
  return context.segments.available() < context.segments.capacity() / 4;
}

// True if the session may keep no more segments. One that keeps fewer than two may, until the
// pool's last quarter, whatever its host uses.
inline bool exceeds_share(const SessionContext& context, const flow::Flow& flow) {
  constexpr std::uint32_t kFew = 2;
  const bool goes_on = flow.charged < kFew && !reserve_is_touched(context);
  return !goes_on && !context.segments.may_take(flow);
}

// The common case: a segment that is exactly the next message of its stream while nothing is held.
// `passed`: it was granted and sent. `refused`: see `verdict`; the message is to be held and
// inspected with that verdict.
enum class Whole : std::uint8_t { no, passed, refused };
Whole pass_whole_message(Context& context, flow::Packet& packet, const flow::Segment& segment,
                         Verdict& verdict);

// Judges and releases all whole messages that the packet's sender has held. Precondition: the
// packet's buffer is held by its flow. `judged`: the verdict on the first, if it was judged.
void inspect_stream(Context& context, flow::Packet& packet, const Verdict* judged = nullptr);

}  // namespace bulkhead::pipeline
