// The interface of exporters: events, counters and status of the appliance. The wiring adds them to
// Sinks before the agent starts.
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
  // A page of a listing of the counters, see v1::Counters::more; a listing that breaks off has no
  // last page, and the next one starts over.
  virtual void on_counters(const v1::Counters& page) = 0;
  virtual void on_status(const v1::GetStatusResponse& status) = 0;
};

// All of them, in the order in which they were added.
class Sinks final : public Sink {
 public:
  // Call it before the first event. The sink outlives this.
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
