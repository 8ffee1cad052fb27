// Frames between the data planes of a pair, through every zone: the sender's state, and a heartbeat
// of its agent while that lives. A data plane that forwards keeps sending when its agent is silent.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/base/bytes.h"
#include "dataplane/replication/authentication.h"
#include "dataplane/wire/ethernet.h"

namespace bulkhead::replication {

// A locally administered group that no host joins: switches flood it.
constexpr std::array<std::uint8_t, 6> kInBandGroup = {0x03, 0x42, 0x55, 0x4c, 0x4b, 0x01};

constexpr std::size_t kHeartbeatBytesMax = 512;
constexpr std::size_t kEchoBytes = 4 * 8 + kTagBytes;
constexpr std::size_t kInBandBytesMax = 14 + 48 + kHeartbeatBytesMax + kTagBytes + kEchoBytes;

struct Beacon {
  std::uint64_t node = 0;         // the sender's, never zero
  std::uint64_t incarnation = 0;  // of the data plane: a new one each time that its agent connects
  std::uint64_t counter = 0;      // greater with each frame
  std::uint64_t term = 0;         // of its lease
  bool forwards = false;
  bool agent = false;  // its agent is alive
  // The peer's newest frame of the believed incarnation, and a recent one of another; incarnation
  // 0: none, and always from releases without these fields.
  std::uint64_t echo_incarnation = 0;
  std::uint64_t echo_counter = 0;
  std::uint64_t answer_incarnation = 0;
  std::uint64_t answer_counter = 0;
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

// Nothing if the frame is of another kind, not authentic, or was sent through another zone.
std::optional<InBand> decode(ByteView frame, std::uint16_t port, const Key& key);

}  // namespace bulkhead::replication
