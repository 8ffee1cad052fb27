// Streams: messages are delimited in what has arrived in order, judged one by one, and released up
// to the last boundary that was granted. No byte of a message leaves before its verdict.
#include <algorithm>
#include <utility>

#include "dataplane/pipeline/deliver.h"
#include "dataplane/pipeline/ending.h"
#include "dataplane/pipeline/planted.h"
#include "dataplane/pipeline/splice.h"

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
enum class Next : std::uint8_t { granted, taken_out, wait, refused };

// Asks the protocol how long the next message is, with as many bytes as it needs to tell.
protocols::Frame delimit(const Stream& stream) {
  constexpr std::uint32_t kFirstLook = 64;
  const protocols::Protocol& protocol = stream.context.protocol_of(*stream.packet.flow);
  const protocols::MessageContext way =
      stream.context.message_context(*stream.packet.flow, direction_of(stream.packet));
  const std::uint32_t standing = stream.available - stream.granted;
  std::uint32_t look = std::min(standing, kFirstLook);
  for (;;) {
    const protocols::Frame frame = protocol.frame(stream.peek(look), way);
    const bool undecided = frame.fault == protocols::Fault::none && frame.length == 0;
    if (!undecided || frame.needed <= look || frame.needed > standing) return frame;
    look = static_cast<std::uint32_t>(frame.needed);
  }
}

void unlink_first(flow::SegmentPool& pool, TcpSide& side) {
  const std::uint32_t index = side.held_first;
  side.held_first = pool[index].next;
  if (side.held_first == kNoSegment) side.held_last = kNoSegment;
  side.held_bytes -= pool[index].length;
  --side.held_count;
}

void count_forwarded(const Stream& stream, std::uint32_t bytes) {
  ++stream.speaker.flow.packets[stream.speaker.end];
  stream.speaker.flow.bytes[stream.speaker.end] += bytes;
}

// Whether the next bytes came in one segment.
bool is_in_one_segment(const Stream& stream, std::uint32_t count) {
  flow::SegmentPool& pool = stream.context.segments;
  if (stream.side.held_count <= 1) return true;
  const std::uint32_t begin = stream.side.released + stream.granted;
  for (std::uint32_t i = stream.side.held_first; i != kNoSegment; i = pool[i].next) {
    if (sequence_distance(begin, pool[i].end()) >= 0) continue;
    return sequence_distance(begin + count, pool[i].end()) <= 0;
  }
  return false;
}

// Sends the buffer and keeps a reference for as long as a retransmission must be compared.
void send_and_retain(Stream& stream, std::uint32_t index) {
  Context& context = stream.context;
  if (stream.speaker.flow.carried) return deliver(context, stream.speaker, index);
  Segment& segment = context.segments[index];
  flow::fit_frame(segment);
  segment.out = segment.sequence;
  rte_mbuf* mbuf = segment.mbuf;
  count_forwarded(stream, mbuf->pkt_len);
  rte_mbuf_refcnt_update(mbuf, 1);
  flow::retain(context.segments, stream.side, index);
  context.send(stream.speaker.flow, mbuf, port_towards_receiver(stream.packet));
}

// The first `count` bytes of the first held segment leave in a frame of their own.
bool send_head(Stream& stream, std::uint16_t count) {
  flow::SegmentPool& pool = stream.context.segments;
  Segment head = pool[stream.side.held_first];
  head.mbuf = flow::copy_head(head, count);
  if (head.mbuf == nullptr) return false;
  head.length = count;
  head.fin = false;
  head.edited = false;
  head.payload_offset = static_cast<std::uint16_t>(head.mbuf->data_len - count);
  const std::uint32_t index = pool.take(head);
  if (index == kNoSegment) {
    rte_pktmbuf_free(head.mbuf);
    return false;
  }
  pool[stream.side.held_first].cut_front(count);
  stream.side.held_bytes -= count;
  send_and_retain(stream, index);
  return true;
}

// Lets the granted bytes go; false if no buffer was there for a split.
bool release(Stream& stream) {
  flow::SegmentPool& pool = stream.context.segments;
  TcpSide& side = stream.side;
  const std::uint32_t target = side.released + stream.granted;
  stream.available -= stream.granted;
  stream.granted = 0;
  while (side.held_first != kNoSegment) {
    const std::uint32_t index = side.held_first;
    Segment& segment = pool[index];
    if (segment.sequence != side.released) return true;
    if (sequence_distance(segment.end(), target) > 0) {
      const std::int32_t count = sequence_distance(target, segment.sequence);
      if (count > 0 && !send_head(stream, static_cast<std::uint16_t>(count))) return false;
      side.released = target;
      return true;
    }
    unlink_first(pool, side);
    side.released = segment.end() + (segment.fin ? 1U : 0U);
    side.fin_released = segment.fin;
    send_and_retain(stream, index);
    if (side.fin_released) return true;
  }
  return true;
}

// A message that is not granted: answered and taken out where the conduit says so and that is
// sound, else the end of the session.
Next refuse_message(Stream& stream, Verdict& verdict, std::uint32_t length) {
  const flow::Flow& flow = stream.speaker.flow;
  verdict.action = ending_action(flow);
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

Next refuse_undelimited(Stream& stream, Reason reason, protocols::Fault fault) {
  Verdict verdict = refused_message(stream.packet, reason, fault);
  return refuse_message(stream, verdict, 0);
}

// Bytes of a long message whose head was granted.
Next pass_unread(Stream& stream) {
  const std::uint32_t count = std::min(stream.side.unread, stream.available - stream.granted);
  stream.side.unread -= count;
  stream.granted += count;
  return Next::granted;
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

// In a session from which messages were taken out its ends count them differently.
void renumber(Stream& stream, std::uint32_t length) {
  const protocols::Protocol& protocol = stream.context.protocol_of(stream.speaker.flow);
  std::array<std::uint8_t, protocols::kNumberedBytesMax> first_bytes;
  const std::size_t count = std::min<std::size_t>(protocol.numbered_bytes(), length);
  if (count == 0 || count > first_bytes.size()) return;
  const ByteView standing = stream.peek(static_cast<std::uint32_t>(count));
  std::copy(standing.begin(), standing.end(), first_bytes.begin());
  protocol.renumber(stream.context.flows.session(stream.speaker.flow), direction_of(stream.packet),
                    {first_bytes.data(), count});
  flow::poke(stream.context.segments, stream.side, stream.granted, {first_bytes.data(), count});
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
  if (!is_allowed(verdict.reason)) {
    if (by_head) return refuse_message(stream, verdict, 0);
    return refuse_message(stream, verdict, count);
  }
  stream.context.observer.on_verdict(verdict, stream.packet);
  if (stream.speaker.flow.carried) renumber(stream, count);
  if (by_head || !is_in_one_segment(stream, count)) {
    const std::uint32_t begin = stream.side.released + stream.granted;
    note_split(stream.context, stream.speaker, begin,
               begin + static_cast<std::uint32_t>(frame.length));
  }
  stream.granted += count;
  stream.side.unread = static_cast<std::uint32_t>(frame.length - wanted);
  if (!stream.packet.from_client && !note_answer(stream)) {
    stream.out_of_buffers = true;
    return Next::refused;
  }
  return Next::granted;
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
    if (next == Next::wait || next == Next::refused) break;
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
  if (!unfinished && !side.awaits_rest && !stream.speaker.flow.carried) return;
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

// Nothing is held or owed, and the segment brings what comes next and no end.
bool may_be_whole(const Context& context, const Packet& packet, const Segment& segment) {
  const flow::Flow& flow = *packet.flow;
  const TcpSide& side = flow.sides[packet.from_client ? flow::kClient : flow::kServer];
  const bool plain = !flow.carried && flow.pending_first == kNoSegment && side.held_count == 0 &&
                     side.unread == 0 && !side.awaits_rest;
  return plain && segment.sequence == side.released && (packet.tcp.flags & wire::kTcpFin) == 0 &&
         segment.length > 0 && segment.length == packet.payload_length &&
         segment.length <= context.limits().held_bytes && context.segments.available() > 0;
}

}  // namespace

Whole pass_whole_message(Context& context, Packet& packet, const Segment& segment,
                         Verdict& verdict) {
  if (!may_be_whole(context, packet, segment)) return Whole::no;
  const Speaker speaker = speaker_of(packet);
  const ByteView message = packet.payload();
  const protocols::Frame frame =
      context.protocol_of(speaker.flow)
          .frame(message, context.message_context(speaker.flow, direction_of(packet)));
  if (frame.fault != protocols::Fault::none || frame.length != message.size()) return Whole::no;
  judge_message(context, packet, message, frame.length, verdict);
  if (!is_allowed(verdict.reason)) return Whole::refused;
  context.observer.on_verdict(verdict, packet);
  context.macs.learn(packet.ethernet.source, packet.port, context.now_ns);
  TcpSide& side = speaker.side();
  side.released = segment.end();
  flow::retain(context.segments, side, context.segments.take_leaving(segment));
  ++speaker.flow.packets[speaker.end];
  speaker.flow.bytes[speaker.end] += packet.mbuf->pkt_len;
  context.send(speaker.flow, packet.mbuf, port_towards_receiver(packet));
  packet.mbuf = nullptr;
  return Whole::passed;
}

void inspect_stream(Context& context, Packet& packet, const Verdict* judged) {
  const Speaker speaker = speaker_of(packet);
  TcpSide& side = speaker.side();
  Stream stream{context, packet, speaker, side, flow::contiguous_bytes(context.segments, side), 0};
  stream.judged = judged;
  context.macs.learn(packet.ethernet.source, packet.port, context.now_ns);
  refuse_before_end(stream);
  const std::uint32_t released = side.released;
  const bool refused = judge_all(stream) == Next::refused && !stream.out_of_buffers;
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
