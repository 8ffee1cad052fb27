// Records which messages passed under which policy, from the data plane's counters. Not
// thread-safe: its owner holds off changes of the policy meanwhile.
#pragma once

#include <chrono>
#include <string>

#include "controlplane/agent/rule_uses.h"
#include "controlplane/revisions/passed.h"
#include "controlplane/telemetry/readings.h"
#include "controlplane/telemetry/sink.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

class PassedRecorder {
 public:
  // All outlive it.
  PassedRecorder(Readings& readings, RuleUses& uses, Sink& sink)
      : readings_(readings), uses_(uses), sink_(sink) {}

  // Reads all counters, for the policy of this digest. Does nothing if the data plane does not
  // answer in time.
  void note(const std::string& digest, std::chrono::milliseconds timeout);
  // The same once a minute and after a change of the policy, for callers that come often.
  void note_now_and_then(const std::string& digest, TimeNs now_ns);
  const PassedOfLastDay& passed() const { return passed_; }

 private:
  Readings& readings_;
  RuleUses& uses_;
  Sink& sink_;
  PassedOfLastDay passed_;
  TimeNs noted_ns_ = 0;
  std::string noted_;  // the policy then
};

}  // namespace bulkhead::controlplane
