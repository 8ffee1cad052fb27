// Packet buffers that a session keeps: held until their messages are whole, or retained until the
// receiver has acknowledged them. Nodes come from one bounded pool a worker.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/flow/flow.h"

namespace bulkhead::flow {

struct Segment {
  rte_mbuf* mbuf = nullptr;
  std::uint32_t sequence = 0;  // of the first payload byte
  std::uint32_t next = kNoSegment;
  std::uint32_t frame = 0;
  std::uint16_t transport_offset = 0;  // of the TCP header in the frame
  std::uint16_t payload_offset = 0;
  std::uint16_t length = 0;  // of the payload
  std::uint16_t port = 0;    // it arrived on
  bool fin = false;

  std::uint32_t end() const { return sequence + length; }
  ByteView payload() const {
    return {rte_pktmbuf_mtod(mbuf, const std::uint8_t*) + payload_offset, length};
  }
};

class SegmentPool {
 public:
  explicit SegmentPool(std::uint32_t capacity);

  Segment& operator[](std::uint32_t index) { return nodes_[index]; }
  // kNoSegment when the pool is empty. The node owns the buffer from then on.
  std::uint32_t take(const Segment& segment);
  // Frees the node and its buffer.
  void give_back(std::uint32_t index);
  std::uint32_t available() const { return free_count_; }

 private:
  std::vector<Segment> nodes_;
  std::uint32_t free_first_ = kNoSegment;
  std::uint32_t free_count_ = 0;
};

constexpr std::uint32_t kHeldSegmentsMax = 512;      // a side
constexpr std::uint32_t kRetainedSegmentsMax = 512;  // a side
constexpr std::uint32_t kHeldBytesMax = 64 * 1024;   // a side: the hold limit

enum class HoldResult : std::uint8_t { held, duplicate, full };

// Takes a segment of new bytes (sequence >= released) into the side's order. Where it overlaps what
// is held, the bytes that came first stay. On `held` the buffer belongs to the side; otherwise to
// the caller still.
HoldResult hold(SegmentPool& pool, TcpSide& side, Segment segment);

// Bytes that follow `released` without a gap.
std::uint32_t contiguous_bytes(SegmentPool& pool, const TcpSide& side);

// `length` bytes from `offset` behind `released`, in one piece: lent from the buffer if they lie in
// one segment, else copied to `scratch`. Precondition: that many are contiguous.
ByteView peek(SegmentPool& pool, const TcpSide& side, std::uint32_t offset, std::uint32_t length,
              std::span<std::uint8_t> scratch);

// True if each byte of `bytes`, from `sequence` on and before `released`, equals what was released.
// Bytes that the receiver has acknowledged are no longer known and count as equal.
bool matches_released(SegmentPool& pool, const TcpSide& side, std::uint32_t sequence,
                      ByteView bytes);

// Keeps a copy of the reference to a released segment.
void retain(SegmentPool& pool, TcpSide& side, std::uint32_t index);
void drop_acknowledged(SegmentPool& pool, TcpSide& side);
void drop_held(SegmentPool& pool, TcpSide& side);
void drop_all(SegmentPool& pool, TcpSide& side);

}  // namespace bulkhead::flow
