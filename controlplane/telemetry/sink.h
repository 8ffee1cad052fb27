// Where news of the appliance goes: exporters implement it, and the wiring adds them to Sinks
// before the agent starts.
#pragma once

#include <vector>

#include "bulkhead/v1/control.pb.h"
#include "bulkhead/v1/telemetry.pb.h"

namespace bulkhead::controlplane {

// Called on the agent's threads, several at once: an implementation is thread-safe and never waits.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void on_event(const v1::Event& event) = 0;
  // A page of a look at the counters, see v1::Counters::more; a look that breaks off has no last
  // page, and the next one begins anew.
  virtual void on_counters(const v1::Counters& page) = 0;
  virtual void on_status(const v1::GetStatusResponse& status) = 0;
};

// All of them, in the order in which they were added.
class Sinks final : public Sink {
 public:
  // Before anything is said to it. The sink outlives this.
  void add(Sink& sink) { sinks_.push_back(&sink); }

  void on_event(const v1::Event& event) override {
    for (Sink* sink : sinks_) sink->on_event(event);
  }
  void on_counters(const v1::Counters& page) override {
    for (Sink* sink : sinks_) sink->on_counters(page);
  }
  void on_status(const v1::GetStatusResponse& status) override {
    for (Sink* sink : sinks_) sink->on_status(status);
  }

 private:
  std::vector<Sink*> sinks_;
};

}  // namespace bulkhead::controlplane
