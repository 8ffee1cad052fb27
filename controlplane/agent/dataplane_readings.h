// Readings of the data plane, and what is wrong with it as a sentence. Thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "controlplane/agent/dataplane_client.h"
#include "controlplane/agent/rule_uses.h"
#include "controlplane/revisions/revision_store.h"
#include "controlplane/telemetry/readings.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

struct Enforcement {
  std::string unanswered;  // why the data plane does not answer; empty if it does
  v1::DataplaneStatus dataplane;
  std::optional<v1::Revision> active;
  std::string refused;  // why the data plane refuses the active revision
  std::string damage;   // of the store
};
// Empty if the data plane enforces the active revision.
std::string problem_of(const Enforcement& enforcement);

class DataplaneReadings final : public Readings {
 public:
  // All outlive it.
  DataplaneReadings(DataplaneClient& dataplane, const RevisionStore& store, const RuleUses& uses);

  v1::GetStatusResponse status() override { return describe(ask_status()); }
  Result<v1::Counters, Refusal> counters(v1::GetDataplaneCounters& question,
                                         std::chrono::milliseconds timeout) override;
  RulesInForce rules() override { return uses_.in_force(); }
  Result<v1::DataplaneFlows, Refusal> flows(const v1::ListDataplaneFlows& page) override;
  Result<v1::SelfTest, Refusal> self_test() override;

  DataplaneClient::Answer ask_status();
  // The status of the appliance, given that of its data plane.
  v1::GetStatusResponse describe(const DataplaneClient::Answer& answer);
  // Why the data plane refuses the active revision; empty if it does not.
  void set_refused(const std::string& problem);

 private:
  DataplaneClient& dataplane_;
  const RevisionStore& store_;
  const RuleUses& uses_;
  const TimeNs started_ns_;
  std::mutex mutex_;
  v1::DataplaneStatus last_status_;
  std::string refused_;
};

}  // namespace bulkhead::controlplane
