// Streams: messages are delimited in what has arrived in order, judged one by one, and released up
// to the last boundary that was granted. No byte of a message leaves before its verdict.
#include "dataplane/pipeline/stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "dataplane/flow/tcp_tracker.h"
#include "dataplane/pipeline/deliver.h"
#include "dataplane/pipeline/ending.h"
#include "dataplane/pipeline/event.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/packet_ends.h"
#include "dataplane/pipeline/planted.h"
#include "dataplane/pipeline/shadow.h"
#include "dataplane/pipeline/speaker.h"
#include "dataplane/pipeline/splice.h"
#include "dataplane/pipeline/timers.h"

namespace bulkhead::pipeline {

namespace {

using flow::kNoSegment;
using flow::Packet;
using flow::Segment;
using flow::TcpSide;
using wire::sequence_distance;

// The part of a stream that stands whole and in order, and how much of it has been granted.
struct Stream {
  Context& context;
  const Packet& packet;
  Speaker speaker;
  TcpSide& side;
  std::uint32_t available = 0;
  std::uint32_t granted = 0;
  std::uint32_t fin = 0;  // 1 if the end of the stream follows the available bytes
  bool out_of_buffers = false;
  const Verdict* judged = nullptr;  // of the first message, if it was judged already

  ByteView peek(std::uint32_t length) const {
    return flow::peek(context.segments, side, granted, length, context.scratch);
  }
};

// What became of the next bytes of the stream.
enum class Next : std::uint8_t { granted, taken_out, wait, turned, refused };

// Asks the protocol how long the next message is, with as many bytes as it needs to tell.
protocols::Frame delimit(const Stream& stream) {
  constexpr std::uint32_t kFirstLook = 64;
  const protocols::Protocol& protocol = stream.context.protocol_of(*stream.packet.flow);
  const protocols::MessageContext way =
      stream.context.framing_context(*stream.packet.flow, direction_of(stream.packet));
  const std::uint32_t standing = stream.available - stream.granted;
  std::uint32_t look = std::min(standing, kFirstLook);
  for (;;) {
    const protocols::Frame frame = protocol.frame(stream.peek(look), way);
    const bool undecided = frame.fault == protocols::Fault::none && frame.length == 0;
    if (!undecided || frame.needed <= look || frame.needed > standing) return frame;
    look = static_cast<std::uint32_t>(frame.needed);
  }
}

void count_forwarded(const Stream& stream, std::uint32_t bytes) {
  ++stream.speaker.flow.packets[stream.speaker.end];
  stream.speaker.flow.bytes[stream.speaker.end] += bytes;
}

// What the segment acknowledges was true when it came; by now it may be so old that its receiver
// would drop it for that (RFC 5961, 5.2), or for its time stamp (RFC 7323, 5.2).
void renew_numbers(const Stream& stream, Segment& segment) {
  flow::TcpNumbers numbers = flow::numbers_from(stream.speaker.flow, stream.speaker.end);
  numbers.sequence = segment.sequence;
  if (planted(Mistake::keep_timestamps)) return;
  if (!flow::is_outdated(segment.mbuf, segment.transport_offset, numbers)) return;
  flow::write_numbers(segment.mbuf, segment.transport_offset, numbers);
}

// Sends the buffer and keeps a reference for as long as the receiver may need it again.
void send_and_retain(Stream& stream, std::uint32_t index) {
  Context& context = stream.context;
  if (stream.speaker.flow.spliced) return deliver(context, stream.speaker, index);
  Segment& segment = context.segments[index];
  flow::fit_frame(segment);
  renew_numbers(stream, segment);
  segment.out = segment.sequence;
  rte_mbuf* mbuf = segment.mbuf;
  count_forwarded(stream, mbuf->pkt_len);
  rte_mbuf_refcnt_update(mbuf, 1);
  replicate_if_more_under_way(context, stream.speaker);
  flow::retain(context.segments, stream.side, index);
  context.send_segment(stream.speaker.flow, mbuf, stream.speaker.other());
}

// The end of the stream, if it stands alone.
void release_end(Stream& stream) {
  flow::SegmentPool& pool = stream.context.segments;
  TcpSide& side = stream.side;
  const std::uint32_t first = side.held_first;
  if (first == kNoSegment || pool[first].length > 0 || pool[first].sequence != side.released) {
    return;
  }
  send_and_retain(stream, flow::take_front(pool, side, 0));
}

// Lets the granted bytes go, in as few segments as they fit: of several messages only those come
// here together that came in one. False if no buffer was there for a piece.
bool release(Stream& stream) {
  const std::uint32_t room = segment_room(stream.context, stream.speaker);
  std::uint32_t rest = std::exchange(stream.granted, 0);
  stream.available -= rest;
  if (rest > room) {
    note_split(stream.context, stream.speaker, stream.side.released, stream.side.released + rest);
  }
  while (rest > 0) {
    auto count = static_cast<std::uint16_t>(std::min(rest, room));
    if (planted(Mistake::cut_as_sent)) {
      count = std::min(count, stream.context.segments[stream.side.held_first].length);
    }
    const std::uint32_t index = flow::take_front(stream.context.segments, stream.side, count);
    if (index == kNoSegment) return false;
    rest -= count;
    send_and_retain(stream, index);
  }
  release_end(stream);
  return true;
}

// Whether the next bytes may leave in one segment with what is granted before them: if their sender
// put them into one, and one takes them. A segment begins where a message does, and ends where one
// does; where the sender cut is not to be seen behind the firewall.
bool goes_along(const Stream& stream, std::uint32_t count) {
  if (stream.granted == 0) return true;
  const Segment& first = stream.context.segments[stream.side.held_first];
  const std::uint32_t together = stream.granted + count;
  return together <= first.length && together <= segment_room(stream.context, stream.speaker);
}

Next out_of_buffers(Stream& stream) {
  stream.out_of_buffers = true;
  return Next::refused;
}

// Whether a message of the server's that is refused is to cost itself alone. Who sent it hears
// nothing of that, and whom it was for never knows of it.
bool is_dropped_alone(const flow::Flow& flow, const Verdict& verdict) {
  if (verdict.direction == protocols::Direction::request) return false;
  return verdict.reason == Reason::protocol_fault ? flow.drops_stray
                                                  : flow.on_deny == policy::OnDeny::reject;
}

// Pending refusals whose earlier requests are answered by now go behind the answer.
bool note_answer(Stream& stream) {
  if (stream.speaker.flow.pending_first == kNoSegment) return true;
  const bool due = count_answer(stream.context, stream.speaker.flow);
  if (!due || stream.side.unread > 0) return true;
  const bool released = release(stream);
  if (released) send_due_refusals(stream.context, stream.speaker, false);
  return released;
}

// Whether the message is an answer that needs a rule, of which its module has forgotten the request
// by taking it out: no other is to be waited for.
template <typename TakeOut>
bool ends_request(Stream& stream, const Verdict& verdict, TakeOut take_out) {
  Context& context = stream.context;
  flow::Flow& flow = stream.speaker.flow;
  const protocols::Protocol& protocol = context.protocol_of(flow);
  const auto waiting = [&] {
    return protocol.outstanding(context.flows.session(flow), context.now_ms());
  };
  const bool judged =
      verdict.function != kNoFunction &&
      protocol.catalogue().functions[verdict.function].initiator == protocols::Initiator::nobody;
  const std::size_t before = judged ? waiting() : 0;
  take_out();
  return judged && waiting() < before;
}

Next drop_message(Stream& stream, Verdict& verdict, std::uint32_t length) {
  const ByteView message = length == 0 ? ByteView{} : stream.peek(length);
  const bool answered = ends_request(stream, verdict, [&] {
    verdict.unsound = prepare_drop(stream.context, stream.speaker, message);
  });
  const bool alone = verdict.unsound == Unsound::none;
  if (alone) verdict.action = Action::drop;
  stream.context.observer.on_verdict(verdict, stream.packet);
  if (!alone) return Next::refused;
  if (!release(stream)) return out_of_buffers(stream);
  drop_answer(stream.context, stream.speaker, length);
  stream.available -= length;
  return !answered || note_answer(stream) ? Next::taken_out : out_of_buffers(stream);
}

// A message that is not granted: answered and taken out where the conduit says so and that is
// sound, else the end of the session.
Next refuse_message(Stream& stream, Verdict& verdict, std::uint32_t length) {
  const flow::Flow& flow = stream.speaker.flow;
  verdict.action = ending_action(flow);
  if (is_dropped_alone(flow, verdict)) return drop_message(stream, verdict, length);
  std::uint32_t refusal = kNoSegment;
  if (flow.on_deny == policy::OnDeny::reject) {
    const ByteView message = length == 0 ? ByteView{} : stream.peek(length);
    verdict.unsound = make_refusal(stream.context, stream.speaker, verdict, message, refusal);
    if (verdict.unsound == Unsound::none) verdict.action = Action::reject;
  }
  stream.context.observer.on_verdict(verdict, stream.packet);
  if (refusal == kNoSegment) return Next::refused;
  // The granted bytes before it keep their place in front of what the splice changes.
  if (!release(stream)) {
    flow::drop_list(stream.context.segments, refusal);
    stream.out_of_buffers = true;
    return Next::refused;
  }
  take_out_message(stream.context, stream.speaker.flow, length, refusal);
  stream.available -= length;
  return Next::taken_out;
}

// Reports what enforcing would refuse; the message has passed. `length`: 0 if it could not be
// delimited. False if nobody knows whether it was one.
bool foretell(Stream& stream, Verdict& verdict, std::uint32_t length) {
  const ByteView message = length == 0 ? ByteView{} : stream.peek(length);
  verdict.action = foretell_action(stream.context, stream.speaker, verdict, message);
  const bool sure = !stream.speaker.flow.is_lost(stream.speaker.end);
  if (!sure) {
    verdict.reason = Reason::not_judged;
    verdict.fault = protocols::Fault::none;
  }
  stream.context.observer.on_verdict(verdict, stream.packet);
  return sure;
}

// The stream goes on at a message that begins with its sender's next segment.
Next give_up(Stream& stream) {
  if (!release(stream)) return out_of_buffers(stream);
  lose_track(stream.context, stream.speaker);
  stream.available = 0;
  return Next::wait;
}

Next refuse_undelimited(Stream& stream, Reason reason, protocols::Fault fault) {
  const std::uint32_t standing = stream.available - stream.granted;
  const ByteView beginning =
      stream.peek(std::min<std::uint32_t>(standing, Event::kMessageBytesMax));
  Verdict verdict = refused_message(stream.packet, reason, fault, beginning);
  if (stream.context.shadow == nullptr) return refuse_message(stream, verdict, 0);
  foretell(stream, verdict, 0);
  return give_up(stream);
}

// Bytes of a long message whose head was granted, in whole segments but for the last.
Next pass_unread(Stream& stream) {
  const std::uint32_t standing = stream.available - stream.granted;
  std::uint32_t count = stream.side.unread;
  if (standing < count) {
    const std::uint32_t room = segment_room(stream.context, stream.speaker);
    count = standing - standing % room;
  }
  if (count == 0) return Next::wait;
  stream.side.unread -= count;
  stream.granted += count;
  return release(stream) ? Next::granted : out_of_buffers(stream);
}

// In a session from which messages were taken out its ends count them differently. What leaves in
// another form than it came makes the session carried: only our own copy goes again. False if that
// cannot be.
bool renumber(Stream& stream, std::uint32_t length) {
  flow::Flow& flow = stream.speaker.flow;
  if (!stream.context.is_numbered(flow) || stream.context.shadow != nullptr) return true;
  const protocols::NumberedMessages& numbered = *stream.context.module_of(flow).numbered;
  std::array<std::uint8_t, protocols::kNumberedBytesMax> first_bytes;
  const std::size_t count = std::min<std::size_t>(numbered.numbered_bytes(), length);
  if (count == 0 || count > first_bytes.size()) return true;
  const ByteView standing = stream.peek(static_cast<std::uint32_t>(count));
  if (!flow.spliced && !numbered.is_rewritten(standing)) return true;
  std::copy(standing.begin(), standing.end(), first_bytes.begin());
  if (!flow.spliced && (!release(stream) || !begin_splice(stream.context, flow))) return false;
  numbered.renumber(stream.context.flows.session(stream.speaker.flow), direction_of(stream.packet),
                    {first_bytes.data(), count});
  flow::poke(stream.context.segments, stream.side, stream.granted, {first_bytes.data(), count});
  return true;
}

// What was granted, and may be cut anywhere, is a message or several. A long one that is judged by
// its head begins in a segment of its own, and so does what comes behind it.
Next grant(Stream& stream, std::uint32_t count, std::size_t length) {
  if (!renumber(stream, count)) return out_of_buffers(stream);
  const bool long_message = length > count;
  if ((long_message || !goes_along(stream, count)) && !release(stream)) {
    return out_of_buffers(stream);
  }
  if (long_message) {
    note_split(stream.context, stream.speaker, stream.side.released,
               stream.side.released + static_cast<std::uint32_t>(length));
    stream.side.unread = static_cast<std::uint32_t>(length);
    return pass_unread(stream);
  }
  stream.granted += count;
  return Next::granted;
}

// A message that is too long to be held, in a session that is judged beside.
Next pass_too_long(Stream& stream, std::size_t length) {
  Verdict verdict =
      refused_message(stream.packet, Reason::message_too_long, protocols::Fault::none);
  return foretell(stream, verdict, 0) ? grant(stream, 0, length) : give_up(stream);
}

Next judge_next(Stream& stream) {
  if (stream.side.unread > 0) return pass_unread(stream);
  const protocols::Frame frame = delimit(stream);
  if (frame.fault != protocols::Fault::none) {
    return refuse_undelimited(stream, Reason::protocol_fault, frame.fault);
  }
  const std::size_t limit = stream.context.limits().held_bytes;
  const bool by_head = frame.length > limit && frame.head > 0 && frame.head <= limit;
  if ((frame.length > limit && !by_head) || frame.needed > std::max(limit, frame.length)) {
    if (stream.context.shadow != nullptr && frame.length > limit) {
      return pass_too_long(stream, frame.length);
    }
    return refuse_undelimited(stream, Reason::message_too_long, protocols::Fault::none);
  }
  const std::size_t wanted = by_head ? frame.head : frame.length;
  if (frame.length == 0 || wanted > stream.available - stream.granted) return Next::wait;
  const auto count = static_cast<std::uint32_t>(wanted);
  Verdict verdict;
  if (stream.judged != nullptr) {
    verdict = *std::exchange(stream.judged, nullptr);
  } else {
    judge_message(stream.context, stream.packet, stream.peek(count), frame.length, verdict);
  }
  if (planted(Mistake::judge_first_only) && stream.granted > 0) verdict.reason = Reason::granted;
  if (planted(Mistake::forward_strays) && !stream.packet.from_client) {
    verdict.reason = Reason::answers_request;
  }
  if (is_allowed(verdict.reason)) {
    stream.context.observer.on_verdict(verdict, stream.packet);
  } else if (stream.context.shadow == nullptr) {
    return refuse_message(stream, verdict, by_head ? 0 : count);
  } else if (!foretell(stream, verdict, by_head ? 0 : count)) {
    return give_up(stream);
  }
  const Next next = grant(stream, count, frame.length);
  if (frame.turns && next == Next::granted) {
    return release(stream) ? Next::turned : out_of_buffers(stream);
  }
  const bool sound = stream.packet.from_client || note_answer(stream);
  return sound ? next : out_of_buffers(stream);
}

// Whether the sender's FIN follows the contiguous bytes.
std::uint32_t find_end(const Stream& stream) {
  const std::uint32_t end = stream.side.released + stream.available;
  for (std::uint32_t i = stream.side.held_first; i != kNoSegment;
       i = stream.context.segments[i].next) {
    const Segment& segment = stream.context.segments[i];
    if (segment.end() == end && segment.fin) return 1;
  }
  return 0;
}

Next judge_all(Stream& stream) {
  Next next = Next::wait;
  while (stream.granted < stream.available) {
    next = judge_next(stream);
    if (next >= Next::wait) break;
  }
  const bool unfinished = next == Next::wait && stream.granted < stream.available;
  if ((unfinished || stream.side.unread > 0) && find_end(stream) != 0) {
    return refuse_undelimited(stream, Reason::stream_ended_in_message, protocols::Fault::none);
  }
  return next;
}

// Bytes of an unfinished message stay: their sender may wait for an acknowledgement, but not we for
// the rest without end.
void await_rest(Stream& stream, bool progress) {
  Context& context = stream.context;
  TcpSide& side = stream.side;
  const bool unfinished = side.held_count > 0;
  if (!unfinished && !side.awaits_rest && !stream.speaker.flow.spliced) return;
  const bool unacknowledged =
      sequence_distance(side.released + stream.available, side.acknowledged) > 0;
  const TimeNs pause_ns = context.limits().acknowledge_held_ns;
  const bool stands = stream.available > 0 || stream.speaker.flow.pending_first != kNoSegment;
  const bool timed = stands && unacknowledged && pause_ns != 0;
  flow::HoldTimes& hold = stream.speaker.flow.hold[stream.speaker.end];
  hold.deadline_ns = timed ? context.now_ns + pause_ns : 0;
  if (!unfinished || progress) hold.since_ns = 0;
  if (unfinished && hold.since_ns == 0) hold.since_ns = context.now_ns;
  side.awaits_rest = unfinished || timed;
  schedule(context, stream.speaker.flow);
}

// A server that closes its side gets the refusals that still wait in before the end.
void refuse_before_end(Stream& stream) {
  const bool pending = stream.speaker.flow.pending_first != kNoSegment;
  if (stream.packet.from_client || !pending || stream.side.unread > 0) return;
  if (find_end(stream) != 0) send_due_refusals(stream.context, stream.speaker, true);
}

// Whether it can leave as it is: nothing that its receiver could drop it for is out of date.
bool says_the_newest(const Packet& packet) {
  const flow::Flow& flow = *packet.flow;
  const std::size_t end = packet.from_client ? flow::kClient : flow::kServer;
  return packet.tcp.acknowledgement == flow.sides[1 - end].acknowledged &&
         (!packet.tcp.has_timestamps || packet.tcp.timestamp == flow.sides[end].timestamp);
}

// The message that was granted last makes its sender the session's server.
void turn(Context& context, Packet& packet) {
  flow::reverse_roles(*packet.flow);
  packet.from_client = !packet.from_client;
  context.replicate_first(*packet.flow);
}

// Nothing is held or owed, and the segment brings what comes next and no end.
bool may_be_whole(const Context& context, const Packet& packet, const Segment& segment) {
  const flow::Flow& flow = *packet.flow;
  const TcpSide& side = flow.sides[packet.from_client ? flow::kClient : flow::kServer];
  const bool plain = !flow.spliced && flow.pending_first == kNoSegment && side.held_count == 0 &&
                     side.unread == 0 && !side.awaits_rest;
  return plain && segment.sequence == side.released && (packet.tcp.flags & wire::kTcpFin) == 0 &&
         segment.length > 0 && segment.length == packet.payload_length &&
         fits_one_segment(context, speaker_of(packet), segment.length) &&
         context.segments.available() > 0 && says_the_newest(packet);
}

}  // namespace

Whole pass_whole_message(Context& context, Packet& packet, const Segment& segment,
                         Verdict& verdict) {
  if (!may_be_whole(context, packet, segment)) return Whole::no;
  const Speaker speaker = speaker_of(packet);
  const ByteView message = packet.payload();
  const protocols::Frame frame =
      context.protocol_of(speaker.flow)
          .frame(message, context.framing_context(speaker.flow, direction_of(packet)));
  if (frame.fault != protocols::Fault::none || frame.length != message.size()) return Whole::no;
  if (context.is_numbered(speaker.flow) &&
      context.module_of(speaker.flow).numbered->is_rewritten(message)) {
    return Whole::no;
  }
  judge_message(context, packet, message, frame.length, verdict);
  if (!is_allowed(verdict.reason)) return Whole::refused;
  context.observer.on_verdict(verdict, packet);
  learn_speaker(context, packet);
  TcpSide& side = speaker.side();
  side.released = segment.end();
  replicate_if_more_under_way(context, speaker);
  flow::retain(context.segments, side, context.segments.take_leaving(segment));
  ++speaker.flow.packets[speaker.end];
  speaker.flow.bytes[speaker.end] += packet.mbuf->pkt_len;
  if (packet.trailer.is_present()) flow::put_trailer(packet);
  context.send(speaker.flow, packet.mbuf, speaker.other());
  packet.mbuf = nullptr;
  if (frame.turns) turn(context, packet);
  return Whole::passed;
}

void inspect_stream(Context& context, Packet& packet, const Verdict* judged) {
  const Speaker speaker = speaker_of(packet);
  TcpSide& side = speaker.side();
  Stream stream{context, packet, speaker, side, flow::contiguous_bytes(context.segments, side), 0};
  stream.judged = judged;
  learn_speaker(context, packet);
  refuse_before_end(stream);
  const std::uint32_t released = side.released;
  const Next next = judge_all(stream);
  if (next == Next::turned) {
    turn(context, packet);
    return inspect_stream(context, packet);  // what else it said
  }
  const bool refused = next == Next::refused && !stream.out_of_buffers;
  if (planted(Mistake::release_early) && !refused) stream.granted = stream.available;
  if (stream.out_of_buffers || !release(stream)) {
    Verdict verdict = refused_message(packet, Reason::out_of_buffers, protocols::Fault::none);
    verdict.action = ending_action(speaker.flow);
    context.observer.on_verdict(verdict, packet);
    refuse_session(context, speaker);
  } else if (refused) {
    refuse_session(context, speaker);
  } else {
    // Once a message was finished, what is held now began later.
    await_rest(stream, side.released != released);
  }
}

}  // namespace bulkhead::pipeline
