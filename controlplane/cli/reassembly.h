// Puts one direction of a captured TCP connection back in order. Unlike the data plane it is
// lenient: captures lose packets and begin anywhere, and nothing is let through by it.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "dataplane/base/bytes.h"

namespace bulkhead::controlplane {

class Reassembly {
 public:
  // A SYN: what follows is a new stream.
  void begin(std::uint32_t sequence);
  // Bytes that were sent. Those that were seen before are left out.
  void add(std::uint32_t sequence, ByteView payload);
  // The receiver has these bytes: what the capture lacks of them is lost, and is skipped.
  void acknowledged(std::uint32_t acknowledgement);
  // The capture is over: whatever is missing is lost.
  void finish();

  // Bytes in order that have not been consumed.
  ByteView bytes() const { return bytes_; }
  void consume(std::size_t count);
  void discard() { bytes_.clear(); }
  // True once after bytes were skipped: what follows need not begin at a message.
  bool take_gap();

 private:
  void deliver(std::uint32_t sequence, ByteView payload);
  void deliver_pending();
  void skip_to_pending();

  static constexpr std::size_t kPendingMax = 4096;

  bool begun_ = false;
  bool gap_ = false;
  std::uint32_t next_ = 0;
  std::vector<std::uint8_t> bytes_;
  struct Piece {
    std::uint32_t sequence;
    std::vector<std::uint8_t> bytes;
  };
  std::vector<Piece> pending_;  // ahead of a hole, in the order of arrival
};

}  // namespace bulkhead::controlplane
