// Acknowledgements of a recording speak of bytes that its receiver had; here some of them may still
// be held, others were taken out or added. Restated, they are those that a live receiver of what
// has left would send.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <tuple>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/address.h"

namespace bulkhead::replay {

class Acknowledgements {
 public:
  // Call for each frame that leaves the pipeline.
  void note_left(ByteView frame);
  // Call for each frame before it enters the pipeline: rewrites the acknowledgement number and the
  // checksum of a TCP segment whose checksum is right. Other frames stay as they are.
  void restate(std::span<std::uint8_t> frame);

 private:
  struct Direction {
    wire::IpAddress source;
    wire::IpAddress destination;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;

    auto operator<=>(const Direction&) const = default;
  };
  struct Segment;
  struct Numbers {
    std::uint32_t first = 0;            // of what its sender said
    std::optional<std::uint32_t> said;  // behind its last byte
    std::optional<std::uint32_t> left;  // behind the last that left, as its receiver counts
  };

  static bool parse(ByteView frame, Segment& segment);

  std::map<Direction, Numbers> directions_;
};

}  // namespace bulkhead::replay
