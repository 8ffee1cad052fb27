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
constexpr std::size_t kEchoBytes = 4 * 8 + kTagBytes;
constexpr std::size_t kInBandBytesMax = 14 + 48 + kHeartbeatBytesMax + kTagBytes + kEchoBytes;

struct Beacon {
  std::uint64_t node = 0;         // the sender's, never zero
  std::uint64_t incarnation = 0;  // of the data plane: another each time that its agent comes
  std::uint64_t counter = 0;      // greater with each frame
  std::uint64_t term = 0;         // of its lease
  bool forwards = false;
  bool agent = false;  // its agent has spoken lately
  // The peer's newest frame of the incarnation that is believed, and one of another that came
  // lately; incarnation 0: none, and always of a release that does not say them.
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

// Nothing if the frame is none of these, not authentic, or was sent through another zone.
std::optional<InBand> decode(ByteView frame, std::uint16_t port, const Key& key);

}  // namespace bulkhead::replication
