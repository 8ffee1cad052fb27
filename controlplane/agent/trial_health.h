// Watches what a policy that awaits confirmation costs: sessions that are lost, and refusals. The
// baseline is taken before the commit; from then on a thread of its own asks the data plane about
// once a second while the revision awaits confirmation. What it watches stands on the disk, for an
// agent that restarts. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "controlplane/revisions/health.h"
#include "controlplane/revisions/revision_store.h"
#include "controlplane/telemetry/readings.h"
#include "dataplane/policy/health.h"

namespace bulkhead::controlplane {

class TrialHealth {
 public:
  // On the thread; they may wait.
  struct Callbacks {
    // Whether this appliance is the one that forwards: only it judges.
    std::function<bool()> judges;
    // Gives the policy back. Empty, or why it could not; then it is asked again.
    std::function<std::string(const std::string& why)> on_lost;
  };

  static constexpr auto kPeriod = std::chrono::milliseconds(1000);
  // How often in a row it must be out of bounds.
  static constexpr int kOver = static_cast<int>(HealthJudge::kOverNs / kSecondNs);

  // Both outlive it. `period`: from one look at the data plane to the next.
  TrialHealth(RevisionStore& store, Readings& readings, std::chrono::milliseconds period = kPeriod)
      : store_(store), readings_(readings), period_(period) {}
  ~TrialHealth() { stop(); }
  void start(Callbacks callbacks);
  void stop();

  // Before the commit of a revision that shall be watched: takes the baseline, which takes a
  // second, and stores it. No bounds: those of the policy. Empty, or the problem.
  std::string begin(const policy::HealthBounds& bounds, const v1::GetPolicyResponse& revision);
  // Before the commit of one that shall not.
  std::string begin_without() { return store_.set_health_watch(std::nullopt); }

 private:
  void watch();
  TimeNs over_ns() const;
  bool wait(std::chrono::milliseconds time);
  // What is to be watched now.
  std::optional<v1::HealthWatch> due() const;
  std::optional<HealthReading> read(const std::set<std::string>& conduits);
  bool count_sessions(const std::set<std::string>& conduits, HealthReading& reading);
  bool count_refusals(HealthReading& reading);

  RevisionStore& store_;
  Readings& readings_;
  const std::chrono::milliseconds period_;
  Callbacks callbacks_;
  std::mutex mutex_;
  std::condition_variable stopping_changed_;
  bool stopping_ = false;
  std::thread thread_;
};

// Of the revision that awaits confirmation, if it is watched.
std::optional<v1::HealthWatch> watch_of_trial(const RevisionStore& store);

}  // namespace bulkhead::controlplane
