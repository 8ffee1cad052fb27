// Singly linked lists over the pool, in the order of sequence numbers.
#include "dataplane/flow/segments.h"

#include <algorithm>
#include <cstring>

#include "dataplane/flow/packet_edit.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::flow {

using wire::sequence_distance;

SegmentPool::SegmentPool(std::uint32_t capacity) : nodes_(capacity), copies_(new Copy[capacity]) {
  for (std::uint32_t i = capacity; i > 0; --i) {
    nodes_[i - 1].next = free_first_;
    free_first_ = i - 1;
  }
  free_count_ = capacity;
}

std::uint32_t SegmentPool::take(const Segment& segment) {
  if (free_first_ == kNoSegment) return kNoSegment;
  const std::uint32_t index = free_first_;
  free_first_ = nodes_[index].next;
  --free_count_;
  nodes_[index] = segment;
  nodes_[index].next = kNoSegment;
  return index;
}

std::uint32_t SegmentPool::take_leaving(const Segment& segment) {
  const std::uint32_t index = take(segment);
  if (index == kNoSegment) return index;
  Copy& copy = copies_[index];
  const rte_mbuf* mbuf = segment.mbuf;
  // All of it is copied, whatever the frame's length: that is a few moves, and no call.
  const bool fits = std::size_t{segment.payload_offset} + segment.length <= copy.frame.size() &&
                    std::size_t{mbuf->buf_len} - mbuf->data_off >= copy.frame.size();
  if (fits) {
    std::memcpy(copy.frame.data(), rte_pktmbuf_mtod(mbuf, const std::uint8_t*), copy.frame.size());
    copy.buffers = mbuf->pool;
    nodes_[index].mbuf = nullptr;
  } else {
    rte_mbuf_refcnt_update(segment.mbuf, 1);
  }
  return index;
}

void SegmentPool::give_back(std::uint32_t index) {
  if (nodes_[index].mbuf != nullptr) {
    rte_pktmbuf_free(nodes_[index].mbuf);
    nodes_[index].mbuf = nullptr;
  }
  nodes_[index].next = free_first_;
  free_first_ = index;
  ++free_count_;
}

namespace {

// Of a segment that is held, or is to be.
ByteView payload_of(const Segment& held) {
  return {rte_pktmbuf_mtod(held.mbuf, const std::uint8_t*) + held.payload_offset, held.length};
}

// Whether two segments say the same where they overlap, and about where the stream ends.
bool agrees(const Segment& one, const Segment& other) {
  const bool one_first = sequence_distance(one.sequence, other.sequence) <= 0;
  const Segment& first = one_first ? one : other;
  const Segment& second = one_first ? other : one;
  const std::int32_t skip = sequence_distance(second.sequence, first.sequence);
  if ((one.fin && sequence_distance(other.end(), one.end()) > 0) ||
      (other.fin && sequence_distance(one.end(), other.end()) > 0)) {
    return false;
  }
  if (skip >= first.length) return true;
  const std::size_t count =
      std::min<std::size_t>(first.length - static_cast<std::size_t>(skip), second.length);
  return std::memcmp(payload_of(first).data() + skip, payload_of(second).data(), count) == 0;
}

// Where a new segment goes: behind `before`, and in front of the first one that it does not cover.
struct Place {
  std::uint32_t before = kNoSegment;
  std::uint32_t after = kNoSegment;
};

Place find_place(SegmentPool& pool, const TcpSide& side, const Segment& segment) {
  const std::uint32_t last = side.held_last;
  if (last == kNoSegment || sequence_distance(segment.sequence, pool[last].end()) >= 0) {
    return {last, kNoSegment};  // the usual case: it follows all that is held
  }
  Place place{kNoSegment, side.held_first};
  while (place.after != kNoSegment &&
         sequence_distance(pool[place.after].sequence, segment.sequence) <= 0) {
    place.before = place.after;
    place.after = pool[place.after].next;
  }
  return place;
}

bool agrees_with_held(SegmentPool& pool, const Place& place, const Segment& segment) {
  if (place.before != kNoSegment && !agrees(pool[place.before], segment)) return false;
  for (std::uint32_t i = place.after; i != kNoSegment; i = pool[i].next) {
    if (!agrees(segment, pool[i])) return false;
    if (!segment.fin && sequence_distance(pool[i].sequence, segment.end()) >= 0) break;
  }
  return true;
}

// Gives back the held segments that the new one covers wholly; their bytes are in it.
void drop_covered(SegmentPool& pool, TcpSide& side, Place& place, Segment& segment) {
  while (place.after != kNoSegment &&
         sequence_distance(pool[place.after].end(), segment.end()) <= 0) {
    const std::uint32_t covered = place.after;
    segment.fin = segment.fin || pool[covered].fin;
    place.after = pool[covered].next;
    side.held_bytes -= pool[covered].length;
    --side.held_count;
    pool.give_back(covered);
  }
  (place.before == kNoSegment ? side.held_first : pool[place.before].next) = place.after;
  if (place.after == kNoSegment) side.held_last = place.before;
}

// Copies the segment's bytes behind those of the last held one, and its acknowledgement, window and
// time stamps over those that are older there.
bool merge(Segment& last, const Segment& segment, std::uint32_t merge_max) {
  if (last.fin || segment.sequence != last.end() || last.length + segment.length > merge_max ||
      rte_mbuf_refcnt_read(last.mbuf) != 1) {
    return false;
  }
  // What stands behind the payload now was cut away when the segment was trimmed.
  const std::size_t end = std::size_t{last.payload_offset} + last.length;
  const std::size_t room = last.mbuf->buf_len - last.mbuf->data_off;
  if (end + segment.length > room) return false;
  std::uint8_t* to = rte_pktmbuf_mtod(last.mbuf, std::uint8_t*);
  const std::uint8_t* from = rte_pktmbuf_mtod(segment.mbuf, const std::uint8_t*);
  std::memcpy(to + end, from + segment.payload_offset, segment.length);
  copy_tcp_state(to + last.transport_offset, from + segment.transport_offset);
  last.length = static_cast<std::uint16_t>(last.length + segment.length);
  last.fin = segment.fin;
  last.edited = true;
  last.mbuf->data_len = static_cast<std::uint16_t>(end + segment.length);
  last.mbuf->pkt_len = last.mbuf->data_len;
  return true;
}

}  // namespace

HoldResult hold(SegmentPool& pool, const Limits& limits, TcpSide& side, Segment segment,
                std::uint32_t merge_max) {
  Place place = find_place(pool, side, segment);
  if (!agrees_with_held(pool, place, segment)) return HoldResult::conflict;
  if (place.before != kNoSegment) {
    const std::int32_t overlap = sequence_distance(pool[place.before].end(), segment.sequence);
    if (overlap > segment.length) return HoldResult::duplicate;
    if (overlap > 0) segment.cut_front(static_cast<std::uint32_t>(overlap));
    if (segment.length == 0 && (!segment.fin || pool[place.before].fin)) {
      return HoldResult::duplicate;
    }
  }
  // What it covers makes room; nothing is given up before it is sure that this one can be kept.
  const bool covers =
      place.after != kNoSegment && sequence_distance(pool[place.after].end(), segment.end()) <= 0;
  const std::uint32_t room = limits.held_bytes - std::min(side.held_bytes, limits.held_bytes);
  if (!covers && segment.length > room) {
    // Its beginning may complete what is held; the rest comes again.
    if (room == 0) return HoldResult::full;
    segment.length = static_cast<std::uint16_t>(room);
    segment.fin = false;
  }
  if (!covers && place.after == kNoSegment && place.before != kNoSegment &&
      merge(pool[place.before], segment, merge_max)) {
    side.held_bytes += segment.length;
    return HoldResult::merged;
  }
  const bool at_limit = side.held_count >= limits.held_segments || pool.available() == 0;
  if (!covers && at_limit) return HoldResult::full;
  drop_covered(pool, side, place, segment);
  if (place.after != kNoSegment) {
    const std::int32_t overlap = sequence_distance(segment.end(), pool[place.after].sequence);
    if (overlap > 0) segment.length = static_cast<std::uint16_t>(segment.length - overlap);
  }
  const std::uint32_t index = pool.take(segment);
  pool[index].next = place.after;
  (place.before == kNoSegment ? side.held_first : pool[place.before].next) = index;
  if (place.after == kNoSegment) side.held_last = index;
  side.held_bytes += segment.length;
  ++side.held_count;
  return HoldResult::held;
}

std::uint32_t contiguous_bytes(SegmentPool& pool, const TcpSide& side) {
  std::uint32_t next = side.released;
  for (std::uint32_t i = side.held_first; i != kNoSegment; i = pool[i].next) {
    if (pool[i].sequence != next) break;
    next = pool[i].end();
  }
  return next - side.released;
}

ByteView peek(SegmentPool& pool, const TcpSide& side, std::uint32_t offset, std::uint32_t length,
              std::span<std::uint8_t> scratch) {
  std::uint32_t i = side.held_first;
  while (i != kNoSegment && offset >= pool[i].length) {
    offset -= pool[i].length;
    i = pool[i].next;
  }
  if (i == kNoSegment || length > scratch.size()) return {};
  if (pool[i].length - offset >= length) return pool.payload(i).subspan(offset, length);
  std::uint32_t copied = 0;
  for (; i != kNoSegment && copied < length; i = pool[i].next, offset = 0) {
    const ByteView piece = pool.payload(i).subspan(offset);
    const std::size_t count = std::min<std::size_t>(piece.size(), length - copied);
    std::memcpy(scratch.data() + copied, piece.data(), count);
    copied += static_cast<std::uint32_t>(count);
  }
  return {scratch.data(), copied};
}

std::span<std::uint8_t> writable_payload(Segment& segment) {
  return {rte_pktmbuf_mtod(segment.mbuf, std::uint8_t*) + segment.payload_offset, segment.length};
}

void poke(SegmentPool& pool, const TcpSide& side, std::uint32_t offset, ByteView bytes) {
  std::uint32_t i = side.held_first;
  while (i != kNoSegment && offset >= pool[i].length) {
    offset -= pool[i].length;
    i = pool[i].next;
  }
  for (; i != kNoSegment && !bytes.empty(); i = pool[i].next, offset = 0) {
    const std::span<std::uint8_t> to = writable_payload(pool[i]).subspan(offset);
    const std::size_t count = std::min(to.size(), bytes.size());
    std::memcpy(to.data(), bytes.data(), count);
    bytes = bytes.subspan(count);
  }
}

bool matches_released(SegmentPool& pool, const TcpSide& side, std::uint32_t sequence,
                      ByteView bytes) {
  for (std::uint32_t i = side.retained_first; i != kNoSegment; i = pool[i].next) {
    const Segment& kept = pool[i];
    if (kept.injected) continue;
    const std::int32_t offset = sequence_distance(sequence, kept.sequence);
    const std::int32_t skip_kept = offset > 0 ? offset : 0;
    const std::int32_t skip_new = offset < 0 ? -offset : 0;
    if (skip_kept >= kept.length || skip_new >= static_cast<std::int32_t>(bytes.size())) continue;
    const std::size_t count =
        std::min<std::size_t>(kept.length - static_cast<std::size_t>(skip_kept),
                              bytes.size() - static_cast<std::size_t>(skip_new));
    if (std::memcmp(pool.payload(i).data() + skip_kept, bytes.data() + skip_new, count) != 0) {
      return false;
    }
  }
  return true;
}

void append(SegmentPool& pool, std::uint32_t& first, std::uint32_t& last, std::uint32_t index) {
  pool[index].next = kNoSegment;
  (last == kNoSegment ? first : pool[last].next) = index;
  last = index;
}

void retain(SegmentPool& pool, TcpSide& side, std::uint32_t index) {
  append(pool, side.retained_first, side.retained_last, index);
  ++side.retained_count;
}

void drop_acknowledged(SegmentPool& pool, TcpSide& side, std::uint32_t acked) {
  while (side.retained_first != kNoSegment &&
         sequence_distance(pool[side.retained_first].out_end(), acked) <= 0) {
    const std::uint32_t index = side.retained_first;
    side.retained_first = pool[index].next;
    pool.give_back(index);
    --side.retained_count;
  }
  if (side.retained_first == kNoSegment) side.retained_last = kNoSegment;
}

void take_out(SegmentPool& pool, TcpSide& side, std::uint32_t count) {
  side.released += count;
  side.held_bytes -= count;
  while (side.held_first != kNoSegment) {
    const std::uint32_t index = side.held_first;
    Segment& segment = pool[index];
    if (count < segment.length || segment.fin) {
      segment.cut_front(count);
      return;
    }
    count -= segment.length;
    side.held_first = segment.next;
    if (side.held_first == kNoSegment) side.held_last = kNoSegment;
    --side.held_count;
    pool.give_back(index);
    if (count == 0) return;
  }
}

namespace {

// The first held segment, whole.
std::uint32_t unlink_first(SegmentPool& pool, TcpSide& side) {
  const std::uint32_t index = side.held_first;
  const Segment& segment = pool[index];
  side.held_first = segment.next;
  if (side.held_first == kNoSegment) side.held_last = kNoSegment;
  side.held_bytes -= segment.length;
  --side.held_count;
  side.released = segment.end() + (segment.fin ? 1U : 0U);
  side.fin_released = segment.fin;
  return index;
}

}  // namespace

std::uint32_t take_front(SegmentPool& pool, TcpSide& side, std::uint16_t count) {
  if (pool[side.held_first].length == count) return unlink_first(pool, side);
  Segment piece = pool[side.held_first];
  std::span<std::uint8_t> payload;
  piece.mbuf = begin_frame_like(piece, count, payload);
  if (piece.mbuf == nullptr) return kNoSegment;
  piece.length = count;
  piece.payload_offset = static_cast<std::uint16_t>(piece.mbuf->data_len - count);
  piece.fin = false;
  piece.edited = false;
  const std::uint32_t index = pool.take(piece);
  if (index == kNoSegment) {
    rte_pktmbuf_free(piece.mbuf);
    return kNoSegment;
  }
  const ByteView bytes = peek(pool, side, 0, count, payload);
  if (bytes.data() != payload.data()) std::memcpy(payload.data(), bytes.data(), count);
  seal_segment(piece.mbuf, piece.transport_offset);
  take_out(pool, side, count);
  return index;
}

void skip_to(SegmentPool& pool, TcpSide& side, std::uint32_t number) {
  side.released = number;
  while (side.held_first != kNoSegment) {
    const std::uint32_t index = side.held_first;
    Segment& segment = pool[index];
    if (sequence_distance(segment.sequence, number) >= 0) return;
    const std::int32_t rest = sequence_distance(segment.end(), number);
    if (rest > 0 || (rest == 0 && segment.fin)) {
      const auto count = static_cast<std::uint32_t>(segment.length - rest);
      side.held_bytes -= count;
      return segment.cut_front(count);
    }
    side.fin_released = side.fin_released || segment.fin;
    side.held_bytes -= segment.length;
    --side.held_count;
    side.held_first = segment.next;
    if (side.held_first == kNoSegment) side.held_last = kNoSegment;
    pool.give_back(index);
  }
}

void drop_list(SegmentPool& pool, std::uint32_t first) {
  while (first != kNoSegment) {
    const std::uint32_t next = pool[first].next;
    pool.give_back(first);
    first = next;
  }
}

void drop_held(SegmentPool& pool, TcpSide& side) {
  drop_list(pool, side.held_first);
  side.held_first = side.held_last = kNoSegment;
  side.held_bytes = side.held_count = 0;
  side.awaits_rest = false;
}

void drop_all(SegmentPool& pool, Flow& flow) {
  drop_ungranted(pool, flow);
  for (TcpSide& side : flow.sides) {
    drop_list(pool, side.retained_first);
    side.retained_first = side.retained_last = kNoSegment;
    side.retained_count = 0;
  }
  for (std::size_t i = 0; flow.splice != nullptr && i < 2; ++i) {
    flow.splice[i].unsent_first = kNoSegment;
    flow.splice[i].retransmit_ns = 0;
  }
  pool.settle(flow);
}

void drop_ungranted(SegmentPool& pool, Flow& flow) {
  for (TcpSide& side : flow.sides) drop_held(pool, side);
  flow.hold = {};
  drop_list(pool, flow.pending_first);
  flow.pending_first = flow.pending_last = kNoSegment;
  flow.pending_count = 0;
  flow.pending_deadline_ns = 0;
}

}  // namespace bulkhead::flow
