// A recording acknowledges bytes that its receiver had; here some of them may still be held, others
// were removed or injected. Restated, they are the acknowledgements of a live receiver of what has
// left.
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
  // Where checksums are verified, a segment whose checksum is wrong stays as it is.
  explicit Acknowledgements(bool verify_checksums = true) : verify_checksums_(verify_checksums) {}

  // Call for each frame that leaves the pipeline.
  void note_left(ByteView frame);
  // Call for each frame before it enters the pipeline: rewrites the acknowledgement number and the
  // checksum of a TCP segment. Other frames stay as they are.
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
    void note_beginning(std::uint32_t number);

    std::uint32_t first = 0;            // of its sender's stream
    bool opened = false;                // its SYN was seen
    bool begun_empty = false;           // no SYN was seen, and all that it said was empty
    std::optional<std::uint32_t> said;  // after its last byte
    std::optional<std::uint32_t> left;  // after the last that left, in its receiver's numbers
  };

  static bool parse(ByteView frame, Segment& segment);

  bool verify_checksums_;
  std::map<Direction, Numbers> directions_;
};

}  // namespace bulkhead::replay
