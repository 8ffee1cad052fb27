// Brings revisions into force: drives revisions/life.h with the disk, the data plane and the peer.
// Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "controlplane/access/refusal.h"
#include "controlplane/agent/dataplane_client.h"
#include "controlplane/agent/dataplane_readings.h"
#include "controlplane/agent/passed_recorder.h"
#include "controlplane/agent/trial_health.h"
#include "controlplane/revisions/commits.h"
#include "controlplane/revisions/life.h"
#include "controlplane/revisions/revision_store.h"
#include "controlplane/telemetry/sink.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

class Enforcer {
 public:
  // Of an operator, to be agreed on with the peer.
  struct Request {
    life::Wish wish{};
    v1::Revision revision;  // in force afterwards
    TimeNs window_ns = 0;   // how long it awaits confirmation; 0: it needs none
    std::string by;
  };
  struct Agreement {
    std::string problem;  // why nothing was done; empty if it was
    std::string remark;   // for the operator
  };
  // Waits for the peer.
  using Agree = std::function<Agreement(const Request& request)>;
  struct Begun {
    std::string id;  // of the commit
    life::Actions first;
    std::string by;
    // Of one that awaits confirmation: past them it returns before; without any past the policy's.
    std::optional<policy::HealthBounds> health;
  };
  struct Compared {
    DataplaneClient::Answer answer;  // the data plane's status
    std::optional<bool> in_force;    // the active revision; nothing if the data plane is silent
  };
  struct PassedSoFar {
    std::map<std::string, Passed> by_digest;
    TimeNs since_wall_ns = 0;
    std::uint64_t not_compared = 0;
  };

  // All outlive it. `wake` asks for a reconcile() soon; it does not wait.
  Enforcer(RevisionStore& store, DataplaneClient& dataplane, DataplaneReadings& readings,
           TrialHealth& health, RuleUses& uses, Sink& sink, std::function<void()> wake);
  // Makes the appliance one of a pair; before any other call.
  void join_pair(Agree agree);

  // The store has a new revision.
  void add(const v1::Revision& revision);
  // Begins what an operator asks for: CommitAsked, ConfirmAsked or RollbackAsked.
  Result<Begun, Refusal> begin(const life::Event& request, const std::string& by);
  // Carries it out, and waits until its outcome is known.
  void commit(const Begun& begun);
  const Commits& commits() const { return commits_; }
  // The pair has decided. Whether that is news, or the problem.
  Result<bool, std::string> decide(const RevisionStore::Activation& activation);
  // Takes back what was not confirmed in time, and says beforehand that it will. Alone; what a pair
  // takes back is decided by it. Returns when to call again at the latest.
  std::chrono::milliseconds pass_time();
  // Takes back what costs more than it may while it awaits confirmation. Alone, like pass_time().
  // Empty, or the problem.
  std::string give_back(const std::string& why);
  // Holds the data plane to the active revision.
  Compared reconcile();
  // Looks at the counters now, unless a commit is under way.
  void look();
  // What passed until now.
  PassedSoFar passed();

 private:
  // What the steps of one chain hand on.
  struct Work {
    std::optional<v1::Revision> revision;
    std::optional<v1::PolicyApplied> applied;
    RevisionStore::Activation activation;  // of a pair
    std::string by;
    std::optional<policy::HealthBounds> health;
    std::string unhealthy;  // why it returns before its time
    std::string problem;    // of the step that failed
    std::string remark;     // of the peer's side
    life::Outcome ended{};
  };

  life::Actions take(const life::Event& event, Work& work);
  void run(life::Actions actions, Work& work);
  void finish(const life::Ended& ended, life::Outcome outcome, Work& work);
  std::string text_of(const life::Ended& ended, const Work& work) const;
  life::Outcome carry_out(const life::Actions& actions, Work& work);
  life::Outcome load(const life::Actions& actions, Work& work);
  life::Outcome check(Work& work);
  life::Outcome agree(const life::Actions& actions, Work& work);
  life::Outcome reserve(const life::Actions& actions, Work& work);
  life::Outcome apply(const life::Actions& actions, Work& work);
  life::Outcome note(const life::Actions& actions, Work& work);
  RevisionStore::Activation activation_of(const life::Actions& actions, const Work& work) const;
  void tell(const v1::Revision& before, const RevisionStore::Activation& activation);
  std::string prepare(std::uint64_t revision);
  void warn(TimeNs now_ns);
  void keep_ready();
  void note_passed(std::chrono::milliseconds timeout);

  RevisionStore& store_;
  DataplaneClient& dataplane_;
  DataplaneReadings& readings_;
  TrialHealth& health_;
  Sink& sink_;
  std::function<void()> wake_;
  Agree agree_;  // none: not one of a pair
  std::mutex state_mutex_;
  life::State state_;
  Commits commits_;               // changed together with the state
  std::uint64_t generation_ = 0;  // of the data plane, as far as is known; with state_mutex_
  // Held while the active revision or the data plane's policy may change. Locked first.
  std::mutex policy_mutex_;
  PassedRecorder recorder_;  // with policy_mutex_
  bool warned_ = false;      // that the active revision returns soon; with policy_mutex_
};

}  // namespace bulkhead::controlplane
