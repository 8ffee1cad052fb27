// Alone a commit goes load, reserve, apply, note: the disk has all that it needs before the data
// plane is asked, so that what the disk refuses was never in force. One of a pair goes load, check,
// agree; both appliances then go note, apply, since what they have decided holds after a crash.
#include "controlplane/revisions/life.h"

namespace bulkhead::controlplane::life {

namespace {

Actions begin_commit(State& state, std::uint64_t revision, Rejection none) {
  Actions actions;
  if (state.commit) {
    actions.rejected = Rejection::busy;
  } else if (revision == 0) {
    actions.rejected = none;
  } else {
    state.commit = Commit{revision, Step::load};
    actions.next = Step::load;
    actions.revision = revision;
  }
  return actions;
}

void begin_change(State& state, std::uint64_t revision, Cause cause, Step first, Actions& actions) {
  state.change = Change{revision, cause, first};
  actions.next = first;
  actions.revision = revision;
  actions.cause = cause;
}

void go_on(Change& change, Step next, Actions& actions) {
  change.step = next;
  actions.next = next;
  actions.revision = change.revision;
  actions.cause = change.cause;
}

void end_commit(State& state, Outcome outcome, Actions& actions) {
  state.commit.reset();
  actions.ended = outcome;
}

void activate(State& state, TimeNs now_ns) {
  if (state.active != state.change->revision) state.former = state.active;
  state.active = state.change->revision;
  state.active_since_ns = now_ns;
}

// A step of the operator's commit that changes nothing here.
Actions end_preparation(State& state, Outcome outcome) {
  Actions actions;
  Commit& commit = *state.commit;
  const Step step = commit.step;
  if (outcome != Outcome::done) {
    end_commit(state, outcome, actions);
  } else if (step == Step::agree) {
    const bool here = state.active == commit.revision;
    end_commit(state, here ? Outcome::done : Outcome::not_known, actions);
    actions.reconcile = true;
  } else if (!state.pair && state.change) {
    end_commit(state, Outcome::refused, actions);
  } else if (!state.pair) {
    commit.step = Step::none;
    begin_change(state, commit.revision, Cause::commit, Step::reserve, actions);
  } else {
    commit.step = step == Step::load ? Step::check : Step::agree;
    actions.next = commit.step;
    actions.revision = commit.revision;
  }
  return actions;
}

// Until the data plane is known to enforce the active revision it is compared and corrected. So a
// commit whose application is not known counts as refused: the revision before comes back.
Actions end_apply(State& state, Outcome outcome) {
  Actions actions;
  const bool commit = state.change->cause == Cause::commit;
  if (outcome == Outcome::done && commit) {
    state.active_enforced = false;  // until it is noted
    go_on(*state.change, Step::note, actions);
    return actions;
  }
  if (outcome == Outcome::done) state.active_enforced = true;
  if (outcome == Outcome::not_known) state.active_enforced = false;
  actions.reconcile = outcome == Outcome::not_known;
  state.change.reset();
  if (commit) {
    actions.abandon = true;
    end_commit(state, Outcome::refused, actions);
  }
  return actions;
}

Actions end_note(State& state, Outcome outcome, TimeNs now_ns) {
  Actions actions;
  const bool commit = state.change->cause == Cause::commit;
  if (outcome == Outcome::done) {
    activate(state, now_ns);
    state.active_enforced = commit;
    if (!commit) {
      go_on(*state.change, Step::apply, actions);
      return actions;
    }
  }
  state.change.reset();
  if (commit) {
    // A note that failed leaves in force what is not noted: in part.
    actions.abandon = outcome != Outcome::done;
    end_commit(state, outcome == Outcome::done ? Outcome::done : Outcome::not_known, actions);
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
    return begin_commit(state, asked.revision == 0 ? state.latest : asked.revision,
                        Rejection::nothing_staged);
  }
  Actions operator()(const RollbackAsked& /*asked*/) const {
    return begin_commit(state, state.former, Rejection::nothing_before);
  }
  Actions operator()(const Decided& decided) const {
    Actions actions;
    if (!state.pair || decided.revision == 0 || decided.revision == state.active) return actions;
    if (state.change) {
      actions.rejected = Rejection::busy;
    } else {
      begin_change(state, decided.revision, Cause::decision, Step::note, actions);
    }
    return actions;
  }
  Actions operator()(const Observed& observed) const {
    Actions actions;
    if (state.change || state.active == 0) return actions;
    state.active_enforced = observed.active_enforced;
    if (!observed.active_enforced) {
      begin_change(state, state.active, Cause::again, Step::apply, actions);
    }
    return actions;
  }
  Actions operator()(const Ended& ended) const {
    if (state.commit && ended.step != Step::none && state.commit->step == ended.step &&
        state.commit->revision == ended.revision) {
      return end_preparation(state, ended.outcome);
    }
    const auto& change = state.change;
    if (!change || change->step != ended.step || change->revision != ended.revision) return {};
    if (ended.step == Step::apply) return end_apply(state, ended.outcome);
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
