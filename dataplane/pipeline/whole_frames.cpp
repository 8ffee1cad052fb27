// Sessions of a zone with PRP (IEC 62439-3:2016, 4): each frame comes to its receiver over two
// LANs, distinguished by its trailer, and there is a firewall in each. So nothing is cut anew,
// held, taken out or acknowledged here: a segment is whole messages that are all granted and leaves
// as it came, or it is refused. What its receiver has over the other LAN was judged there.
#include "dataplane/pipeline/whole_frames.h"

#include <algorithm>

#include "dataplane/flow/packet_edit.h"
#include "dataplane/pipeline/deliver.h"
#include "dataplane/pipeline/ending.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/protocol_state.h"
#include "dataplane/pipeline/shadow.h"
#include "dataplane/pipeline/speaker.h"
#include "dataplane/pipeline/stream.h"

namespace bulkhead::pipeline {

namespace {

using flow::kNoSegment;
using flow::Packet;
using flow::Segment;
using flow::TcpSide;
using wire::sequence_distance;

// Whether a frame that was released, or what is next, begins at the number.
bool is_boundary(flow::SegmentPool& pool, const TcpSide& side, std::uint32_t number) {
  if (number == side.released) return true;
  for (std::uint32_t i = side.retained_first; i != kNoSegment; i = pool[i].next) {
    if (pool[i].sequence == number) return true;
  }
  return false;
}

// What it acknowledges was true when it came, and may be too old for its receiver (RFC 5961, 5.2).
void renew_acknowledgement(Packet& packet) {
  const Speaker speaker = speaker_of(packet);
  flow::TcpNumbers numbers = flow::numbers_from(speaker.flow, speaker.end);
  if (packet.tcp.acknowledgement == numbers.acknowledgement) return;
  numbers.sequence = packet.tcp.sequence;
  flow::write_numbers(packet.mbuf, packet.transport_offset, numbers);
}

void release_frame(Context& context, Packet& packet, const Segment& segment) {
  const Speaker speaker = speaker_of(packet);
  TcpSide& side = speaker.side();
  side.released = segment.end() + (segment.fin ? 1U : 0U);
  side.fin_released = side.fin_released || segment.fin;
  replicate_if_more_under_way(context, speaker);
  renew_acknowledgement(packet);
  flow::retain(context.segments, side, context.segments.take_leaving(segment));
  pass(context, packet, Reason::session_control);
}

void refuse_frame(Context& context, Packet& packet, const Segment& segment, Verdict& verdict) {
  verdict.action = ending_action(*packet.flow);
  if (packet.flow->on_deny == policy::OnDeny::reject) verdict.unsound = Unsound::redundant;
  context.observer.on_verdict(verdict, packet);
  if (context.shadow != nullptr) return release_frame(context, packet, segment);
  cut_session(context, packet);
  rte_pktmbuf_free(packet.mbuf);
  packet.mbuf = nullptr;
}

}  // namespace

void accept_whole_frame(Context& context, Packet& packet, const Segment& segment) {
  const Speaker speaker = speaker_of(packet);
  TcpSide& side = speaker.side();
  if (sequence_distance(segment.sequence, side.released) > 0) {
    return refuse(context, packet, Reason::prp_gap);
  }
  const bool fin = (packet.tcp.flags & wire::kTcpFin) != 0;
  const bool trimmed =
      segment.end() != packet.tcp.sequence + packet.payload_length || segment.fin != fin;
  if (trimmed) return refuse(context, packet, Reason::tcp_out_of_window);
  if (!is_boundary(context.segments, side, packet.tcp.sequence)) {
    return refuse(context, packet, Reason::prp_not_whole);
  }
  if (side.retained_count >= context.limits().retained_segments ||
      context.segments.available() == 0 || exceeds_share(context, speaker.flow)) {
    return refuse(context, packet, Reason::hold_limit);
  }
  if (segment.length > 0) {
    const ByteView bytes = packet.payload().last(segment.length);
    Verdict verdict;
    ByteView message;
    if (!judge_whole_messages(context, packet, bytes, verdict, message)) {
      return refuse_frame(context, packet, segment, verdict);
    }
    context.observer.on_verdict(verdict, packet);
  }
  release_frame(context, packet, segment);
}

void pass_whole_again(SessionContext& context, Packet& packet) {
  const Speaker speaker = speaker_of(packet);
  TcpSide& side = speaker.side();
  const bool fin = (packet.tcp.flags & wire::kTcpFin) != 0;
  const std::uint32_t end = packet.tcp.sequence + packet.payload_length + (fin ? 1U : 0U);
  const bool whole = is_boundary(context.segments, side, packet.tcp.sequence) &&
                     is_boundary(context.segments, side, end);
  if (!whole) return refuse(context, packet, Reason::prp_not_whole);
  renew_acknowledgement(packet);
  pass(context, packet, Reason::session_control);
}

void catch_up_with_other_lan(SessionContext& context, const Packet& packet) {
  flow::Flow& flow = *packet.flow;
  const Speaker other{flow, speaker_of(packet).other()};
  TcpSide& side = other.side();
  const std::uint32_t number = packet.tcp.acknowledgement;
  const std::int32_t ahead = sequence_distance(number, side.released);
  const bool open = flow.phase == flow::TcpPhase::established ||
                    (flow.phase == flow::TcpPhase::syn_received && other.end == flow::kServer);
  // It cannot have more than it was willing to take.
  if (!open || ahead <= 0 || sequence_distance(number, side.window_end) > 0) return;
  flow::drop_acknowledged(context.segments, side, number);
  side.released = number;
  begin_unseen(context, flow);
  forget_names(context, flow);
  if (other.end != flow::kClient) return;
  // Answers to requests that went there may come here.
  constexpr std::uint32_t kMessageBytesMin = 4;
  const std::uint32_t missed =
      flow.missed + static_cast<std::uint32_t>(ahead) / kMessageBytesMin + 1;
  flow.missed = static_cast<std::uint8_t>(std::min<std::uint32_t>(missed, flow::Flow::kMissedMax));
}

}  // namespace bulkhead::pipeline
