// This appliance as one of a pair: joins the pair's state machine to the lease's socket, the store
// and the data plane. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "controlplane/agent/dataplane_client.h"
#include "controlplane/agent/enforcer.h"
#include "controlplane/pair/pair.h"
#include "controlplane/pair/pair_control.h"
#include "controlplane/revisions/revision_store.h"
#include "controlplane/telemetry/sink.h"

namespace bulkhead::controlplane {

class PairMember final : public PairControl, private PairHost {
 public:
  // All outlive it. `lease_socket` carries what a lease depends on, and nothing else.
  PairMember(RevisionStore& store, DataplaneClient& dataplane, Enforcer& enforcer, Sink& sink,
             const std::string& lease_socket);
  // Without this the appliance is alone; before start(). Throws with a text for people.
  void join(PairOptions options);
  // Uses other credentials on the pair link, if there is one.
  void use(const CredentialsPointer& credentials);
  void start();
  void stop();
  // To the peer, if there is one and the pair link is up; does not wait.
  void send(v1::PairContainment message) {
    if (pair_) pair_->send(std::move(message));
  }
  void send(v1::PairRuleUse message) {
    if (pair_) pair_->send(std::move(message));
  }
  // Adds its threads to those that must go on.
  void watch(daemon::Pulses& pulses);
  // Whether the active revision is in force.
  void on_policy(bool in_force);
  // Whether the appliance is one of a pair; the others need that.
  bool is_joined() const { return pair_ != nullptr; }
  bool is_active() { return pair_->is_active(); }
  // Takes back, on both, what costs more than it may. Empty, or the problem.
  std::string give_back(const std::string& why) { return pair_->give_back(why).problem; }

  Result<v1::PairStatus, Refusal> pair_status() override;
  Result<v1::PairStatus, Refusal> order_pair(failover::Order order, const std::string& by) override;

 private:
  // What the pair needs, see PairHost.
  void to_dataplane(v1::DataplaneRequest request) override { lease_.post(std::move(request)); }
  void behind_news(std::function<void()> then) override {
    lease_.behind_what_came(std::move(then));
  }
  bool dataplane_waits_for_core() override { return lease_.waits_for_core(); }
  void tell(const std::string& text) override;
  Held held() override;
  std::string keep(v1::GetPolicyResponse revision) override;
  std::string prepare(const Decision& decision) override;
  std::string enforce(const Decision& decision) override;
  void forget_prepared() override { store_.set_prepared(0); }
  std::optional<v1::GetPolicyResponse> revision_of(const failover::Policy& policy) override;
  std::string health_of(const failover::Policy& policy) override;
  std::string keep_health(const failover::Policy& policy, const std::string& health) override;

  Enforcer::Agreement agree(const Enforcer::Request& request);
  Enforcer::Agreement agree_on_commit(const Enforcer::Request& request);
  std::optional<v1::Revision> find(const failover::Policy& policy) const;
  // One that ends a trial has the artefact of an earlier epoch.
  std::optional<v1::Revision> find_artefact(const failover::Policy& policy) const;
  std::optional<StoredTrial> stored(const std::optional<failover::Trial>& trial) const;
  std::optional<failover::Trial> of_pair(const std::optional<StoredTrial>& trial) const;

  RevisionStore& store_;
  DataplaneClient& dataplane_;
  Enforcer& enforcer_;
  Sink& sink_;
  std::unique_ptr<Pair> pair_;  // the lease's thread calls it until that has ended
  DataplaneClient lease_;
};

}  // namespace bulkhead::controlplane
