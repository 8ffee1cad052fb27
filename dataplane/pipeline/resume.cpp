// Sessions that were open before this process was: taken up where the conduit says
// `midstream: resume`, and only where both ends agree that nothing is under way. All that left
// belonged to whole messages, so what a receiver has acknowledged ends at a boundary; its sender
// must go on at exactly that number. Whatever does not fit is a reset, never a guess.
#include "dataplane/flow/packet_edit.h"
#include "dataplane/pipeline/deliver.h"

namespace bulkhead::pipeline {

namespace {

using flow::Flow;
using flow::Packet;
using flow::TcpSide;
using wire::sequence_distance;

// The scale was said in a SYN that nobody here saw; its largest value bounds what may be sent
// (RFC 7323, 2.3), and the receiver holds its own window.
constexpr std::uint8_t kScaleMax = 14;

void note_end(const Packet& packet, TcpSide& side) {
  side.timestamps_offered = packet.tcp.has_timestamps;
  side.timestamp = packet.tcp.timestamp;
  side.announced = packet.tcp.window;
}

// What the packet's sender has of the other end's bytes is where that end's stream goes on.
void note_boundary(const Packet& packet, TcpSide& other) {
  const std::uint32_t number = packet.tcp.acknowledgement;
  if (other.known && sequence_distance(number, other.released) < 0) return;
  other.known = true;
  other.released = number;
  other.acknowledged = number;
  other.window_max = static_cast<std::uint32_t>(packet.tcp.window) << kScaleMax;
  other.window_end = number + other.window_max;
}

// The receiver answers a segment below what it has, and its answer says where the boundary is.
void ask_receiver(Context& context, Packet& packet) {
  flow::Segment empty;
  empty.mbuf = packet.mbuf;
  empty.sequence = packet.tcp.sequence - 1;
  empty.transport_offset = packet.transport_offset;
  empty.payload_offset = packet.payload_offset;
  empty.edited = true;
  flow::fit_frame(empty);
  pass(context, packet, Reason::session_control);
}

void give_up(Context& context, Packet& packet) {
  answer_with_reset(context, packet);
  packet.flow->refused = true;
  refuse(context, packet, Reason::tcp_no_boundary);
}

}  // namespace

bool resume_session(Context& context, Packet& packet) {
  Flow& flow = *packet.flow;
  const Speaker speaker = speaker_of(packet);
  TcpSide& side = speaker.side();
  const wire::TcpHeader& tcp = packet.tcp;
  if ((tcp.flags & wire::kTcpAck) == 0 || tcp.unknown_options || tcp.opening_options) {
    refuse(context, packet, Reason::tcp_not_a_session_start);
    return false;
  }
  note_end(packet, side);
  note_boundary(packet, flow.sides[speaker.other()]);
  const bool fin = (tcp.flags & wire::kTcpFin) != 0;
  const std::uint32_t end = tcp.sequence + packet.payload_length + (fin ? 1U : 0U);
  if (end == tcp.sequence) {
    pass(context, packet, Reason::session_control);
    return false;
  }
  const std::int32_t ahead = side.known ? sequence_distance(tcp.sequence, side.released) : 1;
  if (ahead == 0) {
    flow.phase = flow::TcpPhase::established;
    return true;
  }
  const bool straddles = ahead < 0 && sequence_distance(end, side.released) > 0;
  if (straddles || context.now_ns - flow.created_ns > context.limits().opening_ns) {
    give_up(context, packet);
  } else {
    ask_receiver(context, packet);
  }
  return false;
}

}  // namespace bulkhead::pipeline
