// A session that is refused lives on until its granted bytes have arrived: a reset that overtakes
// them would leave a receiver with a part of a message.
#include "dataplane/pipeline/ending.h"

#include "dataplane/flow/tcp_tracker.h"
#include "dataplane/pipeline/deliver.h"
#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/shadow.h"
#include "dataplane/pipeline/speaker.h"
#include "dataplane/pipeline/timers.h"

namespace bulkhead::pipeline {

namespace {

using flow::Flow;
using flow::kNoSegment;
using flow::Packet;
using flow::Pattern;
using flow::TcpNumbers;

// Whether the end lacks something that was granted to it.
bool is_owed(const Flow& flow, std::size_t end) {
  return flow.sides[1 - end].retained_first != kNoSegment;
}

// In the speaker's name, at the number that the other end expects next.
void send_reset(SessionContext& context, const Speaker& speaker, const Pattern& pattern) {
  TcpNumbers numbers = flow::numbers_from(speaker.flow, speaker.end);
  numbers.window = 0;
  numbers.has_timestamps = false;
  rte_mbuf* reset = flow::make_segment(pattern, numbers, wire::kTcpRst | wire::kTcpAck, {});
  if (reset != nullptr) context.send_segment(speaker.flow, reset, speaker.other());
}

enum class To : std::uint8_t { ends_that_lack_nothing, all };

// `pattern` is a frame from the speaker.
void send_due_resets(SessionContext& context, const Speaker& speaker, const Pattern& pattern,
                     To to) {
  Flow& flow = speaker.flow;
  for (const std::size_t end : {speaker.other(), speaker.end}) {
    if (!flow.reset_due[end] || (to == To::ends_that_lack_nothing && is_owed(flow, end))) continue;
    flow.reset_due[end] = false;
    const Speaker from{flow, 1 - end};
    send_reset(context, from, from.end == speaker.end ? pattern : pattern.reversed());
  }
}

bool owes_something(const Flow& flow) {
  return is_owed(flow, flow::kClient) || is_owed(flow, flow::kServer);
}

void note_drained(SessionContext& context, Flow& flow) {
  flow.draining = owes_something(flow);
  if (!flow.draining) context.flows.return_splice(flow);
  schedule(context, flow);
}

}  // namespace

void renew(const SessionContext& context, Flow& flow) {
  const flow::Limits& limits = context.limits();
  TimeNs idle_ns = limits.established_ns;
  if (flow.phase < flow::TcpPhase::established) {
    idle_ns = limits.opening_ns;
  } else if (flow.draining) {
    idle_ns = 2 * limits.deliver_ns;  // its own timers end it before
  } else if (flow.phase == flow::TcpPhase::closed || flow.refused) {
    idle_ns = limits.closed_ns;
  } else if (flow.sides[0].fin_released || flow.sides[1].fin_released) {
    // An end that missed the other's FIN or acknowledgement repeats its own before that.
    const bool both = flow.sides[0].fin_released && flow.sides[1].fin_released;
    idle_ns = both && !owes_something(flow) ? limits.closed_ns : limits.closing_ns;
  }
  flow.expires_ns = context.now_ns + idle_ns;
}

void refuse_session(SessionContext& context, const Speaker& speaker) {
  if (context.shadow != nullptr) return lose_track(context, speaker);
  Flow& flow = speaker.flow;
  const bool tell = ending_action(flow) == Action::reset;
  const auto pattern = pattern_from(context, speaker);
  flow.refused = true;
  flow.reset_due = {tell, tell};
  // Where no more sessions can be carried, what was granted is the sender's to lose.
  const bool can_deliver = !owes_something(flow) || begin_splice(context, flow);
  if (pattern) {
    send_due_resets(context, speaker, *pattern, can_deliver ? To::ends_that_lack_nothing : To::all);
  }
  can_deliver ? flow::drop_ungranted(context.segments, flow)
              : flow::drop_all(context.segments, flow);
  note_drained(context, flow);
  renew(context, flow);
}

void close_session(SessionContext& context, const Speaker& speaker, const Pattern& pattern) {
  Flow& flow = speaker.flow;
  if (!flow.draining) flow.reset_due = {true, true};
  send_due_resets(context, speaker, pattern, To::all);
  flow::drop_all(context.segments, flow);
  flow.draining = false;
  flow.phase = flow::TcpPhase::closed;
  renew(context, flow);
}

void cut_session(SessionContext& context, const Packet& packet) {
  Flow& flow = *packet.flow;
  const bool tell = ending_action(flow) == Action::reset &&
                    (packet.tcp.flags & (wire::kTcpSyn | wire::kTcpRst)) == 0;
  flow.refused = true;
  flow.reset_due = {tell, tell};
  send_due_resets(context, speaker_of(packet), flow::pattern_of(packet), To::all);
  flow::drop_all(context.segments, flow);
}

void process_in_refused(SessionContext& context, Packet& packet, const flow::TcpSegmentInfo& info) {
  Flow& flow = *packet.flow;
  const Speaker speaker = speaker_of(packet);
  const bool is_reset = (packet.tcp.flags & wire::kTcpRst) != 0;
  // A client that opens anew before all is delivered hears nothing, and so asks again.
  const bool too_early = flow.draining && (packet.tcp.flags & wire::kTcpSyn) != 0;
  if (!is_owed(flow, info.sender)) {
    const bool tell = flow.on_deny != policy::OnDeny::drop && !is_reset && !too_early;
    if (tell) answer_with_reset(context, packet);
    return refuse(context, packet, Reason::flow_refused);
  }
  if (is_reset) {
    if (!is_allowed(flow::track_reset(flow, info))) {
      return refuse(context, packet, Reason::tcp_reset_out_of_sequence);
    }
    flow.reset_due[info.sender] = false;
    close_session(context, speaker, flow::pattern_of(packet));
    return refuse(context, packet, Reason::session_control);
  }
  const bool usable =
      (packet.tcp.flags & wire::kTcpSyn) == 0 && is_allowed(flow::check_segment(flow, info));
  if (!usable) return refuse(context, packet, Reason::flow_refused);
  const Speaker owing{flow, speaker.other()};
  process_acknowledgement(context, owing, packet, flow::announced_window(flow, info));
  send_due_resets(context, speaker, flow::pattern_of(packet), To::ends_that_lack_nothing);
  note_drained(context, flow);
  const bool without_payload = packet.payload_length == 0;
  refuse(context, packet, without_payload ? Reason::session_control : Reason::flow_refused);
}

void answer_with_reset(SessionContext& context, const Packet& packet) {
  // RFC 9293, 3.5.2, group 1: the numbers come from what the sender said.
  const bool syn = (packet.tcp.flags & wire::kTcpSyn) != 0;
  const bool has_ack = (packet.tcp.flags & wire::kTcpAck) != 0;
  TcpNumbers numbers;
  numbers.sequence = has_ack ? packet.tcp.acknowledgement : 0;
  numbers.acknowledgement =
      has_ack ? 0 : packet.tcp.sequence + packet.payload_length + (syn ? 1U : 0U);
  const std::uint8_t flags = has_ack ? wire::kTcpRst : wire::kTcpRst | wire::kTcpAck;
  rte_mbuf* reset = flow::make_segment(flow::pattern_of(packet).reversed(), numbers, flags, {});
  if (reset != nullptr) context.output.transmit(reset, packet.port);
}

}  // namespace bulkhead::pipeline
