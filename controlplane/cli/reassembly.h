// Puts one direction of a captured TCP connection back in order. Unlike the data plane it is
// lenient: captures lose packets and begin anywhere, and nothing is let through by it.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "dataplane/base/bytes.h"

namespace bulkhead::controlplane {

class Reassembly {
 public:
  // A SYN: what follows is a new stream. False if it is a copy of the one that began this.
  bool begin(std::uint32_t sequence);
  // Bytes that were sent. Those that were seen before are left out.
  void add(std::uint32_t sequence, ByteView payload, std::uint32_t frame);
  // The receiver has these bytes: what the capture lacks of them is lost, and is skipped.
  void acknowledged(std::uint32_t acknowledgement);
  // The capture is over: whatever is missing is lost.
  void finish();

  // Bytes in order that have not been consumed.
  ByteView bytes() const { return bytes_; }
  // The capture's frame in which the first `count` of them became complete: the one that brought
  // the last of them, or that filled the last hole before them.
  std::uint32_t completed_in(std::size_t count) const;
  void consume(std::size_t count);
  void discard() { consume(bytes_.size()); }

 private:
  void deliver(std::uint32_t sequence, ByteView payload, std::uint32_t frame);
  // `frame` is the one that filled the hole; 0 if it was skipped.
  void deliver_pending(std::uint32_t frame);
  void skip_to_pending();

  static constexpr std::size_t kPendingMax = 4096;

  struct Piece {
    std::uint32_t sequence;
    std::uint32_t frame;
    std::vector<std::uint8_t> bytes;
  };
  struct Run {
    std::size_t length;
    std::uint32_t frame;
  };

  bool begun_ = false;
  std::uint32_t next_ = 0;
  std::vector<std::uint8_t> bytes_;
  std::deque<Run> runs_;        // which frame brought which bytes
  std::vector<Piece> pending_;  // ahead of a hole, in the order of arrival
};

}  // namespace bulkhead::controlplane
