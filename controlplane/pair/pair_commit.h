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
    std::function<void(failover::Policy committed, failover::Policy prepared)> on_policy;
    std::function<void(std::deque<std::string> frames)> send;  // to the peer, in pieces
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
  void take(const v1::PairCommit& message);
  // Resolves to nothing, or why it was not committed.
  std::shared_future<std::string> propose(const failover::Policy& policy, bool hears_peer);

 private:
  void carry_out(const failover::CommitActions& actions);
  void send(const failover::CommitMessage& message);
  void publish_policy() { callbacks_.on_policy(commit_->committed(), commit_->prepared()); }

  PolicyHost& host_;
  Callbacks callbacks_;
  std::optional<failover::Commit> commit_;
  std::optional<std::promise<std::string>> committing_;
  std::string refusal_;  // the peer's text
};

}  // namespace bulkhead::controlplane
