// Packet buffers that a session keeps: held until their messages are whole, or retained until the
// receiver has acknowledged them. Nodes come from one bounded pool a worker.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/flow/flow.h"
#include "dataplane/flow/limits.h"

namespace bulkhead::flow {

struct Segment {
  rte_mbuf* mbuf = nullptr;    // nullptr: the buffer was sent, and the pool has a copy of the frame
  std::uint32_t sequence = 0;  // of the first payload byte, as its sender counts
  std::uint32_t out = 0;       // the same in the receiver's numbers; valid once released
  std::uint32_t next = kNoSegment;
  std::uint16_t transport_offset = 0;  // of the TCP header in the frame
  std::uint16_t payload_offset = 0;
  std::uint16_t length = 0;     // of the payload
  std::uint16_t waits_for = 0;  // a pending refusal: answers that must come before it
  bool fin = false;
  bool edited = false;    // the frame's lengths and checksums are out of date
  bool injected = false;  // injected by the firewall: not in the sender's numbers

  std::uint32_t end() const { return sequence + length; }
  std::uint32_t out_end() const { return out + length + (fin ? 1U : 0U); }
  void cut_front(std::uint32_t count) {
    sequence += count;
    out += count;
    payload_offset = static_cast<std::uint16_t>(payload_offset + count);
    length = static_cast<std::uint16_t>(length - count);
  }
};

// A frame of a session whose headers serve as a pattern for new frames. Borrowed from a buffer or a
// node of the pool.
struct Pattern {
  const std::uint8_t* frame = nullptr;
  rte_mempool* buffers = nullptr;  // where others like it come from
  std::uint16_t transport_offset = 0;
  bool reverse = false;  // the new one goes the other way

  Pattern reversed() const { return {frame, buffers, transport_offset, !reverse}; }
};

class SegmentPool {
 public:
  explicit SegmentPool(std::uint32_t capacity);

  Segment& operator[](std::uint32_t index) { return nodes_[index]; }
  // kNoSegment when the pool is empty. The node owns the buffer afterwards.
  std::uint32_t take(const Segment& segment);
  // As take(), but copies short frames so that their mbuf is released after transmit; for long
  // ones the node takes a reference of its own. Precondition: the frame ends with the payload.
  std::uint32_t take_leaving(const Segment& segment);
  // The first byte of the frame.
  const std::uint8_t* frame(std::uint32_t index) const {
    const rte_mbuf* mbuf = nodes_[index].mbuf;
    return mbuf != nullptr ? rte_pktmbuf_mtod(mbuf, const std::uint8_t*)
                           : copies_[index].frame.data();
  }
  ByteView payload(std::uint32_t index) const {
    return {frame(index) + nodes_[index].payload_offset, nodes_[index].length};
  }
  Pattern pattern(std::uint32_t index) const {
    const Segment& segment = nodes_[index];
    return {frame(index), segment.mbuf != nullptr ? segment.mbuf->pool : copies_[index].buffers,
            segment.transport_offset};
  }
  // Frees the node and its buffer.
  void give_back(std::uint32_t index);
  // Updates the charge of the flow's opener and conduit to what it keeps now.
  void settle(Flow& flow) {
    const std::uint32_t kept = flow.sides[0].held_count + flow.sides[0].retained_count +
                               flow.sides[1].held_count + flow.sides[1].retained_count +
                               flow.pending_count;
    if (kept == flow.charged) return;
    shares_.charge(flow.shares, kept - flow.charged);
    flow.charged = kept;
  }
  // Moves the flow's charge to these: a session that came from the peer is charged to nobody
  // before.
  void charge_to(Flow& flow, ShareIds shares) {
    shares_.charge(flow.shares, 0U - flow.charged);
    shares_.charge(shares, flow.charged);
    flow.shares = shares;
  }
  // Whether the flow may keep one more; see Shares.
  bool may_take(const Flow& flow) const {
    return shares_.may_take(flow.shares, free_count_, capacity());
  }
  std::uint32_t available() const { return free_count_; }
  std::uint32_t capacity() const { return static_cast<std::uint32_t>(nodes_.size()); }

 private:
  struct alignas(64) Copy {
    rte_mempool* buffers;
    std::array<std::uint8_t, 120> frame;
  };
  static_assert(sizeof(Copy) == 128);

  Shares shares_;
  std::vector<Segment> nodes_;
  std::unique_ptr<Copy[]> copies_;  // by node; untouched, and so without memory, until it is used
  std::uint32_t free_first_ = kNoSegment;
  std::uint32_t free_count_ = 0;
};

enum class HoldResult : std::uint8_t { held, merged, duplicate, conflict, full };

// Inserts a segment of new bytes (sequence >= released) into the side's held list. Bytes that
// overlap held ones must be equal, else it is a conflict and changes nothing. A small segment that
// follows the last held one is merged into it, up to `merge_max` payload bytes. On `held` the side
// owns the buffer; otherwise the caller keeps it.
HoldResult hold(SegmentPool& pool, const Limits& limits, TcpSide& side, Segment segment,
                std::uint32_t merge_max);

// Bytes that follow `released` without a gap.
std::uint32_t contiguous_bytes(SegmentPool& pool, const TcpSide& side);

// `length` bytes at `offset` after `released`, contiguous: a view of the buffer if they lie in one
// segment, else copied to `scratch`. Precondition: that many are held without a gap.
ByteView peek(SegmentPool& pool, const TcpSide& side, std::uint32_t offset, std::uint32_t length,
              std::span<std::uint8_t> scratch);

// The payload of a segment made here, to be written.
std::span<std::uint8_t> writable_payload(Segment& segment);

// Overwrites bytes at `offset` after `released`. Precondition: that many are held without a gap.
void poke(SegmentPool& pool, const TcpSide& side, std::uint32_t offset, ByteView bytes);

// True if each byte of `bytes`, from `sequence` on and before `released`, equals the released one.
// Bytes that the receiver has acknowledged count as equal: they are not kept.
bool matches_released(SegmentPool& pool, const TcpSide& side, std::uint32_t sequence,
                      ByteView bytes);

// Appends a segment, which is in no list.
void append(SegmentPool& pool, std::uint32_t& first, std::uint32_t& last, std::uint32_t index);
// Appends a released segment to the retained list.
void retain(SegmentPool& pool, TcpSide& side, std::uint32_t index);
// Frees retained segments below `acked`, in the receiver's numbers.
void drop_acknowledged(SegmentPool& pool, TcpSide& side, std::uint32_t acked);
// Removes `count` held bytes after `released`; `released` advances past them. Precondition: they
// are contiguous.
void take_out(SegmentPool& pool, TcpSide& side, std::uint32_t count);
// Removes the first `count` held bytes as a segment of its own, which is in no list; `released`
// advances past them, and past the end of the stream if they include it. kNoSegment, and nothing
// changed, if no buffer was free. Precondition: they are contiguous and fit a buffer.
std::uint32_t take_front(SegmentPool& pool, TcpSide& side, std::uint16_t count);
// Gives up what the side holds before a number, which is its next one. Precondition: it is after
// `released`, or is that.
void skip_to(SegmentPool& pool, TcpSide& side, std::uint32_t number);
// Drops all that the side holds.
void drop_held(SegmentPool& pool, TcpSide& side);
// Gives back a list of segments.
void drop_list(SegmentPool& pool, std::uint32_t first);
// Gives back all that a flow keeps.
void drop_all(SegmentPool& pool, Flow& flow);
// The same, except granted bytes that the receiver has not acknowledged.
void drop_ungranted(SegmentPool& pool, Flow& flow);

}  // namespace bulkhead::flow
