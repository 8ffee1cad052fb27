// Sequence arithmetic over both directions of a session.
#include "dataplane/flow/tcp_tracker.h"

#include <algorithm>
#include <utility>

namespace bulkhead::flow {

using wire::kTcpAck;
using wire::kTcpFin;
using wire::kTcpSyn;
using wire::sequence_distance;

namespace {

constexpr std::uint32_t kUnscaledWindowMax = 65535;

// Notes what `receiver` offers to the other side: the right edge moves up, never back, because
// what was once offered may be in flight.
void note_offer(Flow& flow, std::size_t receiver, std::uint32_t acknowledgement,
                std::uint32_t window) {
  TcpSide& sender = flow.sides[1 - receiver];
  const std::uint32_t edge = acknowledgement + window;
  if (sequence_distance(edge, sender.window_end) > 0) sender.window_end = edge;
  sender.window_max = std::max(sender.window_max, window);
}

void begin_side(TcpSide& side, const wire::TcpHeader& header) {
  side.released = header.sequence + 1;
  side.acknowledged = header.sequence + 1;
  side.window_end = header.sequence + 1;
  side.scale_offered = header.has_window_scale;
  side.offered_scale = header.window_scale;
  side.timestamps_offered = header.has_timestamps;
  side.timestamp = header.timestamp;
  side.mss = header.mss;
  side.fin_released = false;
}

bool acknowledgement_fits(const Flow& flow, const TcpSegmentInfo& segment) {
  const std::size_t other = 1 - segment.sender;
  // RFC 5961, 5.2: not ahead of what was sent, not older than the largest window.
  const std::uint32_t oldest =
      flow.acknowledged_up_to(other) - std::max(flow.sides[other].window_max, kUnscaledWindowMax);
  const std::uint32_t number = segment.header.acknowledgement;
  return sequence_distance(number, flow.sent_up_to(other)) <= 0 &&
         sequence_distance(number, oldest) >= 0;
}

// The number after the last of an end's that the other can have seen, in either's count.
std::uint32_t end_of_numbers(const Flow& flow, std::size_t end) {
  const std::uint32_t released = flow.sides[end].released;
  if (!flow.spliced) return released;
  const std::uint32_t out = flow.splice[end].out_next;
  return sequence_distance(out, released) > 0 ? out : released;
}

// Whether a server's SYN is that of the session before, which may have answered a copy of its SYN.
bool is_predecessors(const Predecessor& predecessor, const wire::TcpHeader& answer) {
  return predecessor.answered && answer.sequence == predecessor.first[kServer] &&
         answer.acknowledgement == predecessor.first[kClient] + 1;
}

// Whether bytes that the firewall acknowledged in a receiver's name still have to reach it.
bool is_owing(const Flow& flow) {
  return flow.spliced && std::any_of(flow.sides.begin(), flow.sides.end(), [](const TcpSide& side) {
           return side.retained_first != kNoSegment;
         });
}

}  // namespace

bool may_reopen(const Flow& flow, const wire::TcpHeader& syn) {
  if (is_owing(flow)) return false;
  // Of one that is resumed not even the numbers are known yet.
  if (flow.phase == TcpPhase::none || (flow.phase == TcpPhase::resuming && flow.resumed)) {
    return true;
  }
  const bool both_closed = flow.sides[kClient].fin_released && flow.sides[kServer].fin_released;
  const bool ended = flow.refused || flow.phase == TcpPhase::closed || both_closed;
  // A SYN that was answered with a reset comes again as it was.
  const std::size_t opener = flow.opener();
  const bool again = flow.first[1 - opener] == 0 && syn.sequence == flow.first[opener];
  return ended && (again || sequence_distance(syn.sequence, end_of_numbers(flow, opener)) > 0);
}

void reverse_roles(Flow& flow) {
  flow.reversed = !flow.reversed;
  flow.client_is_low = !flow.client_is_low;
  const auto swap = [](auto& by_end) { std::swap(by_end[kClient], by_end[kServer]); };
  swap(flow.sides);
  swap(flow.ports);
  swap(flow.links);
  swap(flow.reset_due);
  swap(flow.packets);
  swap(flow.bytes);
  swap(flow.counted);
  swap(flow.hold);
  swap(flow.split_begin);
  swap(flow.split_end);
  swap(flow.first);
  swap(flow.predecessor.first);
  if (flow.splice != nullptr) swap(flow.splice);
}

Predecessor predecessor_of(const Flow& flow) {
  // One that its server never answered says nothing of the server, and the one before it counts.
  if (flow.first[kServer] == 0) return flow.predecessor;
  return {{flow.first[flow.opener()], flow.first[1 - flow.opener()]}, true};
}

Reason track_open(Flow& flow, const TcpSegmentInfo& segment) {
  if (segment.length > 0) return Reason::tcp_data_on_syn;
  if (segment.sender != kClient) return Reason::tcp_unexpected_syn;
  TcpSide& client = flow.sides[kClient];
  const bool opening = flow.phase == TcpPhase::syn_sent || flow.phase == TcpPhase::syn_received;
  const bool again = opening && client.released == segment.header.sequence + 1;
  if (again) return Reason::session_control;
  if (flow.phase != TcpPhase::syn_sent && !may_reopen(flow, segment.header))
    return Reason::tcp_unexpected_syn;
  begin_side(client, segment.header);
  flow.first = {segment.header.sequence, 0};
  flow.sides[kServer] = TcpSide{};
  flow.sides[kServer].window_max = segment.header.window;
  flow.phase = TcpPhase::syn_sent;
  return Reason::session_control;
}

Reason track_accept(Flow& flow, const TcpSegmentInfo& segment) {
  if (segment.length > 0) return Reason::tcp_data_on_syn;
  TcpSide& server = flow.sides[kServer];
  const TcpSide& client = flow.sides[kClient];
  if (segment.sender != kServer) return Reason::tcp_unexpected_syn;
  if (segment.header.acknowledgement != client.released) return Reason::tcp_bad_acknowledgement;
  if (flow.phase == TcpPhase::syn_received) {
    const bool again = server.released == segment.header.sequence + 1;
    return again ? Reason::session_control : Reason::tcp_unexpected_syn;
  }
  const bool stale = is_predecessors(flow.predecessor, segment.header);
  if (flow.phase != TcpPhase::syn_sent || stale) return Reason::tcp_unexpected_syn;
  const std::uint32_t client_window = server.window_max;
  begin_side(server, segment.header);
  flow.first[kServer] = segment.header.sequence;
  server.window_max = client_window;
  server.window_end = server.released + client_window;
  note_offer(flow, kServer, segment.header.acknowledgement, segment.header.window);
  // A SYN's window is not scaled (RFC 7323, 2.2); those that follow count in larger steps.
  for (const std::size_t end : {kClient, kServer}) {
    const std::uint8_t scale = flow.window_scale(1 - end);
    flow.sides[end].window_max = flow.sides[end].window_max >> scale << scale;
  }
  flow.phase = TcpPhase::syn_received;
  return Reason::session_control;
}

Reason check_segment(const Flow& flow, const TcpSegmentInfo& segment) {
  const wire::TcpHeader& header = segment.header;
  if ((header.flags & kTcpAck) == 0) return Reason::tcp_bad_flags;
  if (header.unknown_options || header.opening_options) return Reason::tcp_unknown_option;
  if (flow.phase == TcpPhase::closed || flow.phase == TcpPhase::none) {
    return Reason::tcp_not_a_session_start;
  }
  const bool before_answer = flow.phase == TcpPhase::syn_sent;
  const bool server_before_client =
      flow.phase == TcpPhase::syn_received && segment.sender == kServer;
  if (before_answer || server_before_client) return Reason::tcp_not_a_session_start;

  const TcpSide& side = flow.sides[segment.sender];
  // What begins inside is trimmed to the window where it is taken up.
  const bool beyond = sequence_distance(header.sequence, side.window_end) > 0;
  const std::uint32_t oldest =
      side.acknowledged - std::max(side.window_max, kUnscaledWindowMax) - 1;
  if (beyond || sequence_distance(header.sequence, oldest) < 0) return Reason::tcp_out_of_window;
  return acknowledgement_fits(flow, segment) ? Reason::session_control
                                             : Reason::tcp_bad_acknowledgement;
}

std::uint32_t announced_window(const Flow& flow, const TcpSegmentInfo& segment) {
  constexpr std::uint8_t kScaleMax = 14;  // RFC 7323, 2.3
  if (flow.resumed) return static_cast<std::uint32_t>(segment.header.window) << kScaleMax;
  return static_cast<std::uint32_t>(segment.header.window) << flow.window_scale(segment.sender);
}

bool note_segment(Flow& flow, const TcpSegmentInfo& segment) {
  TcpSide& other = flow.sides[1 - segment.sender];
  const std::uint32_t acknowledged = other.acknowledged;
  const std::uint32_t window_end = other.window_end;
  if (sequence_distance(segment.header.acknowledgement, acknowledged) > 0) {
    other.acknowledged = segment.header.acknowledgement;
  }
  note_offer(flow, segment.sender, segment.header.acknowledgement, announced_window(flow, segment));
  if (flow.phase == TcpPhase::syn_received) flow.phase = TcpPhase::established;
  return other.acknowledged != acknowledged || other.window_end != window_end;
}

Reason track_reset(Flow& flow, const TcpSegmentInfo& segment) {
  const wire::TcpHeader& header = segment.header;
  const bool has_ack = (header.flags & kTcpAck) != 0;
  if (flow.phase == TcpPhase::syn_sent) {
    // A refused connection: the sequence number is free, the acknowledgement must fit.
    const bool fits = segment.sender == kServer && has_ack &&
                      header.acknowledgement == flow.sides[kClient].released;
    const bool given_up =
        segment.sender == kClient && header.sequence == flow.sides[kClient].released;
    if (!fits && !given_up) return Reason::tcp_reset_out_of_sequence;
    flow.phase = TcpPhase::closed;
    return Reason::session_control;
  }
  const TcpSide& side = flow.sides[segment.sender];
  const std::uint32_t last = side.released + side.held_bytes;
  if (sequence_distance(header.sequence, side.acknowledged) < 0 ||
      sequence_distance(header.sequence, last) > 0) {
    return Reason::tcp_reset_out_of_sequence;
  }
  if (has_ack && !acknowledgement_fits(flow, segment)) return Reason::tcp_bad_acknowledgement;
  flow.phase = TcpPhase::closed;
  return Reason::session_control;
}

void adopt_midstream(Flow& flow, const TcpSegmentInfo& segment) {
  constexpr std::uint32_t kWindowAssumed = 1U << 24;
  TcpSide& sender = flow.sides[segment.sender];
  TcpSide& receiver = flow.sides[1 - segment.sender];
  // RFC 1122, 4.2.3.6: a keep-alive may repeat the byte before the next, or any in its place.
  const bool keeps_alive = segment.length == 1 && (segment.header.flags & wire::kTcpPsh) == 0;
  sender.released = segment.header.sequence + (keeps_alive ? 1U : 0U);
  sender.acknowledged = sender.released;
  receiver.released = segment.header.acknowledgement;
  receiver.acknowledged = segment.header.acknowledgement;
  for (TcpSide& side : flow.sides) {
    side.window_end = side.released + kWindowAssumed;
    side.window_max = kWindowAssumed;
  }
  flow.phase = TcpPhase::established;
}

}  // namespace bulkhead::flow
