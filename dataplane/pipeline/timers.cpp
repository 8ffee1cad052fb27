// What a session does when time passes and no packet comes: acknowledge what is held, send again
// what was lost, give up what cannot be delivered.
#include "dataplane/pipeline/timers.h"

#include <algorithm>

#include "dataplane/pipeline/deliver.h"
#include "dataplane/pipeline/ending.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/planted.h"
#include "dataplane/pipeline/shadow.h"
#include "dataplane/pipeline/speaker.h"

namespace bulkhead::pipeline {

using flow::Flow;
using flow::kNoSegment;
using flow::Pattern;
using flow::SpliceSide;
using flow::TcpSide;
using wire::sequence_distance;

namespace {

void report_end(SessionContext& context, const Speaker& speaker, const Pattern& pattern,
                Reason reason, Action action) {
  const flow::Packet packet = packet_about(speaker, pattern);
  Verdict verdict = refused_message(packet, reason, protocols::Fault::none);
  verdict.action = action;
  context.observer.on_verdict(verdict, packet);
}

void acknowledge_held(SessionContext& context, const Speaker& speaker) {
  TcpSide& side = speaker.side();
  speaker.flow.hold[speaker.end].deadline_ns = 0;
  if (planted(Mistake::never_acknowledge_on_hold)) return;
  const auto answer = pattern_from(context, {speaker.flow, speaker.other()});
  const std::uint32_t end = side.released + flow::contiguous_bytes(context.segments, side);
  if (!answer || sequence_distance(end, side.acknowledged) <= 0) return;
  if (!begin_splice(context, speaker.flow)) return;
  context.replicate_first(speaker.flow);
  side.acknowledged = end;
  // Never more than what can be held: granted bytes that are still owed count too.
  const std::uint32_t edge =
      flow::sender_acknowledged(context.segments, speaker.flow, speaker.end) +
      context.limits().held_bytes;
  if (sequence_distance(edge, side.window_end) > 0) side.window_end = edge;
  ++context.stats.held_acknowledged;
  send_pure_ack(context, {speaker.flow, speaker.other()}, *answer);
}

// False if the session has ended.
bool retransmit(SessionContext& context, const Speaker& speaker) {
  SpliceSide& splice = speaker.splice();
  const std::uint32_t first = speaker.side().retained_first;
  splice.retransmit_ns = 0;
  if (first == kNoSegment) return true;
  const Pattern pattern = context.segments.pattern(first);
  // It was the peer's until now.
  if (splice.progress_ns == 0) splice.heard_ns = splice.progress_ns = context.now_ns;
  const bool silent = context.now_ns - splice.heard_ns >= context.limits().deliver_ns;
  const bool stuck = context.now_ns - splice.progress_ns >= context.limits().closed_window_ns;
  if (silent || stuck) {
    report_end(context, speaker, pattern, Reason::undeliverable, Action::reset);
    close_session(context, speaker, pattern);
    return false;
  }
  if (splice.out_sent != splice.out_acked) {
    splice.recovering = true;
    splice.recover = splice.out_sent;
    resend_first(context, speaker);
  } else {
    send_probe(context, speaker, pattern);
  }
  splice.rtt.back_off();
  splice.retransmit_ns = context.now_ns + splice.rtt.timeout_ns();
  return true;
}

bool is_over(TimeNs deadline_ns, TimeNs now_ns) {
  return deadline_ns != 0 && deadline_ns <= now_ns;
}

TimeNs message_deadline(const SessionContext& context, const flow::HoldTimes& hold) {
  return hold.since_ns == 0 ? 0 : hold.since_ns + context.limits().message_ns;
}

// False if the session has ended.
bool run_side(SessionContext& context, const Speaker& speaker) {
  const flow::HoldTimes& hold = speaker.flow.hold[speaker.end];
  if (is_over(hold.deadline_ns, context.now_ns)) acknowledge_held(context, speaker);
  if (is_over(message_deadline(context, hold), context.now_ns)) {
    const auto pattern = pattern_from(context, speaker);
    if (!pattern) return true;
    report_end(context, speaker, *pattern, Reason::message_too_slow, ending_action(speaker.flow));
    refuse_session(context, speaker);
    return context.shadow != nullptr;
  }
  const bool due = speaker.flow.spliced && is_over(speaker.splice().retransmit_ns, context.now_ns);
  return !due || retransmit(context, speaker);
}

}  // namespace

flow::Packet packet_about(const Speaker& speaker, const Pattern& pattern) {
  const Flow& flow = speaker.flow;
  const bool from_client = speaker.end == flow::kClient;
  flow::Packet packet;
  packet.port = flow.ports[speaker.end];
  wire::parse_ethernet(ByteView{pattern.frame, pattern.transport_offset}, packet.ethernet);
  packet.ip.source = from_client ? flow.client() : flow.server();
  packet.ip.destination = from_client ? flow.server() : flow.client();
  packet.ip.version = packet.ip.source.is_v4() ? 4 : 6;
  packet.ip.protocol = wire::kProtocolTcp;
  packet.tcp.source_port = from_client ? flow.client_port() : flow.server_port();
  packet.tcp.destination_port = from_client ? flow.server_port() : flow.client_port();
  packet.payload_offset = pattern.transport_offset;
  packet.key = flow.key;
  packet.flow = &speaker.flow;
  packet.from_client = from_client;
  return packet;
}

std::optional<Pattern> pattern_from(SessionContext& context, const Speaker& speaker) {
  const Flow& flow = speaker.flow;
  const TcpSide& own = speaker.side();
  const TcpSide& other = flow.sides[speaker.other()];
  const auto like = [&](std::uint32_t index) { return context.segments.pattern(index); };
  for (const std::uint32_t index : {own.held_first, own.retained_first}) {
    if (index != kNoSegment) return like(index);
  }
  for (const std::uint32_t index : {other.held_first, other.retained_first}) {
    if (index != kNoSegment) return like(index).reversed();
  }
  if (flow.pending_first == kNoSegment) return std::nullopt;
  const Pattern refusal = like(flow.pending_first);  // they come from the server
  return speaker.end == flow::kServer ? refusal : refusal.reversed();
}

void give_up_if_stuck(SessionContext& context, Flow& flow, Progress& progress) {
  const std::array acknowledged = {flow.sides[0].acknowledged, flow.sides[1].acknowledged};
  const std::size_t end =
      flow.sides[flow::kClient].retained_first != kNoSegment ? flow::kClient : flow::kServer;
  const std::uint32_t first = flow.sides[end].retained_first;
  const bool waits = first != kNoSegment && !flow.spliced && !flow.refused;
  if (!waits || progress.since_ns == 0 || progress.since_ns < flow.created_ns ||
      progress.acknowledged != acknowledged) {
    progress = {waits ? context.now_ns : 0, acknowledged};
    return;
  }
  if (context.now_ns - progress.since_ns < context.limits().deliver_ns) return;
  progress.since_ns = 0;
  if (context.shadow != nullptr) {
    // It has left, whether or not its receiver has it.
    for (TcpSide& side : flow.sides) {
      flow::drop_acknowledged(context.segments, side, side.released);
    }
    return context.segments.settle(flow);
  }
  const Pattern pattern = context.segments.pattern(first);
  context.flows.touch(flow);
  report_end(context, {flow, end}, pattern, Reason::undeliverable, Action::reset);
  close_session(context, {flow, end}, pattern);
  context.segments.settle(flow);
}

void schedule(SessionContext& context, Flow& flow) {
  TimeNs next = 0;
  const auto consider = [&next](TimeNs deadline_ns) {
    if (deadline_ns != 0 && (next == 0 || deadline_ns < next)) next = deadline_ns;
  };
  for (std::size_t i = 0; i < 2; ++i) {
    consider(flow.hold[i].deadline_ns);
    consider(message_deadline(context, flow.hold[i]));
    if (flow.spliced) consider(flow.splice[i].retransmit_ns);
  }
  consider(flow.pending_deadline_ns);
  const std::uint32_t timer = context.flows.index_of(flow);
  next == 0 ? context.timers.disarm(timer) : context.timers.arm(timer, next);
}

void run_timers(SessionContext& context, Flow& flow) {
  for (const std::size_t end : {flow::kClient, flow::kServer}) {
    if (!run_side(context, {flow, end})) return context.segments.settle(flow);
  }
  const bool at_boundary =
      flow.phase != flow::TcpPhase::resuming && flow.sides[flow::kServer].unread == 0;
  if (is_over(flow.pending_deadline_ns, context.now_ns)) {
    if (at_boundary) {
      send_due_refusals(context, {flow, flow::kServer}, true);
    } else {
      flow.pending_deadline_ns = context.now_ns + context.limits().refusal_wait_ns;
    }
  }
  context.segments.settle(flow);
  schedule(context, flow);
}

}  // namespace bulkhead::pipeline
