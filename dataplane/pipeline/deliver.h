// What the firewall sends in a session on its own account: granted bytes that it owns, their
// repetition, refusals, and acknowledgements in the name of either end.
#pragma once

#include <algorithm>
#include <optional>

#include "dataplane/flow/carry.h"
#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

// The flow, and which of its ends speaks.
struct Speaker {
  flow::Flow& flow;
  std::size_t end = flow::kClient;

  std::size_t other() const { return 1 - end; }
  flow::TcpSide& side() const { return flow.sides[end]; }
  flow::Carry& carry() const { return flow.carry[end]; }
};

// The firewall carries the session from now on; false if it carries too many.
bool begin_carry(Context& context, flow::Flow& flow);

inline Speaker speaker_of(const flow::Packet& packet) {
  return {*packet.flow, packet.from_client ? flow::kClient : flow::kServer};
}

// The segment that a packet is.
inline flow::Segment segment_of(const flow::Packet& packet) {
  flow::Segment segment;
  segment.mbuf = packet.mbuf;
  segment.sequence = packet.tcp.sequence;
  segment.out = packet.tcp.sequence;
  segment.transport_offset = packet.transport_offset;
  segment.payload_offset = packet.payload_offset;
  segment.length = packet.payload_length;
  segment.fin = (packet.tcp.flags & wire::kTcpFin) != 0;
  return segment;
}
// RFC 9293, 3.10.7.4: bytes beyond the window are not taken.
inline void trim_to_window(const flow::TcpSide& side, flow::Segment& segment) {
  const std::int32_t beyond = wire::sequence_distance(segment.end(), side.window_end);
  if (beyond <= 0) return;
  segment.length = static_cast<std::uint16_t>(std::max(segment.length - beyond, 0));
  segment.fin = false;
}

// A packet that never was, for speaking of a session without one. `pattern` is one of the
// speaker's.
flow::Packet packet_about(const Speaker& speaker, const flow::Pattern& pattern);

// The headers of a frame from the speaker, if the flow keeps any.
std::optional<flow::Pattern> pattern_from(Context& context, const Speaker& speaker);

// Bytes of the speaker's belong to one message and leave in several segments: if this appliance
// goes while they do, the peer must know that no message begins in between.
void note_split(Context& context, const Speaker& speaker, std::uint32_t begin, std::uint32_t end);

// A segment of the speaker's leaves before an earlier one is acknowledged, so that it may wait in
// its receiver behind a gap: the peer must know what its bytes are, for others must never stand
// there.
inline void tell_more_under_way(Context& context, const Speaker& speaker) {
  const flow::Flow& flow = speaker.flow;
  const bool more = flow.carried ? speaker.carry().out_sent != speaker.carry().out_acked
                                 : speaker.side().retained_first != flow::kNoSegment;
  if (more) context.tell_peer_first(speaker.flow);
}

// RFC 9293, 3.7.1: what an end takes over IPv4 that says nothing of it.
constexpr std::uint32_t kMssUnsaid = 536;

// Payload bytes of the speaker's that one segment takes: as many as the receiver's MSS (RFC 9293,
// 3.7.1; RFC 6691), its window where that was never larger, and our wire allow.
std::uint32_t segment_room(const Context& context, const Speaker& speaker);

// Whether one segment takes so many bytes of the speaker's.
inline bool fits_one_segment(const Context& context, const Speaker& speaker, std::uint32_t length) {
  constexpr std::uint32_t kHeadersMax = 72;  // IPv6, and TCP with time stamps
  const std::uint32_t mss = speaker.flow.sides[speaker.other()].mss;
  const std::uint32_t most = length + kHeadersMax;
  const bool surely = most <= (mss != 0 ? mss : kMssUnsaid) && most <= speaker.side().window_max &&
                      most <= context.options.mtu;
  return surely || length <= segment_room(context, speaker);
}

// Sends a retained segment once more, as it was cut and with the numbers of this moment.
void send_again(Context& context, const Speaker& speaker, std::uint32_t index);

// A segment without data in the speaker's name. `pattern` is a frame from it, or one turned round.
void send_bare(Context& context, const Speaker& speaker, const flow::Pattern& pattern);
// The same one number below what the receiver has, so that it answers (RFC 9293, 3.8.4).
void send_probe(Context& context, const Speaker& speaker, const flow::Pattern& pattern);

// Takes a granted segment of the speaker's stream, fits its frame and sends it as soon as the
// receiver's window takes it. Precondition: the flow is carried.
void deliver(Context& context, const Speaker& speaker, std::uint32_t index);

// Sends what the receiver's window takes of what was granted.
void push(Context& context, const Speaker& speaker);

// Sends the oldest segment that the receiver lacks once more.
void resend_first(Context& context, const Speaker& speaker);

// Takes what the receiver's packet acknowledges of the speaker's bytes, and sends what that calls
// for. Precondition: the flow is carried and the packet was checked.
flow::AckNews hear_receiver(Context& context, const Speaker& speaker, const flow::Packet& packet,
                            std::uint32_t window);

// Injects pending refusals into the speaker's stream (the server's): those whose time has come, or
// all. Precondition: the stream stands at a message boundary.
void send_due_refusals(Context& context, const Speaker& speaker, bool all);

// Sees to it that the flow is looked at when its next deadline comes.
void schedule(Context& context, flow::Flow& flow);

// Does what a flow's deadlines ask for.
void run_timers(Context& context, flow::Flow& flow);

}  // namespace bulkhead::pipeline
