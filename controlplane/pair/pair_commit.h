// The two-phase commit of one of a pair: drives the machine of failover/commit.h. All of it runs on
// the pair's slow thread, which may wait for the disk and the data plane.
#pragma once

#include <deque>
#include <functional>
#include <future>
#include <optional>
#include <string>

#include "bulkhead/v1/failover.pb.h"
#include "controlplane/failover/commit.h"
#include "controlplane/pair/pair_host.h"

namespace bulkhead::controlplane {

class PairCommit {
 public:
  // Neither waits.
  struct Callbacks {
    std::function<void(failover::Policy committed, failover::Policy prepared,
                       const std::optional<failover::Trial>& trial)>
        on_policy;
    std::function<void(std::deque<std::string> frames)> send;  // to the peer, in pieces
  };

  struct Answer {
    std::string problem;  // why nothing was done; empty if it was
    bool alone = false;   // the peer was not heard, and may not know of it
  };
  struct Proposal {
    failover::Policy policy;
    TimeNs window_ns = 0;  // how long it awaits confirmation; 0: it needs none
    std::string by = {};
  };

  PairCommit(PolicyHost& host, Callbacks callbacks)
      : host_(host), callbacks_(std::move(callbacks)) {}

  // Reads the policies that are held; until then the other calls do nothing.
  void begin();
  // The pair link is established.
  void on_link();
  void pass_time(bool hears_peer, const failover::Heartbeat& peer);
  // This appliance becomes active, and commits a prepared policy.
  void take_over();
  void take(v1::PairCommit message);
  std::shared_future<Answer> propose(const Proposal& proposal, bool hears_peer);
  // Of the policy that awaits it.
  std::shared_future<Answer> confirm(const std::string& by, bool hears_peer);
  // Back to what was in force before it.
  Answer roll_back(const std::string& by);
  // The same for want of health: why.
  Answer give_back(const std::string& why);

 private:
  void carry_out(const failover::CommitActions& actions);
  void send(const failover::CommitMessage& message);
  std::string prepare(const failover::CommitMessage& message, v1::PairCommit& wire);
  std::string keep(v1::PairCommit& wire);
  std::string why_not(failover::CommitOutcome outcome) const;
  // Nothing is under way, and a policy awaits confirmation; or why not.
  std::string no_trial() const;
  void publish_policy() {
    published_ = commit_->trial();
    callbacks_.on_policy(commit_->committed(), commit_->prepared(), commit_->trial());
  }

  PolicyHost& host_;
  Callbacks callbacks_;
  std::optional<failover::Commit> commit_;
  std::uint64_t boot_ = 0;
  std::optional<failover::Trial> published_;  // as heartbeats have it
  std::optional<std::promise<Answer>> committing_;
  std::string refusal_;    // the peer's text
  std::string by_;         // who proposed what is under way or prepared; empty: not known
  std::string unhealthy_;  // why what is being returned returns before its time
};

}  // namespace bulkhead::controlplane
