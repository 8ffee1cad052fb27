// UDP, ICMP echo and what Ethernet carries itself: a datagram is a message, or several; one refusal
// costs one datagram.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "dataplane/flow/packet_edit.h"
#include "dataplane/pipeline/expectations.h"
#include "dataplane/pipeline/inspect.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/packet_ends.h"
#include "dataplane/pipeline/parts.h"
#include "dataplane/pipeline/places.h"
#include "dataplane/pipeline/protocol_state.h"
#include "dataplane/pipeline/shadow.h"

namespace bulkhead::pipeline {

namespace {

// What follows the first echo request must be requests one way and replies the other.
bool is_echo(const flow::Packet& packet) {
  const bool v4 = packet.ip.version == 4;
  const std::uint8_t request = v4 ? 8 : 128;
  const std::uint8_t reply = v4 ? 0 : 129;
  return packet.icmp.code == 0 && packet.icmp.type == (packet.from_client ? request : reply);
}

// What the messages of a datagram have cost so far: it leaves whole or not at all.
class Spending {
 public:
  // False if it is more than can be kept.
  bool add(const policy::Charges& charges) {
    for (const std::uint16_t budget : charges.budgets()) {
      if (count_ == budgets_.size()) return false;
      budgets_[count_++] = budget;
    }
    return true;
  }
  void refund(const policy::Conduit& conduit) const {
    for (std::size_t i = 0; i < count_; ++i) conduit.budgets[budgets_[i]].refund();
  }

 private:
  std::size_t count_ = 0;
  std::array<std::uint16_t, 256> budgets_;
};

// What the session knew before a datagram of several messages: it leaves whole or not at all, and
// what does not leave must not be waited for.
class Before {
 public:
  void remember(Context& context, flow::Flow& flow) {
    if (known_) return;
    const std::span<std::byte> block = context.flows.session(flow);
    bytes_ = std::min(block.size(), context.scratch.size());
    std::memcpy(context.scratch.data(), block.data(), bytes_);
    context.expected.begin_packet();
    known_ = true;
  }
  void restore(Context& context, flow::Flow& flow) const {
    if (!known_) return;
    const std::span<std::byte> block = context.flows.session(flow);
    std::memcpy(block.data(), context.scratch.data(), std::min(bytes_, block.size()));
    for (std::size_t i = bytes_; i < block.size(); ++i) block[i] = std::byte{0};  // it has grown
    // Which of them were defined before is not known any more.
    forget_names(context, flow);
    context.expected.withdraw();
  }

 private:
  bool known_ = false;
  std::size_t bytes_ = 0;
};

// The next message, which must be whole. What follows one in a stream is the next one.
protocols::Frame frame_whole(Context& context, const flow::Packet& packet, ByteView rest) {
  const protocols::Protocol& protocol = context.protocol_of(*packet.flow);
  const protocols::MessageContext way = context.message_context(*packet.flow, direction_of(packet));
  if (packet.flow->transport != policy::Transport::tcp) {
    return protocols::frame_in_datagram(protocol, rest, way);
  }
  protocols::Frame frame = protocol.frame(rest, way);
  if (frame.length == 0 || frame.length > rest.size()) frame.length = 0;
  return frame;
}

// Judges the messages in order, and reports all but the last, which is `message`. False if
// it is refused.
bool judge_messages(Context& context, const flow::Packet& packet, ByteView rest, Verdict& verdict,
                    ByteView& message, Spending& spending, Before& before) {
  for (;;) {
    const protocols::Frame frame = frame_whole(context, packet, rest);
    if (frame.fault != protocols::Fault::none || frame.length == 0) {
      message = rest;
      context.parsed.begin(message, direction_of(packet));
      const bool cut = frame.fault == protocols::Fault::none;
      verdict = refused_message(packet, cut ? Reason::prp_not_whole : Reason::protocol_fault,
                                frame.fault, rest);
      return false;
    }
    message = rest.first(frame.length);
    rest = rest.subspan(frame.length);
    if (!rest.empty()) before.remember(context, *packet.flow);
    verdict = {};
    judge_message(context, packet, message, message.size(), verdict);
    if (!is_allowed(verdict.reason)) return false;
    if (rest.empty()) return true;
    if (!spending.add(context.charged)) {
      context.charged.refund(context.tables().conduits[packet.flow->standing.conduit]);
      verdict.reason = Reason::rate_exceeded;
      return false;
    }
    context.observer.on_verdict(verdict, packet);
  }
}

bool judge_datagram(Context& context, const flow::Packet& packet, const Collected& collected,
                    Verdict& verdict, ByteView& message) {
  const ByteView bytes = collected.bytes;
  if (!collected.in_parts) return judge_whole_messages(context, packet, bytes, verdict, message);
  message = bytes;
  context.parsed.begin(message, direction_of(packet));
  return judge_collected(context, packet, collected, verdict);
}

// A refused datagram takes no entry of the session table from others.
void forget_if_unused(Context& context, flow::Flow& flow) {
  if (flow.in_use && !holds_parts(flow) &&
      flow.packets[flow::kClient] + flow.packets[flow::kServer] == 0) {
    forget(context, flow);
  }
}

// What is not granted while the sender has one role may be while it has the other.
bool judge_turned(Context& context, flow::Packet& packet, const Collected& collected,
                  Verdict& verdict, ByteView& message) {
  flow::Flow* turned = find_turned(context, packet);
  if (turned == nullptr) return false;
  flow::Flow* first = std::exchange(packet.flow, turned);
  packet.from_client = !packet.from_client;
  turned->last_seen_ns = context.now_ns;
  turned->expires_ns = context.now_ns + context.limits().datagram_ns;
  Verdict other;
  ByteView of_other;
  const bool allowed = judge_datagram(context, packet, collected, other, of_other);
  if (allowed || verdict.fault == protocols::Fault::wrong_direction) {
    verdict = other;
    message = of_other;
    return allowed;
  }
  packet.flow = first;
  packet.from_client = !packet.from_client;
  forget_if_unused(context, *turned);
  return judge_datagram(context, packet, collected, verdict,
                        message);  // whose operations are reported
}

// Bytes after the message are padding, which is not inspected and not forwarded.
void cut_padding(const Context& context, flow::Packet& packet) {
  const ByteView message =
      protocols::without_padding(context.protocol_of(*packet.flow), packet.payload(),
                                 context.message_context(*packet.flow, direction_of(packet)));
  packet.payload_length = static_cast<std::uint16_t>(message.size());
  flow::end_frame(packet, packet.payload_offset + message.size());
}

// The refusal goes back as a datagram; where there is none, the datagram is only dropped. Nobody
// answers in the name of many.
void refuse_datagram(Context& context, const flow::Packet& packet, ByteView message,
                     Verdict& verdict) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply;
  const std::size_t length = packet.from_client && !packet.ethernet.destination.is_group() &&
                                     !is_non_ip(packet) &&
                                     verdict.fault != protocols::Fault::not_this_protocol
                                 ? write_refusal(context, *packet.flow, verdict, message, reply)
                                 : 0;
  verdict.unsound = packet.from_client ? Unsound::no_refusal : Unsound::not_a_request;
  if (packet.flow->whole_only) verdict.unsound = Unsound::redundant;
  if (length == 0 || packet.flow->whole_only) return;
  rte_mbuf* mbuf =
      flow::make_datagram(flow::pattern_of(packet).reversed(), ByteView{reply.data(), length});
  verdict.unsound = Unsound::no_room;
  if (mbuf == nullptr) return;
  verdict.unsound = Unsound::none;
  verdict.action = Action::reject;
  ++context.stats.rejected;
  context.output.transmit(mbuf, packet.port);
}

// Whether a datagram of a session that is not granted in it may answer a question of the same port
// to many. It is the question's then.
bool answers_question(Context& context, flow::Packet& packet) {
  if (packet.flow->transport != policy::Transport::udp) return false;
  const std::uint16_t zone = policy::find_zone(context.tables(), packet.ip.source);
  flow::Flow* entry = find_question(context, packet, zone);
  if (entry == nullptr) return false;
  flow::Flow* session = std::exchange(packet.flow, entry);
  const bool from_client = std::exchange(packet.from_client, false);
  if (is_allowed(judge_answer_to_many(context, packet).reason)) return true;
  packet.flow = session;
  packet.from_client = from_client;
  return false;
}

// Several sessions may have opened something between the same hosts, each at its own worker.
bool is_anothers(Context& context, flow::Packet& packet, const Verdict& verdict) {
  return packet.flow->expected && verdict.fault == protocols::Fault::not_started &&
         hand_to_owner(context, packet);
}

void inspect_answer_to_many(Context& context, flow::Packet& packet) {
  const Verdict verdict = judge_answer_to_many(context, packet);
  context.observer.on_verdict(verdict, packet);
  if (is_allowed(verdict.reason)) return pass(context, packet, Reason::session_control);
  rte_pktmbuf_free(packet.mbuf);
  packet.mbuf = nullptr;
}

}  // namespace

bool judge_whole_messages(Context& context, const flow::Packet& packet, ByteView bytes,
                          Verdict& verdict, ByteView& message) {
  Spending spending;
  Before before;
  const bool allowed = judge_messages(context, packet, bytes, verdict, message, spending, before);
  if (allowed) return true;
  spending.refund(context.tables().conduits[packet.flow->standing.conduit]);
  if (context.shadow == nullptr) before.restore(context, *packet.flow);
  return false;
}

namespace {

void inspect_in_session(Context& context, flow::Packet& packet) {
  flow::Flow& flow = *packet.flow;
  if (flow.transport == policy::Transport::icmp) {
    if (!is_echo(packet)) return refuse(context, packet, Reason::icmp_unsolicited);
    flow.expires_ns = context.now_ns + context.limits().echo_ns;
    return pass(context, packet, Reason::service_granted);
  }
  flow.expires_ns = context.now_ns + context.limits().datagram_ns;
  if (flow.protocol == protocols::kNoProtocol) {
    return pass(context, packet, Reason::service_granted);
  }
  if (is_non_ip(packet)) cut_padding(context, packet);
  const Collected collected = collect(context, packet);
  if (packet.mbuf == nullptr) return;
  const Holder holder{flow, sender_of(packet)};
  Verdict verdict;
  ByteView message;
  bool allowed = judge_datagram(context, packet, collected, verdict, message) ||
                 judge_turned(context, packet, collected, verdict, message);
  if (!allowed && !collected.in_parts && answers_question(context, packet)) {
    return inspect_answer_to_many(context, packet);
  }
  if (!allowed && !collected.in_parts && is_anothers(context, packet, verdict)) return;
  if (!allowed && context.shadow != nullptr) {
    settle_judged(context, packet, verdict);
    allowed = is_allowed(verdict.reason);
  }
  if (!allowed && packet.flow->on_deny == policy::OnDeny::reject) {
    refuse_datagram(context, packet, message, verdict);
  }
  context.observer.on_verdict(verdict, packet);
  if (allowed) {
    note_question(context, packet, message);
    if (collected.in_parts) return release_parts(context, holder, packet, message);
    note_asked(context, packet, message);
    return pass(context, packet, Reason::session_control);
  }
  // It has passed, and what answers it is of the session.
  if (context.shadow != nullptr && packet.from_client) ++packet.flow->packets[flow::kClient];
  if (collected.in_parts) drop_parts(context, holder, verdict.reason);
  rte_pktmbuf_free(packet.mbuf);
  packet.mbuf = nullptr;
}

}  // namespace

void inspect_datagram(Context& context, flow::Packet& packet) {
  flow::Flow& flow = *packet.flow;
  direct_datagram(context, packet);
  if (is_question(flow)) return inspect_answer_to_many(context, packet);
  inspect_in_session(context, packet);
  flow::Flow* found = packet.flow;  // another one where its sender has the other role
  forget_if_unused(context, flow);
  if (found != &flow && !is_question(*found)) forget_if_unused(context, *found);
  if (!found->in_use) packet.flow = nullptr;
}

}  // namespace bulkhead::pipeline
