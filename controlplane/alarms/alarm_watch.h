// The appliance's alarms: looks, keeps what stands, and makes an event of each change. Thread-safe.
#pragma once

#include <mutex>

#include "controlplane/alarms/alarms.h"
#include "controlplane/telemetry/sink.h"

namespace bulkhead::controlplane {

class AlarmWatch final : public Sink {
 public:
  // `events` gets raised and cleared alarms, and outlives it.
  explicit AlarmWatch(Sink& events) : events_(events) {}

  // Called about once a second, on one thread.
  void look(const Observation& seen);
  // Adds what stands.
  void describe(v1::GetStatusResponse& status) const;

  // Refusals that are an alarm's condition.
  void on_event(const v1::Event& event) override;
  void on_counters(const v1::Counters& /*page*/) override {}
  void on_status(const v1::GetStatusResponse& /*status*/) override {}

 private:
  Sink& events_;
  mutable std::mutex mutex_;
  Finder finder_;
  Alarms alarms_;
};

}  // namespace bulkhead::controlplane
