// Life of the policies on one appliance: staged, committed, in force, rolled back. A pure step():
// no clock, disk or socket. Its driver gives it events with the time of a monotonic clock, carries
// out the step that it returns, and gives it the outcome as the next event.
//
// One revision at most is on its way into force (`Change`), and only its steps touch the active
// note on disk or the data plane. What both appliances of a pair agree on is decided by
// failover/commit.h; here it is one event.
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
  reserve,  // room on disk for the note that activates
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
  decision,  // of both appliances of a pair
  again      // the data plane does not enforce the active revision
};
enum class Rejection : std::uint8_t { none, nothing_staged, nothing_before, busy };

// Events. Revisions are numbers of the store; 0 is none.
struct Staged {  // it is on disk
  std::uint64_t revision = 0;
};
struct CommitAsked {
  std::uint64_t revision = 0;  // 0: the one that was staged last
};
struct RollbackAsked {};  // to the revision that was active before
struct Decided {
  std::uint64_t revision = 0;
};
struct Observed {  // in the data plane, while no change is under way
  bool active_enforced = false;
};
struct Ended {
  Step step{};
  std::uint64_t revision = 0;
  Outcome outcome{};
};
using Event = std::variant<Staged, CommitAsked, RollbackAsked, Decided, Observed, Ended>;

// An operator's request, until its outcome is known.
struct Commit {
  std::uint64_t revision = 0;
  Step step{};  // none: its change is under way
  bool operator==(const Commit&) const = default;
};
struct Change {
  std::uint64_t revision = 0;
  Cause cause{};
  Step step{};
  bool operator==(const Change&) const = default;
};

struct State {
  bool pair = false;
  std::uint64_t latest = 0;      // staged last
  std::uint64_t active = 0;      // by the note on disk
  std::uint64_t former = 0;      // active before that one
  TimeNs active_since_ns = 0;    // 0: since before the start of the agent
  bool active_enforced = false;  // by the data plane, as far as is known
  std::optional<Commit> commit;
  std::optional<Change> change;
  bool operator==(const State&) const = default;
};

// In the order of the members.
struct Actions {
  bool abandon = false;                  // what was reserved on disk
  Rejection rejected = Rejection::none;  // of a request: nothing was begun
  // Of the operator's commit: in force, not in force, or in part.
  std::optional<Outcome> ended;
  bool reconcile = false;  // compare soon what is enforced with the active revision
  // To be carried out; its outcome is the next event of this chain.
  Step next = Step::none;
  std::uint64_t revision = 0;
  Cause cause{};  // of a change's step
};

// An event that was not awaited changes nothing.
Actions step(State& state, const Event& event, TimeNs now_ns);

}  // namespace bulkhead::controlplane::life
