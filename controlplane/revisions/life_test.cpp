// Each transition of a policy's life, and all states that can be reached, against a disk and a data
// plane that do, refuse or leave unknown what they are asked.
#include "controlplane/revisions/life.h"

#include <gtest/gtest.h>

#include <array>
#include <compare>
#include <deque>
#include <set>
#include <tuple>
#include <vector>

namespace bulkhead::controlplane::life {
namespace {

constexpr std::array kOutcomes = {Outcome::done, Outcome::refused, Outcome::not_known};
constexpr std::array kSteps = {Step::load,    Step::check, Step::agree,
                               Step::reserve, Step::apply, Step::note};

State running(bool pair) {
  State state;
  state.pair = pair;
  state.latest = 3;
  state.active = 1;
  state.active_enforced = true;
  return state;
}

// Ends the pending step of `actions`.
Actions end(State& state, const Actions& actions, Outcome outcome, TimeNs now_ns = 0) {
  return step(state, Ended{actions.next, actions.revision, outcome}, now_ns);
}

// Asks for revision 2 and ends steps as done until `last` is pending.
Actions commit_until(State& state, Step last) {
  Actions actions = step(state, CommitAsked{2}, 0);
  while (actions.next != last && actions.next != Step::none) {
    actions = end(state, actions, Outcome::done);
  }
  EXPECT_EQ(actions.next, last);
  EXPECT_EQ(actions.revision, 2U);
  return actions;
}

TEST(Life, AStagedRevisionIsTheOneToCommit) {
  State state;
  EXPECT_EQ(step(state, CommitAsked{0}, 0).rejected, Rejection::nothing_staged);
  step(state, Staged{4}, 0);
  step(state, Staged{3}, 0);
  EXPECT_EQ(state.latest, 4U);
  const Actions actions = step(state, CommitAsked{0}, 0);
  EXPECT_EQ(actions.next, Step::load);
  EXPECT_EQ(actions.revision, 4U);
  EXPECT_EQ(state.active, 0U) << "nothing has changed";
}

TEST(Life, ACommitAloneReservesAppliesAndNotes) {
  State state = running(false);
  Actions actions = step(state, CommitAsked{2}, 0);
  for (const Step next : {Step::load, Step::reserve, Step::apply, Step::note}) {
    EXPECT_EQ(actions.next, next);
    EXPECT_EQ(state.active, 1U);
    EXPECT_EQ(step(state, CommitAsked{3}, 0).rejected, Rejection::busy);
    actions = end(state, actions, Outcome::done, 77);
  }
  EXPECT_EQ(actions.ended, Outcome::done);
  State expected = running(false);
  expected.active = 2;
  expected.former = 1;
  expected.active_since_ns = 77;
  EXPECT_EQ(state, expected);
}

struct Failure {
  bool pair;
  Step at;
  Outcome outcome;
  Outcome ended;
  bool abandon;
};
constexpr std::array kFailures = {
    Failure{false, Step::load, Outcome::refused, Outcome::refused, false},
    Failure{false, Step::load, Outcome::not_known, Outcome::not_known, false},
    Failure{false, Step::reserve, Outcome::refused, Outcome::refused, true},
    Failure{false, Step::reserve, Outcome::not_known, Outcome::not_known, true},
    Failure{false, Step::apply, Outcome::refused, Outcome::refused, true},
    Failure{false, Step::apply, Outcome::not_known, Outcome::refused, true},
    Failure{false, Step::note, Outcome::refused, Outcome::not_known, true},
    Failure{false, Step::note, Outcome::not_known, Outcome::not_known, true},
    Failure{true, Step::load, Outcome::refused, Outcome::refused, false},
    Failure{true, Step::check, Outcome::refused, Outcome::refused, false},
    Failure{true, Step::check, Outcome::not_known, Outcome::not_known, false},
    Failure{true, Step::agree, Outcome::refused, Outcome::refused, false},
    Failure{true, Step::agree, Outcome::not_known, Outcome::not_known, false},
};

TEST(Life, AFailedStepLeavesTheActiveRevision) {
  for (const Failure& row : kFailures) {
    const std::string name = (row.pair ? "pair, step " : "alone, step ") +
                             std::to_string(static_cast<int>(row.at)) + ", outcome " +
                             std::to_string(static_cast<int>(row.outcome));
    State state = running(row.pair);
    const Actions actions = end(state, commit_until(state, row.at), row.outcome);
    EXPECT_EQ(actions.ended, row.ended) << name;
    EXPECT_EQ(actions.abandon, row.abandon) << name;
    EXPECT_EQ(actions.next, Step::none) << name;
    EXPECT_EQ(state.active, 1U) << name;
    EXPECT_FALSE(state.commit || state.change) << name;
    // What the data plane enforces is not known where it may have applied the revision.
    const bool touched =
        row.at == Step::note || (row.at == Step::apply && row.outcome == Outcome::not_known);
    EXPECT_EQ(state.active_enforced, !touched) << name;
    EXPECT_EQ(actions.reconcile, touched) << name;
  }
}

TEST(Life, WhatIsNotEnforcedIsAppliedAgain) {
  State state = running(false);
  EXPECT_EQ(step(state, Observed{true}, 0).next, Step::none);
  const Actions actions = step(state, Observed{false}, 0);
  EXPECT_EQ(actions.next, Step::apply);
  EXPECT_EQ(actions.revision, 1U);
  EXPECT_EQ(actions.cause, Cause::again);
  EXPECT_FALSE(state.active_enforced);
  State refused = state;
  end(refused, actions, Outcome::refused);
  EXPECT_FALSE(refused.active_enforced || refused.change);
  const Actions done = end(state, actions, Outcome::done);
  EXPECT_EQ(done.next, Step::none) << "it is noted already";
  EXPECT_EQ(state, running(false));
  State none;
  EXPECT_EQ(step(none, Observed{false}, 0).next, Step::none) << "nothing was ever committed";
}

TEST(Life, APairNotesWhatItHasDecidedAndThenAppliesIt) {
  State state = running(true);
  const Actions agree = commit_until(state, Step::agree);
  const Actions note = step(state, Decided{2}, 0);
  EXPECT_EQ(note.next, Step::note);
  EXPECT_EQ(note.cause, Cause::decision);
  const Actions apply = end(state, note, Outcome::done, 9);
  EXPECT_EQ(apply.next, Step::apply);
  EXPECT_EQ(state.active, 2U);
  EXPECT_EQ(state.former, 1U);
  EXPECT_EQ(state.active_since_ns, 9U);
  EXPECT_FALSE(state.active_enforced);
  end(state, apply, Outcome::done);
  EXPECT_TRUE(state.active_enforced);
  EXPECT_EQ(end(state, agree, Outcome::done).ended, Outcome::done);
  EXPECT_EQ(step(state, Decided{2}, 0).next, Step::none) << "it is active";
  State alone = running(false);
  EXPECT_EQ(step(alone, Decided{2}, 0).next, Step::none);
}

TEST(Life, WhatThePeerAloneHasCommittedIsInPart) {
  State state = running(true);
  const Actions agree = commit_until(state, Step::agree);
  end(state, step(state, Decided{2}, 0), Outcome::refused);
  EXPECT_EQ(state.active, 1U);
  EXPECT_EQ(end(state, agree, Outcome::done).ended, Outcome::not_known);
}

TEST(Life, ARollbackCommitsTheRevisionBefore) {
  State state = running(false);
  EXPECT_EQ(step(state, RollbackAsked{}, 0).rejected, Rejection::nothing_before);
  end(state, commit_until(state, Step::note), Outcome::done);
  Actions actions = step(state, RollbackAsked{}, 0);
  EXPECT_EQ(actions.revision, 1U);
  EXPECT_EQ(step(state, RollbackAsked{}, 0).rejected, Rejection::busy);
  while (actions.next != Step::none) actions = end(state, actions, Outcome::done);
  EXPECT_EQ(actions.ended, Outcome::done);
  EXPECT_EQ(state.active, 1U);
  EXPECT_EQ(state.former, 2U);
  end(state, step(state, CommitAsked{1}, 0), Outcome::refused);
  EXPECT_EQ(state.former, 2U) << "a commit that was refused changes nothing";
}

constexpr TimeNs kWindowNs = 100;

// Revision 2 in force since 10, instead of revision 1, until 110 unless it is confirmed.
State awaiting() {
  State state = running(false);
  Actions actions = step(state, CommitAsked{2, kWindowNs}, 0);
  while (actions.next != Step::none) actions = end(state, actions, Outcome::done, 10);
  EXPECT_EQ(actions.ended, Outcome::done);
  return state;
}

TEST(Life, ACommitThatAwaitsConfirmationIsTheOnlyOne) {
  State state = running(false);
  EXPECT_EQ(step(state, CommitAsked{1, kWindowNs}, 0).rejected, Rejection::in_force_already);
  EXPECT_EQ(step(state, ConfirmAsked{}, 0).rejected, Rejection::nothing_to_confirm);
  State empty;
  EXPECT_EQ(step(empty, CommitAsked{2, kWindowNs}, 0).rejected, Rejection::nothing_before);
  State waits = awaiting();
  EXPECT_EQ(waits.trial, (Trial{1, 10 + kWindowNs}));
  EXPECT_EQ(waits.former, 0U) << "it is not what a rollback would find, yet";
  EXPECT_EQ(step(waits, CommitAsked{3}, 11).rejected, Rejection::awaits_confirmation);
  EXPECT_EQ(step(waits, RollbackAsked{3}, 11).rejected, Rejection::awaits_confirmation);
  EXPECT_EQ(step(waits, Staged{4}, 11).rejected, Rejection::none);
}

TEST(Life, TheTimeBeginsWhenItIsInForce) {
  State state = running(false);
  Actions actions = step(state, CommitAsked{2, kWindowNs}, 0);
  while (actions.next != Step::note) {
    actions = end(state, actions, Outcome::done, actions.next == Step::apply ? 50 : 1);
  }
  EXPECT_EQ(actions.trial, (Trial{1, 50 + kWindowNs})) << "as it is noted";
}

TEST(Life, WhatIsNotConfirmedReturnsInTime) {
  State state = awaiting();
  EXPECT_EQ(step(state, TimePassed{}, 9 + kWindowNs).next, Step::none);
  const Actions note = step(state, TimePassed{}, 10 + kWindowNs);
  EXPECT_EQ(note.next, Step::note);
  EXPECT_EQ(note.revision, 1U);
  EXPECT_EQ(note.cause, Cause::back);
  EXPECT_EQ(step(state, TimePassed{}, 999).next, Step::none) << "it is under way";
  const Actions apply = end(state, note, Outcome::done, 200);
  EXPECT_EQ(apply.next, Step::apply);
  EXPECT_EQ(apply.revision, 1U);
  EXPECT_EQ(state.active, 1U);
  EXPECT_FALSE(state.trial);
  EXPECT_EQ(end(state, apply, Outcome::done).next, Step::none);
  EXPECT_TRUE(state.active_enforced);
  EXPECT_EQ(state.former, 0U) << "what was taken back is nothing to roll back to";
}

TEST(Life, AFailedDiskHoldsUpNoReturn) {
  State state = awaiting();
  const Actions note = step(state, TimePassed{}, 10 + kWindowNs);
  const Actions apply = end(state, note, Outcome::not_known);
  EXPECT_EQ(apply.next, Step::apply);
  EXPECT_EQ(state.active, 1U);
}

TEST(Life, AnUnknownDeadlineHasPassed) {
  State state = running(false);
  state.active = 2;
  state.trial = Trial{1, 0};
  EXPECT_EQ(step(state, TimePassed{}, 1).revision, 1U);
}

TEST(Life, AConfirmationInTimeKeepsIt) {
  State state = awaiting();
  const Actions load = step(state, ConfirmAsked{}, 20);
  EXPECT_EQ(load.next, Step::load);
  const Actions note = end(state, load, Outcome::done, 9 + kWindowNs);
  EXPECT_EQ(note.next, Step::note);
  EXPECT_EQ(note.cause, Cause::confirm);
  EXPECT_EQ(step(state, TimePassed{}, 999).next, Step::none) << "its note is under way";
  State failed = state;
  EXPECT_EQ(end(failed, note, Outcome::not_known).ended, Outcome::not_known);
  EXPECT_TRUE(failed.trial) << "and it returns";
  EXPECT_EQ(end(state, note, Outcome::done).ended, Outcome::done);
  EXPECT_FALSE(state.trial);
  EXPECT_EQ(state.active, 2U);
  EXPECT_EQ(state.former, 1U);
  EXPECT_EQ(step(state, TimePassed{}, 999).next, Step::none);
}

TEST(Life, AConfirmationThatIsTooLateIsRefused) {
  State state = awaiting();
  const Actions load = step(state, ConfirmAsked{}, 20);
  EXPECT_EQ(end(state, load, Outcome::done, 10 + kWindowNs).ended, Outcome::refused);
  EXPECT_EQ(step(state, TimePassed{}, 10 + kWindowNs).revision, 1U);
}

TEST(Life, ARollbackReturnsAtOnce) {
  State state = awaiting();
  Actions actions = step(state, RollbackAsked{}, 20);
  EXPECT_EQ(actions.wish, Wish::give_back);
  std::vector<Step> steps;
  while (actions.next != Step::none) {
    steps.push_back(actions.next);
    actions = end(state, actions, Outcome::done, 21);
  }
  EXPECT_EQ(steps, (std::vector<Step>{Step::load, Step::note, Step::apply}));
  EXPECT_EQ(actions.ended, Outcome::done);
  EXPECT_EQ(state.active, 1U);
  EXPECT_FALSE(state.trial);
}

TEST(Life, WhatLosesItsHealthReturnsBeforeItsTime) {
  State state = awaiting();
  const Actions note = step(state, HealthLost{}, 20);
  EXPECT_EQ(note.next, Step::note);
  EXPECT_EQ(note.revision, 1U);
  EXPECT_EQ(note.cause, Cause::back);
  EXPECT_EQ(step(state, HealthLost{}, 20).next, Step::none) << "it is under way";
  EXPECT_EQ(end(state, note, Outcome::done, 20).next, Step::apply);
  EXPECT_FALSE(state.trial);
  State pair = awaiting();
  pair.pair = true;
  EXPECT_EQ(step(pair, HealthLost{}, 20).next, Step::none) << "the pair decides";
  State confirmed = awaiting();
  end(confirmed, end(confirmed, step(confirmed, ConfirmAsked{}, 20), Outcome::done, 20),
      Outcome::done);
  EXPECT_EQ(step(confirmed, HealthLost{}, 20).next, Step::none) << "it awaits nothing";
}

TEST(Life, APairsTrialEndsByItsDecisionAlone) {
  State state = running(true);
  state.active_enforced = true;
  Actions actions = step(state, Decided{2, Trial{1, 50}}, 0);
  EXPECT_EQ(actions.trial, (Trial{1, 50}));
  while (actions.next != Step::none) actions = end(state, actions, Outcome::done);
  EXPECT_EQ(step(state, TimePassed{}, 999).next, Step::none);
  State confirmed = state;
  const Actions note = step(confirmed, Decided{2}, 60);
  EXPECT_EQ(note.next, Step::note);
  EXPECT_EQ(end(confirmed, note, Outcome::done).next, Step::none) << "it is enforced already";
  EXPECT_FALSE(confirmed.trial);
  EXPECT_EQ(confirmed.former, 1U);
  const Actions back = step(state, Decided{1}, 60);
  EXPECT_EQ(end(state, back, Outcome::done).next, Step::apply);
  EXPECT_FALSE(state.trial);
}

// A state, and what the disk and the data plane hold.
struct World {
  State state;
  std::uint64_t noted = 1;
  std::uint64_t enforced = 1;  // 0: it has restarted

  auto key() const {
    const auto commit = state.commit.value_or(Commit{});
    const auto change = state.change.value_or(Change{});
    const auto trial = state.trial.value_or(Trial{});
    return std::tuple(state.pair, state.latest, state.active, state.former, state.active_enforced,
                      state.commit.has_value(), commit.revision, commit.step, commit.wish,
                      commit.window_ns, trial.former, trial.deadline_ns, change.trial.has_value(),
                      state.change.has_value(), change.revision, change.cause, change.step, noted,
                      enforced);
  }
  bool awaits(const Ended& ended) const {
    const auto& commit = state.commit;
    const auto& change = state.change;
    const bool of_commit =
        commit && commit->step == ended.step && commit->revision == ended.revision;
    return of_commit ||
           (change && change->step == ended.step && change->revision == ended.revision);
  }
};

bool changes_something(Step step) {
  return step == Step::reserve || step == Step::apply || step == Step::note;
}

class Exploration {
 public:
  explicit Exploration(bool pair) { reach({running(pair), 1, 1}); }

  std::size_t run() {
    while (!open_.empty() && !::testing::Test::HasFailure()) {
      const World world = open_.front();
      open_.pop_front();
      explore(world);
    }
    return seen_.size();
  }

 private:
  void reach(const World& world) {
    if (seen_.insert(world.key()).second) open_.push_back(world);
  }

  void explore(const World& world) {
    World restarted = world;
    restarted.enforced = 0;
    reach(restarted);
    for (std::uint64_t revision = 0; revision <= 3; ++revision) {
      take(world, Staged{revision});
      take(world, CommitAsked{revision});
      take(world, CommitAsked{revision, 1});
      take(world, RollbackAsked{revision});
      take(world, Decided{revision});
      take(world, Decided{revision, Trial{1, 1}});
      for (const Step step : kSteps) {
        for (const Outcome outcome : kOutcomes) end(world, {step, revision, outcome});
      }
    }
    take(world, ConfirmAsked{});
    take(world, TimePassed{});
    take(world, TimePassed{}, 1);
    take(world, HealthLost{});
    take(world, Observed{world.enforced == world.state.active});
  }

  void end(World world, const Ended& ended) {
    if (!world.awaits(ended)) {
      const State before = world.state;
      const Actions actions = step(world.state, ended, 0);
      EXPECT_EQ(world.state, before) << "nothing awaits it";
      EXPECT_TRUE(actions.next == Step::none && !actions.ended && !actions.abandon);
      return;
    }
    if (ended.outcome == Outcome::not_known) take(world, ended);  // it did not happen
    if (ended.outcome != Outcome::refused) {
      if (ended.step == Step::apply) world.enforced = ended.revision;
      // One that may be there counts after the next start alone.
      if (ended.step == Step::note && ended.outcome == Outcome::done) world.noted = ended.revision;
    }
    take(world, ended);
  }

  // What goes back is in force though its note failed.
  static bool goes_back(const State& before, const Event& event) {
    const auto* ended = std::get_if<Ended>(&event);
    return ended != nullptr && ended->step == Step::note && before.change &&
           before.change->cause == Cause::back && before.change->step == Step::note;
  }

  void take(World world, const Event& event, TimeNs now_ns = 0) {
    const State before = world.state;
    const Actions actions = step(world.state, event, now_ns);
    if (goes_back(before, event)) world.noted = before.change->revision;
    const State& now = world.state;
    const auto* ended = std::get_if<Ended>(&event);
    EXPECT_EQ(now.active, world.noted) << "one active revision, that of the disk";
    if (now.active_enforced && world.enforced != 0) {
      EXPECT_EQ(world.enforced, now.active) << "and the data plane's, once it is known";
    }
    if (!now.change && !now.active_enforced) {
      World mended = world;
      EXPECT_EQ(step(mended.state, Observed{false}, 0).revision, now.active) << "it is corrected";
    }
    if (before.change && (ended == nullptr || !changes_something(ended->step))) {
      EXPECT_EQ(now.change, before.change) << "one change at a time";
      EXPECT_FALSE(changes_something(actions.next));
    }
    if (now.trial && !now.change) {
      State later = now;
      EXPECT_TRUE(now.pair || step(later, TimePassed{}, 9).revision == now.trial->former)
          << "it returns";
    }
    if (before.trial && !now.trial) {
      EXPECT_TRUE(ended != nullptr && ended->step == Step::note) << "it ends on disk";
    }
    if (changes_something(actions.next)) {
      EXPECT_TRUE(now.change && now.change->step == actions.next &&
                  now.change->revision == actions.revision);
    }
    if (actions.ended) {
      ASSERT_TRUE(before.commit);
      EXPECT_FALSE(now.commit);
      if (*actions.ended == Outcome::done) {
        EXPECT_EQ(now.active, before.commit->revision);
        EXPECT_TRUE(before.commit->wish == Wish::commit || !now.trial);
      } else {
        EXPECT_EQ(now.active, before.active);
      }
    } else if (before.commit) {
      EXPECT_EQ(now.commit->revision, before.commit->revision) << "it ends with an outcome";
    }
    reach(world);
  }

  std::deque<World> open_;
  std::set<decltype(World{}.key())> seen_;
};

TEST(Life, NoEventInAnyStateMakesTwoRevisionsActive) {
  EXPECT_GT(Exploration(false).run(), 100U);
  EXPECT_GT(Exploration(true).run(), 100U);
}

}  // namespace
}  // namespace bulkhead::controlplane::life
