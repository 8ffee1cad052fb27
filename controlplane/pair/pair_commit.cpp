// The machine's messages as protobuf, and its actions on disk and in the data plane.
#include "controlplane/pair/pair_commit.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "controlplane/pair/pair_link.h"
#include "dataplane/base/boot_clock.h"

namespace bulkhead::controlplane {

using failover::CommitCause;
using failover::CommitMessage;
using failover::CommitOutcome;

namespace {

constexpr bool same(v1::PairCommit::Kind wire, CommitMessage::Kind kind) {
  return static_cast<int>(wire) == static_cast<int>(kind) + 1;
}
static_assert(same(v1::PairCommit::KIND_PREPARE, CommitMessage::Kind::prepare));
static_assert(same(v1::PairCommit::KIND_PREPARED, CommitMessage::Kind::prepared));
static_assert(same(v1::PairCommit::KIND_REFUSED, CommitMessage::Kind::refused));
static_assert(same(v1::PairCommit::KIND_COMMIT, CommitMessage::Kind::commit));
static_assert(same(v1::PairCommit::KIND_ABORT, CommitMessage::Kind::abort));
static_assert(same(v1::PairCommit::KIND_FETCH, CommitMessage::Kind::fetch));
static_assert(same(v1::PairCommit::KIND_POLICY, CommitMessage::Kind::policy));
static_assert(v1::PairCommit::Kind_ARRAYSIZE == 8);

v1::PairCommit::Kind kind_of(CommitMessage::Kind kind) {
  return static_cast<v1::PairCommit::Kind>(static_cast<int>(kind) + 1);
}

}  // namespace

void PairCommit::begin() {
  const PolicyHost::Held held = host_.held();
  boot_ = held.trials.boot;
  commit_.emplace(held.committed, held.prepared, held.trials);
  publish_policy();
}

void PairCommit::on_link() {
  if (commit_) carry_out(commit_->stream_begun());
}

void PairCommit::pass_time(bool hears_peer, const failover::Heartbeat& peer) {
  if (!commit_) return;
  const TimeNs now_ns = boot_now_ns();
  if (hears_peer) carry_out(commit_->heard(peer, now_ns));
  carry_out(commit_->pass_time(hears_peer, now_ns));
  if (commit_->trial() != published_) publish_policy();
}

void PairCommit::take_over() {
  if (commit_) carry_out(commit_->take_over(boot_now_ns()));
}

// The artefact of a confirmation is on both already.
void PairCommit::send(const CommitMessage& message) {
  v1::PairMessage out;
  v1::PairCommit& commit = *out.mutable_commit();
  commit.set_kind(kind_of(message.kind));
  commit.set_generation(message.policy.epoch);
  commit.set_digest(message.policy.digest);
  commit.set_former_generation(message.former.epoch);
  commit.set_former_digest(message.former.digest);
  commit.set_window_ns(message.window_ns);
  commit.set_left_ns(message.left_ns);
  const bool prepares = message.kind == CommitMessage::Kind::prepare;
  if (prepares) commit.set_by(by_);
  if (message.window_ns != 0) commit.set_health(host_.health_of(message.policy));
  if (message.kind == CommitMessage::Kind::commit) commit.set_unhealthy(unhealthy_);
  const bool is_here = prepares && commit_->confirms(message.policy);
  if (!is_here && (prepares || message.kind == CommitMessage::Kind::policy)) {
    auto revision = host_.revision_of(message.policy);
    if (!revision) return;
    revision->SerializeToString(commit.mutable_revision());
    revision.reset();
  }
  if (message.kind == CommitMessage::Kind::refused) commit.set_refusal(refusal_);
  // Made here: a large policy must not hold up heartbeats.
  callbacks_.send(PairLink::in_pieces(out));
}

std::string PairCommit::why_not(CommitOutcome outcome) const {
  switch (outcome) {
    case CommitOutcome::peer_refused:
      return "the peer refuses it: " + refusal_ + "; nothing was changed";
    case CommitOutcome::peer_unanswering:
      return "the peer did not answer in time; nothing was changed here";
    case CommitOutcome::expired:
      return "the time to confirm is over: the policy before it comes back";
    default:
      return {};
  }
}

void PairCommit::carry_out(const failover::CommitActions& actions) {
  std::string wrong;
  if (actions.changed) {
    CommitCause cause = actions.cause;
    if (cause == CommitCause::followed && !unhealthy_.empty()) cause = CommitCause::unhealthy;
    // With the note of what is in force goes that of what was prepared, unless that was aborted.
    const bool asked = cause == CommitCause::committed || cause == CommitCause::confirmed ||
                       cause == CommitCause::rolled_back;
    const std::string by = asked ? by_ : cause == CommitCause::unhealthy ? unhealthy_ : "";
    wrong = host_.enforce({commit_->committed(), commit_->trial(), cause, by});
    if (!wrong.empty()) spdlog::error("epoch {}: {}", commit_->committed().epoch, wrong);
    if (commit_->prepared().epoch == 0 && wrong.empty()) host_.forget_prepared();
    // A heartbeat would say that it has returned, and not why.
    if (unhealthy_.empty()) publish_policy();
  }
  for (const CommitMessage& message : actions.to_send()) send(message);
  if (actions.changed && !unhealthy_.empty()) publish_policy();
  if (!committing_ || actions.outcome == CommitOutcome::none) return;
  committing_->set_value(
      {why_not(actions.outcome), actions.outcome == CommitOutcome::committed_alone});
  committing_.reset();
}

// A large policy is in memory once: its bytes go when they are read.
std::string PairCommit::keep(v1::PairCommit& wire) {
  v1::GetPolicyResponse revision;
  const bool whole = !wire.revision().empty() && revision.ParseFromString(wire.revision());
  std::string().swap(*wire.mutable_revision());
  return whole ? host_.keep(std::move(revision)) : std::string("the policy did not come with it");
}

// Refused before anything is stored: what the machine would refuse, too.
std::string PairCommit::prepare(const CommitMessage& message, v1::PairCommit& wire) {
  if (message.policy.epoch <= commit_->committed().epoch) return "it is not later than its own";
  if (message.window_ns != 0 && message.former != commit_->committed()) {
    return "it enforces another policy, to which it could not return";
  }
  if (!commit_->confirms(message.policy)) {
    if (std::string wrong = keep(wire); !wrong.empty()) return wrong;
  }
  by_ = wire.by();
  if (message.window_ns != 0) {
    std::string wrong = host_.keep_health(message.policy, wire.health());
    if (!wrong.empty()) return wrong;
  }
  return host_.prepare({message.policy, failover::Commit::trial_of(message, boot_, boot_now_ns()),
                        CommitCause::committed, by_});
}

void PairCommit::take(v1::PairCommit message) {
  if (!commit_ || message.kind() == v1::PairCommit::KIND_UNSPECIFIED) return;
  CommitMessage taken;
  taken.kind = static_cast<CommitMessage::Kind>(static_cast<int>(message.kind()) - 1);
  taken.policy = {message.generation(), message.digest()};
  taken.former = {message.former_generation(), message.former_digest()};
  taken.window_ns = message.window_ns();
  taken.left_ns = message.left_ns();
  bool can_enforce = true;
  const bool prepares = taken.kind == CommitMessage::Kind::prepare;
  if (prepares || taken.kind == CommitMessage::Kind::policy) {
    refusal_ = prepares ? prepare(taken, message) : keep(message);
    can_enforce = refusal_.empty();
    if (!can_enforce) spdlog::warn("the peer's policy is refused: {}", refusal_);
  } else if (taken.kind == CommitMessage::Kind::refused) {
    refusal_ = message.refusal();
  }
  if (taken.kind == CommitMessage::Kind::policy) by_.clear();
  // Without it the deadline counts all the same.
  const bool tried = taken.kind == CommitMessage::Kind::policy && taken.window_ns != 0;
  if (tried && can_enforce) host_.keep_health(taken.policy, message.health());
  unhealthy_ = message.unhealthy();
  carry_out(commit_->take(taken, can_enforce, boot_now_ns()));
  unhealthy_.clear();
}

std::shared_future<PairCommit::Answer> PairCommit::propose(const Proposal& proposal,
                                                           bool hears_peer) {
  std::promise<Answer> promise;
  std::shared_future<Answer> future = promise.get_future();
  if (!commit_ || commit_->under_way() || commit_->trial()) {
    promise.set_value({commit_ && commit_->trial() ? "another policy awaits confirmation"
                                                   : "another commit is under way"});
    return future;
  }
  committing_ = std::move(promise);
  by_ = proposal.by;
  carry_out(commit_->propose(proposal.policy, hears_peer, boot_now_ns(), proposal.window_ns));
  return future;
}

std::string PairCommit::no_trial() const {
  if (!commit_ || commit_->under_way()) return "another commit is under way";
  return commit_->trial() ? "" : "nothing awaits confirmation: it is over";
}

std::shared_future<PairCommit::Answer> PairCommit::confirm(const std::string& by, bool hears_peer) {
  std::promise<Answer> promise;
  std::shared_future<Answer> future = promise.get_future();
  if (std::string wrong = no_trial(); !wrong.empty()) {
    promise.set_value({std::move(wrong)});
    return future;
  }
  committing_ = std::move(promise);
  by_ = by;
  carry_out(commit_->confirm(hears_peer, boot_now_ns()));
  return future;
}

PairCommit::Answer PairCommit::roll_back(const std::string& by) {
  if (std::string wrong = no_trial(); !wrong.empty()) return {std::move(wrong)};
  by_ = by;
  carry_out(commit_->roll_back());
  return {};
}

PairCommit::Answer PairCommit::give_back(const std::string& why) {
  if (std::string wrong = no_trial(); !wrong.empty()) return {std::move(wrong)};
  unhealthy_ = why;
  carry_out(commit_->roll_back(CommitCause::unhealthy));
  unhealthy_.clear();
  return {};
}

}  // namespace bulkhead::controlplane
