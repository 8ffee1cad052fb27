// The steps of a policy's life. Which one comes next, and what an outcome means, is decided by
// revisions/life.h alone.
#include "controlplane/agent/enforcer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "controlplane/agent/dataplane_policy.h"
#include "controlplane/telemetry/notice.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/base/boot_clock.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/duration.h"

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

// When an event says that a revision returns soon.
constexpr TimeNs kWarningNs = 60 * kSecondNs;
constexpr auto kIdle = std::chrono::milliseconds(1000);

// The confirmed one of the highest generation below the active one's.
std::uint64_t former_of(const RevisionStore& store, const v1::Revision& active) {
  std::uint64_t former = 0;
  std::uint64_t generation = 0;
  for (const v1::Revision& revision : store.list()) {
    if (revision.generation() <= generation || revision.generation() >= active.generation() ||
        !is_confirmed(revision)) {
      continue;
    }
    former = revision.number();
    generation = revision.generation();
  }
  return former;
}

std::string words_for(life::Rejection rejection, const life::State& state) {
  switch (rejection) {
    case life::Rejection::nothing_staged:
      return "no policy has been staged; push one first";
    case life::Rejection::nothing_before:
      return "there is no earlier policy to return to; commit without --confirm";
    case life::Rejection::awaits_confirmation:
      return name_of(state.active) + " awaits confirmation: `bulkheadctl confirm` keeps it, " +
             "`bulkheadctl rollback` takes " + name_of(state.trial->former) +
             " back; nothing was changed";
    case life::Rejection::nothing_to_confirm:
      return "nothing awaits confirmation; `bulkheadctl history` says what was confirmed or taken "
             "back";
    case life::Rejection::in_force_already:
      return name_of(state.active) + " is in force already: a return would change nothing";
    default:
      return {};
  }
}

Refusal::Kind kind_of(life::Rejection rejection) {
  const bool missing = rejection == life::Rejection::nothing_staged ||
                       rejection == life::Rejection::nothing_before ||
                       rejection == life::Rejection::nothing_to_confirm;
  return missing ? Refusal::Kind::not_found : Refusal::Kind::busy;
}

}  // namespace

Enforcer::Enforcer(RevisionStore& store, DataplaneClient& dataplane, DataplaneReadings& readings,
                   TrialHealth& health, RuleUses& uses, Sink& sink, std::function<void()> wake)
    : store_(store),
      dataplane_(dataplane),
      readings_(readings),
      health_(health),
      sink_(sink),
      wake_(std::move(wake)),
      commits_(wall_now_ns() / kSecondNs),
      recorder_(readings, uses, sink) {
  state_.latest = store_.latest();
  if (const auto active = store_.active()) {
    state_.active = active->number();
    state_.former = former_of(store_, *active);
    if (const auto trial = store_.trial()) {
      state_.trial = {trial->former, trial->boot == boot_number() ? trial->deadline_ns : 0};
    }
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

Result<Enforcer::Begun, Refusal> Enforcer::begin(const life::Event& request,
                                                 const std::string& by) {
  const std::lock_guard guard(state_mutex_);
  const life::Actions first = life::step(state_, request, boot_now_ns());
  if (first.rejected == life::Rejection::busy) {
    const auto other = commits_.find("");
    return Refusal{Refusal::Kind::busy, "commit " + (other ? other->id() : "") +
                                            " is under way; nothing else was changed"};
  }
  if (first.rejected != life::Rejection::none) {
    return Refusal{kind_of(first.rejected), words_for(first.rejected, state_)};
  }
  return Begun{commits_.begin(first.revision, by).value_or(""), first, by, {}};
}

void Enforcer::commit(const Begun& begun) {
  Work work;
  work.by = begun.by;
  work.health = begun.health;
  {
    std::unique_lock policy(policy_mutex_, std::defer_lock);
    // As one of a pair the change comes on another thread, see decide().
    if (!agree_) policy.lock();
    run(begun.first, work);
  }
  const bool plain = begun.first.wish == life::Wish::commit && begun.first.window_ns == 0;
  if (work.ended == Outcome::refused || (!plain && work.ended == Outcome::done)) return;
  const std::string text =
      name_of(begun.first.revision) +
      (begun.first.wish == life::Wish::confirm ? " confirmed by " : " committed by ") + begun.by +
      (work.ended == Outcome::done ? "" : ", in part");
  spdlog::info("{}", text);
  notice(sink_, "policy", text);
}

Result<bool, std::string> Enforcer::decide(const RevisionStore::Activation& activation) {
  const std::lock_guard policy(policy_mutex_);
  life::Decided decided{activation.number};
  if (activation.trial) {
    decided.trial = {activation.trial->former, activation.trial->deadline_ns};
  }
  Work work;
  work.revision = store_.revision(activation.number);
  work.activation = activation;
  const life::Actions first = take(decided, work);
  if (first.rejected != life::Rejection::none) return std::string("another change is under way");
  run(first, work);
  if (!work.problem.empty()) return work.problem;
  return first.next != Step::none;
}

std::chrono::milliseconds Enforcer::pass_time() {
  const std::lock_guard policy(policy_mutex_);
  const TimeNs now_ns = boot_now_ns();
  Work work;
  run(take(life::TimePassed{}, work), work);
  if (!work.problem.empty()) spdlog::error("return to the revision before: {}", work.problem);
  warn(now_ns);
  const std::lock_guard guard(state_mutex_);
  if (agree_ || !state_.trial || state_.trial->deadline_ns <= now_ns) return kIdle;
  const auto left =
      std::chrono::milliseconds(1 + (state_.trial->deadline_ns - now_ns) / kMillisecondNs);
  return std::min(left, kIdle);
}

std::string Enforcer::give_back(const std::string& why) {
  const std::lock_guard policy(policy_mutex_);
  Work work;
  work.unhealthy = why;
  run(take(life::HealthLost{}, work), work);
  return work.problem;
}

// The data plane drops what it has not used for long; a large policy takes it a while to read.
void Enforcer::keep_ready() {
  const auto trial = store_.trial();
  const auto former = trial ? store_.revision(trial->former) : std::nullopt;
  if (former && !is_prepared(dataplane_, former->sha256())) prepare(former->number());
}

void Enforcer::warn(TimeNs now_ns) {
  const auto trial = describe_trial(store_, now_ns);
  if (!trial) warned_ = false;
  if (!trial || warned_ || !trial->deadline_known()) return;
  const bool soon = trial->left_ms() * kMillisecondNs <= kWarningNs;
  if (!soon || trial->window_ms() * kMillisecondNs <= kWarningNs) return;
  warned_ = true;
  const std::string text = name_of(trial->number()) + " returns to " + name_of(trial->former()) +
                           " in a minute: `bulkheadctl confirm` keeps it";
  spdlog::warn("{}", text);
  notice(sink_, "policy", text);
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
  keep_ready();
  const std::lock_guard guard(state_mutex_);
  compared.in_force = state_.active_enforced;
  return compared;
}

void Enforcer::look() {
  const std::unique_lock policy(policy_mutex_, std::try_to_lock);
  if (!policy) return;
  {
    const std::lock_guard guard(state_mutex_);
    if (!state_.active_enforced) return;
  }
  note_passed(kNoteTimeout);
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
  const life::Actions actions = life::step(state_, event, boot_now_ns());
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
                  work.applied ? work.applied->problem() : work.remark);
}

std::string Enforcer::text_of(const life::Ended& ended, const Work& work) const {
  if (ended.step == Step::note) {
    return (work.activation.act == Act::confirm ? "it may not be confirmed after a restart: "
                                                : "it is in force, but not noted: ") +
           work.problem;
  }
  if (ended.step == Step::agree && ended.outcome == Outcome::done) {
    return "the peer has committed it, this appliance could not yet; see its log";
  }
  if (ended.step == Step::apply && ended.outcome == Outcome::not_known) {
    const auto active = store_.active();
    return work.problem +
           (active ? "; " + name_of(active->number()) + " comes into force again when it is back"
                   : "; nothing passes when it is back");
  }
  if (work.problem.empty()) {
    return "it is too late, or another change is under way; nothing was changed";
  }
  const bool local =
      ended.step == Step::check || ended.step == Step::reserve || ended.step == Step::apply;
  return work.problem + (local ? "; nothing was changed" : "");
}

Outcome Enforcer::carry_out(const life::Actions& actions, Work& work) {
  switch (actions.next) {
    case Step::load:
      return load(actions, work);
    case Step::check:
      return check(work);
    case Step::agree:
      return agree(actions, work);
    case Step::reserve:
      return reserve(actions, work);
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

// All of it is read, so that nothing is committed that a later start could not read, nor anything
// that could not be taken back.
Outcome Enforcer::load(const life::Actions& actions, Work& work) {
  const auto stored = store_.get(actions.revision);
  if (!stored) {
    work.problem = "there is no revision " + std::to_string(actions.revision);
    return Outcome::refused;
  }
  work.revision = stored->revision();
  if (actions.window_ns == 0) return Outcome::done;
  if (!store_.get(0)) {
    work.problem = "the active revision, to which it would return, cannot be read any more";
    return Outcome::refused;
  }
  if (work.health) commits_.tell("it is measured what lives and what is refused before it");
  work.problem = work.health ? health_.begin(*work.health, *stored) : health_.begin_without();
  return work.problem.empty() ? Outcome::done : Outcome::refused;
}

Outcome Enforcer::check(Work& work) {
  commits_.tell("the data plane checks it");
  if (is_prepared(dataplane_, work.revision->sha256())) return Outcome::done;
  work.problem = prepare(work.revision->number());
  return work.problem.empty() ? Outcome::done : Outcome::refused;
}

// Sends the artefact to the data plane. Empty, or the problem.
std::string Enforcer::prepare(std::uint64_t revision) {
  auto stored = store_.get(revision);
  if (!stored) return name_of(revision) + " cannot be read any more";
  const auto prepared = prepare_policy(dataplane_, *stored->mutable_artefact());
  return prepared ? std::string() : prepared.error().text;
}

Outcome Enforcer::agree(const life::Actions& actions, Work& work) {
  commits_.tell(actions.wish == life::Wish::commit ? "the peer checks it and keeps it on its disk"
                                                   : "the peer notes it on its disk");
  const Agreement agreed = agree_({actions.wish, *work.revision, actions.window_ns, work.by});
  work.problem = agreed.problem;
  work.remark = agreed.remark;
  return work.problem.empty() ? Outcome::done : Outcome::refused;
}

// Alone each change is a generation of its own.
RevisionStore::Activation Enforcer::activation_of(const life::Actions& actions,
                                                  const Work& work) const {
  if (agree_) return work.activation;
  const auto active = store_.active();
  RevisionStore::Activation activation{actions.revision};
  if (active && active->generation() != 0) activation.generation = active->generation() + 1;
  activation.by = work.by;
  if (actions.cause == Cause::confirm) {
    activation.act = Act::confirm;
  } else if (actions.cause == Cause::back) {
    const auto trial = store_.trial();
    const bool known = trial && trial->boot == boot_number();
    activation.act = !work.by.empty() ? Act::roll_back : known ? Act::expire : Act::restart;
    if (!work.unhealthy.empty()) {
      activation.act = Act::unhealthy;
      activation.by = work.unhealthy;
    }
  } else if (actions.trial) {
    activation.act = Act::begin_trial;
    activation.trial = StoredTrial{actions.trial->former,
                                   actions.trial->deadline_ns / kMillisecondNs, 0, boot_number()};
  }
  return activation;
}

Outcome Enforcer::reserve(const life::Actions& actions, Work& work) {
  note_passed(kNoteTimeout);
  commits_.tell("the data plane puts it in force");
  work.activation = activation_of(actions, work);
  work.problem = store_.begin_activation(work.activation);
  return work.problem.empty() ? Outcome::done : Outcome::refused;
}

Outcome Enforcer::apply(const life::Actions& actions, Work& work) {
  const bool is_noted = actions.cause == Cause::decision || actions.cause == Cause::back;
  if (is_noted) {
    // A data plane that comes gets it.
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
  work.problem = answer.error().text + (is_noted ? "; it is tried again" : "");
  const Kind kind = answer.error().kind;
  return kind == Kind::lost || kind == Kind::late ? Outcome::not_known : Outcome::refused;
}

Outcome Enforcer::note(const life::Actions& actions, Work& work) {
  const bool reserved = actions.cause == Cause::commit;
  if (!reserved) {
    note_passed(kNoteTimeout);
    work.activation = activation_of(actions, work);
  }
  commits_.tell(reserved ? "it is in force, and is being noted on disk"
                         : "it is being noted on disk");
  const auto before = store_.active();
  const auto noted = reserved
                         ? store_.finish_activation(actions.trial ? actions.trial->deadline_ns : 0)
                         : store_.activate(work.activation);
  if (noted || is_return(work.activation.act)) {
    tell(before.value_or(v1::Revision()), work.activation);
  }
  if (noted) return Outcome::done;
  work.problem = noted.error();
  return Outcome::not_known;
}

// What begins and ends a trial, on each appliance.
void Enforcer::tell(const v1::Revision& before, const RevisionStore::Activation& activation) {
  const auto now = store_.active();
  if (!now || activation.act == Act::commit || activation.act == Act::none) return;
  std::string text = name_of(now->number());
  if (activation.trial) {
    text += " committed by " + now->committed_by() +
            " awaits confirmation: " + name_of(activation.trial->former) + " comes back in " +
            duration_text(activation.trial->window_ms) + " unless `bulkheadctl confirm` keeps it";
    if (const auto watch = watch_of_trial(store_)) {
      text += ", and before that past " + policy::to_text(artefact::from_message(watch->bounds()));
    }
  } else if (activation.act == Act::confirm) {
    text += " confirmed by " + now->confirmed_by();
  } else {
    const auto taken_back = store_.revision(before.number());
    const std::string who = taken_back ? taken_back->returned_by() : activation.by;
    text += " is back in force, in place of " + name_of(before.number()) + " of " +
            before.committed_by() + ": " + (taken_back ? taken_back->returned_why() : "") +
            (who.empty() ? "" : " by " + who);
  }
  spdlog::warn("{}", text);
  notice(sink_, "policy", text);
}

// Precondition: policy_mutex_ is held, so that no commit comes in between.
void Enforcer::note_passed(std::chrono::milliseconds timeout) {
  const auto active = store_.active();
  recorder_.note(active ? active->sha256() : std::string(), timeout);
}

}  // namespace bulkhead::controlplane
