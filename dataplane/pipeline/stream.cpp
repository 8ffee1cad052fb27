// Streams: messages are delimited in what has arrived in order, judged one by one, and released up
// to the last boundary that was granted. No byte of a message leaves before its verdict.
#include <algorithm>

#include "dataplane/flow/packet_edit.h"
#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

namespace {

using flow::Packet;
using flow::Segment;
using flow::TcpSide;
using wire::sequence_distance;

// The part of a stream that stands whole and in order, and how much of it has been granted.
struct Stream {
  Context& context;
  const Packet& packet;
  TcpSide& side;
  std::uint32_t available = 0;
  std::uint32_t granted = 0;

  ByteView peek(std::uint32_t length) const {
    return flow::peek(context.segments, side, granted, length, context.scratch);
  }
};

enum class Next : std::uint8_t { message, wait, refused };

// Asks the protocol how long the next message is, with as many bytes as it needs to tell.
protocols::Frame delimit(const Stream& stream) {
  constexpr std::uint32_t kFirstLook = 64;
  const protocols::Protocol& protocol = *protocols::registry()[stream.packet.flow->protocol];
  const protocols::Direction direction =
      stream.packet.from_client ? protocols::Direction::request : protocols::Direction::response;
  const std::uint32_t standing = stream.available - stream.granted;
  std::uint32_t look = std::min(standing, kFirstLook);
  for (;;) {
    const protocols::Frame frame = protocol.frame(stream.peek(look), direction);
    const bool undecided = frame.fault == protocols::Fault::none && frame.length == 0;
    if (!undecided || frame.needed <= look || frame.needed > standing) return frame;
    look = static_cast<std::uint32_t>(frame.needed);
  }
}

Next judge_next(Stream& stream) {
  const protocols::Frame frame = delimit(stream);
  if (frame.fault != protocols::Fault::none) {
    tell_message_refused(stream.context, stream.packet, Reason::protocol_fault, frame.fault);
    return Next::refused;
  }
  if (frame.length > flow::kHeldBytesMax || frame.needed > flow::kHeldBytesMax) {
    tell_message_refused(stream.context, stream.packet, Reason::message_too_long,
                         protocols::Fault::none);
    return Next::refused;
  }
  if (frame.length == 0 || frame.length > stream.available - stream.granted) return Next::wait;
  const auto length = static_cast<std::uint32_t>(frame.length);
  if (!judge_message(stream.context, stream.packet, stream.peek(length))) return Next::refused;
  stream.granted += length;
  return Next::message;
}

// The contiguous bytes end the stream, but not at a boundary.
bool ends_in_message(Stream& stream) {
  if (stream.available == stream.granted) return false;
  const std::uint32_t end = stream.side.released + stream.available;
  for (std::uint32_t i = stream.side.held_first; i != flow::kNoSegment;
       i = stream.context.segments[i].next) {
    const Segment& segment = stream.context.segments[i];
    if (segment.end() == end && segment.fin) return true;
  }
  return false;
}

Next judge_all(Stream& stream) {
  Next next = Next::wait;
  while (stream.granted < stream.available) {
    next = judge_next(stream);
    if (next != Next::message) break;
  }
  if (next == Next::wait && ends_in_message(stream)) {
    tell_message_refused(stream.context, stream.packet, Reason::stream_ended_in_message,
                         protocols::Fault::none);
    return Next::refused;
  }
  return next;
}

void unlink_first(flow::SegmentPool& pool, TcpSide& side) {
  const std::uint32_t index = side.held_first;
  side.held_first = pool[index].next;
  if (side.held_first == flow::kNoSegment) side.held_last = flow::kNoSegment;
  side.held_bytes -= pool[index].length;
  --side.held_count;
}

void count_forwarded(const Stream& stream, std::uint32_t bytes) {
  const std::size_t side = stream.packet.from_client ? flow::kClient : flow::kServer;
  ++stream.packet.flow->packets[side];
  stream.packet.flow->bytes[side] += bytes;
}

// Sends the buffer and keeps a reference for as long as a retransmission must be compared.
void send_and_retain(Stream& stream, std::uint32_t index) {
  Context& context = stream.context;
  rte_mbuf* mbuf = context.segments[index].mbuf;
  count_forwarded(stream, mbuf->pkt_len);
  if (context.segments[index].length > 0) {
    rte_mbuf_refcnt_update(mbuf, 1);
    flow::retain(context.segments, stream.side, index);
  } else {
    context.segments[index].mbuf = nullptr;
    context.segments.give_back(index);
  }
  context.output.transmit(mbuf, port_towards_receiver(stream.packet));
}

// The first `count` bytes of the first held segment leave in a frame of their own.
bool send_head(Stream& stream, std::uint16_t count) {
  flow::SegmentPool& pool = stream.context.segments;
  Segment& first = pool[stream.side.held_first];
  Segment head = first;
  head.mbuf = flow::copy_head(first, count);
  if (head.mbuf == nullptr) return false;
  head.length = count;
  head.fin = false;
  const std::uint8_t* bytes = rte_pktmbuf_mtod(head.mbuf, const std::uint8_t*);
  head.payload_offset = static_cast<std::uint16_t>(head.transport_offset +
                                                   (bytes[head.transport_offset + 12] >> 4) * 4);
  const std::uint32_t index = pool.take(head);
  if (index == flow::kNoSegment) {
    rte_pktmbuf_free(head.mbuf);
    return false;
  }
  first.sequence += count;
  first.payload_offset = static_cast<std::uint16_t>(first.payload_offset + count);
  first.length = static_cast<std::uint16_t>(first.length - count);
  stream.side.held_bytes -= count;
  send_and_retain(stream, index);
  return true;
}

// Lets the granted bytes go; false if no buffer was there for a split.
bool release(Stream& stream) {
  flow::SegmentPool& pool = stream.context.segments;
  TcpSide& side = stream.side;
  const std::uint32_t target = side.released + stream.granted;
  while (side.held_first != flow::kNoSegment) {
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
    flow::fit_frame(segment);
    send_and_retain(stream, index);
    if (side.fin_released) return true;
  }
  return true;
}

struct Resets {
  rte_mbuf* to_receiver = nullptr;
  rte_mbuf* to_sender = nullptr;
};

// Both ends get a reset at exactly the number that they expect next.
Resets make_resets(const Packet& packet, std::uint32_t granted) {
  const flow::Flow& flow = *packet.flow;
  Resets resets;
  if (flow.on_deny != policy::OnDeny::reset) return resets;
  const TcpSide& side = flow.sides[packet.from_client ? flow::kClient : flow::kServer];
  const TcpSide& other = flow.sides[packet.from_client ? flow::kServer : flow::kClient];
  resets.to_receiver =
      flow::make_reset(packet, false, {side.released + granted, other.released, true});
  resets.to_sender = flow::make_reset(
      packet, true, {other.released, packet.tcp.sequence + packet.payload_length, true});
  return resets;
}

void send_resets(Context& context, const Packet& packet, const Resets& resets) {
  if (resets.to_receiver != nullptr) {
    context.output.transmit(resets.to_receiver, port_towards_receiver(packet));
  }
  if (resets.to_sender != nullptr) context.output.transmit(resets.to_sender, packet.port);
}

void mark_cut(Context& context, const Packet& packet) {
  flow::Flow& flow = *packet.flow;
  flow.refused = true;
  for (TcpSide& each : flow.sides) flow::drop_all(context.segments, each);
}

}  // namespace

void inspect_stream(Context& context, Packet& packet) {
  flow::Flow& flow = *packet.flow;
  TcpSide& side = flow.sides[packet.from_client ? flow::kClient : flow::kServer];
  Stream stream{context, packet, side, flow::contiguous_bytes(context.segments, side), 0};
  const bool refused = judge_all(stream) == Next::refused;
  // Made before the release, which may give this packet's buffer away.
  const Resets resets = refused ? make_resets(packet, stream.granted) : Resets{};
  context.macs.learn(packet.ethernet.source, packet.port, context.now_ns);
  const bool released = release(stream);
  if (refused) {
    send_resets(context, packet, resets);
    mark_cut(context, packet);
  } else if (!released) {
    tell_message_refused(context, packet, Reason::out_of_buffers, protocols::Fault::none);
    mark_cut(context, packet);
  }
}

void cut_session(Context& context, const Packet& packet) {
  if ((packet.tcp.flags & (wire::kTcpSyn | wire::kTcpRst)) == 0) {
    send_resets(context, packet, make_resets(packet, 0));
  }
  mark_cut(context, packet);
}

void answer_with_reset(Context& context, const Packet& packet) {
  // RFC 9293, 3.5.2, group 1: the numbers come from what the sender said.
  const bool syn = (packet.tcp.flags & wire::kTcpSyn) != 0;
  const bool has_ack = (packet.tcp.flags & wire::kTcpAck) != 0;
  flow::ResetNumbers numbers;
  numbers.sequence = has_ack ? packet.tcp.acknowledgement : 0;
  numbers.acknowledgement = packet.tcp.sequence + packet.payload_length + (syn ? 1U : 0U);
  numbers.with_acknowledgement = !has_ack;
  rte_mbuf* reset = flow::make_reset(packet, true, numbers);
  if (reset != nullptr) context.output.transmit(reset, packet.port);
}

}  // namespace bulkhead::pipeline
