// Frames leave with the numbers of this moment: what was sent once is copied before it is sent
// again, because its first copy may still be on its way.
#include "dataplane/pipeline/deliver.h"

#include <algorithm>

#include "dataplane/pipeline/planted.h"

namespace bulkhead::pipeline {

using flow::Flow;
using flow::kNoSegment;
using flow::Pattern;
using flow::Segment;
using flow::SpliceSide;
using flow::TcpNumbers;
using flow::TcpSide;
using wire::sequence_distance;

namespace {

void send_to(SessionContext& context, Flow& flow, std::size_t receiver, rte_mbuf* mbuf) {
  if (mbuf != nullptr) context.send_segment(flow, mbuf, receiver);
}

}  // namespace

bool begin_splice(SessionContext& context, Flow& flow) {
  if (!context.flows.lend_splice(flow)) return false;
  flow::begin_splice(flow, context.now_ns);
  return true;
}

void note_split(SessionContext& context, const Speaker& speaker, std::uint32_t begin,
                std::uint32_t end) {
  Flow& flow = speaker.flow;
  std::uint32_t& split_begin = flow.split_begin[speaker.end];
  std::uint32_t& split_end = flow.split_end[speaker.end];
  const std::uint32_t received =
      flow.spliced ? flow::sender_acknowledged(context.segments, flow, speaker.end)
                   : speaker.side().acknowledged;
  // Only one such stretch is remembered: what the receiver may still lack is one with it.
  const bool under_way = sequence_distance(split_end, received) > 0;
  if (!under_way || sequence_distance(begin, split_begin) < 0) split_begin = begin;
  if (!under_way || sequence_distance(end, split_end) > 0) split_end = end;
  context.replicate_first(flow);
}

std::uint32_t segment_room(const SessionContext& context, const Speaker& speaker) {
  constexpr std::uint32_t kTimestampBytes = 12;
  const Flow& flow = speaker.flow;
  const TcpSide& receiver = flow.sides[speaker.other()];
  const bool v4 = flow.key.low.is_v4();
  const std::uint32_t headers = (v4 ? wire::kIpv4HeaderBytes : wire::kIpv6HeaderBytes) +
                                static_cast<std::uint32_t>(wire::kTcpHeaderBytes);
  const std::uint32_t unsaid = v4 ? kMssUnsaid : 1220;
  std::uint32_t room = receiver.mss == 0 ? unsaid : receiver.mss;
  room = std::min(room, context.options.mtu - headers);
  if (receiver.timestamps_offered && speaker.side().timestamps_offered) {
    room = room > kTimestampBytes ? room - kTimestampBytes : 0;
  }
  // Of a message as long as the hold limit a few thousand pieces at most.
  constexpr std::uint32_t kRoomMin = 32;
  return std::max(std::min(room, speaker.side().window_max), kRoomMin);
}

void send_pure_ack(SessionContext& context, const Speaker& speaker, const Pattern& pattern) {
  const TcpNumbers numbers = flow::numbers_from(speaker.flow, speaker.end);
  send_to(context, speaker.flow, speaker.other(),
          flow::make_segment(pattern, numbers, wire::kTcpAck, {}));
}

void send_probe(SessionContext& context, const Speaker& speaker, const Pattern& pattern) {
  TcpNumbers numbers = flow::numbers_from(speaker.flow, speaker.end);
  numbers.sequence = speaker.flow.acknowledged_up_to(speaker.end) - 1;
  send_to(context, speaker.flow, speaker.other(),
          flow::make_segment(pattern, numbers, wire::kTcpAck, {}));
}

void deliver(SessionContext& context, const Speaker& speaker, std::uint32_t index) {
  flow::fit_frame(context.segments[index]);
  flow::append(context.segments, speaker.flow, speaker.end, index);
  push(context, speaker);
}

void push(SessionContext& context, const Speaker& speaker) {
  flow::SegmentPool& pool = context.segments;
  SpliceSide& splice = speaker.splice();
  while (splice.unsent_first != kNoSegment) {
    const std::uint32_t index = splice.unsent_first;
    // A smaller window is waited for: a piece that it takes would end inside a message.
    if (pool[index].length > sequence_distance(splice.out_edge, pool[index].out)) break;
    Segment& segment = pool[index];
    TcpNumbers numbers = flow::numbers_from(speaker.flow, speaker.end);
    numbers.sequence = segment.out;
    flow::write_numbers(segment.mbuf, segment.transport_offset, numbers);
    rte_mbuf_refcnt_update(segment.mbuf, 1);
    replicate_if_more_under_way(context, speaker);
    flow::note_sent(pool, speaker.flow, speaker.end, context.now_ns);
    ++speaker.flow.packets[speaker.end];
    speaker.flow.bytes[speaker.end] += segment.mbuf->pkt_len;
    send_to(context, speaker.flow, speaker.other(), segment.mbuf);
  }
  // The window is closed: it is asked for when the timer runs out.
  if (splice.unsent_first != kNoSegment) flow::await_receiver(splice, context.now_ns);
}

void send_again(SessionContext& context, const Speaker& speaker, std::uint32_t index) {
  const Segment& segment = context.segments[index];
  rte_mbuf* copy = flow::copy_frame(context.segments, index);
  if (copy == nullptr) return;
  TcpNumbers numbers = flow::numbers_from(speaker.flow, speaker.end);
  numbers.sequence = segment.out;
  flow::write_numbers(copy, segment.transport_offset, numbers);
  const std::uint16_t mss = speaker.flow.sides[speaker.other()].mss;
  if (mss == 0 || segment.length <= mss) {
    return send_to(context, speaker.flow, speaker.other(), copy);
  }
  // The path has become narrower since: it stays one segment, in several fragments.
  const std::size_t headers = speaker.flow.key.low.is_v4() ? 40 : 60;
  const flow::Pieces pieces = context.output.cut(copy, static_cast<std::uint16_t>(mss + headers));
  for (std::uint16_t i = 0; i < pieces.count; ++i) {
    send_to(context, speaker.flow, speaker.other(), pieces.mbufs[i]);
  }
}

void resend_first(SessionContext& context, const Speaker& speaker) {
  const std::uint32_t index = speaker.side().retained_first;
  if (index == kNoSegment || index == speaker.splice().unsent_first) return;
  if (planted(Mistake::drop_resend)) return;
  speaker.splice().resent_ns = context.now_ns;
  speaker.splice().timed_ns = 0;  // RFC 6298, 3: its acknowledgement tells no time
  ++context.stats.resent;
  send_again(context, speaker, index);
}

flow::AckNews process_acknowledgement(SessionContext& context, const Speaker& speaker,
                                      const flow::Packet& packet, std::uint32_t window) {
  const bool pure_ack = packet.payload_length == 0 && (packet.tcp.flags & wire::kTcpFin) == 0;
  const flow::AckNews news =
      flow::apply_acknowledgement(context.segments, speaker.flow, speaker.end,
                                  packet.tcp.acknowledgement, window, pure_ack, context.now_ns);
  if (news.fill_gap) resend_first(context, speaker);
  push(context, speaker);
  return news;
}

void send_due_refusals(SessionContext& context, const Speaker& speaker, bool all) {
  Flow& flow = speaker.flow;
  flow::SegmentPool& pool = context.segments;
  context.replicate_first(flow);
  while (flow.pending_first != kNoSegment) {
    const std::uint32_t index = flow.pending_first;
    if (!all && pool[index].waits_for > 0) return;
    flow.pending_first = pool[index].next;
    if (flow.pending_first == kNoSegment) flow.pending_last = kNoSegment;
    --flow.pending_count;
    pool[index].sequence = speaker.side().released;
    if (const protocols::Splicing* splicing = context.module_of(flow).splicing) {
      splicing->put_in(context.flows.session(flow), flow::writable_payload(pool[index]));
    }
    flow::append(pool, flow, speaker.end, index);
    ++context.stats.rejected;
  }
  flow.pending_deadline_ns = 0;
  push(context, speaker);
}

}  // namespace bulkhead::pipeline
