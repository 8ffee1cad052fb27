// The steps of a policy's life. Which one comes next, and what an outcome means, is decided by
// revisions/life.h alone.
#include "controlplane/agent/enforcer.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "controlplane/agent/dataplane_policy.h"
#include "controlplane/telemetry/notice.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

using life::Cause;
using life::Outcome;
using life::Step;

namespace {

// A commit does not wait for counters.
constexpr auto kNoteTimeout = std::chrono::milliseconds(200);
constexpr auto kCountersTimeout = std::chrono::seconds(2);
// A commit waits for as long as the data plane is there.
constexpr auto kCommitTimeout = std::chrono::hours(24);
constexpr auto kApplyTimeout = std::chrono::seconds(30);

std::string name_of(std::uint64_t revision) { return "revision " + std::to_string(revision); }

// The committed one of the highest generation below the active one's.
std::uint64_t former_of(const RevisionStore& store, const v1::Revision& active) {
  std::uint64_t former = 0;
  std::uint64_t generation = 0;
  for (const v1::Revision& revision : store.list()) {
    if (revision.generation() <= generation || revision.generation() >= active.generation() ||
        revision.committed_wall_time_ns() == 0) {
      continue;
    }
    former = revision.number();
    generation = revision.generation();
  }
  return former;
}

}  // namespace

Enforcer::Enforcer(RevisionStore& store, DataplaneClient& dataplane, DataplaneReadings& readings,
                   Sink& sink, std::function<void()> wake)
    : store_(store),
      dataplane_(dataplane),
      readings_(readings),
      sink_(sink),
      wake_(std::move(wake)),
      commits_(wall_now_ns() / kSecondNs),
      recorder_(readings, sink) {
  state_.latest = store_.latest();
  if (const auto active = store_.active()) {
    state_.active = active->number();
    state_.former = former_of(store_, *active);
  }
}

void Enforcer::join_pair(Agree agree) {
  agree_ = std::move(agree);
  state_.pair = true;
}

// --- requests ----------------------------------------------------------------------------------

void Enforcer::add(const v1::Revision& revision) {
  Work work;
  take(life::Staged{revision.number()}, work);
}

Result<Enforcer::Begun, Refusal> Enforcer::begin(std::uint64_t number, const std::string& by) {
  const std::lock_guard guard(state_mutex_);
  const life::Actions first = life::step(state_, life::CommitAsked{number}, monotonic_now_ns());
  if (first.rejected == life::Rejection::nothing_staged) {
    return Refusal{Refusal::Kind::not_found, "no policy has been staged; push one first"};
  }
  if (first.rejected != life::Rejection::none) {
    const auto other = commits_.find("");
    return Refusal{Refusal::Kind::busy, "commit " + (other ? other->id() : "") +
                                            " is under way; nothing else was changed"};
  }
  return Begun{commits_.begin(first.revision, by).value_or(""), first};
}

void Enforcer::commit(const Begun& begun, const std::string& by) {
  Work work;
  {
    std::unique_lock policy(policy_mutex_, std::defer_lock);
    // As one of a pair the change comes on another thread, see decide().
    if (!agree_) policy.lock();
    run(begun.first, work);
  }
  if (work.ended == Outcome::refused) return;
  const std::string text = name_of(begun.first.revision) + " committed by " + by +
                           (work.ended == Outcome::done ? "" : ", in part");
  spdlog::info("{}", text);
  notice(sink_, "policy", text);
}

Result<bool, std::string> Enforcer::decide(const v1::Revision& revision) {
  const std::lock_guard policy(policy_mutex_);
  const life::Decided decided{revision.number()};
  Work work;
  work.revision = revision;
  const life::Actions first = take(decided, work);
  if (first.rejected != life::Rejection::none) return std::string("another change is under way");
  run(first, work);
  if (!work.problem.empty()) return work.problem;
  return first.next != Step::none;
}

// A data plane that restarted has no policy; one that was driven by another agent may have another.
// Without an answer nothing is concluded: a lost data plane is noticed by its connections.
Enforcer::Compared Enforcer::reconcile() {
  const std::lock_guard policy(policy_mutex_);
  Compared compared{readings_.ask_status(), std::nullopt};
  if (!compared.answer) return compared;
  const std::string& digest = compared.answer.value().status().policy_sha256();
  recorder_.note_now_and_then(digest, monotonic_now_ns());
  const auto active = store_.active();
  Work work;
  run(take(life::Observed{active && active->sha256() == digest}, work), work);
  if (work.applied) {
    const std::string text = name_of(active->number()) + " put in force again";
    spdlog::info("{}", text);
    notice(sink_, "policy", text);
  }
  readings_.set_refused(work.problem);
  const std::lock_guard guard(state_mutex_);
  compared.in_force = state_.active_enforced;
  return compared;
}

Enforcer::PassedSoFar Enforcer::passed() {
  const std::lock_guard policy(policy_mutex_);
  note_passed(kCountersTimeout);
  const PassedOfLastDay& passed = recorder_.passed();
  return {passed.all(), passed.since_wall_ns(), passed.not_distinguished()};
}

// --- the life's driver -------------------------------------------------------------------------

life::Actions Enforcer::take(const life::Event& event, Work& work) {
  const std::lock_guard guard(state_mutex_);
  const life::Actions actions = life::step(state_, event, monotonic_now_ns());
  if (actions.abandon) store_.abandon_activation();
  if (actions.ended) finish(std::get<life::Ended>(event), *actions.ended, work);
  return actions;
}

void Enforcer::run(life::Actions actions, Work& work) {
  bool reconcile = false;
  while (actions.next != Step::none) {
    life::Ended ended{actions.next, actions.revision, Outcome::not_known};
    try {
      ended.outcome = carry_out(actions, work);
    } catch (const std::exception& error) {
      work.problem = error.what();
    }
    actions = take(ended, work);
    reconcile = reconcile || actions.reconcile;
  }
  if (reconcile) wake_();
}

void Enforcer::finish(const life::Ended& ended, Outcome outcome, Work& work) {
  work.ended = outcome;
  if (outcome != Outcome::done) {
    return commits_.finish(
        outcome == Outcome::refused ? v1::Commit::STATE_REFUSED : v1::Commit::STATE_UNFINISHED,
        text_of(ended, work));
  }
  // As one of a pair it was applied by the decision.
  commits_.finish(store_.active().value_or(v1::Revision()), generation_,
                  work.applied ? work.applied->problem() : std::string());
}

std::string Enforcer::text_of(const life::Ended& ended, const Work& work) const {
  if (ended.step == Step::note) return "it is in force, but not noted: " + work.problem;
  if (ended.step == Step::agree && ended.outcome == Outcome::done) {
    return "the peer has committed it, this appliance could not yet; see its log";
  }
  if (ended.step == Step::apply && ended.outcome == Outcome::not_known) {
    const auto active = store_.active();
    return work.problem +
           (active ? "; " + name_of(active->number()) + " comes into force again when it is back"
                   : "; nothing passes when it is back");
  }
  const bool local =
      ended.step == Step::check || ended.step == Step::reserve || ended.step == Step::apply;
  return work.problem + (local ? "; nothing was changed" : "");
}

Outcome Enforcer::carry_out(const life::Actions& actions, Work& work) {
  switch (actions.next) {
    case Step::load:
      return load(actions.revision, work);
    case Step::check:
      return check(work);
    case Step::agree:
      return agree(work);
    case Step::reserve:
      return reserve(actions.revision, work);
    case Step::apply:
      return apply(actions, work);
    case Step::note:
      return note(actions, work);
    case Step::none:
      break;
  }
  return Outcome::refused;
}

// --- steps -------------------------------------------------------------------------------------

// All of it is read, so that nothing is committed that a later start could not read.
Outcome Enforcer::load(std::uint64_t revision, Work& work) {
  if (const auto stored = store_.get(revision)) {
    work.revision = stored->revision();
    return Outcome::done;
  }
  work.problem = "there is no revision " + std::to_string(revision);
  return Outcome::refused;
}

Outcome Enforcer::check(Work& work) {
  commits_.tell("the data plane checks it");
  if (is_prepared(dataplane_, work.revision->sha256())) return Outcome::done;
  work.problem = prepare(work.revision->number());
  return work.problem.empty() ? Outcome::done : Outcome::refused;
}

// Sends the artefact to the data plane. Empty, or the problem.
std::string Enforcer::prepare(std::uint64_t revision) {
  const auto stored = store_.get(revision);
  if (!stored) return name_of(revision) + " cannot be read any more";
  const auto prepared = prepare_policy(dataplane_, stored->artefact());
  return prepared ? std::string() : prepared.error().text;
}

Outcome Enforcer::agree(Work& work) {
  commits_.tell("the peer checks it and keeps it on its disk");
  work.problem = agree_(*work.revision);
  return work.problem.empty() ? Outcome::done : Outcome::refused;
}

Outcome Enforcer::reserve(std::uint64_t revision, Work& work) {
  note_passed(kNoteTimeout);
  commits_.tell("the data plane puts it in force");
  work.problem = store_.begin_activation(revision);
  return work.problem.empty() ? Outcome::done : Outcome::refused;
}

Outcome Enforcer::apply(const life::Actions& actions, Work& work) {
  if (actions.cause == Cause::decision) {
    // It is noted, and a data plane that comes gets it.
    if (!dataplane_.connected()) return Outcome::not_known;
    commits_.tell("the data plane puts it in force");
  }
  if (!work.revision) work.revision = store_.revision(actions.revision);
  if (!work.revision) {
    work.problem = "there is no " + name_of(actions.revision) + " any more";
    return Outcome::refused;
  }
  const auto timeout = actions.cause == Cause::commit ? std::chrono::milliseconds(kCommitTimeout)
                                                      : std::chrono::milliseconds(kApplyTimeout);
  using Kind = DataplaneClient::Failure::Kind;
  auto answer = apply_prepared(dataplane_, work.revision->sha256(), timeout);
  if (!answer && answer.error().kind == Kind::not_prepared) {
    // It has made room for others, or the data plane has restarted.
    const std::string wrong = prepare(actions.revision);
    if (wrong.empty()) {
      answer = apply_prepared(dataplane_, work.revision->sha256(), timeout);
    } else {
      answer = DataplaneClient::Failure{Kind::refused, wrong};
    }
  }
  {
    const std::lock_guard guard(state_mutex_);
    generation_ = answer ? answer.value().policy_applied().generation() : 0;
  }
  if (answer) {
    work.applied = answer.value().policy_applied();
    return Outcome::done;
  }
  work.problem =
      answer.error().text + (actions.cause == Cause::decision ? "; it is tried again" : "");
  const Kind kind = answer.error().kind;
  return kind == Kind::lost || kind == Kind::late ? Outcome::not_known : Outcome::refused;
}

Outcome Enforcer::note(const life::Actions& actions, Work& work) {
  const bool reserved = actions.cause == Cause::commit;
  if (!reserved) note_passed(kNoteTimeout);
  commits_.tell(reserved ? "it is in force, and is being noted on disk"
                         : "it is being noted on disk");
  const auto noted = reserved ? store_.finish_activation() : store_.activate(actions.revision);
  if (noted) return Outcome::done;
  work.problem = noted.error();
  return Outcome::not_known;
}

// Precondition: policy_mutex_ is held, so that no commit comes in between.
void Enforcer::note_passed(std::chrono::milliseconds timeout) {
  const auto active = store_.active();
  recorder_.note(active ? active->sha256() : std::string(), timeout);
}

}  // namespace bulkhead::controlplane
