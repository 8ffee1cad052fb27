// Records which messages passed under which policy, from the data plane's counters. Not
// thread-safe: its owner holds off changes of the policy meanwhile.
#pragma once

#include <chrono>
#include <string>

#include "controlplane/revisions/passed.h"
#include "controlplane/telemetry/readings.h"
#include "controlplane/telemetry/sink.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

class PassedRecorder {
 public:
  // Both outlive it.
  PassedRecorder(Readings& readings, Sink& sink) : readings_(readings), sink_(sink) {}

  // Reads all counters, for the policy of this digest. Does nothing if the data plane does not
  // answer in time.
  void note(const std::string& digest, std::chrono::milliseconds timeout);
  // The same once a minute, for callers that come often.
  void note_now_and_then(const std::string& digest, TimeNs now_ns);
  const PassedOfLastDay& passed() const { return passed_; }

 private:
  Readings& readings_;
  Sink& sink_;
  PassedOfLastDay passed_;
  TimeNs noted_ns_ = 0;
};

}  // namespace bulkhead::controlplane
