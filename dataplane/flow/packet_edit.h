// Changes to TCP packets in their buffers: cutting, splitting and making resets. Lengths and
// checksums are right again after each call. Offsets are those of flow::Packet.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/flow/packet.h"
#include "dataplane/flow/segments.h"

namespace bulkhead::flow {

// Makes the frame hold just what the segment says: bytes cut from its front or its end are taken
// out, the sequence number follows, FIN stands only if the segment has it.
void fit_frame(Segment& segment);

// A new frame with the segment's headers and its first `length` payload bytes, without FIN; nullptr
// if no buffer was free. Precondition: 0 < length < segment.length.
rte_mbuf* copy_head(const Segment& segment, std::uint16_t length);

// Rewrites the sequence number.
void set_sequence(const Packet& packet, std::uint32_t sequence);

struct ResetNumbers {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  bool with_acknowledgement = true;
};

// A RST between the packet's two ends: onwards to its receiver, or back to its sender. nullptr if
// no buffer was free.
rte_mbuf* make_reset(const Packet& packet, bool to_sender, const ResetNumbers& numbers);

}  // namespace bulkhead::flow
