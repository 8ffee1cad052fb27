// Reassembles one direction of a captured TCP connection. Unlike the data plane it is lenient:
// captures lose packets and begin anywhere, and nothing is forwarded by it.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "dataplane/base/bytes.h"

namespace bulkhead::controlplane {

class Reassembly {
 public:
  // A SYN: what follows is a new stream. False if it is a copy of the one that began this.
  bool begin(std::uint32_t sequence);
  // Adds sent bytes. Bytes seen before are ignored.
  void add(std::uint32_t sequence, ByteView payload, std::uint32_t frame);
  // The receiver has these bytes: those that the capture lacks are lost, and skipped.
  void acknowledged(std::uint32_t acknowledgement);
  // The capture is over: all missing bytes are lost.
  void finish();

  // Whether bytes were lost since this was asked last.
  bool has_skipped() { return std::exchange(skipped_, false); }

  // Bytes in order that have not been consumed.
  ByteView bytes() const { return bytes_; }
  // The frame in which the first `count` of them became complete: the one with the last of them,
  // or the one that filled the last gap before it.
  std::uint32_t completed_in(std::size_t count) const;
  void consume(std::size_t count);
  void discard() { consume(bytes_.size()); }
  // How much memory is in use, about.
  std::size_t held() const { return bytes_.size() + pending_bytes_ + runs_.size() * sizeof(Run); }

 private:
  void deliver(std::uint32_t sequence, ByteView payload, std::uint32_t frame);
  // `frame`: the one that filled the gap; 0 if it was skipped.
  void deliver_pending(std::uint32_t frame);
  void skip_to_pending();

  static constexpr std::size_t kPendingMax = 4096;
  static constexpr std::size_t kPendingBytesMax = 4 << 20;
  // No message is as long.
  static constexpr std::size_t kBytesMax = 64 << 20;

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
  bool skipped_ = false;
  std::uint32_t next_ = 0;
  std::vector<std::uint8_t> bytes_;
  std::deque<Run> runs_;        // which frame brought which bytes
  std::vector<Piece> pending_;  // after a gap, in the order of arrival
  std::size_t pending_bytes_ = 0;
};

}  // namespace bulkhead::controlplane
