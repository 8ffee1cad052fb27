// The machine's messages as protobuf, and its actions on disk and in the data plane.
#include "controlplane/pair/pair_commit.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "controlplane/pair/pair_link.h"

namespace bulkhead::controlplane {

using failover::CommitMessage;

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
  commit_.emplace(held.committed, held.prepared);
  publish_policy();
}

void PairCommit::on_link() {
  if (commit_) carry_out(commit_->stream_begun());
}

void PairCommit::pass_time(bool hears_peer, const failover::Heartbeat& peer) {
  if (!commit_) return;
  const TimeNs now_ns = monotonic_now_ns();
  carry_out(commit_->pass_time(hears_peer, now_ns));
  if (hears_peer) carry_out(commit_->heard(peer, now_ns));
}

void PairCommit::take_over() {
  if (commit_) carry_out(commit_->take_over());
}

void PairCommit::send(const CommitMessage& message) {
  v1::PairMessage out;
  v1::PairCommit& commit = *out.mutable_commit();
  commit.set_kind(kind_of(message.kind));
  commit.set_generation(message.policy.epoch);
  commit.set_digest(message.policy.digest);
  if (message.kind == CommitMessage::Kind::prepare || message.kind == CommitMessage::Kind::policy) {
    auto revision = host_.revision_of(message.policy);
    if (!revision) return;
    revision->SerializeToString(commit.mutable_revision());
    revision.reset();
  }
  if (message.kind == CommitMessage::Kind::refused) commit.set_refusal(refusal_);
  // Made here: a large policy must not hold up heartbeats.
  callbacks_.send(PairLink::in_pieces(out));
}

void PairCommit::carry_out(const failover::CommitActions& actions) {
  if (actions.changed) {
    // With the note of what is in force goes that of what was prepared, unless that was aborted.
    const std::string wrong = host_.enforce(commit_->committed());
    if (!wrong.empty()) spdlog::error("epoch {}: {}", commit_->committed().epoch, wrong);
    if (commit_->prepared().epoch == 0 && wrong.empty()) host_.forget_prepared();
    publish_policy();
  }
  for (const CommitMessage& message : actions.to_send()) send(message);
  if (!committing_ || actions.outcome == failover::CommitOutcome::none) return;
  std::string result;
  if (actions.outcome == failover::CommitOutcome::peer_refused) {
    result = "the peer refuses it: " + refusal_ + "; nothing was changed";
  } else if (actions.outcome == failover::CommitOutcome::peer_unanswering) {
    result = "the peer did not answer in time; nothing was changed here";
  }
  committing_->set_value(result);
  committing_.reset();
}

void PairCommit::take(const v1::PairCommit& message) {
  if (!commit_ || message.kind() == v1::PairCommit::KIND_UNSPECIFIED) return;
  CommitMessage taken;
  taken.kind = static_cast<CommitMessage::Kind>(static_cast<int>(message.kind()) - 1);
  taken.policy = {message.generation(), message.digest()};
  bool can_enforce = true;
  const bool prepares = taken.kind == CommitMessage::Kind::prepare;
  if (prepares || taken.kind == CommitMessage::Kind::policy) {
    v1::GetPolicyResponse revision;
    const bool whole = !message.revision().empty() && revision.ParseFromString(message.revision());
    refusal_ = whole ? host_.keep(revision, !prepares) : "the policy did not come with it";
    can_enforce = refusal_.empty();
    if (!can_enforce) spdlog::warn("the peer's policy is refused: {}", refusal_);
  } else if (taken.kind == CommitMessage::Kind::refused) {
    refusal_ = message.refusal();
  }
  carry_out(commit_->take(taken, can_enforce));
}

std::shared_future<std::string> PairCommit::propose(const failover::Policy& policy,
                                                    bool hears_peer) {
  std::promise<std::string> promise;
  std::shared_future<std::string> future = promise.get_future();
  if (!commit_ || commit_->under_way()) {
    promise.set_value("another commit is under way");
    return future;
  }
  committing_ = std::move(promise);
  carry_out(commit_->propose(policy, hears_peer, monotonic_now_ns()));
  return future;
}

}  // namespace bulkhead::controlplane
