// Records the agent's own events: changes of role, of policies, of access.yaml, damage of the
// store. Traffic has its own events and is not recorded.
#pragma once

#include <atomic>

#include "controlplane/audit/trail.h"
#include "controlplane/telemetry/sink.h"

namespace bulkhead::audit {

class EventRecorder final : public controlplane::Sink {
 public:
  // Events before this are not recorded. The trail outlives the last event.
  void record_to(Trail& trail) { trail_ = &trail; }

  void on_event(const v1::Event& event) override;
  void on_counters(const v1::Counters& /*page*/) override {}
  void on_status(const v1::GetStatusResponse& /*status*/) override {}

 private:
  std::atomic<Trail*> trail_ = nullptr;
};

}  // namespace bulkhead::audit
