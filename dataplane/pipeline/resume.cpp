// Sessions that were open before this process was, taken up where the conduit says `midstream:
// resume`, and those that came from the peer; only where both ends agree that nothing is under way.
// All that left belonged to whole messages, so what a receiver has acknowledged ends at a boundary,
// unless a message left in several segments, of which the peer told before; its sender must go on
// at exactly that number. Whatever does not fit is a reset, never a guess, but where a conduit says
// `fail: open`.
#include "dataplane/pipeline/resume.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "dataplane/flow/packet_edit.h"
#include "dataplane/flow/tcp_tracker.h"
#include "dataplane/pipeline/deliver.h"
#include "dataplane/pipeline/ending.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/prompts.h"
#include "dataplane/pipeline/protocol_state.h"
#include "dataplane/pipeline/speaker.h"
#include "dataplane/pipeline/stream.h"
#include "dataplane/pipeline/timers.h"

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

// Whether a message begins where the receiver of the side's bytes wants to go on, or the rest of
// one that its head decided. The side's numbers are those of a record of the peer's.
bool is_boundary(Flow& flow, std::size_t end, std::uint32_t number) {
  TcpSide& side = flow.sides[end];
  const std::int32_t ahead = sequence_distance(number, side.released);
  if (ahead >= 0 && side.unread > 0) {
    side.unread -= std::min(side.unread, static_cast<std::uint32_t>(ahead));
    return true;
  }
  const bool inside = sequence_distance(number, flow.split_begin[end]) > 0 &&
                      sequence_distance(number, flow.split_end[end]) < 0;
  if (inside && (ahead < 0 || side.unread == 0)) return false;
  side.unread = 0;
  return true;
}

// The side's stream continues after the replicated position, because the peer failed before it
// could replicate more, or before it, because what left there did not arrive. The protocol's counts
// are not known then; answers to requests that were not replicated, or that were answered, must not
// be taken for unsolicited ones; and answers that have passed are not waited for.
void note_moved(Context& context, Flow& flow, std::size_t end, std::int32_t bytes) {
  constexpr std::uint32_t kMessageBytesMin = 4;
  begin_unseen(context, flow);
  const bool ahead = bytes > 0;
  if (ahead) forget_names(context, flow);
  const auto count = static_cast<std::uint32_t>(ahead ? bytes : -bytes) / kMessageBytesMin + 1;
  if (ahead && end == flow::kServer) {
    flow.answered_unseen = static_cast<std::uint8_t>(
        std::min<std::uint32_t>(count, std::numeric_limits<decltype(flow.answered_unseen)>::max()));
  }
  if (ahead != (end == flow::kClient)) return;
  flow.missed =
      static_cast<std::uint8_t>(std::min<std::uint32_t>(flow.missed + count, Flow::kMissedMax));
}

// In a session of the peer's that was carried, whether the packet's sender lacks some of what was
// granted to it. If all of that came with the session it is on its way to it now, and the end of it
// is where the other's stream goes on.
bool lacks_owed(Context& context, const Packet& packet, const Speaker& speaker) {
  Flow& flow = speaker.flow;
  const Speaker answering{flow, speaker.other()};
  flow::SpliceSide& splice = answering.splice();
  TcpSide& other = answering.side();
  const std::uint32_t out = packet.tcp.acknowledgement;
  if (sequence_distance(out, splice.out_next) >= 0) {
    flow::drop_acknowledged(context.segments, other, out);
    return false;
  }
  const std::uint32_t first = other.retained_first;
  if (first == flow::kNoSegment || sequence_distance(out, context.segments[first].out) < 0) {
    return true;
  }
  const std::uint8_t scale = flow.window_scale(speaker.end);
  process_acknowledgement(context, answering, packet,
                          static_cast<std::uint32_t>(packet.tcp.window) << scale);
  other.known = true;
  flow::await_receiver(splice, context.now_ns);
  schedule(context, flow);
  return true;
}

void offer_window(const Packet& packet, const Speaker& speaker, std::uint32_t number) {
  const Flow& flow = speaker.flow;
  TcpSide& other = speaker.flow.sides[speaker.other()];
  const std::uint8_t scale = flow.resumed ? kScaleMax : flow.window_scale(speaker.end);
  const std::uint32_t window = static_cast<std::uint32_t>(packet.tcp.window) << scale;
  other.window_max = std::max(other.window_max, window);
  if (sequence_distance(number + window, other.window_end) > 0) other.window_end = number + window;
}

// The other end's stream goes on at the number, and what is held of it below belongs to what left
// unseen.
void move_to(Context& context, Flow& flow, std::size_t end, std::uint32_t number) {
  flow::SegmentPool& pool = context.segments;
  TcpSide& side = flow.sides[end];
  const std::uint32_t first = side.held_first;
  if (first != flow::kNoSegment && sequence_distance(pool[first].sequence, number) < 0) {
    flow::drop_held(pool, side);
  }
  side.released = number;
  side.acknowledged = number;
  if (!flow.spliced) flow::drop_acknowledged(pool, side, number);
}

// In a session of the peer's that was not carried: what its receiver has of the other end's bytes.
// It may be more than the peer told: but only the next message, or several one by one, so that it
// has queued nothing after a gap. If it is less, the rest is known, and others never stand there.
void note_received(Context& context, const Packet& packet, const Speaker& speaker) {
  Flow& flow = speaker.flow;
  TcpSide& other = flow.sides[speaker.other()];
  const std::uint32_t number = packet.tcp.acknowledgement;
  const std::int32_t ahead = sequence_distance(number, other.released);
  if (ahead > 0) {
    if (!is_boundary(flow, speaker.other(), number)) return;
    note_moved(context, flow, speaker.other(), ahead);
    move_to(context, flow, speaker.other(), number);
  } else if (ahead < 0 && planted(Mistake::resume_below_released)) {
    move_to(context, flow, speaker.other(), number);
    flow::drop_list(context.segments, std::exchange(other.retained_first, flow::kNoSegment));
    other.retained_last = flow::kNoSegment;
    other.retained_count = 0;
  } else if (ahead < 0) {
    const std::uint32_t first = other.retained_first;
    const bool kept = first != flow::kNoSegment &&
                      sequence_distance(number, context.segments[first].sequence) >= 0;
    if (!kept || sequence_distance(number, other.acknowledged) < 0) return;
    other.acknowledged = number;
    flow::drop_acknowledged(context.segments, other, number);
  } else {
    other.acknowledged = number;
    flow::drop_acknowledged(context.segments, other, number);
  }
  other.known = true;
  offer_window(packet, speaker, number);
}

// What the packet's sender has of the other end's bytes is where that end's stream goes on. In a
// session of the peer's that was spliced, the sender counts them in numbers of its own.
void note_boundary(Context& context, const Packet& packet, const Speaker& speaker) {
  Flow& flow = speaker.flow;
  if (!flow.resumed && !flow.spliced) return note_received(context, packet, speaker);
  if (flow.spliced && lacks_owed(context, packet, speaker)) return;
  TcpSide& other = flow.sides[speaker.other()];
  const std::uint32_t out = packet.tcp.acknowledgement;
  std::uint32_t number = out;
  if (flow.spliced) number -= flow.splice[speaker.other()].out_next - other.released;
  if (other.known && sequence_distance(number, other.released) < 0) return;
  if (!flow.resumed) {
    if (!is_boundary(flow, speaker.other(), number)) return;
    const std::int32_t moved = sequence_distance(number, other.released);
    if (moved != 0) note_moved(context, flow, speaker.other(), moved);
  }
  if (flow.resumed && !other.known) other.window_end = number;  // of a number that nobody had yet
  other.known = true;
  move_to(context, flow, speaker.other(), number);
  offer_window(packet, speaker, number);
  if (!flow.spliced) return;
  flow::SpliceSide& splice = flow.splice[speaker.other()];
  splice.out_next = splice.out_sent = splice.out_acked = splice.recover = out;
  splice.out_edge = out + (other.window_end - number);
}

// Lets a segment without data through. In a session of the peer's that was carried, either end
// counts in its own numbers.
void pass_empty(Context& context, Packet& packet, std::uint32_t sequence) {
  const Speaker speaker = speaker_of(packet);
  const Flow& flow = speaker.flow;
  if (flow.spliced) {
    flow::TcpNumbers numbers;
    numbers.sequence = sequence + flow.splice[speaker.end].out_next - speaker.side().released;
    numbers.acknowledgement = flow.sides[speaker.other()].released;
    numbers.window = packet.tcp.window;
    flow::write_numbers(packet.mbuf, packet.transport_offset, numbers);
  }
  pass(context, packet, Reason::session_control);
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
  pass_empty(context, packet, empty.sequence);
}

// In a session of the peer's the receiver is asked as well, and what its sender says next is kept
// until it has answered. What that repeats is the sender's to say again.
void keep_and_ask(Context& context, Packet& packet) {
  const Speaker speaker = speaker_of(packet);
  const flow::TcpSegmentInfo info{packet.tcp, speaker.end, packet.payload_length};
  if (context.is_settled()) send_probe(context, speaker, flow::pattern_of(packet));
  flow::Segment segment = segment_of(packet);
  trim_to_window(speaker.side(), segment);
  const bool next = sequence_distance(segment.sequence, speaker.side().released) >= 0;
  const bool fits = next && segment.length > 0 && !speaker.flow.whole_only &&
                    !speaker.side().fin_released &&
                    is_allowed(flow::check_segment(speaker.flow, info));
  if (!fits || flow::hold(context.segments, context.limits(), speaker.side(), segment, 0) !=
                   flow::HoldResult::held) {
    return refuse(context, packet, Reason::session_control);
  }
  packet.mbuf = nullptr;
  flow::HoldTimes& hold = speaker.flow.hold[speaker.end];
  if (hold.since_ns == 0) hold.since_ns = context.now_ns;
  speaker.side().awaits_rest = true;
  schedule(context, speaker.flow);
}

// What the sender of an acknowledgement has sent, in a session of the peer's: it has data in flight
// that the peer never told of if its number is after what is known. One that sends data needs no
// prompt.
void note_sent_unseen(Context& context, const Packet& packet, const Speaker& speaker) {
  TcpSide& side = speaker.side();
  const std::uint32_t seen = side.released + flow::contiguous_bytes(context.segments, side);
  const bool fin = (packet.tcp.flags & wire::kTcpFin) != 0;
  const bool bare = packet.payload_length == 0 && !fin;
  side.sent_unseen = bare && sequence_distance(packet.tcp.sequence, seen) > 0;
}

// What was kept of the speaker's is judged now. False if the session is refused for it.
bool take_up_kept(Context& context, const Speaker& speaker) {
  const std::uint32_t first = speaker.side().held_first;
  if (first == flow::kNoSegment) return true;
  speaker.flow.phase = flow::TcpPhase::established;
  Packet packet = packet_about(speaker, context.segments.pattern(first));
  inspect_stream(context, packet);
  return !speaker.flow.refused;
}

// Either may have been kept: the other's until its receiver was heard, and the speaker's own if it
// came before acknowledgements said what their sender has.
bool take_up_both(Context& context, const Speaker& speaker) {
  return take_up_kept(context, {speaker.flow, speaker.other()}) && take_up_kept(context, speaker);
}

// The policy prefers an unjudged session to none.
void pass_unjudged(Context& context, Packet& packet) {
  Flow& flow = *packet.flow;
  context.flows.drop_session(flow);
  flow::drop_all(context.segments, flow);
  flow.protocol = protocols::kNoProtocol;
  flow.unjudged = true;
  flow::adopt_midstream(flow, {packet.tcp, speaker_of(packet).end, packet.payload_length});
  context.observer.on_verdict(refused_message(packet, Reason::fails_open, protocols::Fault::none),
                              packet);
}

}  // namespace

bool give_up(Context& context, Packet& packet) {
  const Flow& flow = *packet.flow;
  if (!flow.spliced && (flow.unjudged || context.fails_open(flow.standing.conduit))) {
    pass_unjudged(context, packet);
    return true;
  }
  answer_with_reset(context, packet);
  packet.flow->refused = true;
  refuse(context, packet, Reason::tcp_no_boundary);
  return false;
}

bool resume_session(Context& context, Packet& packet) {
  Flow& flow = *packet.flow;
  const Speaker speaker = speaker_of(packet);
  TcpSide& side = speaker.side();
  const wire::TcpHeader& tcp = packet.tcp;
  if ((tcp.flags & wire::kTcpAck) == 0 || tcp.unknown_options || tcp.opening_options) {
    refuse(context, packet, Reason::tcp_not_a_session_start);
    return false;
  }
  if (flow.resumed) note_end(packet, side);
  // A plain service has no messages.
  if (flow.resumed && flow.protocol == protocols::kNoProtocol) return give_up(context, packet);
  if (flow.protocol == protocols::kNoProtocol) {
    flow::adopt_midstream(flow, {tcp, speaker.end, packet.payload_length});
    return true;
  }
  const TcpSide& other = flow.sides[speaker.other()];
  const bool was_known = other.known;
  if (flow.resumed || context.is_settled()) note_boundary(context, packet, speaker);
  const bool fin = (tcp.flags & wire::kTcpFin) != 0;
  const std::uint32_t end = tcp.sequence + packet.payload_length + (fin ? 1U : 0U);
  const bool take_up = !flow.resumed && !was_known && other.known && side.known;
  const Speaker answering{flow, speaker.other()};
  rte_mempool* buffers = packet.mbuf->pool;
  note_sent_unseen(context, packet, speaker);
  if (end == tcp.sequence) {
    pass_empty(context, packet, tcp.sequence);
    if (!take_up) return false;
    prompt(context, answering, buffers);
    prompt(context, speaker, buffers);
    take_up_both(context, speaker);
    return false;
  }
  if (take_up) prompt(context, answering, buffers);
  if (take_up && !take_up_both(context, speaker)) {
    refuse(context, packet, Reason::flow_refused);
    return false;
  }
  const std::uint32_t standing =
      side.released + flow::contiguous_bytes(context.segments, side);  // held ones of the peer's
  const std::int32_t ahead = side.known ? sequence_distance(tcp.sequence, side.released) : 1;
  const bool straddles = flow.resumed && ahead < 0 && sequence_distance(end, side.released) > 0;
  const bool goes_on = ahead >= 0 && sequence_distance(tcp.sequence, standing) <= 0;
  // What the peer let through is known, and goes again from our own copies.
  if (side.known && other.known && (goes_on || !flow.resumed)) {
    flow.phase = flow::TcpPhase::established;
    return true;
  }
  // The receiver is asked again and again, but not for ever.
  if (flow.challenged_ns == 0) flow.challenged_ns = context.now_ns;
  if (straddles || context.now_ns - flow.challenged_ns > context.limits().opening_ns) {
    return give_up(context, packet);
  }
  flow.resumed ? ask_receiver(context, packet) : keep_and_ask(context, packet);
  return false;
}

}  // namespace bulkhead::pipeline
