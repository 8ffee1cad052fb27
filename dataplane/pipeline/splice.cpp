// The refused bytes leave the client's numbers, the refusal's enter the server's; from there on the
// two ends count differently and the session is carried.
#include "dataplane/pipeline/splice.h"

#include <algorithm>
#include <array>

#include "dataplane/pipeline/deliver.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/planted.h"
#include "dataplane/pipeline/timers.h"

namespace bulkhead::pipeline {

using flow::Flow;
using flow::kNoSegment;
using flow::Pattern;
using flow::Segment;

namespace {

Unsound find_obstacle(const Context& context, const Speaker& speaker, ByteView message) {
  const Flow& flow = speaker.flow;
  const flow::TcpSide& server = flow.sides[flow::kServer];
  if (speaker.end != flow::kClient) return Unsound::not_a_request;
  if (message.empty()) return Unsound::no_boundary;
  if (server.fin_released) return Unsound::other_side_closed;
  if (server.unread > 0) return Unsound::inside_message;
  if (!context.flows.can_lend_splice(flow)) return Unsound::too_many_carried;
  const bool many = flow.pending_count >= context.limits().pending_refusals;
  return many ? Unsound::too_many_pending : Unsound::none;
}

// A message that no end sent, in a segment that is in no list; kNoSegment if there was no room.
std::uint32_t make_injected(Context& context, const Pattern& pattern,
                            const flow::TcpNumbers& numbers, ByteView message) {
  rte_mbuf* mbuf = flow::make_segment(pattern, numbers, wire::kTcpAck | wire::kTcpPsh, message);
  if (mbuf == nullptr) return kNoSegment;
  Segment segment;
  segment.mbuf = mbuf;
  segment.transport_offset = pattern.transport_offset;
  segment.length = static_cast<std::uint16_t>(message.size());
  segment.payload_offset = static_cast<std::uint16_t>(mbuf->data_len - message.size());
  segment.injected = true;
  const std::uint32_t index = context.segments.take(segment);
  if (index == kNoSegment) rte_pktmbuf_free(mbuf);
  return index;
}

// The protocol counts on without the message, if it can.
bool take_out(Context& context, Flow& flow, ByteView message, protocols::Direction direction) {
  const protocols::Splicing* splicing = context.module_of(flow).splicing;
  return splicing == nullptr ||
         splicing->take_out(context.flows.session(flow), context.parsed_of(message, direction));
}

// Answers that come before a refusal that is made now.
std::uint16_t count_awaited(Context& context, Flow& flow) {
  const std::size_t outstanding =
      context.protocol_of(flow).outstanding(context.flows.session(flow), context.now_ms());
  flow.answered_unseen =
      static_cast<std::uint8_t>(std::min<std::size_t>(flow.answered_unseen, outstanding));
  return static_cast<std::uint16_t>(outstanding - flow.answered_unseen);
}

}  // namespace

Unsound make_refusal(Context& context, const Speaker& speaker, const Verdict& verdict,
                     ByteView message, std::uint32_t& refusal) {
  refusal = kNoSegment;
  const Unsound obstacle = find_obstacle(context, speaker, message);
  if (obstacle != Unsound::none) return obstacle;
  Flow& flow = speaker.flow;
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply;
  const std::size_t length = write_refusal(context, flow, verdict, message, reply);
  if (length == 0) return Unsound::no_refusal;
  if (!take_out(context, flow, message, protocols::Direction::request)) return Unsound::numbering;
  const Pattern pattern = context.segments.pattern(speaker.side().held_first);
  refusal = make_injected(context, pattern.reversed(), flow::numbers_from(flow, flow::kServer),
                          {reply.data(), length});
  if (refusal == kNoSegment) return Unsound::no_room;
  context.segments[refusal].waits_for = count_awaited(context, flow);
  return Unsound::none;
}

void take_out_message(Context& context, Flow& flow, std::uint32_t length, std::uint32_t refusal) {
  flow::SegmentPool& pool = context.segments;
  begin_splice(context, flow);  // find_obstacle() saw that it can be
  context.replicate_first(flow);
  flow::TcpSide& client = flow.sides[flow::kClient];
  flow::take_out(pool, client, length);
  flow::append(pool, flow.pending_first, flow.pending_last, refusal);
  ++flow.pending_count;
  if (pool[flow.pending_first].waits_for == 0) {
    // The refusal says that the request has arrived; what was granted before it is owned from here.
    if (wire::sequence_distance(client.released, client.acknowledged) > 0) {
      client.acknowledged = client.released;
    }
    send_due_refusals(context, {flow, flow::kServer}, false);
  }
  if (flow.pending_first != kNoSegment && flow.pending_deadline_ns == 0) {
    flow.pending_deadline_ns = context.now_ns + context.limits().refusal_wait_ns;
  }
  schedule(context, flow);
}

Unsound prepare_drop(Context& context, const Speaker& speaker, ByteView message) {
  Flow& flow = speaker.flow;
  if (message.empty()) return Unsound::no_boundary;
  if (!context.flows.can_lend_splice(flow)) return Unsound::too_many_carried;
  const bool sound = take_out(context, flow, message, protocols::Direction::response);
  return sound ? Unsound::none : Unsound::numbering;
}

namespace {

// What the protocol says in the client's name about a message of the server's that was taken out,
// as the client's next; kNoSegment if it says nothing.
std::uint32_t make_acknowledgement(Context& context, Flow& flow, const Pattern& pattern) {
  const flow::TcpSide& client = flow.sides[flow::kClient];
  if (client.fin_released || client.unread > 0) return kNoSegment;
  const protocols::Splicing* splicing = context.module_of(flow).splicing;
  if (splicing == nullptr) return kNoSegment;
  std::array<std::uint8_t, protocols::kNumberedBytesMax> message;
  const std::size_t length = splicing->acknowledge(context.flows.session(flow), message);
  if (length == 0) return kNoSegment;
  return make_injected(context, pattern, flow::numbers_from(flow, flow::kClient),
                       {message.data(), length});
}

}  // namespace

void drop_answer(Context& context, const Speaker& speaker, std::uint32_t length) {
  Flow& flow = speaker.flow;
  flow::TcpSide& side = speaker.side();
  begin_splice(context, flow);  // prepare_drop() saw that it can be
  context.replicate_first(flow);
  if (planted(Mistake::forget_drop)) speaker.splice().out_next += length;
  const Pattern pattern = context.segments.pattern(side.held_first);
  // The receiver's window is as open as before.
  side.window_end += length;
  // What it lacks of the bytes before is acknowledged first, and then these with it. Otherwise it
  // has nothing to say, and is spoken for. If that is lost, their sender repeats them and hears it.
  rte_mbuf* acknowledgement = nullptr;
  const std::uint32_t said = make_acknowledgement(context, flow, pattern.reversed());
  if (side.retained_first == kNoSegment) {
    const std::uint32_t end = side.released + length;
    if (wire::sequence_distance(end, side.acknowledged) > 0) side.acknowledged = end;
    if (said == kNoSegment) {
      acknowledgement = flow::make_segment(
          pattern.reversed(), flow::numbers_from(flow, speaker.other()), wire::kTcpAck, {});
    }
  }
  flow::take_out(context.segments, side, length);
  if (acknowledgement != nullptr) context.send_segment(flow, acknowledgement, speaker.end);
  if (said == kNoSegment) return;
  context.segments[said].sequence = flow.sides[speaker.other()].released;
  flow::append(context.segments, flow, speaker.other(), said);
  push(context, {flow, speaker.other()});
}

bool count_answer(Context& context, Flow& flow) {
  for (std::uint32_t i = flow.pending_first; i != kNoSegment; i = context.segments[i].next) {
    Segment& segment = context.segments[i];
    if (segment.waits_for > 0) --segment.waits_for;
  }
  return context.segments[flow.pending_first].waits_for == 0;
}

}  // namespace bulkhead::pipeline
