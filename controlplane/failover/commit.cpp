// Who may commit what, what a survivor knows of it, and when what was not confirmed returns.
#include "controlplane/failover/commit.h"

#include <algorithm>
#include <utility>

#include "controlplane/failover/planted.h"

namespace bulkhead::failover {

using Kind = CommitMessage::Kind;

TimeNs trial_left(const std::optional<Trial>& trial, TimeNs now_ns) {
  if (!trial) return 0;
  if (trial->boot == 0) return kTrialNotKnown;
  return trial->deadline_ns > now_ns ? trial->deadline_ns - now_ns : 1;
}

std::optional<Trial> Commit::trial_of(const CommitMessage& prepare, std::uint64_t boot,
                                      TimeNs now_ns) {
  if (prepare.window_ns == 0) return std::nullopt;
  return Trial{prepare.former, prepare.window_ns, now_ns + prepare.window_ns, boot};
}

// A deadline by the clock of another start says nothing.
Commit::Commit(const Policy& committed, const Policy& prepared, const Trials& trials)
    : boot_(trials.boot),
      ask_ns_(trials.ask_ns),
      committed_(committed),
      prepared_(prepared),
      trial_(trials.of_committed),
      prepared_trial_(trials.of_prepared) {
  for (auto* trial : {&trial_, &prepared_trial_}) {
    if (!*trial || (*trial)->boot == boot_) continue;
    (*trial)->boot = planted(Mistake::trust_old_boot) ? boot_ : 0;
  }
}

// --- what is in force --------------------------------------------------------------------------

// What was prepared before it is superseded.
void Commit::become(const Policy& policy, CommitCause cause, CommitActions& actions) {
  committed_ = policy;
  trial_.reset();
  asking_since_.reset();
  if (prepared_.epoch <= committed_.epoch) {
    prepared_ = {};
    prepared_trial_.reset();
  }
  actions.changed = true;
  actions.cause = cause;
}

void Commit::promote(bool begins, TimeNs now_ns, CommitActions& actions) {
  const bool confirmation = confirms(prepared_);
  std::optional<Trial> trial = prepared_trial_;
  become(prepared_, confirmation ? CommitCause::confirmed : CommitCause::committed, actions);
  if (!trial || planted(Mistake::lose_trial)) return;
  if (begins) {
    trial->deadline_ns = now_ns + trial->window_ns;
    trial->boot = boot_;
  }
  trial_ = trial;
}

// A confirmation that was prepared is void with its policy.
void Commit::give_back(CommitCause cause, CommitActions& actions) {
  if (prepared_ == confirmed(committed_)) {
    prepared_ = {};
    prepared_trial_.reset();
  }
  become(returned(committed_, *trial_), cause, actions);
  if (cause != CommitCause::followed) actions.send(Kind::commit, committed_);
}

// Of several words the earliest deadline counts: what was under way for a while says too much.
void Commit::note_left(TimeNs left_ns, TimeNs now_ns) {
  if (!trial_ || left_ns == 0 || left_ns == kTrialNotKnown) return;
  const TimeNs deadline_ns = now_ns + std::min(left_ns, trial_->window_ns);
  trial_->deadline_ns = knows_deadline() ? std::min(trial_->deadline_ns, deadline_ns) : deadline_ns;
  trial_->boot = boot_;
  asking_since_.reset();
}

// --- the proposer ------------------------------------------------------------------------------

CommitMessage Commit::proposal_message() const {
  CommitMessage message{Kind::prepare, *proposal_};
  if (proposed_window_ns_ == 0) return message;
  message.former = committed_;
  message.window_ns = proposed_window_ns_;
  return message;
}

CommitActions Commit::conclude(CommitOutcome outcome, TimeNs now_ns) {
  CommitActions actions;
  const Policy policy = *proposal_;
  proposal_.reset();
  const bool is_committed =
      outcome == CommitOutcome::committed || outcome == CommitOutcome::committed_alone;
  if (is_committed) {
    const Trial trial{committed_, proposed_window_ns_, now_ns + proposed_window_ns_, boot_};
    const bool confirmation = confirms(policy);
    become(policy, confirmation ? CommitCause::confirmed : CommitCause::committed, actions);
    if (proposed_window_ns_ != 0) trial_ = trial;
  }
  actions.outcome = outcome;
  actions.send(is_committed ? Kind::commit : Kind::abort, policy);
  return actions;
}

CommitActions Commit::propose(const Policy& policy, bool peer, TimeNs now_ns, TimeNs window_ns) {
  proposal_ = policy;
  proposed_window_ns_ = window_ns;
  proposed_ns_ = now_ns;
  if (!peer) return conclude(CommitOutcome::committed_alone, now_ns);
  CommitActions actions;
  actions.send(proposal_message());
  return actions;
}

CommitActions Commit::confirm(bool peer, TimeNs now_ns) {
  CommitActions actions;
  // Where nobody knows the deadline it may have passed.
  const bool over = is_due(now_ns) || !knows_deadline();
  if (over && !planted(Mistake::answer_late)) {
    actions.outcome = CommitOutcome::expired;
    return actions;
  }
  actions = propose(confirmed(committed_), peer, now_ns);
  if (!peer || !planted(Mistake::confirm_at_once)) return actions;
  return conclude(CommitOutcome::committed, now_ns);
}

CommitActions Commit::roll_back(CommitCause cause) {
  CommitActions actions;
  give_back(cause, actions);
  actions.outcome = CommitOutcome::committed;
  return actions;
}

// --- the peer's words --------------------------------------------------------------------------

void Commit::take_prepare(const CommitMessage& message, bool can_enforce, TimeNs now_ns,
                          CommitActions& actions) {
  const bool other_former = message.window_ns != 0 && message.former != committed_;
  if (message.policy.epoch <= committed_.epoch || !can_enforce || other_former) {
    actions.send(Kind::refused, message.policy);
    return;
  }
  prepared_ = message.policy;
  prepared_trial_ = trial_of(message, boot_, now_ns);
  actions.changed = true;
  actions.send(Kind::prepared, message.policy);
}

void Commit::take_commit(const Policy& policy, TimeNs now_ns, CommitActions& actions) {
  if (prepared_ == policy && policy.epoch > committed_.epoch) {
    promote(true, now_ns, actions);
  } else if (trial_ && policy == returned(committed_, *trial_)) {
    give_back(CommitCause::followed, actions);
  }
}

void Commit::take_policy(const CommitMessage& message, TimeNs now_ns, CommitActions& actions) {
  fetched_ns_ = 0;
  if (message.policy.epoch < committed_.epoch) return;
  if (message.policy != committed_ || !trial_) {
    become(message.policy, CommitCause::committed, actions);
    if (message.window_ns != 0) trial_ = Trial{message.former, message.window_ns, 0, 0};
  }
  actions.changed = true;
  note_left(message.left_ns, now_ns);
}

// The former one goes before it: who has neither needs both.
void Commit::answer_fetch(TimeNs now_ns, CommitActions& actions) const {
  if (committed_.epoch == 0) return;
  CommitMessage message{Kind::policy, committed_};
  if (trial_) {
    actions.send(Kind::policy, trial_->former);
    message.former = trial_->former;
    message.window_ns = trial_->window_ns;
    message.left_ns = trial_left(trial_, now_ns);
  }
  actions.send(message);
}

CommitActions Commit::take(const CommitMessage& message, bool can_enforce, TimeNs now_ns) {
  CommitActions actions;
  const Policy& policy = message.policy;
  const bool proposed = proposal_ && *proposal_ == policy;
  switch (message.kind) {
    case Kind::prepare:
      take_prepare(message, can_enforce, now_ns, actions);
      break;
    case Kind::prepared:
      if (!proposed) break;
      if (confirms(policy) && is_due(now_ns) && !planted(Mistake::answer_late)) {
        return conclude(CommitOutcome::expired, now_ns);
      }
      return conclude(CommitOutcome::committed, now_ns);
    case Kind::refused:
      if (proposed) return conclude(CommitOutcome::peer_refused, now_ns);
      break;
    case Kind::commit:
      take_commit(policy, now_ns, actions);
      break;
    case Kind::abort:
      if (prepared_ == policy) {
        prepared_ = {};
        prepared_trial_.reset();
        actions.changed = true;
      }
      break;
    case Kind::fetch:
      answer_fetch(now_ns, actions);
      break;
    case Kind::policy:
      if (can_enforce) take_policy(message, now_ns, actions);
      fetched_ns_ = 0;
      break;
  }
  return actions;
}

// A peer that enforces what was prepared here has committed it, though its word was lost; one that
// has returned, or confirmed, has decided for both. Of two that enforce different policies as one
// epoch, the active one's counts.
CommitActions Commit::heard(const Heartbeat& peer, TimeNs now_ns) {
  CommitActions actions;
  const Policy& theirs = peer.policy;
  if (theirs.epoch < committed_.epoch) return actions;
  if (theirs == committed_) {
    const bool nobody_knows = peer.trial_ns == kTrialNotKnown && trial_ && !knows_deadline();
    note_left(peer.trial_ns, now_ns);
    if (nobody_knows) end_trial(true, now_ns, actions);
    return actions;
  }
  if (theirs == prepared_) {
    const bool says_when = peer.trial_ns != 0 && peer.trial_ns != kTrialNotKnown;
    promote(says_when, now_ns, actions);
    note_left(peer.trial_ns, now_ns);
    return actions;
  }
  if (trial_ && theirs == returned(committed_, *trial_)) {
    give_back(CommitCause::followed, actions);
    return actions;
  }
  if (confirms(theirs)) {
    become(theirs, CommitCause::confirmed, actions);
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
  if (proposal_) actions.send(proposal_message());
  return actions;
}

// --- time --------------------------------------------------------------------------------------

// A peer whose confirmation is prepared here may have answered for it, if it is not heard; if it
// is, its own deadline has passed by the end of the doubt.
void Commit::end_trial(bool peer, TimeNs now_ns, CommitActions& actions) {
  const bool doubted =
      prepared_.epoch != 0 && confirms(prepared_) && !planted(Mistake::return_in_doubt);
  if (doubted && !peer) return promote(false, now_ns, actions);
  if (doubted && knows_deadline() && now_ns < trial_->deadline_ns + kDoubtNs) return;
  give_back(knows_deadline() ? CommitCause::expired : CommitCause::restarted, actions);
}

CommitActions Commit::pass_time(bool peer, TimeNs now_ns) {
  CommitActions actions;
  if (std::exchange(first_, false) && trial_ && planted(Mistake::restart_trial)) {
    trial_->deadline_ns = now_ns + trial_->window_ns;
  }
  if (trial_ && is_due(now_ns) && !planted(Mistake::trial_never_ends)) {
    // Only a confirmation can be under way.
    if (proposal_) actions = conclude(CommitOutcome::expired, now_ns);
    end_trial(peer, now_ns, actions);
    return actions;
  }
  if (trial_ && !knows_deadline()) {
    if (!asking_since_) asking_since_ = now_ns;
    const TimeNs asked_ns = now_ns - *asking_since_;
    if (asked_ns >= trial_->window_ns || (!peer && asked_ns >= ask_ns_)) {
      end_trial(peer, now_ns, actions);
      return actions;
    }
  }
  if (!proposal_) return actions;
  if (!peer) return conclude(CommitOutcome::committed_alone, now_ns);
  if (now_ns - proposed_ns_ >= kAnswerNs) {
    return conclude(CommitOutcome::peer_unanswering, now_ns);
  }
  return actions;
}

CommitActions Commit::take_over(TimeNs now_ns) {
  CommitActions actions;
  if (proposal_) actions = conclude(CommitOutcome::peer_unanswering, now_ns);
  if (prepared_.epoch > committed_.epoch) promote(false, now_ns, actions);
  return actions;
}

}  // namespace bulkhead::failover
