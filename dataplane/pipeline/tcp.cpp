// TCP segments of granted sessions: checked against the session's state, then passed, or queued as
// bytes of a stream that is inspected.
#include <algorithm>

#include "dataplane/flow/tcp_tracker.h"
#include "dataplane/pipeline/deliver.h"
#include "dataplane/pipeline/ending.h"
#include "dataplane/pipeline/inspect.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/openings.h"
#include "dataplane/pipeline/planted.h"
#include "dataplane/pipeline/protocol_state.h"
#include "dataplane/pipeline/resume.h"
#include "dataplane/pipeline/shadow.h"
#include "dataplane/pipeline/speaker.h"
#include "dataplane/pipeline/stream.h"
#include "dataplane/pipeline/timers.h"
#include "dataplane/pipeline/whole_frames.h"

namespace bulkhead::pipeline {

namespace {

using flow::Flow;
using flow::Packet;
using flow::Pattern;
using flow::Segment;
using flow::TcpPhase;
using flow::TcpSide;
using wire::sequence_distance;

// RFC 5961, 7 and 10: answers an out-of-window segment with the present numbers, rate-limited.
void challenge(Context& context, const Packet& packet) {
  constexpr TimeNs kPauseNs = 100 * kMillisecondNs;
  Flow& flow = *packet.flow;
  const bool open =
      flow.phase == TcpPhase::established || (flow.phase == TcpPhase::resuming && !flow.resumed);
  if (!open || context.now_ns - flow.challenged_ns < kPauseNs) return;
  flow.challenged_ns = context.now_ns;
  ++context.stats.challenged;
  const Speaker speaker = speaker_of(packet);
  send_pure_ack(context, {flow, speaker.other()}, flow::pattern_of(packet).reversed());
}

// RFC 7323, 5.3: what is sent in this end's name must not look older than what it sent itself.
void note_timestamp(const Packet& packet, TcpSide& side) {
  if (packet.tcp.has_timestamps && sequence_distance(packet.tcp.timestamp, side.timestamp) > 0) {
    side.timestamp = packet.tcp.timestamp;
  }
}

void begin_midstream(Context& context, Flow& flow, const flow::TcpSegmentInfo& info) {
  flow::adopt_midstream(flow, info);
  begin_unseen(context, flow);
  if (context.shadow != nullptr) begin_lost(flow);
  const bool empty = info.length == 0 && (info.header.flags & wire::kTcpFin) == 0;
  if (empty && !context.options.judges_only) {
    flow.begun_empty = static_cast<std::uint8_t>(info.sender + 1);
  }
}

// An empty segment may be a keep-alive, of the number before the next (RFC 1122, 4.2.3.6). What
// comes after it says so.
void note_beginning(Flow& flow, const flow::TcpSegmentInfo& info) {
  const std::size_t end = flow.begun_empty - 1U;
  TcpSide& side = flow.sides[end];
  const bool own = info.sender == end;
  const std::uint32_t number = own ? info.header.sequence : info.header.acknowledgement;
  if (own && info.length == 0 && number == side.released) return;  // once more
  flow.begun_empty = 0;
  if (number != side.released + 1) return;
  side.released = number;
  side.acknowledged = number;
}

void take_up_midstream(Context& context, Flow& flow, const flow::TcpSegmentInfo& info) {
  if (flow.phase == TcpPhase::none) return begin_midstream(context, flow, info);
  if (flow.begun_empty != 0) note_beginning(flow, info);
}

void handle_syn(Context& context, Packet& packet, const flow::TcpSegmentInfo& info) {
  Flow& flow = *packet.flow;
  const bool answer = (packet.tcp.flags & wire::kTcpAck) != 0;
  if (answer && context.shadow != nullptr && flow.phase == TcpPhase::none) {
    // Of a SYN that was not seen, or that may have brought data.
    ++packet.tcp.sequence;
    begin_midstream(context, flow, info);
    return pass(context, packet, Reason::session_control);
  }
  const Reason reason = answer ? flow::track_accept(flow, info) : flow::track_open(flow, info);
  if (!is_allowed(reason)) {
    challenge(context, packet);  // also a server whose handshake lacks its last step
    return refuse(context, packet, reason);
  }
  const bool inspected = flow.protocol != protocols::kNoProtocol;
  const bool splices = inspected && (flow.on_deny == policy::OnDeny::reject || flow.drops_stray);
  // A stamp that looks old makes a receiver drop what counts as delivered (RFC 7323, 5.3).
  const bool stamps = !inspected || planted(Mistake::keep_timestamps);
  if (!stamps) flow.sides[info.sender].timestamps_offered = packet.tcp.has_timestamps = false;
  flow::normalise_syn(packet, {.sack = !splices, .timestamps = stamps});
  note_timestamp(packet, flow.sides[info.sender]);
  pass(context, packet, reason);
}

// An empty segment of the packet's, at another number.
void strip_payload(Packet& packet, std::uint32_t sequence) {
  Segment empty;
  empty.mbuf = packet.mbuf;
  empty.sequence = sequence;
  empty.transport_offset = packet.transport_offset;
  empty.payload_offset = packet.payload_offset;
  empty.edited = true;
  flow::fit_frame(empty);
}

void handle_reset(Context& context, Packet& packet, const flow::TcpSegmentInfo& info) {
  Flow& flow = *packet.flow;
  Reason reason = flow::track_reset(flow, info);
  if (context.shadow != nullptr && reason == Reason::tcp_bad_acknowledgement &&
      follow_receiver(context, packet)) {
    reason = flow::track_reset(flow, info);
  }
  if (!is_allowed(reason)) {
    if (reason == Reason::tcp_reset_out_of_sequence) challenge(context, packet);
    return refuse(context, packet, reason);
  }
  const Speaker speaker = speaker_of(packet);
  flow::strip_segment(packet);  // a diagnostic text at best (RFC 1122, 4.2.2.12)
  if (flow.spliced) {
    flow::write_numbers(packet.mbuf, packet.transport_offset,
                        flow::numbers_from(flow, speaker.end));
  } else if (sequence_distance(packet.tcp.sequence, speaker.side().released) > 0) {
    // The sender counts bytes that are held here; its receiver never had them.
    flow::write_sequence(packet.mbuf, packet.transport_offset, speaker.side().released);
  }
  flow::drop_all(context.segments, flow);
  pass(context, packet, reason);
}

// Sessions without inspection: the tracker has checked the window; the highest end is remembered so
// that acknowledgements and resets can be checked.
void pass_uninspected(Context& context, Packet& packet, TcpSide& side) {
  const bool fin = (packet.tcp.flags & wire::kTcpFin) != 0;
  const std::uint32_t end = packet.tcp.sequence + packet.payload_length + (fin ? 1U : 0U);
  if (sequence_distance(end, side.released) > 0) side.released = end;
  side.fin_released = side.fin_released || fin;
  pass(context, packet, packet.flow->unjudged ? Reason::unjudged : Reason::service_granted);
}

// It is taken note of and goes no further.
void swallow(Context& context, Packet& packet) { refuse(context, packet, Reason::session_control); }

// In a carried session each end counts in its own numbers.
void pass_translated(Context& context, Packet& packet, bool below) {
  const Speaker speaker = speaker_of(packet);
  flow::TcpNumbers numbers = flow::numbers_from(speaker.flow, speaker.end);
  numbers.has_timestamps = false;  // its own stand
  if (below) numbers.sequence = speaker.splice().out_acked - 1;
  if (planted(Mistake::forget_delta)) numbers.acknowledgement = packet.tcp.acknowledgement;
  flow::write_numbers(packet.mbuf, packet.transport_offset, numbers);
  pass(context, packet, Reason::session_control);
}

// A segment without data: an acknowledgement, a window update or a keep-alive.
void pass_pure_ack(Context& context, Packet& packet, const flow::AckNews& news) {
  const Speaker speaker = speaker_of(packet);
  if (!speaker.flow.spliced) return pass(context, packet, Reason::session_control);
  // It asks for bytes that the firewall owes; their sender has nothing to add.
  if (news.duplicate) return swallow(context, packet);
  const bool keep_alive = sequence_distance(packet.tcp.sequence, speaker.side().acknowledged) < 0;
  pass_translated(context, packet, keep_alive);
}

// What the receiver may lack of these bytes of the speaker's goes again from our own copies: what
// was judged, in the segments that it left in, whatever its sender makes of it now.
void send_copies(Context& context, const Speaker& speaker, const Segment& range) {
  flow::SegmentPool& pool = context.segments;
  const std::uint32_t end = range.end() + (range.fin ? 1U : 0U);
  for (std::uint32_t i = speaker.side().retained_first; i != flow::kNoSegment; i = pool[i].next) {
    if (sequence_distance(pool[i].sequence, end) >= 0) return;
    const std::uint32_t behind = pool[i].end() + (pool[i].fin ? 1U : 0U);
    if (sequence_distance(behind, range.sequence) > 0) send_again(context, speaker, i);
  }
}

// A segment that asks the receiver to say what it has: it answers what lies below that.
void ask_receiver(Context& context, Packet& packet) {
  strip_payload(packet, packet.flow->sides[speaker_of(packet).end].acknowledged - 1);
  pass(context, packet, Reason::session_control);
}

void answer_retransmission(Context& context, Packet& packet, const Segment& segment) {
  const Speaker speaker = speaker_of(packet);
  const std::uint32_t end = segment.end() + (segment.fin ? 1U : 0U);
  if (sequence_distance(end, speaker.side().acknowledged) <= 0) {
    return ask_receiver(context, packet);
  }
  if (planted(Mistake::repeat_as_sent)) return pass(context, packet, Reason::session_control);
  if (speaker.flow.whole_only) return pass_whole_again(context, packet);
  send_copies(context, speaker, segment);
  swallow(context, packet);
}

// The same in a carried session: what the receiver lacks goes from our own copy, which is what was
// judged; for what was acknowledged already, the receiver is asked to say so again.
void answer_spliced_retransmission(Context& context, Packet& packet, const Segment& segment) {
  const Speaker speaker = speaker_of(packet);
  const std::uint32_t end = segment.end() + (segment.fin ? 1U : 0U);
  if (sequence_distance(end, speaker.side().acknowledged) > 0) {
    // A window of them comes at once; one of ours is enough.
    constexpr TimeNs kPauseNs = 20 * kMillisecondNs;
    if (context.now_ns - speaker.splice().resent_ns >= kPauseNs) resend_first(context, speaker);
    return swallow(context, packet);
  }
  strip_payload(packet, packet.tcp.sequence);
  pass_translated(context, packet, true);
}

void report_gap(Context& context, const Packet& packet, const Speaker& speaker) {
  // RFC 5681, 4.2: the receiver never sees what came out of order, so it is said here.
  if (sequence_distance(packet.tcp.sequence, speaker.side().released) <= 0) return;
  const auto pattern = pattern_from(context, {speaker.flow, speaker.other()});
  const std::uint32_t standing =
      speaker.side().released + flow::contiguous_bytes(context.segments, speaker.side());
  const bool gap = sequence_distance(packet.tcp.sequence, standing) > 0;
  if (gap && pattern) send_pure_ack(context, {speaker.flow, speaker.other()}, *pattern);
}

void acknowledge_again(Context& context, const Packet& packet) {
  const Speaker answering{*packet.flow, speaker_of(packet).other()};
  const auto pattern = pattern_from(context, answering);
  if (pattern) send_pure_ack(context, answering, *pattern);
}

// What is still held when the packet's sender has been heard.
void bound_held(Context& context, const Packet& packet) {
  const Speaker speaker = speaker_of(packet);
  TcpSide& side = speaker.side();
  if (side.held_count == 0) return;
  // What was acknowledged to the sender must not be given up.
  const bool scarce = reserve_is_touched(context) || !context.segments.may_take(speaker.flow);
  if (side.held_count == 1 && scarce && sequence_distance(side.acknowledged, side.released) <= 0) {
    flow::drop_held(context.segments, side);
    context.observer.on_verdict(refused_message(packet, Reason::hold_limit, protocols::Fault::none),
                                packet);
    return;
  }
  report_gap(context, packet, speaker);
}

void queue(Context& context, Packet& packet, const Segment& segment) {
  const Speaker speaker = speaker_of(packet);
  TcpSide& side = speaker.side();
  const bool at_bound = side.retained_count >= context.limits().retained_segments ||
                        (side.held_count > 0 && reserve_is_touched(context)) ||
                        exceeds_share(context, speaker.flow);
  if (at_bound) return refuse(context, packet, Reason::hold_limit);
  Verdict verdict;
  const Whole whole = pass_whole_message(context, packet, segment, verdict);
  if (whole == Whole::passed) return;
  // Its sender missed what was said of these bytes.
  const bool known =
      speaker.flow.spliced && sequence_distance(segment.end(), side.acknowledged) <= 0;
  const auto result =
      flow::hold(context.segments, context.limits(), side, segment, segment_room(context, speaker));
  switch (result) {
    case flow::HoldResult::full:
      return refuse(context, packet, Reason::hold_limit);
    case flow::HoldResult::conflict:
      return refuse(context, packet, Reason::tcp_inconsistent_retransmission);
    case flow::HoldResult::duplicate:
      if (known) acknowledge_again(context, packet);
      return swallow(context, packet);
    case flow::HoldResult::merged:
    case flow::HoldResult::held:
      inspect_stream(context, packet, whole == Whole::refused ? &verdict : nullptr);
      if (known) acknowledge_again(context, packet);
      if (result == flow::HoldResult::merged) rte_pktmbuf_free(packet.mbuf);
      packet.mbuf = nullptr;
      return bound_held(context, packet);
  }
}

// A byte that probes a closed window (RFC 9293, 3.8.6.1) would leave its receiver, which may take
// it, in the midst of a message. What it asks can be asked without.
void answer_probe(Context& context, Packet& packet) {
  if (!packet.flow->spliced) return ask_receiver(context, packet);
  acknowledge_again(context, packet);
  swallow(context, packet);
}

// The end of a stream has a number of its own: no byte may stand there, and no other end; nor may
// there be one before bytes that were released.
Reason check_end(const TcpSide& side, const Segment& segment) {
  if (side.fin_released) {
    const std::int32_t past = sequence_distance(segment.end(), side.released - 1);
    const bool fits = past < 0 ? !segment.fin : past == 0;
    return fits ? Reason::session_control : Reason::tcp_after_end;
  }
  const bool inside = segment.fin && sequence_distance(segment.end(), side.released) < 0 &&
                      !planted(Mistake::repeat_as_sent);
  return inside ? Reason::tcp_inconsistent_retransmission : Reason::session_control;
}

// Bytes that were released before, at the segment's beginning: whether they are the same.
bool repeats_truly(Context& context, const Packet& packet, const Segment& segment) {
  const Speaker speaker = speaker_of(packet);
  const std::int32_t behind = sequence_distance(speaker.side().released, segment.sequence);
  const std::size_t known = std::min<std::size_t>(static_cast<std::size_t>(behind), segment.length);
  // Where messages are renumbered, what was released is not what the sender said; of a session that
  // is carried only our own copy goes again.
  const bool renumbered = speaker.flow.spliced && context.is_numbered(speaker.flow);
  return renumbered || flow::matches_released(context.segments, speaker.side(), segment.sequence,
                                              packet.payload().first(known));
}

void accept_data(Context& context, Packet& packet) {
  const Speaker speaker = speaker_of(packet);
  const TcpSide& side = speaker.side();
  Segment segment = segment_of(packet);
  trim_to_window(side, segment);
  // Its receiver may have offered more than it was heard to.
  if (context.shadow != nullptr && segment.length < packet.payload_length) {
    speaker.flow.set_lacks(speaker.end);
  }
  if (segment.length == 0 && !segment.fin) return answer_probe(context, packet);
  const Reason reason = check_end(side, segment);
  if (!is_allowed(reason)) return refuse(context, packet, reason);
  const std::int32_t behind = sequence_distance(side.released, segment.sequence);
  if (behind > 0) {
    if (!repeats_truly(context, packet, segment)) {
      return refuse(context, packet, Reason::tcp_inconsistent_retransmission);
    }
    const std::uint32_t end = segment.end() + (segment.fin ? 1U : 0U);
    if (sequence_distance(end, side.released) <= 0) {
      return speaker.flow.spliced ? answer_spliced_retransmission(context, packet, segment)
                                  : answer_retransmission(context, packet, segment);
    }
    if (!speaker.flow.spliced && !speaker.flow.whole_only) {
      Segment known = segment;
      known.length = static_cast<std::uint16_t>(behind);
      known.fin = false;
      send_copies(context, speaker, known);
    }
    segment.cut_front(static_cast<std::uint32_t>(behind));
  }
  if (speaker.flow.whole_only) return accept_whole_frame(context, packet, segment);
  queue(context, packet, segment);
}

// What the segment says to the other end about the other end's bytes.
flow::AckNews note_acknowledgement(Context& context, const Packet& packet,
                                   const flow::TcpSegmentInfo& info) {
  const Speaker answering{*packet.flow, 1 - info.sender};
  Flow& flow = *packet.flow;
  if (!flow.spliced) {
    flow::AckNews news;
    news.news_for_sender = flow::note_segment(flow, info);
    if (answering.side().retained_first != flow::kNoSegment) {
      flow::drop_acknowledged(context.segments, answering.side(), answering.side().acknowledged);
    }
    return news;
  }
  const flow::AckNews news =
      process_acknowledgement(context, answering, packet, flow::announced_window(flow, info));
  if (flow.phase == TcpPhase::syn_received) flow.phase = TcpPhase::established;
  const protocols::NumberedMessages* numbered = context.module_of(flow).numbered;
  if (numbered == nullptr || !numbered->renumbers(context.flows.session(flow))) {
    flow::end_splice_if_done(flow);
  }
  if (!flow.spliced) context.flows.return_splice(flow);
  return news;
}

// Whether the packet's sender has bytes that only the appliance before a takeover can have sent it:
// what was taken for the end of its stream (resume.cpp) had been passed already. Where messages are
// carried, what comes next cannot be placed then.
bool has_more_than_replicated(const Flow& flow, const flow::TcpSegmentInfo& info) {
  const std::size_t other = 1 - info.sender;
  return flow.spliced && flow.sides[other].known &&
         sequence_distance(info.header.acknowledgement, flow.sent_up_to(other)) > 0;
}

// A frame of the opening may be missing, or have been refused for its form and passed all the same;
// what follows shows that there was one.
bool lacks_opening(const Context& context, const Flow& flow, const wire::TcpHeader& header) {
  constexpr std::uint8_t kFlags = wire::kTcpSyn | wire::kTcpRst | wire::kTcpAck;
  const bool opens = flow.phase == TcpPhase::syn_sent || flow.phase == TcpPhase::syn_received;
  return context.shadow != nullptr && context.shadow->may_lack(flow.created_ns) && opens &&
         (header.flags & kFlags) == wire::kTcpAck;
}

void handle_segment(Context& context, Packet& packet, const flow::TcpSegmentInfo& info) {
  Flow& flow = *packet.flow;
  if (flow.phase == TcpPhase::resuming && !resume_session(context, packet)) return;
  if (flow.resumed) flow.sides[info.sender].announced = packet.tcp.window;
  if (context.options.accept_midstream) take_up_midstream(context, flow, info);
  if (flow.whole_only) catch_up_with_other_lan(context, packet);
  Reason reason = flow::check_segment(flow, info);
  if (reason == Reason::tcp_bad_acknowledgement && context.shadow != nullptr &&
      follow_receiver(context, packet)) {
    reason = flow::check_segment(flow, info);
  }
  if (!is_allowed(reason) && lacks_opening(context, flow, packet.tcp)) {
    begin_midstream(context, flow, info);
    reason = flow::check_segment(flow, info);
  }
  if (!is_allowed(reason)) {
    const bool lost =
        reason == Reason::tcp_out_of_window || reason == Reason::tcp_bad_acknowledgement;
    if (reason == Reason::tcp_bad_acknowledgement && has_more_than_replicated(flow, info)) {
      give_up(context, packet);
      return;
    }
    if (lost) challenge(context, packet);
    if (flow.phase == TcpPhase::closed) answer_with_reset(context, packet);
    return refuse(context, packet, reason);
  }
  const bool was_spliced = flow.spliced;
  const flow::AckNews news = note_acknowledgement(context, packet, info);
  TcpSide& side = flow.sides[info.sender];
  note_timestamp(packet, side);
  const bool fin = (packet.tcp.flags & wire::kTcpFin) != 0;
  if (flow.protocol == protocols::kNoProtocol) return pass_uninspected(context, packet, side);
  if (packet.payload_length == 0 && !fin) {
    pass_pure_ack(context, packet, news);
  } else {
    const std::uint64_t forwarded = flow.packets[info.sender];
    accept_data(context, packet);
    // Its data waits, but what it says to the other end must not.
    if (news.news_for_sender && flow.packets[info.sender] == forwarded && !flow.refused) {
      const auto pattern = pattern_from(context, speaker_of(packet));
      if (pattern) send_pure_ack(context, speaker_of(packet), *pattern);
    }
  }
  if (flow.spliced || was_spliced) schedule(context, flow);
}

// Those that both ends offered; of a SYN that is seen to elsewhere, and what was not seen to open
// goes on as it was.
bool keeps_timestamps(const Flow& flow, std::uint8_t flags) {
  return (flags & wire::kTcpSyn) != 0 || flow.resumed ||
         (flow.sides[0].timestamps_offered && flow.sides[1].timestamps_offered);
}

}  // namespace

void inspect_tcp(Context& context, Packet& packet) {
  Flow& flow = *packet.flow;
  const flow::TcpSegmentInfo info{packet.tcp, packet.from_client ? flow::kClient : flow::kServer,
                                  packet.payload_length};
  const std::uint8_t flags = packet.tcp.flags;
  if ((flags & wire::kTcpRst) != 0 && consume_proof(context, packet)) return;
  if (flow::may_be_normalised(packet)) {
    flow::normalise_segment(packet, flow.protocol != protocols::kNoProtocol,
                            keeps_timestamps(flow, flags));
  }
  if (flow.refused) {
    const bool draining = flow.draining;
    process_in_refused(context, packet, info);
    if (draining) renew(context, flow);
    return;
  }
  // What has ended does not live longer for being spoken to.
  const bool was_closed = flow.phase == TcpPhase::closed;
  if ((flags & wire::kTcpSyn) != 0) {
    handle_syn(context, packet, info);
  } else if ((flags & wire::kTcpRst) != 0) {
    handle_reset(context, packet, info);
  } else {
    handle_segment(context, packet, info);
  }
  if (flow.half_open && flow.phase >= TcpPhase::established) {
    flow.half_open = false;
    end_opening(context, flow);
    if (flow.phase == TcpPhase::established) note_proofs(context, flow);
  }
  context.segments.settle(flow);
  if (!was_closed) renew(context, flow);
}

}  // namespace bulkhead::pipeline
