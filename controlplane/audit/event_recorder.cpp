// By the events' kinds.
#include "controlplane/audit/event_recorder.h"

namespace bulkhead::audit {

void EventRecorder::on_event(const v1::Event& event) {
  Trail* trail = trail_;
  if (trail == nullptr) return;
  // The listener's reports have their own bound.
  if (event.kind() == "login") return trail->event("failed_logins", event.text());
  for (const char* kind : {"access", "containment", "credentials", "pair", "policy", "storage"}) {
    if (event.kind() == kind) return trail->event(event.kind(), event.text());
  }
}

}  // namespace bulkhead::audit
