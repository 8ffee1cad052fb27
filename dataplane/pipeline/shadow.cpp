// Where judging beside the traffic differs from enforcing.
#include "dataplane/pipeline/shadow.h"

#include <algorithm>
#include <array>

#include "dataplane/pipeline/ending.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/protocol_state.h"
#include "dataplane/pipeline/stream.h"
#include "dataplane/pipeline/timers.h"

namespace bulkhead::pipeline {

using flow::Flow;
using flow::kNoSegment;
using flow::TcpSide;
using wire::sequence_distance;

namespace {

bool is_tcp(const flow::Packet& packet) { return packet.ip.protocol == wire::kProtocolTcp; }

bool opens(const flow::Packet& packet) {
  return (packet.tcp.flags & (wire::kTcpSyn | wire::kTcpAck)) == wire::kTcpSyn;
}

// The number after all that was seen of the stream without a gap, its end included.
std::uint32_t seen_up_to(SessionContext& context, const TcpSide& side) {
  std::uint32_t next = side.released + flow::contiguous_bytes(context.segments, side);
  for (std::uint32_t i = side.held_first; i != kNoSegment; i = context.segments[i].next) {
    const flow::Segment& segment = context.segments[i];
    if (segment.fin && segment.end() == next) return next + 1;
  }
  return next;
}

// Bytes before the number will not come: a judgement is missing.
void skip_to(Context& context, const flow::Packet& packet, const Speaker& speaker,
             std::uint32_t number) {
  TcpSide& side = speaker.side();
  Verdict verdict;
  verdict.reason = Reason::not_judged;
  verdict.standing = speaker.flow.standing;
  verdict.standing.rule = policy::kNoRule;
  verdict.protocol = speaker.flow.protocol;
  verdict.bytes = number - side.released;
  context.observer.on_verdict(verdict, packet);
  flow::skip_to(context.segments, side, number);
  begin_unseen(context, speaker.flow);
  side.unread = 0;
  speaker.flow.hold[speaker.end] = {};
  speaker.flow.set_lost(speaker.end, true);
  speaker.flow.set_lacks(speaker.end);
  schedule(context, speaker.flow);
}

// Bytes after a gap that was skipped.
void judge_what_stands(Context& context, const Speaker& speaker, std::uint32_t frame) {
  if (flow::contiguous_bytes(context.segments, speaker.side()) == 0) return;
  const auto pattern = pattern_from(context, speaker);
  if (!pattern) return;
  flow::Packet packet = packet_about(speaker, *pattern);
  packet.frame = frame;
  inspect_stream(context, packet);
}

// The message is refused, and its receiver has it.
void tie_refused(Context& context, const flow::Packet& packet, const Verdict& verdict) {
  Flow& flow = *packet.flow;
  if (verdict.fault == protocols::Fault::none) {
    const protocols::Module& module = context.module_of(flow);
    const auto put = [&] {
      return module.protocol->accept(context.flows.session(flow), context.parsed, context.now_ms());
    };
    if (module.names != nullptr) {
      flow::NameStore& names = context.flows.names();
      names.begin(context.flows.index_of(flow), flow.shares);
      module.names->learn(context.parsed, context.flows.session(flow), names);
      names.has_failed() ? names.undo() : static_cast<void>(names.keep());
    }
    protocols::Fault fault = put();
    if (fault == protocols::Fault::too_many_outstanding && context.flows.deepen_session(flow)) {
      fault = put();
    }
    if (fault == protocols::Fault::none) return;
  }
  if (context.is_numbered(flow)) {
    context.module_of(flow).numbered->forget_numbers(context.flows.session(flow));
  }
  const bool is_request = verdict.direction == protocols::Direction::request;
  if (is_request && flow.asked_unread < Flow::kMissedMax) ++flow.asked_unread;
}

}  // namespace

bool may_take_up_datagrams(const BurstContext& context) {
  const Shadow* shadow = context.shadow;
  if (shadow == nullptr || context.options.accept_answers) return true;
  const bool lost = shadow->lost_ns != 0;
  return shadow->hears || (lost && context.now_ns - shadow->lost_ns < context.limits().datagram_ns);
}

void note_refused_opening(Context& context, const flow::Packet& packet) {
  context.shadow->refused.note(packet.key, packet.source_is_low, context.now_ns);
}

bool follows_refused(Context& context, flow::Packet& packet) {
  if (is_tcp(packet) && opens(packet)) return false;
  flow::RefusedSessions& refused = context.shadow->refused;
  const TimeNs idle_ns =
      is_tcp(packet) ? context.limits().established_ns : context.limits().datagram_ns;
  if (!refused.hear(packet.key, idle_ns, context.now_ns)) return false;
  // Each datagram of who asked is refused for itself; what comes back would never have.
  if (!is_tcp(packet) && refused.is_from_low(packet.key) == packet.source_is_low) return false;
  packet.flow = nullptr;
  refuse(context, packet, Reason::flow_refused);
  return true;
}

bool opens_all_the_same(Context& context, const flow::Packet& packet, Reason reason,
                        const policy::Classification& found) {
  const bool granted = found.reason == Reason::service_granted;
  if (!granted) note_refused_opening(context, packet);
  if (!granted || packet.payload_length > 0) return false;
  Verdict verdict;
  verdict.reason = reason;
  verdict.bytes = packet.mbuf->pkt_len;
  context.observer.on_verdict(verdict, packet);
  return true;
}

bool follow_receiver(Context& context, flow::Packet& packet) {
  Flow& flow = *packet.flow;
  if (flow.phase < flow::TcpPhase::established || flow.whole_only) return false;
  const Speaker acknowledged{flow, receiver_of(packet)};
  TcpSide& side = acknowledged.side();
  const std::uint32_t number = packet.tcp.acknowledgement;
  if (sequence_distance(number, side.released) <= 0) return false;
  if (sequence_distance(number, seen_up_to(context, side)) > 0) {
    // Where nothing was missed it acknowledges what its sender never sent.
    if (!flow.lacks(acknowledged.end) && !context.shadow->may_lack(flow.created_ns)) return false;
    skip_to(context, packet, acknowledged, number);
    judge_what_stands(context, acknowledged, packet.frame);
  }
  const flow::TcpSegmentInfo info{packet.tcp, sender_of(packet), packet.payload_length};
  const std::uint32_t edge = number + flow::announced_window(flow, info);
  if (sequence_distance(edge, side.window_end) > 0) side.window_end = edge;
  packet.tcp.acknowledgement = side.released;
  return true;
}

void lose_track(SessionContext& context, const Speaker& speaker) {
  TcpSide& side = speaker.side();
  flow::skip_to(context.segments, side,
                side.released + flow::contiguous_bytes(context.segments, side));
  side.unread = 0;
  side.awaits_rest = false;
  // What it asked for there may be answered.
  if (speaker.end == flow::kClient) speaker.flow.missed = Flow::kMissedMax;
  speaker.flow.hold[speaker.end] = {};
  speaker.flow.set_lost(speaker.end, true);
  speaker.flow.set_lacks(speaker.end);
  begin_unseen(context, speaker.flow);
  context.segments.settle(speaker.flow);
  schedule(context, speaker.flow);
}

void settle_judged(Context& context, const flow::Packet& packet, Verdict& verdict) {
  Flow& flow = *packet.flow;
  const bool unread = verdict.reason == Reason::protocol_fault && verdict.operation == nullptr;
  const bool may_answer =
      unread && verdict.direction == protocols::Direction::response && flow.may_have_asked();
  if (may_answer) {
    flow.expect_one_answer_less();
    verdict.reason = Reason::not_judged;
    verdict.fault = protocols::Fault::none;
    return;
  }
  if (verdict.fault == protocols::Fault::none) flow.set_lost(sender_of(packet), false);
  if (!is_allowed(verdict.reason)) tie_refused(context, packet, verdict);
}

Action foretell_action(Context& context, const Speaker& speaker, const Verdict& verdict,
                       ByteView message) {
  const Flow& flow = speaker.flow;
  const bool alone = flow.on_deny == policy::OnDeny::reject && !message.empty();
  if (verdict.direction != protocols::Direction::request) {
    const bool dropped = !message.empty() && (verdict.reason == Reason::protocol_fault
                                                  ? flow.drops_stray
                                                  : flow.on_deny == policy::OnDeny::reject);
    return dropped ? Action::drop : ending_action(flow);
  }
  if (!alone || flow.whole_only) return ending_action(flow);
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply;
  return write_refusal(context, flow, verdict, message, reply) == 0 ? ending_action(flow)
                                                                    : Action::reject;
}

}  // namespace bulkhead::pipeline
