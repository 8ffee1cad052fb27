// Services that the pair needs of the agent.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "bulkhead/v1/control.pb.h"
#include "bulkhead/v1/dataplane.pb.h"
#include "controlplane/failover/commit.h"

namespace bulkhead::controlplane {

// Policies on the disk and in the data plane. Called on the pair's slow thread; may wait for both.
class PolicyHost {
 public:
  virtual ~PolicyHost() = default;

  struct Held {
    failover::Policy committed;
    failover::Policy prepared;
    failover::Commit::Trials trials = {};
  };
  struct Decision {
    failover::Policy policy;
    std::optional<failover::Trial> trial = {};  // it awaits confirmation
    failover::CommitCause cause{};
    std::string by = {};  // empty: no operator, or as it was prepared; why it is unhealthy
  };
  virtual Held held() = 0;
  // Checks and stores the peer's revision. Empty, or the problem.
  virtual std::string keep(v1::GetPolicyResponse revision) = 0;
  // Notes that a stored policy is prepared, with room on disk for what may come of it. Empty, or
  // the problem.
  virtual std::string prepare(const Decision& decision) = 0;
  // Enforces a stored policy here. Empty, or the problem.
  virtual std::string enforce(const Decision& decision) = 0;
  virtual void forget_prepared() = 0;
  virtual std::optional<v1::GetPolicyResponse> revision_of(const failover::Policy& policy) = 0;
  // What a policy that awaits confirmation may cost, as text that only these two understand; empty
  // if it is not watched. Kept before it is prepared: empty, or the problem.
  virtual std::string health_of(const failover::Policy& policy) = 0;
  virtual std::string keep_health(const failover::Policy& policy, const std::string& health) = 0;
};

class PairHost : public PolicyHost {
 public:
  // Never waits; dropped if the data plane cannot accept it.
  virtual void to_dataplane(v1::DataplaneRequest request) = 0;
  // Calls back on the thread that receives from the data plane, after everything received by
  // then; never waits.
  virtual void behind_news(std::function<void()> then) = 0;
  // Whether the data plane's lease thread has work and gets no core, so that its silence is no
  // failure.
  virtual bool dataplane_waits_for_core() = 0;
  virtual void tell(const std::string& text) = 0;
};

}  // namespace bulkhead::controlplane
