// A pipeline that only judges. Its frames have left already, as they came; what it sends goes
// nowhere. So nothing that it refuses ends or changes a session: it reports what enforcing would
// have refused, and goes on as if that had been let through, since it was. See README.md.
#pragma once

#include "dataplane/flow/refused_sessions.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/speaker.h"

namespace bulkhead::pipeline {

struct Shadow {
  explicit Shadow(std::uint32_t sessions) : refused(sessions) {}

  flow::RefusedSessions refused;  // of which no more is said than that
  TimeNs lost_ns = 0;             // when it last missed a frame, or a part of one
  std::uint32_t generation = 0;   // of the policy that refused them
  bool hears = false;             // frames of a tap port, of which any may be missing

  bool may_lack(TimeNs since_ns) const { return hears || lost_ns >= since_ns; }
  void note_lost(TimeNs now_ns) {
    if (!hears) lost_ns = now_ns;
  }
};

// Whether a datagram of no session may answer one that was not seen. Enforcing takes up none.
bool may_take_up_datagrams(const BurstContext& context);

// All that follows needs a context with a Shadow.

// The packet's opening was refused: what it asked for goes on all the same.
void note_refused_opening(Context& context, const flow::Packet& packet);
// Whether the packet only goes on with what was refused before. It is consumed then.
bool follows_refused(Context& context, flow::Packet& packet);

// Whether a SYN that enforcing refuses for its form, and that has passed, opens its session: if
// that is granted, and the SYN brings no bytes. The refusal is reported then.
bool opens_all_the_same(Context& context, const flow::Packet& packet, Reason reason,
                        const policy::Classification& found);

// A segment acknowledges more than has its verdict: its sender may have received bytes that wait
// for the rest of their message, or that were never seen here. True if that is so; it acknowledges
// what has its verdict then.
bool follow_receiver(Context& context, flow::Packet& packet);

// The session was open before: neither its window scales nor its messages' beginnings are known,
// nor what its ends have received.
inline void begin_lost(flow::Flow& flow) {
  flow.resumed = true;
  flow.missed = flow::Flow::kMissedMax;
  flow.lost_client = flow.lost_server = true;
  flow.lacks_client = flow.lacks_server = true;
}

// Gives up what stands of the end's stream; its next message begins nobody knows where.
void lose_track(SessionContext& context, const Speaker& speaker);

// After a message of a stream was judged, or a datagram in each role of its sender. One that was
// refused has passed: its answer must find it. An answer that cannot be read where a request was
// not read either is not judged.
void settle_judged(Context& context, const flow::Packet& packet, Verdict& verdict);

// What enforcing would do about a message of a stream; empty if it could not be delimited.
Action foretell_action(Context& context, const Speaker& speaker, const Verdict& verdict,
                       ByteView message);

}  // namespace bulkhead::pipeline
