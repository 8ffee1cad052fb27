// Frames leave with the numbers of this moment: what was sent once is copied before it is sent
// again, because its first copy may still be on its way.
#include "dataplane/pipeline/deliver.h"

#include "dataplane/pipeline/planted.h"

namespace bulkhead::pipeline {

using flow::Carry;
using flow::Flow;
using flow::kNoSegment;
using flow::Pattern;
using flow::Segment;
using flow::TcpNumbers;
using flow::TcpSide;
using wire::sequence_distance;

namespace {

void send_to(Context& context, Flow& flow, std::size_t receiver, rte_mbuf* mbuf) {
  if (mbuf != nullptr) context.send(flow, mbuf, flow.ports[receiver]);
}

// Splits the first unsent segment, so that its first `count` bytes can leave on their own.
bool split_unsent(Context& context, const Speaker& speaker, std::uint16_t count) {
  flow::SegmentPool& pool = context.segments;
  const std::uint32_t index = speaker.carry().unsent_first;
  Segment rest = pool[index];
  rte_mbuf* head = flow::copy_head(rest, count);
  if (head == nullptr) return false;
  const std::uint32_t next = rest.next;
  rest.cut_front(count);
  if (rest.injected) rest.sequence -= count;  // the sender counts none of it
  const std::uint32_t added = pool.take(rest);
  if (added == kNoSegment) {
    rte_pktmbuf_free(head);
    return false;
  }
  Segment& first = pool[index];
  first.mbuf = head;
  first.payload_offset = static_cast<std::uint16_t>(head->data_len - count);
  first.length = count;
  first.fin = false;
  first.next = added;
  pool[added].next = next;
  flow::fit_frame(pool[added]);
  TcpSide& side = speaker.side();
  if (side.retained_last == index) side.retained_last = added;
  ++side.retained_count;
  if (!first.injected) note_split(context, speaker, first.sequence, pool[added].end());
  return true;
}

}  // namespace

bool begin_carry(Context& context, Flow& flow) {
  if (!context.flows.lend_carry(flow)) return false;
  flow::begin_carry(flow, context.now_ns);
  return true;
}

void note_split(Context& context, const Speaker& speaker, std::uint32_t begin, std::uint32_t end) {
  Flow& flow = speaker.flow;
  std::uint32_t& split_begin = flow.split_begin[speaker.end];
  std::uint32_t& split_end = flow.split_end[speaker.end];
  const std::uint32_t received =
      flow.carried ? flow::sender_acknowledged(context.segments, flow, speaker.end)
                   : speaker.side().acknowledged;
  // Only one such stretch is remembered: what the receiver may still lack is one with it.
  const bool under_way = sequence_distance(split_end, received) > 0;
  if (!under_way || sequence_distance(begin, split_begin) < 0) split_begin = begin;
  if (!under_way || sequence_distance(end, split_end) > 0) split_end = end;
  context.tell_peer_first(flow);
}

void send_bare(Context& context, const Speaker& speaker, const Pattern& pattern) {
  const TcpNumbers numbers = flow::numbers_from(speaker.flow, speaker.end);
  send_to(context, speaker.flow, speaker.other(),
          flow::make_segment(pattern, numbers, wire::kTcpAck, {}));
}

void send_probe(Context& context, const Speaker& speaker, const Pattern& pattern) {
  TcpNumbers numbers = flow::numbers_from(speaker.flow, speaker.end);
  numbers.sequence = speaker.flow.acknowledged_up_to(speaker.end) - 1;
  send_to(context, speaker.flow, speaker.other(),
          flow::make_segment(pattern, numbers, wire::kTcpAck, {}));
}

void deliver(Context& context, const Speaker& speaker, std::uint32_t index) {
  flow::fit_frame(context.segments[index]);
  flow::append(context.segments, speaker.flow, speaker.end, index);
  push(context, speaker);
}

void push(Context& context, const Speaker& speaker) {
  flow::SegmentPool& pool = context.segments;
  Carry& carry = speaker.carry();
  while (carry.unsent_first != kNoSegment) {
    const std::uint32_t index = carry.unsent_first;
    const std::int32_t room = sequence_distance(carry.out_edge, pool[index].out);
    if (pool[index].length > room) {
      // RFC 9293, 3.8.6.2.1: small pieces only when nothing else is under way.
      const bool in_flight = carry.out_sent != carry.out_acked;
      if (room <= 0 || in_flight) break;
      if (!split_unsent(context, speaker, static_cast<std::uint16_t>(room))) break;
    }
    Segment& segment = pool[index];
    TcpNumbers numbers = flow::numbers_from(speaker.flow, speaker.end);
    numbers.sequence = segment.out;
    flow::write_numbers(segment.mbuf, segment.transport_offset, numbers);
    rte_mbuf_refcnt_update(segment.mbuf, 1);
    flow::note_sent(pool, speaker.flow, speaker.end, context.now_ns);
    ++speaker.flow.packets[speaker.end];
    speaker.flow.bytes[speaker.end] += segment.mbuf->pkt_len;
    send_to(context, speaker.flow, speaker.other(), segment.mbuf);
  }
  // The window is closed: it is asked for when the timer runs out.
  if (carry.unsent_first != kNoSegment) flow::await_receiver(carry, context.now_ns);
}

void resend_first(Context& context, const Speaker& speaker) {
  const std::uint32_t index = speaker.side().retained_first;
  if (index == kNoSegment || index == speaker.carry().unsent_first) return;
  if (planted(Mistake::drop_resend)) return;
  speaker.carry().resent_ns = context.now_ns;
  const Segment& segment = context.segments[index];
  rte_mbuf* copy = flow::copy_frame(context.segments, index);
  if (copy == nullptr) return;
  TcpNumbers numbers = flow::numbers_from(speaker.flow, speaker.end);
  numbers.sequence = segment.out;
  flow::write_numbers(copy, segment.transport_offset, numbers);
  speaker.carry().timed_ns = 0;  // RFC 6298, 3: its acknowledgement tells no time
  ++context.stats.resent;
  send_to(context, speaker.flow, speaker.other(), copy);
}

flow::AckNews hear_receiver(Context& context, const Speaker& speaker, const flow::Packet& packet,
                            std::uint32_t window) {
  const bool bare = packet.payload_length == 0 && (packet.tcp.flags & wire::kTcpFin) == 0;
  const flow::AckNews news =
      flow::take_acknowledgement(context.segments, speaker.flow, speaker.end,
                                 packet.tcp.acknowledgement, window, bare, context.now_ns);
  if (news.fill_gap) resend_first(context, speaker);
  push(context, speaker);
  return news;
}

void send_due_refusals(Context& context, const Speaker& speaker, bool all) {
  Flow& flow = speaker.flow;
  flow::SegmentPool& pool = context.segments;
  context.tell_peer_first(flow);
  while (flow.pending_first != kNoSegment) {
    const std::uint32_t index = flow.pending_first;
    if (!all && pool[index].waits_for > 0) return;
    flow.pending_first = pool[index].next;
    if (flow.pending_first == kNoSegment) flow.pending_last = kNoSegment;
    --flow.pending_count;
    pool[index].sequence = speaker.side().released;
    context.protocol_of(flow).put_in(context.flows.session(flow),
                                     flow::writable_payload(pool[index]));
    flow::append(pool, flow, speaker.end, index);
    ++context.stats.rejected;
  }
  flow.pending_deadline_ns = 0;
  push(context, speaker);
}

}  // namespace bulkhead::pipeline
