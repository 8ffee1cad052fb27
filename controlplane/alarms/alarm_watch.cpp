// No lock is held while events are handed on: this is a sink of them itself.
#include "controlplane/alarms/alarm_watch.h"

#include <spdlog/spdlog.h>

namespace bulkhead::controlplane {

void AlarmWatch::look(const Observation& seen) {
  std::vector<Alarms::Change> changes;
  {
    const std::lock_guard guard(mutex_);
    const auto found = finder_.find(seen, [this](AlarmKind kind, const std::string& subject) {
      return alarms_.stands(kind, subject);
    });
    changes = alarms_.step(found, seen.now_ns, seen.wall_time_ns);
  }
  for (const Alarms::Change& change : changes) {
    const v1::Event event = event_of(change, seen.wall_time_ns);
    spdlog::warn("{}", event.text());
    events_.on_event(event);
  }
}

void AlarmWatch::describe(v1::GetStatusResponse& status) const {
  const std::lock_guard guard(mutex_);
  for (v1::Alarm& alarm : alarms_.standing()) *status.add_alarms() = std::move(alarm);
}

void AlarmWatch::on_event(const v1::Event& event) {
  if (event.reason().empty()) return;
  const std::lock_guard guard(mutex_);
  finder_.note(event, monotonic_now_ns());
}

}  // namespace bulkhead::controlplane
