// Segments that the firewall sends on its own account: granted bytes that it owns, retransmissions,
// refusals, and acknowledgements for either end.
#pragma once

#include "dataplane/flow/splice.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/speaker.h"

namespace bulkhead::pipeline {

// Starts splicing the session; false if too many are spliced.
bool begin_splice(SessionContext& context, flow::Flow& flow);

// Records that these bytes are one message that leaves in several segments: at a takeover the peer
// must know that no message begins in between.
void note_split(SessionContext& context, const Speaker& speaker, std::uint32_t begin,
                std::uint32_t end);

// Call before a segment leaves while earlier ones are unacknowledged: it may be queued at its
// receiver after a gap, so the peer must know its bytes, which no others may replace.
inline void replicate_if_more_under_way(SessionContext& context, const Speaker& speaker) {
  const flow::Flow& flow = speaker.flow;
  const bool more = flow.spliced ? speaker.splice().out_sent != speaker.splice().out_acked
                                 : speaker.side().retained_first != flow::kNoSegment;
  if (more) context.replicate_first(speaker.flow);
}

// RFC 9293, 3.7.1: the MSS over IPv4 if an end announced none.
constexpr std::uint32_t kMssUnsaid = 536;

// Payload bytes of the speaker that fit one segment: at most the receiver's MSS (RFC 9293, 3.7.1;
// RFC 6691), its largest window, and our MTU.
std::uint32_t segment_room(const SessionContext& context, const Speaker& speaker);

// Whether `length` bytes of the speaker fit one segment.
inline bool fits_one_segment(const SessionContext& context, const Speaker& speaker,
                             std::uint32_t length) {
  constexpr std::uint32_t kHeadersMax = 72;  // IPv6, and TCP with time stamps
  const std::uint32_t mss = speaker.flow.sides[speaker.other()].mss;
  const std::uint32_t most = length + kHeadersMax;
  const bool surely = most <= (mss != 0 ? mss : kMssUnsaid) && most <= speaker.side().window_max &&
                      most <= context.options.mtu;
  return surely || length <= segment_room(context, speaker);
}

// Retransmits a retained segment, as it was cut, with current numbers.
void send_again(SessionContext& context, const Speaker& speaker, std::uint32_t index);

// Sends a segment without payload in the speaker's name. `pattern`: a frame from it, or a reversed
// one.
void send_pure_ack(SessionContext& context, const Speaker& speaker, const flow::Pattern& pattern);
// The same with the number before what the receiver has, so that it answers (RFC 9293, 3.8.4).
void send_probe(SessionContext& context, const Speaker& speaker, const flow::Pattern& pattern);

// Consumes a granted segment of the speaker's stream, fits its frame and sends it once the
// receiver's window allows. Precondition: the flow is spliced.
void deliver(SessionContext& context, const Speaker& speaker, std::uint32_t index);

// Sends granted segments as far as the receiver's window allows.
void push(SessionContext& context, const Speaker& speaker);

// Retransmits the oldest segment that the receiver lacks.
void resend_first(SessionContext& context, const Speaker& speaker);

// Processes the receiver's acknowledgement of the speaker's bytes, and sends what it calls for.
// Precondition: the flow is spliced and the packet was checked.
flow::AckNews process_acknowledgement(SessionContext& context, const Speaker& speaker,
                                      const flow::Packet& packet, std::uint32_t window);

// Injects pending refusals into the speaker's stream (the server's): the due ones, or all.
// Precondition: the stream is at a message boundary.
void send_due_refusals(SessionContext& context, const Speaker& speaker, bool all);

}  // namespace bulkhead::pipeline
