// Life of the policies on one appliance: staged, committed, confirmed, in force, rolled back. A
// pure step(): no clock, disk or socket. Its driver gives it events with the time of a clock that
// counts suspension (CLOCK_BOOTTIME), carries out the step that it returns, and gives it the
// outcome as the next event.
//
// One revision at most is on its way into force (`Change`), and only its steps touch the active
// note on disk or the data plane. What both appliances of a pair agree on, deadlines too, is
// decided by failover/commit.h; here it is one event.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "dataplane/base/clock.h"

namespace bulkhead::controlplane::life {

enum class Step : std::uint8_t {
  none,
  load,     // read the revision from disk
  check,    // by the data plane
  agree,    // with the peer; its decision comes as Decided before the step ends
  reserve,  // room on disk for the notes that activate it, and that confirm it or take it back
  apply,    // by the data plane
  note,     // the active revision, on disk
};
enum class Outcome : std::uint8_t {
  done,
  refused,   // nothing has changed
  not_known  // it may have happened
};
enum class Cause : std::uint8_t {
  commit,    // an operator's, on a single appliance
  decision,  // of both appliances of a pair, but to go back
  again,     // the data plane does not enforce the active revision
  confirm,   // an operator's, on a single appliance
  back,      // the active revision was not confirmed: in time, or at all; or it lost its health
};
enum class Rejection : std::uint8_t {
  none,
  nothing_staged,
  nothing_before,
  busy,
  awaits_confirmation,  // only confirm or rollback
  nothing_to_confirm,
  in_force_already  // a return would change nothing
};
enum class Wish : std::uint8_t {
  commit,
  confirm,
  give_back,  // to the revision that the active one would return to
};

// Of an active revision that awaits confirmation.
struct Trial {
  std::uint64_t former = 0;  // comes back
  TimeNs deadline_ns = 0;    // 0: at once; nobody knows it after a restart of the machine
  bool operator==(const Trial&) const = default;
};

// Events. Revisions are numbers of the store; 0 is none.
struct Staged {  // it is on disk
  std::uint64_t revision = 0;
};
struct CommitAsked {
  std::uint64_t revision = 0;  // 0: the one that was staged last
  TimeNs window_ns = 0;        // how long it awaits confirmation; 0: it needs none
};
struct ConfirmAsked {};
struct RollbackAsked {
  std::uint64_t revision = 0;  // 0: the one that was active, and confirmed, before
};
struct Decided {
  std::uint64_t revision = 0;
  std::optional<Trial> trial = {};
};
struct Observed {  // in the data plane, while no change is under way
  bool active_enforced = false;
};
struct TimePassed {};
struct HealthLost {};  // the active revision costs more than it may while it awaits confirmation
struct Ended {
  Step step{};
  std::uint64_t revision = 0;
  Outcome outcome{};
};
using Event = std::variant<Staged, CommitAsked, ConfirmAsked, RollbackAsked, Decided, Observed,
                           TimePassed, HealthLost, Ended>;

// An operator's request, until its outcome is known.
struct Commit {
  std::uint64_t revision = 0;
  Step step{};  // none: its change is under way
  Wish wish{};
  TimeNs window_ns = 0;
  bool operator==(const Commit&) const = default;
};
struct Change {
  std::uint64_t revision = 0;
  Cause cause{};
  Step step{};
  std::optional<Trial> trial = {};  // of the revision, once it is active
  bool operator==(const Change&) const = default;
};

struct State {
  bool pair = false;
  std::uint64_t latest = 0;      // staged last
  std::uint64_t active = 0;      // by the note on disk
  std::uint64_t former = 0;      // active, and confirmed, before that one
  TimeNs active_since_ns = 0;    // 0: since before the start of the agent
  bool active_enforced = false;  // by the data plane, as far as is known
  std::optional<Trial> trial = {};
  std::optional<Commit> commit;
  std::optional<Change> change;
  bool operator==(const State&) const = default;
};

// In the order of the members.
struct Actions {
  bool abandon = false;                  // what was reserved on disk
  Rejection rejected = Rejection::none;  // of a request: nothing was begun
  // Of the operator's request: done, not done, or in part.
  std::optional<Outcome> ended;
  bool reconcile = false;  // compare soon what is enforced with the active revision
  // To be carried out; its outcome is the next event of this chain.
  Step next = Step::none;
  std::uint64_t revision = 0;
  Cause cause{};                    // of a change's step
  std::optional<Trial> trial = {};  // of a change's note
  Wish wish{};                      // of the request's steps
  TimeNs window_ns = 0;
};

// An event that was not awaited changes nothing.
Actions step(State& state, const Event& event, TimeNs now_ns);

}  // namespace bulkhead::controlplane::life
