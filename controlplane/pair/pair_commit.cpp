// What one of a pair does about policies: carries the two-phase commit, on the thread that may wait
// for the disk and the data plane.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "controlplane/pair/ask.h"
#include "controlplane/pair/pair.h"

namespace bulkhead::controlplane {

namespace asio = boost::asio;
using failover::CommitMessage;
using failover::Role;

namespace {

v1::PairCommit::Kind kind_of(CommitMessage::Kind kind) {
  return static_cast<v1::PairCommit::Kind>(static_cast<int>(kind) + 1);
}

}  // namespace

void Pair::tell_policy() {
  asio::post(io_, [this, committed = commit_->committed(), prepared = commit_->prepared()] {
    committed_ = committed;
    prepared_ = prepared;
    drive(failover::PolicyIs{committed, prepared});
  });
}

void Pair::pass_commit_time(bool hears_peer, const failover::Heartbeat& peer) {
  if (!commit_) return;
  const TimeNs now_ns = monotonic_now_ns();
  carry_out_commit(commit_->pass_time(hears_peer, now_ns));
  if (hears_peer) carry_out_commit(commit_->heard(peer, now_ns));
}

void Pair::take_over_prepared() {
  carry_out_commit(commit_->take_over());
  asio::post(io_, [this] {
    lease_waits_ = false;
    send_lease();
  });
}

void Pair::send_commit(const CommitMessage& message) {
  v1::PairMessage out;
  v1::PairCommit& commit = *out.mutable_commit();
  commit.set_kind(kind_of(message.kind));
  commit.set_generation(message.policy.generation);
  commit.set_digest(message.policy.digest);
  if (message.kind == CommitMessage::Kind::prepare || message.kind == CommitMessage::Kind::policy) {
    auto revision = host_.revision_of(message.policy);
    if (!revision) return;
    revision->SerializeToString(commit.mutable_revision());
    revision.reset();
  }
  if (message.kind == CommitMessage::Kind::refused) commit.set_refusal(refusal_);
  // Made here: a large policy must not hold up heartbeats.
  asio::post(io_, [this, frames = PairLink::in_pieces(out)]() mutable {
    asio::post(link_io_, [this, connection = connection_, frames = std::move(frames)]() mutable {
      if (link_->connection() == connection) link_->send_pieces(std::move(frames));
    });
  });
}

void Pair::carry_out_commit(const failover::CommitActions& actions) {
  if (actions.changed) {
    // With the note of what is in force goes that of what was prepared, unless that was aborted.
    const std::string wrong = host_.enforce(commit_->committed());
    if (!wrong.empty()) spdlog::error("generation {}: {}", commit_->committed().generation, wrong);
    if (commit_->prepared().generation == 0 && wrong.empty()) host_.forget_prepared();
    tell_policy();
  }
  for (const CommitMessage& message : actions.to_send()) send_commit(message);
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

void Pair::take_commit(const v1::PairCommit& message) {
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
  carry_out_commit(commit_->take(taken, can_enforce));
}

std::string Pair::commit(std::uint64_t digest,
                         const std::function<std::string(std::uint64_t)>& store) {
  struct State {
    bool may = false;
    bool hears = false;
    std::uint64_t generation = 0;
  };
  const State state = ask(io_, [this] {
    State now;
    if (!machine_) return now;
    now.hears = machine_->hears_peer();
    const std::uint64_t theirs = machine_->peer().policy.generation;
    now.generation = std::max({committed_.generation, prepared_.generation, theirs}) + 1;
    // Before the first policy nobody can be active.
    now.may = machine_->role() == Role::active || now.generation == 1;
    return now;
  });
  if (!state.may) {
    return "this appliance is not the active one of the pair; commit on " + options_.link.peer_name;
  }
  if (std::string wrong = store(state.generation); !wrong.empty()) return wrong;
  auto answer = ask(slow_, [&]() -> std::shared_future<std::string> {
    std::promise<std::string> promise;
    std::shared_future<std::string> future = promise.get_future();
    if (!commit_ || commit_->under_way()) {
      promise.set_value("another commit is under way");
      return future;
    }
    committing_ = std::move(promise);
    carry_out_commit(commit_->propose({state.generation, digest}, state.hears, monotonic_now_ns()));
    return future;
  });
  return answer.get();
}

}  // namespace bulkhead::controlplane
