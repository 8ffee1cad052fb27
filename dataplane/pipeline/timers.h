// Deadlines of sessions.
#pragma once

#include <array>
#include <optional>

#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/speaker.h"

namespace bulkhead::pipeline {

// The headers of a frame from the speaker, if the flow keeps one.
std::optional<flow::Pattern> pattern_from(SessionContext& context, const Speaker& speaker);

// Arms the flow's timer for its next deadline.
void schedule(SessionContext& context, flow::Flow& flow);

// Carries out a flow's expired deadlines.
void run_timers(SessionContext& context, flow::Flow& flow);

// Time since which the receivers of a session have acknowledged nothing of what was released.
struct Progress {
  TimeNs since_ns = 0;  // 0: nothing is unacknowledged
  std::array<std::uint32_t, 2> acknowledged{};
};
// Ends a session whose receiver has acknowledged nothing for longer than TCP retransmits (RFC 9293,
// 3.8.3). Spliced sessions have timers of their own.
void give_up_if_stuck(SessionContext& context, flow::Flow& flow, Progress& progress);

}  // namespace bulkhead::pipeline
