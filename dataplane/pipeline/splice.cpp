// The refused bytes leave the client's numbers, the refusal's enter the server's; from there on the
// two ends count differently and the session is carried.
#include "dataplane/pipeline/splice.h"

#include <array>

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
  if (!context.flows.can_lend_carry(flow)) return Unsound::too_many_carried;
  const bool many = flow.pending_count >= context.limits().pending_refusals;
  return many ? Unsound::too_many_pending : Unsound::none;
}

}  // namespace

Unsound make_refusal(Context& context, const Speaker& speaker, const Verdict& verdict,
                     ByteView message, std::uint32_t& refusal) {
  refusal = kNoSegment;
  const Unsound obstacle = find_obstacle(context, speaker, message);
  if (obstacle != Unsound::none) return obstacle;
  Flow& flow = speaker.flow;
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply;
  const std::size_t length = write_refusal(flow, verdict, message, reply);
  if (length == 0) return Unsound::no_refusal;
  if (!context.protocol_of(flow).take_out(context.flows.session(flow), message)) {
    return Unsound::numbering;
  }
  const Pattern pattern = context.segments.pattern(speaker.side().held_first);
  const flow::TcpNumbers numbers = flow::numbers_from(flow, flow::kServer);
  rte_mbuf* mbuf = flow::make_segment(pattern.reversed(), numbers, wire::kTcpAck | wire::kTcpPsh,
                                      {reply.data(), length});
  if (mbuf == nullptr) return Unsound::no_room;
  Segment segment;
  segment.mbuf = mbuf;
  segment.transport_offset = pattern.transport_offset;
  segment.length = static_cast<std::uint16_t>(length);
  segment.payload_offset = static_cast<std::uint16_t>(mbuf->data_len - length);
  segment.injected = true;
  const protocols::Protocol& protocol = context.protocol_of(flow);
  segment.waits_for = static_cast<std::uint16_t>(
      protocol.outstanding(context.flows.session(flow), context.now_ms()));
  refusal = context.segments.take(segment);
  if (refusal != kNoSegment) return Unsound::none;
  rte_pktmbuf_free(mbuf);
  return Unsound::no_room;
}

void take_out_message(Context& context, Flow& flow, std::uint32_t length, std::uint32_t refusal) {
  flow::SegmentPool& pool = context.segments;
  begin_carry(context, flow);  // find_obstacle() saw that it can be
  context.tell_peer_first(flow);
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

bool count_answer(Context& context, Flow& flow) {
  for (std::uint32_t i = flow.pending_first; i != kNoSegment; i = context.segments[i].next) {
    Segment& segment = context.segments[i];
    if (segment.waits_for > 0) --segment.waits_for;
  }
  return context.segments[flow.pending_first].waits_for == 0;
}

}  // namespace bulkhead::pipeline
