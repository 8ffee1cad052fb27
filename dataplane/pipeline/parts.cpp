// What a sender could choose so that its receiver gets some parts of a message and not the others
// (addresses, hop limit, class, length) must be the same in all; what is lost all the same is the
// protocol's matter, see SpanningMessages::may_leave_in_parts().
#include "dataplane/pipeline/parts.h"

#include <algorithm>
#include <cstring>

#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/packet_ends.h"
#include "dataplane/pipeline/places.h"

namespace bulkhead::pipeline {

namespace {

using flow::Flow;
using flow::kNoSegment;
using flow::Packet;
using flow::Segment;
using protocols::Part;

// RFC 791, 3.1: every host and every path takes a packet of 576 bytes.
constexpr std::size_t kRequestPartMax = 576 - wire::kIpv4HeaderBytes - 8;

Packet packet_of(const Holder& holder, const Segment& part) {
  const Flow& flow = holder.flow;
  const bool from_client = holder.end == flow::kClient;
  Packet packet;
  packet.mbuf = part.mbuf;
  packet.frame = part.sequence;
  packet.port = part.mbuf->port;
  wire::parse_ethernet(packet.frame_bytes(), packet.ethernet);
  packet.ip.source = from_client ? flow.client() : flow.server();
  packet.ip.destination = from_client ? flow.server() : flow.client();
  packet.ip.version = packet.ip.source.is_v4() ? 4 : 6;
  packet.ip.protocol = wire::kProtocolUdp;
  packet.ip_offset = packet.ethernet.payload_offset;
  packet.transport_offset = part.transport_offset;
  packet.udp.source_port = from_client ? flow.client_port() : flow.server_port();
  packet.udp.destination_port = from_client ? flow.server_port() : flow.client_port();
  packet.payload_offset = part.payload_offset;
  packet.payload_length = part.length;
  packet.key = flow.key;
  packet.source_is_low = flow.client_is_low == from_client;
  packet.flow = &holder.flow;
  packet.from_client = from_client;
  return packet;
}

// Whether a message may begin with the datagram: it leaves to one host, as it came.
bool may_begin(const Packet& packet) {
  return packet.flow->transport == policy::Transport::udp && !packet.flow->whole_only &&
         !packet.ethernet.destination.is_group() && !packet.reassembled &&
         !packet.trailer.is_present();
}

// Whether all that decides the way of a datagram is as in the first.
bool goes_alike(const Packet& packet, const Segment& first) {
  if (!may_begin(packet) || packet.transport_offset != first.transport_offset ||
      packet.payload_offset != first.payload_offset) {
    return false;
  }
  const std::uint8_t* one = rte_pktmbuf_mtod(first.mbuf, const std::uint8_t*);
  const std::uint8_t* other = packet.bytes();
  const auto same = [&](std::size_t at, std::size_t count) {
    return std::memcmp(one + at, other + at, count) == 0;
  };
  const std::size_t ip = packet.ip_offset;
  const bool same_way = packet.ip.version == 4
                            ? same(ip, 2) && same(ip + 6, 3)   // class; may be cut; hop limit
                            : same(ip, 4) && same(ip + 7, 1);  // class and flow label; hop limit
  const std::size_t checksum = packet.transport_offset + std::size_t{6};
  return same(0, ip) && same_way &&
         (load_be16(one + checksum) == 0) == (load_be16(other + checksum) == 0);
}

// A part takes what is free but for the last quarter, which is kept for whole messages of streams.
bool may_hold(const Context& context, const Holder& holder, std::size_t bytes) {
  const flow::TcpSide& side = holder.side();
  const flow::SegmentPool& pool = context.segments;
  return side.held_count + 1 < kPartsMax && side.held_bytes + bytes <= context.scratch.size() &&
         pool.available() > pool.capacity() / 4 && pool.may_take(holder.flow);
}

void hold(Context& context, const Holder& holder, Packet& packet) {
  flow::TcpSide& side = holder.side();
  Segment part;
  part.mbuf = packet.mbuf;
  part.sequence = packet.frame;
  part.transport_offset = packet.transport_offset;
  part.payload_offset = packet.payload_offset;
  part.length = packet.payload_length;
  flow::append(context.segments, side.held_first, side.held_last, context.segments.take(part));
  packet.mbuf = nullptr;
  side.held_bytes += part.length;
  ++side.held_count;
  context.segments.settle(holder.flow);
  if (side.held_count > 1) return;
  holder.flow.hold[holder.end].since_ns = context.now_ns;
  const std::uint32_t timer = context.flows.index_of(holder.flow);
  if (holder.flow.hold[1 - holder.end].since_ns == 0) {
    context.timers.arm(timer, context.now_ns + context.limits().fragments_ns);
  }
}

// All parts in one piece, in the scratch memory, or nothing where they are more than it takes.
Collected join(Context& context, const Holder& holder, const Packet& packet) {
  const flow::TcpSide& side = holder.side();
  const std::size_t size = std::size_t{side.held_bytes} + packet.payload_length;
  if (size > context.scratch.size()) return {};
  Collected joined{{context.scratch.data(), size}, true};
  std::uint8_t* to = context.scratch.data();
  const auto copy = [&](ByteView bytes) {
    to = std::copy(bytes.begin(), bytes.end(), to);
    joined.longest = std::max(joined.longest, bytes.size());
  };
  for (std::uint32_t i = side.held_first; i != kNoSegment; i = context.segments[i].next) {
    copy(context.segments.payload(i));
  }
  copy(packet.payload());
  return joined;
}

// Takes the parts off the flow, each as a packet whose buffer is the caller's then.
template <typename Take>
void consume_parts(Context& context, const Holder& holder, Take take) {
  flow::TcpSide& side = holder.side();
  for (std::uint32_t i = side.held_first; i != kNoSegment;) {
    Packet packet = packet_of(holder, context.segments[i]);
    const std::uint32_t next = context.segments[i].next;
    context.segments[i].mbuf = nullptr;
    context.segments.give_back(i);
    i = next;
    take(packet);
  }
  side.held_first = side.held_last = kNoSegment;
  side.held_bytes = side.held_count = 0;
  holder.flow.hold[holder.end] = {};
  context.segments.settle(holder.flow);
}

}  // namespace

Collected collect(Context& context, Packet& packet) {
  const Collected alone{packet.payload()};
  const protocols::SpanningMessages* spanning = context.module_of(*packet.flow).spanning;
  if (spanning == nullptr) return alone;
  const Holder holder{*packet.flow, sender_of(packet)};
  flow::TcpSide& side = holder.side();
  Part part = Part::none;
  if (side.held_count > 0) {
    part = spanning->part_of(context.segments.payload(side.held_last), packet.payload());
    if (part != Part::next && part != Part::last) part = Part::none;
    if (!goes_alike(packet, context.segments[side.held_first])) part = Part::none;
    if (part == Part::none) drop_parts(context, holder, Reason::parts_incomplete);
  }
  if (part == Part::none) {
    part = spanning->part_of({}, packet.payload());
    if (part != Part::first || !may_begin(packet)) return alone;
  }
  if (part == Part::last) {
    if (const Collected joined = join(context, holder, packet); joined.in_parts) return joined;
  } else if (may_hold(context, holder, packet.payload_length)) {
    hold(context, holder, packet);
    return alone;
  }
  drop_parts(context, holder, Reason::hold_limit);
  refuse(context, packet, Reason::hold_limit);
  return alone;
}

bool judge_collected(Context& context, const Packet& packet, const Collected& collected,
                     Verdict& verdict) {
  Flow& flow = *packet.flow;
  const protocols::Protocol& protocol = context.protocol_of(flow);
  const protocols::Direction direction = direction_of(packet);
  const auto encoded = protocol.encoded_direction(collected.bytes);
  if (encoded && *encoded != direction) {
    verdict = refused_message(packet, Reason::protocol_fault, protocols::Fault::wrong_direction);
    return false;
  }
  const protocols::Frame frame = protocols::frame_in_datagram(
      protocol, collected.bytes, context.message_context(flow, direction));
  if (frame.fault != protocols::Fault::none || frame.length != collected.bytes.size()) {
    verdict = refused_message(
        packet, Reason::protocol_fault,
        frame.fault != protocols::Fault::none ? frame.fault : protocols::Fault::bad_sequence);
    return false;
  }
  verdict = {};
  judge_parts(context, packet, collected.bytes, collected.longest, verdict);
  return is_allowed(verdict.reason);
}

void check_parts(Context& context, const Packet& packet, std::size_t longest_part,
                 Verdict& verdict) {
  Flow& flow = *packet.flow;
  bool sound = context.module_of(flow).spanning->may_leave_in_parts(
      context.flows.session(flow), context.parsed, context.now_ms());
  if (packet.from_client && sound) {
    sound = context.options.spans->now(packet.ip.destination) == flow.spans_seen() &&
            longest_part <= kRequestPartMax;
  }
  if (!sound) verdict.reason = Reason::parts_unsound;
}

void release_parts(Context& context, const Holder& holder, Packet& packet, ByteView message) {
  Flow& flow = *packet.flow;
  const protocols::Direction direction = direction_of(packet);
  Spans& spans = *context.options.spans;
  if (packet.from_client && !spans.begin(packet.ip.destination, flow.spans_seen())) {
    drop_parts(context, holder, Reason::parts_unsound);
    return refuse(context, packet, Reason::parts_unsound);
  }
  context.module_of(flow).spanning->left_in_parts(
      context.flows.session(flow), context.parsed_of(message, direction), context.now_ms());
  const bool from_client = packet.from_client;
  const wire::IpAddress server = packet.ip.destination;
  consume_parts(context, holder, [&](Packet& part) {
    part.flow = &flow;
    part.from_client = from_client;
    pass(context, part, Reason::session_control);
  });
  pass(context, packet, Reason::session_control);
  if (from_client) flow.spans_seen() = spans.end(server);
}

void note_asked(Context& context, const Packet& packet, ByteView message) {
  Flow& flow = *packet.flow;
  const protocols::SpanningMessages* spanning = context.module_of(flow).spanning;
  if (packet.from_client && spanning != nullptr && spanning->is_answered(message)) {
    flow.spans_seen() = context.options.spans->now(packet.ip.destination);
  }
}

void drop_parts(Context& context, const Holder& holder, Reason reason) {
  consume_parts(context, holder, [&](Packet& part) { refuse(context, part, reason); });
}

void drop_parts(Context& context, Flow& flow) {
  for (const std::size_t end : {flow::kClient, flow::kServer}) {
    if (flow.sides[end].held_count > 0) {
      drop_parts(context, {flow, end}, Reason::parts_incomplete);
    }
  }
}

void drop_late_parts(Context& context, Flow& flow) {
  TimeNs next = 0;
  for (const std::size_t end : {flow::kClient, flow::kServer}) {
    if (flow.hold[end].since_ns == 0) continue;
    const TimeNs until_ns = flow.hold[end].since_ns + context.limits().fragments_ns;
    if (until_ns <= context.now_ns) {
      drop_parts(context, {flow, end}, Reason::parts_incomplete);
    } else {
      next = next == 0 ? until_ns : std::min(next, until_ns);
    }
  }
  const std::uint32_t timer = context.flows.index_of(flow);
  next == 0 ? context.timers.disarm(timer) : context.timers.arm(timer, next);
  const bool unused = flow.packets[flow::kClient] + flow.packets[flow::kServer] == 0;
  if (next == 0 && unused) forget(context, flow);
}

}  // namespace bulkhead::pipeline
