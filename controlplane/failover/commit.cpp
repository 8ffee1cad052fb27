// Who may commit what, and what a survivor knows of it.
#include "controlplane/failover/commit.h"

namespace bulkhead::failover {

using Kind = CommitMessage::Kind;

CommitActions Commit::conclude(CommitOutcome outcome) {
  CommitActions actions;
  actions.outcome = outcome;
  if (outcome == CommitOutcome::committed) {
    committed_ = *proposal_;
    if (prepared_.epoch <= committed_.epoch) prepared_ = {};
    actions.changed = true;
    actions.send(Kind::commit, committed_);
  } else {
    actions.send(Kind::abort, *proposal_);
  }
  proposal_.reset();
  return actions;
}

CommitActions Commit::propose(const Policy& policy, bool peer, TimeNs now_ns) {
  proposal_ = policy;
  proposed_ns_ = now_ns;
  if (!peer) return conclude(CommitOutcome::committed);
  CommitActions actions;
  actions.send(Kind::prepare, policy);
  return actions;
}

CommitActions Commit::take(const CommitMessage& message, bool can_enforce) {
  CommitActions actions;
  const Policy& policy = message.policy;
  const bool proposed = proposal_ && *proposal_ == policy;
  switch (message.kind) {
    case Kind::prepare:
      if (policy.epoch <= committed_.epoch || !can_enforce) {
        actions.send(Kind::refused, policy);
        break;
      }
      prepared_ = policy;
      actions.changed = true;
      actions.send(Kind::prepared, policy);
      break;
    case Kind::prepared:
      if (proposed) return conclude(CommitOutcome::committed);
      break;
    case Kind::refused:
      if (proposed) return conclude(CommitOutcome::peer_refused);
      break;
    case Kind::commit:
      if (prepared_ == policy && policy.epoch > committed_.epoch) {
        committed_ = policy;
        prepared_ = {};
        actions.changed = true;
      }
      break;
    case Kind::abort:
      if (prepared_ == policy) {
        prepared_ = {};
        actions.changed = true;
      }
      break;
    case Kind::fetch:
      if (committed_.epoch > 0) actions.send(Kind::policy, committed_);
      break;
    case Kind::policy:
      fetched_ns_ = 0;
      if (!can_enforce || policy.epoch < committed_.epoch) break;
      committed_ = policy;
      if (prepared_.epoch <= committed_.epoch) prepared_ = {};
      actions.changed = true;
      break;
  }
  return actions;
}

// A peer that enforces what was prepared here has committed it, though its word was lost. Of two
// that enforce different policies as one epoch, the active one's counts.
CommitActions Commit::heard(const Heartbeat& peer, TimeNs now_ns) {
  CommitActions actions;
  const Policy& theirs = peer.policy;
  if (theirs.epoch < committed_.epoch || theirs == committed_) return actions;
  if (theirs == prepared_) {
    committed_ = prepared_;
    prepared_ = {};
    actions.changed = true;
    return actions;
  }
  const bool later = theirs.epoch > committed_.epoch;
  if (!later && peer.role != Role::active) return actions;
  if (fetched_ns_ != 0 && now_ns - fetched_ns_ < kFetchAgainNs) return actions;
  fetched_ns_ = now_ns;
  actions.send(Kind::fetch, theirs);
  return actions;
}

CommitActions Commit::stream_begun() {
  CommitActions actions;
  fetched_ns_ = 0;
  if (proposal_) actions.send(Kind::prepare, *proposal_);
  return actions;
}

CommitActions Commit::pass_time(bool peer, TimeNs now_ns) {
  if (!proposal_) return {};
  if (!peer) return conclude(CommitOutcome::committed);
  if (now_ns - proposed_ns_ >= kAnswerNs) return conclude(CommitOutcome::peer_unanswering);
  return {};
}

CommitActions Commit::take_over() {
  CommitActions actions;
  proposal_.reset();
  if (prepared_.epoch <= committed_.epoch) return actions;
  committed_ = prepared_;
  prepared_ = {};
  actions.changed = true;
  return actions;
}

}  // namespace bulkhead::failover
