// The appliance's agent: keeps policy revisions and holds the data plane to the active one, however
// often either of them restarts. Wiring, and the thread that compares.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/agent/dataplane_client.h"
#include "controlplane/agent/dataplane_readings.h"
#include "controlplane/agent/enforcer.h"
#include "controlplane/agent/memory.h"
#include "controlplane/agent/observation_end.h"
#include "controlplane/agent/pair_member.h"
#include "controlplane/agent/rule_uses.h"
#include "controlplane/agent/stored_policies.h"
#include "controlplane/agent/trial_health.h"
#include "controlplane/containment/keeper.h"
#include "dataplane/daemon/pulses.h"

namespace bulkhead::controlplane {

class Agent {
 public:
  // The sink outlives it.
  Agent(std::unique_ptr<RevisionStore> store, const std::string& socket, Sink& sink,
        ContainmentKeeper::Options containment = {});
  ~Agent();
  // Makes the appliance one of a pair; before start(). Throws with a text for people.
  void join_pair(PairOptions options);
  // Uses other credentials from now on. From any thread.
  void use(const CredentialsPointer& credentials) { pair_.use(credentials); }
  void start();
  // Adds its threads to those that must go on.
  void watch(daemon::Pulses& pulses);
  // Whether its data plane is connected.
  bool has_dataplane() const { return dataplane_.connected(); }

  Policies& policies() { return policies_; }
  Readings& readings() { return readings_; }
  PairControl& pair() { return pair_; }
  Containing& containment() { return containment_; }

 private:
  ContainmentKeeper::Links containment_links();
  void keep_reconciled();
  void wake();

  std::unique_ptr<RevisionStore> store_;
  Sink& sink_;
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  bool stopping_ = false;
  std::vector<std::function<void()>> asked_;  // of the reconciler, to be run at its next round
  ContainmentKeeper containment_;
  RuleUses uses_;
  DataplaneClient dataplane_;  // questions and policies
  DataplaneReadings readings_;
  TrialHealth health_;
  Enforcer enforcer_;
  PairMember pair_;
  StoredPolicies policies_;
  ObservationEnd observation_end_;
  MemoryKeeper memory_;
  std::thread reconciler_;
};

}  // namespace bulkhead::controlplane
