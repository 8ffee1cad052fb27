// Alone a commit goes load, reserve, apply, note: the disk has all that it needs before the data
// plane is asked, so that what the disk refuses was never in force. One of a pair goes load, check,
// agree; both appliances then go note, apply, since what they have decided holds after a crash.
// What was not confirmed goes back by note, apply: it does so after a crash as well.
#include "controlplane/revisions/life.h"

namespace bulkhead::controlplane::life {

namespace {

Rejection objection(const State& state, const Commit& commit, Rejection none) {
  if (state.commit) return Rejection::busy;
  if (commit.wish == Wish::commit && state.trial) return Rejection::awaits_confirmation;
  if (commit.wish != Wish::commit && !state.trial) return Rejection::nothing_to_confirm;
  if (commit.revision == 0) return none;
  if (commit.window_ns == 0) return Rejection::none;
  if (state.active == 0) return Rejection::nothing_before;
  return commit.revision == state.active ? Rejection::in_force_already : Rejection::none;
}

Actions begin_commit(State& state, Commit commit, Rejection none) {
  Actions actions;
  actions.rejected = objection(state, commit, none);
  if (actions.rejected != Rejection::none) return actions;
  commit.step = Step::load;
  state.commit = commit;
  actions.next = Step::load;
  actions.revision = commit.revision;
  actions.wish = commit.wish;
  actions.window_ns = commit.window_ns;
  return actions;
}

void go_on(Change& change, Step next, Actions& actions) {
  change.step = next;
  actions.next = next;
  actions.revision = change.revision;
  actions.cause = change.cause;
  actions.trial = change.trial;
}

void begin_change(State& state, const Change& change, Actions& actions) {
  state.change = change;
  go_on(*state.change, change.step, actions);
}

void end_commit(State& state, Outcome outcome, Actions& actions) {
  state.commit.reset();
  actions.ended = outcome;
}

// What is not confirmed never counts as what was active before.
void activate(State& state, TimeNs now_ns) {
  const Change& change = *state.change;
  const bool same = state.active == change.revision;
  if (state.trial) {
    if (same) state.former = state.trial->former;
  } else if (!same && !change.trial) {
    state.former = state.active;
  }
  state.active = change.revision;
  state.trial = change.trial;
  if (!same) state.active_since_ns = now_ns;
}

bool is_due(const State& state, TimeNs now_ns) {
  return state.trial && now_ns >= state.trial->deadline_ns;
}

// Whether the change that is under way is the request's own.
bool is_asked(const State& state) { return state.commit && state.commit->step == Step::none; }

// Whether what both have agreed on is noted here.
bool is_done(const State& state, const Commit& commit) {
  return state.active == commit.revision && (commit.wish == Wish::commit || !state.trial);
}

// Alone: the change that the request asks for.
void begin_own_change(State& state, TimeNs now_ns, Actions& actions) {
  Commit& commit = *state.commit;
  const bool late = commit.wish == Wish::confirm && is_due(state, now_ns);
  const bool over = commit.wish != Wish::commit && !state.trial;
  if (state.change || late || over) return end_commit(state, Outcome::refused, actions);
  commit.step = Step::none;
  switch (commit.wish) {
    case Wish::commit: {
      Change change{commit.revision, Cause::commit, Step::reserve};
      if (commit.window_ns != 0) change.trial = Trial{state.active, commit.window_ns};
      return begin_change(state, change, actions);
    }
    case Wish::confirm:
      return begin_change(state, {commit.revision, Cause::confirm, Step::note}, actions);
    case Wish::give_back:
      return begin_change(state, {commit.revision, Cause::back, Step::note}, actions);
  }
}

// A step of the operator's request that changes nothing here.
Actions end_preparation(State& state, Outcome outcome, TimeNs now_ns) {
  Actions actions;
  Commit& commit = *state.commit;
  const Step step = commit.step;
  if (outcome != Outcome::done) {
    end_commit(state, outcome, actions);
  } else if (step == Step::agree) {
    const bool here = is_done(state, commit);
    end_commit(state, here ? Outcome::done : Outcome::not_known, actions);
    actions.reconcile = true;
  } else if (!state.pair) {
    begin_own_change(state, now_ns, actions);
  } else {
    const bool checks = step == Step::load && commit.wish == Wish::commit;
    commit.step = checks ? Step::check : Step::agree;
    actions.next = commit.step;
    actions.revision = commit.revision;
    actions.wish = commit.wish;
    actions.window_ns = commit.window_ns;
  }
  return actions;
}

// Until the data plane is known to enforce the active revision it is compared and corrected. So a
// commit whose application is not known counts as refused: the revision before comes back.
Actions end_apply(State& state, Outcome outcome, TimeNs now_ns) {
  Actions actions;
  const Cause cause = state.change->cause;
  if (outcome == Outcome::done && cause == Cause::commit) {
    state.active_enforced = false;  // until it is noted
    // The time to confirm begins now.
    if (auto& trial = state.change->trial) trial->deadline_ns += now_ns;
    go_on(*state.change, Step::note, actions);
    return actions;
  }
  if (outcome == Outcome::done) state.active_enforced = true;
  if (outcome == Outcome::not_known) state.active_enforced = false;
  actions.reconcile = outcome == Outcome::not_known;
  state.change.reset();
  if (cause == Cause::commit) {
    actions.abandon = true;
    end_commit(state, Outcome::refused, actions);
  } else if (cause == Cause::back && is_asked(state)) {
    end_commit(state, outcome == Outcome::done ? Outcome::done : Outcome::not_known, actions);
  }
  return actions;
}

// One that goes back does so even where the disk fails: after a restart it would again.
Actions end_note(State& state, Outcome outcome, TimeNs now_ns) {
  Actions actions;
  const Cause cause = state.change->cause;
  const bool noted = outcome == Outcome::done || cause == Cause::back;
  const bool here = cause == Cause::commit || cause == Cause::confirm;
  if (noted) {
    const bool enforced = state.active_enforced && state.active == state.change->revision;
    activate(state, now_ns);
    if (cause != Cause::confirm) state.active_enforced = cause == Cause::commit || enforced;
    if (!here && !state.active_enforced) {
      go_on(*state.change, Step::apply, actions);
      return actions;
    }
  }
  state.change.reset();
  if (here) {
    // A note that failed leaves in force what is not noted: in part.
    actions.abandon = !noted;
    end_commit(state, noted ? Outcome::done : Outcome::not_known, actions);
  } else if (cause == Cause::back && is_asked(state)) {
    end_commit(state, Outcome::done, actions);
  }
  actions.reconcile = true;
  return actions;
}

struct Take {
  State& state;
  TimeNs now_ns;

  Actions operator()(const Staged& staged) const {
    if (staged.revision > state.latest) state.latest = staged.revision;
    return {};
  }
  Actions operator()(const CommitAsked& asked) const {
    const std::uint64_t revision = asked.revision == 0 ? state.latest : asked.revision;
    return begin_commit(state, {revision, Step::none, Wish::commit, asked.window_ns},
                        Rejection::nothing_staged);
  }
  Actions operator()(const ConfirmAsked& /*asked*/) const {
    return begin_commit(state, {state.active, Step::none, Wish::confirm}, Rejection::busy);
  }
  Actions operator()(const RollbackAsked& asked) const {
    if (state.trial && (asked.revision == 0 || asked.revision == state.trial->former)) {
      return begin_commit(state, {state.trial->former, Step::none, Wish::give_back},
                          Rejection::nothing_before);
    }
    const std::uint64_t revision = asked.revision == 0 ? state.former : asked.revision;
    return begin_commit(state, {revision, Step::none, Wish::commit}, Rejection::nothing_before);
  }
  Actions operator()(const Decided& decided) const {
    Actions actions;
    const bool known =
        decided.revision == state.active && decided.trial.has_value() == state.trial.has_value();
    if (!state.pair || decided.revision == 0 || known) return actions;
    if (state.change) {
      actions.rejected = Rejection::busy;
    } else {
      const bool back = state.trial && decided.revision == state.trial->former && !decided.trial;
      const Cause cause = back ? Cause::back : Cause::decision;
      begin_change(state, {decided.revision, cause, Step::note, decided.trial}, actions);
    }
    return actions;
  }
  Actions operator()(const Observed& observed) const {
    Actions actions;
    if (state.change || state.active == 0) return actions;
    state.active_enforced = observed.active_enforced;
    if (!observed.active_enforced) {
      begin_change(state, {state.active, Cause::again, Step::apply, state.trial}, actions);
    }
    return actions;
  }
  Actions operator()(const TimePassed& /*passed*/) const {
    Actions actions;
    if (state.pair || state.change || !is_due(state, now_ns)) return actions;
    begin_change(state, {state.trial->former, Cause::back, Step::note}, actions);
    return actions;
  }
  // A confirmation that is being noted comes first: then there is no trial any more.
  Actions operator()(const HealthLost& /*lost*/) const {
    Actions actions;
    if (state.pair || state.change || !state.trial) return actions;
    begin_change(state, {state.trial->former, Cause::back, Step::note}, actions);
    return actions;
  }
  Actions operator()(const Ended& ended) const {
    if (state.commit && ended.step != Step::none && state.commit->step == ended.step &&
        state.commit->revision == ended.revision) {
      return end_preparation(state, ended.outcome, now_ns);
    }
    const auto& change = state.change;
    if (!change || change->step != ended.step || change->revision != ended.revision) return {};
    if (ended.step == Step::apply) return end_apply(state, ended.outcome, now_ns);
    if (ended.step == Step::note) return end_note(state, ended.outcome, now_ns);
    Actions actions;  // of Step::reserve
    if (ended.outcome == Outcome::done) {
      go_on(*state.change, Step::apply, actions);
    } else {
      state.change.reset();
      actions.abandon = true;
      end_commit(state, ended.outcome, actions);
    }
    return actions;
  }
};

}  // namespace

Actions step(State& state, const Event& event, TimeNs now_ns) {
  return std::visit(Take{state, now_ns}, event);
}

}  // namespace bulkhead::controlplane::life
