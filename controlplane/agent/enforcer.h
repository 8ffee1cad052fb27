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
#include "controlplane/revisions/commits.h"
#include "controlplane/revisions/life.h"
#include "controlplane/revisions/revision_store.h"
#include "controlplane/telemetry/sink.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

class Enforcer {
 public:
  // Waits for the peer. Empty, or why the revision was not committed.
  using Agree = std::function<std::string(const v1::Revision& revision)>;
  struct Begun {
    std::string id;  // of the commit
    life::Actions first;
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
           Sink& sink, std::function<void()> wake);
  // Makes the appliance one of a pair; before any other call.
  void join_pair(Agree agree);

  // The store has a new revision.
  void add(const v1::Revision& revision);
  // Begins a commit; 0 asks for the revision that was staged last.
  Result<Begun, Refusal> begin(std::uint64_t number, const std::string& by);
  // Carries it out, and waits until its outcome is known.
  void commit(const Begun& begun, const std::string& by);
  const Commits& commits() const { return commits_; }
  // The pair has committed the revision. Whether that is news, or the problem.
  Result<bool, std::string> decide(const v1::Revision& revision);
  // Holds the data plane to the active revision.
  Compared reconcile();
  // What passed until now.
  PassedSoFar passed();

 private:
  // What the steps of one chain hand on.
  struct Work {
    std::optional<v1::Revision> revision;
    std::optional<v1::PolicyApplied> applied;
    std::string problem;  // of the step that failed
    life::Outcome ended{};
  };

  life::Actions take(const life::Event& event, Work& work);
  void run(life::Actions actions, Work& work);
  void finish(const life::Ended& ended, life::Outcome outcome, Work& work);
  std::string text_of(const life::Ended& ended, const Work& work) const;
  life::Outcome carry_out(const life::Actions& actions, Work& work);
  life::Outcome load(std::uint64_t revision, Work& work);
  life::Outcome check(Work& work);
  life::Outcome agree(Work& work);
  life::Outcome reserve(std::uint64_t revision, Work& work);
  life::Outcome apply(const life::Actions& actions, Work& work);
  life::Outcome note(const life::Actions& actions, Work& work);
  std::string prepare(std::uint64_t revision);
  void note_passed(std::chrono::milliseconds timeout);

  RevisionStore& store_;
  DataplaneClient& dataplane_;
  DataplaneReadings& readings_;
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
};

}  // namespace bulkhead::controlplane
