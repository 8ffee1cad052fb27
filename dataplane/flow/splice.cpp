// The receiver's numbers follow from the retained list: it holds, in order, all that the receiver
// has not acknowledged, each piece with both numbers.
#include "dataplane/flow/splice.h"

#include <algorithm>

namespace bulkhead::flow {

using wire::sequence_distance;

void begin_splice(Flow& flow, TimeNs now_ns) {
  if (flow.spliced) return;
  flow.spliced = true;
  for (std::size_t i = 0; i < 2; ++i) {
    const TcpSide& side = flow.sides[i];
    SpliceSide& splice = flow.splice[i];
    splice = SpliceSide{};
    splice.out_next = side.released;
    splice.out_sent = side.released;
    splice.out_acked = side.acknowledged;
    splice.out_edge = side.window_end;
    splice.progress_ns = now_ns;
    splice.heard_ns = now_ns;
    // What is under way already was the sender's to repeat until now.
    if (side.retained_first != kNoSegment) {
      splice.retransmit_ns = now_ns + splice.rtt.timeout_ns();
    }
  }
}

void end_splice_if_done(Flow& flow) {
  if (!flow.spliced || flow.pending_first != kNoSegment) return;
  for (std::size_t i = 0; i < 2; ++i) {
    const TcpSide& side = flow.sides[i];
    const SpliceSide& splice = flow.splice[i];
    const bool done = splice.out_next == side.released && splice.out_sent == splice.out_next &&
                      splice.out_acked == side.acknowledged &&
                      sequence_distance(side.window_end, splice.out_edge) <= 0;
    if (!done) return;
  }
  flow.spliced = false;
}

std::uint32_t sender_acknowledged(SegmentPool& pool, const Flow& flow, std::size_t index) {
  const TcpSide& side = flow.sides[index];
  if (side.retained_first == kNoSegment) return side.released;
  const Segment& first = pool[side.retained_first];
  const std::int32_t part = sequence_distance(flow.splice[index].out_acked, first.out);
  if (first.injected || part <= 0) return first.sequence;
  return first.sequence + static_cast<std::uint32_t>(part);
}

std::optional<std::uint32_t> sender_number(SegmentPool& pool, const Flow& flow, std::size_t index,
                                           std::uint32_t out) {
  const TcpSide& side = flow.sides[index];
  for (std::uint32_t i = side.retained_first; i != kNoSegment; i = pool[i].next) {
    const std::int32_t part = sequence_distance(out, pool[i].out);
    if (part < 0 || sequence_distance(out, pool[i].out_end()) >= 0) continue;
    if (pool[i].injected) return std::nullopt;
    return pool[i].sequence + static_cast<std::uint32_t>(part);
  }
  return out - flow.splice[index].out_next + side.released;
}

AckNews apply_acknowledgement(SegmentPool& pool, Flow& flow, std::size_t index,
                              std::uint32_t acknowledgement, std::uint32_t window, bool pure_ack,
                              TimeNs now_ns) {
  TcpSide& side = flow.sides[index];
  SpliceSide& splice = flow.splice[index];
  AckNews news;
  const std::int32_t step = sequence_distance(acknowledgement, splice.out_acked);
  if (step < 0) return news;
  splice.heard_ns = now_ns;
  const std::uint32_t edge = acknowledgement + window;
  const bool in_flight = splice.out_sent != splice.out_acked;
  if (step == 0 && pure_ack && in_flight && edge == splice.out_edge) {
    news.duplicate = true;
    news.fill_gap = ++splice.duplicates == 3 && !splice.recovering;
    if (news.fill_gap) {
      splice.recovering = true;
      splice.recover = splice.out_sent;
    }
  }
  splice.out_edge = edge;
  if (step > 0) {
    splice.out_acked = acknowledgement;
    splice.duplicates = 0;
    splice.progress_ns = now_ns;
    splice.rtt.recover();
    drop_acknowledged(pool, side, acknowledgement);
    if (splice.timed_ns != 0 && sequence_distance(acknowledgement, splice.timed_end) >= 0) {
      splice.rtt.sample(now_ns - splice.timed_ns);
      splice.timed_ns = 0;
    }
    if (splice.recovering) {
      // RFC 6582, 3.2: what came next after a gap is likely missing too.
      splice.recovering = sequence_distance(acknowledgement, splice.recover) < 0;
      news.fill_gap = splice.recovering;
    }
    const bool owed = side.retained_first != kNoSegment;
    splice.retransmit_ns = owed ? now_ns + splice.rtt.timeout_ns() : 0;
  }
  const std::uint32_t taken = sender_acknowledged(pool, flow, index);
  const std::uint32_t offered =
      side.released + static_cast<std::uint32_t>(sequence_distance(edge, splice.out_next));
  if (sequence_distance(taken, side.acknowledged) > 0) {
    side.acknowledged = taken;
    news.news_for_sender = true;
  }
  if (sequence_distance(offered, side.window_end) > 0) {
    side.window_end = offered;
    news.news_for_sender = true;
  }
  side.window_max = std::max(side.window_max, window);
  return news;
}

void append(SegmentPool& pool, Flow& flow, std::size_t side, std::uint32_t index) {
  SpliceSide& splice = flow.splice[side];
  Segment& segment = pool[index];
  segment.out = splice.out_next;
  splice.out_next = segment.out_end();
  retain(pool, flow.sides[side], index);
  if (splice.unsent_first == kNoSegment) splice.unsent_first = index;
}

void await_receiver(SpliceSide& splice, TimeNs now_ns) {
  if (splice.retransmit_ns != 0) return;
  splice.retransmit_ns = now_ns + splice.rtt.timeout_ns();
  splice.progress_ns = now_ns;
  splice.heard_ns = now_ns;
}

void note_sent(SegmentPool& pool, Flow& flow, std::size_t side, TimeNs now_ns) {
  SpliceSide& splice = flow.splice[side];
  const Segment& segment = pool[splice.unsent_first];
  splice.out_sent = segment.out_end();
  splice.unsent_first = segment.next;
  if (splice.timed_ns == 0) {
    splice.timed_ns = now_ns;
    splice.timed_end = splice.out_sent;
  }
  await_receiver(splice, now_ns);
}

std::uint16_t window_from(const Flow& flow, std::size_t receiver) {
  const TcpSide& sender = flow.sides[1 - receiver];
  if (flow.resumed) return flow.sides[receiver].announced;
  const std::int32_t open = sequence_distance(sender.window_end, sender.acknowledged);
  if (open <= 0) return 0;
  const std::uint32_t scaled = static_cast<std::uint32_t>(open) >> flow.window_scale(receiver);
  return static_cast<std::uint16_t>(std::min<std::uint32_t>(scaled, 0xffff));
}

TcpNumbers numbers_from(const Flow& flow, std::size_t end) {
  const TcpSide& side = flow.sides[end];
  const TcpSide& other = flow.sides[1 - end];
  TcpNumbers numbers;
  numbers.sequence = flow.sent_up_to(end);
  numbers.acknowledgement = other.acknowledged;
  numbers.window = window_from(flow, end);
  numbers.has_timestamps = side.timestamps_offered && other.timestamps_offered;
  numbers.timestamp = side.timestamp;
  numbers.echo = other.timestamp;
  return numbers;
}

}  // namespace bulkhead::flow
