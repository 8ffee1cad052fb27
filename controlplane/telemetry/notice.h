// An event of the agent itself.
#pragma once

#include <string>

#include "controlplane/telemetry/sink.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

inline void notice(Sink& sink, const std::string& kind, const std::string& text) {
  v1::Event event;
  event.set_wall_time_ns(wall_now_ns());
  event.set_kind(kind);
  event.set_text(text);
  sink.on_event(event);
}

}  // namespace bulkhead::controlplane
