// The receiver's numbers follow from the retained list: it holds, in order, all that the receiver
// has not acknowledged, each piece with both numbers.
#include "dataplane/flow/carry.h"

#include <algorithm>

namespace bulkhead::flow {

using wire::sequence_distance;

void begin_carry(Flow& flow, TimeNs now_ns) {
  if (flow.carried) return;
  flow.carried = true;
  for (std::size_t i = 0; i < 2; ++i) {
    const TcpSide& side = flow.sides[i];
    Carry& carry = flow.carry[i];
    carry = Carry{};
    carry.out_next = side.released;
    carry.out_sent = side.released;
    carry.out_acked = side.acknowledged;
    carry.out_edge = side.window_end;
    carry.progress_ns = now_ns;
    carry.heard_ns = now_ns;
    // What is under way already was the sender's to repeat until now.
    if (side.retained_first != kNoSegment) {
      carry.retransmit_ns = now_ns + carry.rtt.timeout_ns();
    }
  }
}

void end_carry_if_done(Flow& flow) {
  if (!flow.carried || flow.pending_first != kNoSegment) return;
  for (std::size_t i = 0; i < 2; ++i) {
    const TcpSide& side = flow.sides[i];
    const Carry& carry = flow.carry[i];
    const bool done = carry.out_next == side.released && carry.out_sent == carry.out_next &&
                      carry.out_acked == side.acknowledged &&
                      sequence_distance(side.window_end, carry.out_edge) <= 0;
    if (!done) return;
  }
  flow.carried = false;
}

std::uint32_t sender_acknowledged(SegmentPool& pool, const Flow& flow, std::size_t index) {
  const TcpSide& side = flow.sides[index];
  if (side.retained_first == kNoSegment) return side.released;
  const Segment& first = pool[side.retained_first];
  const std::int32_t part = sequence_distance(flow.carry[index].out_acked, first.out);
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
  return out - flow.carry[index].out_next + side.released;
}

AckNews take_acknowledgement(SegmentPool& pool, Flow& flow, std::size_t index,
                             std::uint32_t acknowledgement, std::uint32_t window, bool bare,
                             TimeNs now_ns) {
  TcpSide& side = flow.sides[index];
  Carry& carry = flow.carry[index];
  AckNews news;
  const std::int32_t step = sequence_distance(acknowledgement, carry.out_acked);
  if (step < 0) return news;
  carry.heard_ns = now_ns;
  const std::uint32_t edge = acknowledgement + window;
  const bool in_flight = carry.out_sent != carry.out_acked;
  if (step == 0 && bare && in_flight && edge == carry.out_edge) {
    news.duplicate = true;
    news.fill_gap = ++carry.duplicates == 3 && !carry.recovering;
    if (news.fill_gap) {
      carry.recovering = true;
      carry.recover = carry.out_sent;
    }
  }
  carry.out_edge = edge;
  if (step > 0) {
    carry.out_acked = acknowledgement;
    carry.duplicates = 0;
    carry.progress_ns = now_ns;
    carry.rtt.recover();
    drop_acknowledged(pool, side, acknowledgement);
    if (carry.timed_ns != 0 && sequence_distance(acknowledgement, carry.timed_end) >= 0) {
      carry.rtt.sample(now_ns - carry.timed_ns);
      carry.timed_ns = 0;
    }
    if (carry.recovering) {
      // RFC 6582, 3.2: what came next after a gap is likely missing too.
      carry.recovering = sequence_distance(acknowledgement, carry.recover) < 0;
      news.fill_gap = carry.recovering;
    }
    const bool owed = side.retained_first != kNoSegment;
    carry.retransmit_ns = owed ? now_ns + carry.rtt.timeout_ns() : 0;
  }
  const std::uint32_t taken = sender_acknowledged(pool, flow, index);
  const std::uint32_t offered =
      side.released + static_cast<std::uint32_t>(sequence_distance(edge, carry.out_next));
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
  Carry& carry = flow.carry[side];
  Segment& segment = pool[index];
  segment.out = carry.out_next;
  carry.out_next = segment.out_end();
  retain(pool, flow.sides[side], index);
  if (carry.unsent_first == kNoSegment) carry.unsent_first = index;
}

void await_receiver(Carry& carry, TimeNs now_ns) {
  if (carry.retransmit_ns != 0) return;
  carry.retransmit_ns = now_ns + carry.rtt.timeout_ns();
  carry.progress_ns = now_ns;
  carry.heard_ns = now_ns;
}

void note_sent(SegmentPool& pool, Flow& flow, std::size_t side, TimeNs now_ns) {
  Carry& carry = flow.carry[side];
  const Segment& segment = pool[carry.unsent_first];
  carry.out_sent = segment.out_end();
  carry.unsent_first = segment.next;
  if (carry.timed_ns == 0) {
    carry.timed_ns = now_ns;
    carry.timed_end = carry.out_sent;
  }
  await_receiver(carry, now_ns);
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
