// Frames between the data planes of a pair, through every zone. Each says what the sending data
// plane does, and carries a heartbeat of its agent while that lives; a data plane that forwards
// goes on saying so when its agent is silent.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/base/bytes.h"
#include "dataplane/replication/authentication.h"
#include "dataplane/wire/ethernet.h"

namespace bulkhead::replication {

// A locally administered group that no station joins: switches send it everywhere.
constexpr std::array<std::uint8_t, 6> kInBandGroup = {0x03, 0x42, 0x55, 0x4c, 0x4b, 0x01};

constexpr std::size_t kHeartbeatBytesMax = 512;
constexpr std::size_t kInBandBytesMax = 14 + 48 + kHeartbeatBytesMax + kTagBytes;

struct Beacon {
  std::uint64_t node = 0;         // the sender's, never zero
  std::uint64_t incarnation = 0;  // of the data plane: greater each time that it starts
  std::uint64_t counter = 0;      // greater with each frame
  std::uint64_t term = 0;         // of its lease
  bool forwards = false;
  bool agent = false;  // its agent has spoken lately
};

struct InBand {
  Beacon beacon;
  ByteView heartbeat;  // a view of the frame; empty if there is none
};

// Writes a whole frame; returns its length. Precondition: `frame` has kInBandBytesMax bytes, the
// heartbeat at most kHeartbeatBytesMax.
std::size_t encode(const Beacon& beacon, ByteView heartbeat,
                   std::span<const std::uint8_t, 6> source, std::uint16_t port, const Key& key,
                   std::span<std::uint8_t> frame);

// Nothing if the frame is none of these, not authentic, or was sent through another zone.
std::optional<InBand> decode(ByteView frame, std::uint16_t port, const Key& key);

// Refuses what is replayed or late: each frame of a port is newer than the last.
class Freshness {
 public:
  bool is_new(const Beacon& beacon, std::uint16_t port) {
    if (port >= last_.size()) return false;
    Last& last = last_[port];
    const bool later = beacon.incarnation > last.incarnation ||
                       (beacon.incarnation == last.incarnation && beacon.counter > last.counter);
    if (later) last = {beacon.incarnation, beacon.counter};
    return later;
  }

 private:
  struct Last {
    std::uint64_t incarnation = 0;
    std::uint64_t counter = 0;
  };
  std::array<Last, 32> last_{};
};

}  // namespace bulkhead::replication
