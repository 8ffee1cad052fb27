// A session and one of its ends, and segments of that one.
#pragma once

#include <algorithm>

#include "dataplane/flow/packet.h"
#include "dataplane/flow/packet_edit.h"
#include "dataplane/flow/segments.h"
#include "dataplane/flow/tcp_tracker.h"

namespace bulkhead::pipeline {

// One end of a flow, as the sender of the bytes that a function handles.
struct Speaker {
  flow::Flow& flow;
  std::size_t end = flow::kClient;

  std::size_t other() const { return 1 - end; }
  flow::TcpSide& side() const { return flow.sides[end]; }
  flow::SpliceSide& splice() const { return flow.splice[end]; }
};

inline Speaker speaker_of(const flow::Packet& packet) {
  return {*packet.flow, packet.from_client ? flow::kClient : flow::kServer};
}

// The segment that a packet is.
inline flow::Segment segment_of(const flow::Packet& packet) {
  flow::Segment segment;
  segment.mbuf = packet.mbuf;
  segment.sequence = packet.tcp.sequence;
  segment.out = packet.tcp.sequence;
  segment.transport_offset = packet.transport_offset;
  segment.payload_offset = packet.payload_offset;
  segment.length = packet.payload_length;
  segment.fin = (packet.tcp.flags & wire::kTcpFin) != 0;
  return segment;
}
// RFC 9293, 3.10.7.4: cuts bytes beyond the window.
inline void trim_to_window(const flow::TcpSide& side, flow::Segment& segment) {
  const std::int32_t beyond = wire::sequence_distance(segment.end(), side.window_end);
  if (beyond <= 0) return;
  segment.length = static_cast<std::uint16_t>(std::max(segment.length - beyond, 0));
  segment.fin = false;
}

// A synthetic packet for verdicts without a received one. `pattern`: one of the speaker's.
flow::Packet packet_about(const Speaker& speaker, const flow::Pattern& pattern);

}  // namespace bulkhead::pipeline
