// TCP segments of granted sessions: checked against the session's state, then passed, or queued as
// bytes of a stream that is inspected.
#include "dataplane/flow/packet_edit.h"
#include "dataplane/flow/tcp_tracker.h"
#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

namespace {

using flow::Flow;
using flow::Packet;
using flow::Segment;
using flow::TcpPhase;
using flow::TcpSide;
using wire::sequence_distance;

constexpr TimeNs kOpeningNs = 30 * kSecondNs;
constexpr TimeNs kEstablishedNs = 2 * 3600 * kSecondNs + 300 * kSecondNs;  // RFC 5382, 5
constexpr TimeNs kClosingNs = 60 * kSecondNs;
constexpr TimeNs kClosedNs = 10 * kSecondNs;

void renew(Flow& flow, TimeNs now_ns) {
  TimeNs idle_ns = kEstablishedNs;
  if (flow.phase < TcpPhase::established) {
    idle_ns = kOpeningNs;
  } else if (flow.phase == TcpPhase::closed || flow.refused) {
    idle_ns = kClosedNs;
  } else if (flow.sides[0].fin_released || flow.sides[1].fin_released) {
    idle_ns = kClosingNs;
  }
  flow.expires_ns = now_ns + idle_ns;
}

void handle_reset(Context& context, Packet& packet, const flow::TcpSegmentInfo& info) {
  Flow& flow = *packet.flow;
  const Reason reason = flow::track_reset(flow, info);
  if (!is_allowed(reason)) return refuse(context, packet, reason);
  TcpSide& side = flow.sides[info.sender];
  // The sender counts bytes that are held here; its receiver never had them.
  if (sequence_distance(packet.tcp.sequence, side.released) > 0) {
    flow::set_sequence(packet, side.released);
  }
  for (TcpSide& each : flow.sides) flow::drop_all(context.segments, each);
  pass(context, packet, reason);
}

// Sessions without inspection: the tracker has checked the window; the highest end is remembered so
// that acknowledgements and resets can be checked.
void pass_uninspected(Context& context, Packet& packet, TcpSide& side) {
  const bool fin = (packet.tcp.flags & wire::kTcpFin) != 0;
  const std::uint32_t end = packet.tcp.sequence + packet.payload_length + (fin ? 1U : 0U);
  if (sequence_distance(end, side.released) > 0) side.released = end;
  side.fin_released = side.fin_released || fin;
  pass(context, packet, Reason::service_granted);
}

void cut_front(Segment& segment, std::uint32_t count) {
  segment.sequence += count;
  segment.payload_offset = static_cast<std::uint16_t>(segment.payload_offset + count);
  segment.length = static_cast<std::uint16_t>(segment.length - count);
}

// Bytes below what the receiver has acknowledged are no longer known here, so they do not travel;
// an empty segment with the old number makes the receiver acknowledge again.
void pass_retransmission(Context& context, Packet& packet, const TcpSide& side, Segment segment) {
  const std::int32_t known_from = sequence_distance(side.acknowledged, segment.sequence);
  if (known_from >= segment.length && !segment.fin) {
    segment.length = 0;
  } else if (known_from > 0) {
    cut_front(segment,
              std::min<std::uint32_t>(static_cast<std::uint32_t>(known_from), segment.length));
  }
  flow::fit_frame(segment);
  pass(context, packet, Reason::session_control);
}

// The part of the segment that was let through before goes again on its own.
bool pass_head_again(Context& context, const Packet& packet, const TcpSide& side, Segment segment) {
  const std::int32_t known_from = sequence_distance(side.acknowledged, segment.sequence);
  if (known_from > 0) cut_front(segment, static_cast<std::uint32_t>(known_from));
  const std::int32_t count = sequence_distance(side.released, segment.sequence);
  if (count <= 0) return true;
  rte_mbuf* head = flow::copy_head(segment, static_cast<std::uint16_t>(count));
  if (head == nullptr) return false;
  context.output.transmit(head, port_towards_receiver(packet));
  return true;
}

void queue(Context& context, Packet& packet, TcpSide& side, const Segment& segment) {
  if (side.retained_count >= flow::kRetainedSegmentsMax) {
    return refuse(context, packet, Reason::hold_limit);
  }
  switch (flow::hold(context.segments, side, segment)) {
    case flow::HoldResult::full:
      return refuse(context, packet, Reason::hold_limit);
    case flow::HoldResult::duplicate:
      rte_pktmbuf_free(packet.mbuf);
      packet.mbuf = nullptr;
      return;
    case flow::HoldResult::held:
      inspect_stream(context, packet);
      packet.mbuf = nullptr;
      return;
  }
}

void take_data(Context& context, Packet& packet, TcpSide& side) {
  Segment segment;
  segment.mbuf = packet.mbuf;
  segment.sequence = packet.tcp.sequence;
  segment.frame = packet.frame;
  segment.transport_offset = packet.transport_offset;
  segment.payload_offset = packet.payload_offset;
  segment.length = packet.payload_length;
  segment.port = packet.port;
  segment.fin = (packet.tcp.flags & wire::kTcpFin) != 0;
  const std::uint32_t end = segment.end() + (segment.fin ? 1U : 0U);
  const std::int32_t behind = sequence_distance(side.released, segment.sequence);
  if (behind > 0) {
    const std::size_t known =
        std::min<std::size_t>(static_cast<std::size_t>(behind), segment.length);
    if (!flow::matches_released(context.segments, side, segment.sequence,
                                packet.payload().first(known))) {
      return refuse(context, packet, Reason::tcp_inconsistent_retransmission);
    }
    if (sequence_distance(end, side.released) <= 0) {
      return pass_retransmission(context, packet, side, segment);
    }
  }
  if (side.fin_released) return refuse(context, packet, Reason::tcp_after_end);
  if (behind > 0) {
    if (!pass_head_again(context, packet, side, segment)) {
      return refuse(context, packet, Reason::out_of_buffers);
    }
    cut_front(segment, static_cast<std::uint32_t>(behind));
  }
  queue(context, packet, side, segment);
}

void handle_segment(Context& context, Packet& packet, const flow::TcpSegmentInfo& info) {
  Flow& flow = *packet.flow;
  const bool unseen = flow.phase == TcpPhase::none && context.options.accept_midstream;
  if (unseen) flow::adopt_midstream(flow, info);
  const Reason reason = flow::track_segment(flow, info);
  if (!is_allowed(reason)) return refuse(context, packet, reason);
  flow::drop_acknowledged(context.segments, flow.sides[1 - info.sender]);
  TcpSide& side = flow.sides[info.sender];
  const bool fin = (packet.tcp.flags & wire::kTcpFin) != 0;
  if (flow.protocol == protocols::kNoProtocol) return pass_uninspected(context, packet, side);
  if (packet.payload_length == 0 && !fin) return pass(context, packet, Reason::session_control);
  take_data(context, packet, side);
}

}  // namespace

void inspect_tcp(Context& context, Packet& packet) {
  Flow& flow = *packet.flow;
  const flow::TcpSegmentInfo info{packet.tcp, packet.from_client ? flow::kClient : flow::kServer,
                                  packet.payload_length};
  const std::uint8_t flags = packet.tcp.flags;
  if (flow.refused) {
    const bool answer = flow.on_deny == policy::OnDeny::reset && (flags & wire::kTcpRst) == 0;
    if (answer) answer_with_reset(context, packet);
    return refuse(context, packet, Reason::flow_refused);
  }
  if ((flags & wire::kTcpSyn) != 0) {
    const Reason reason = (flags & wire::kTcpAck) != 0 ? flow::track_accept(flow, info)
                                                       : flow::track_open(flow, info);
    is_allowed(reason) ? pass(context, packet, reason) : refuse(context, packet, reason);
  } else if ((flags & wire::kTcpRst) != 0) {
    handle_reset(context, packet, info);
  } else {
    handle_segment(context, packet, info);
  }
  renew(flow, context.now_ns);
}

}  // namespace bulkhead::pipeline
