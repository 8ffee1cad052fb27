// Staging and committing, alone and as one of a pair.
#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <string>

#include "controlplane/agent/agent.h"
#include "dataplane/artefact/artefact.h"

namespace bulkhead::controlplane {

namespace {

// A commit does not wait for counters.
constexpr auto kNoteTimeout = std::chrono::milliseconds(200);
constexpr auto kCheckTimeout = std::chrono::seconds(60);
constexpr auto kPairApplyTimeout = std::chrono::seconds(30);
// A commit waits for as long as the data plane is there; who asked for it, so long.
constexpr auto kCommitAnswer = std::chrono::seconds(20);
constexpr auto kCommitTimeout = std::chrono::hours(24);

// What the pair knows an artefact by.
std::uint64_t digest_of(const v1::Revision& revision) {
  return std::strtoull(revision.sha256().substr(0, 16).c_str(), nullptr, 16);
}

std::string name_of(const v1::Revision& revision) {
  return "revision " + std::to_string(revision.number());
}

}  // namespace

DataplaneClient::Answer Agent::apply(const v1::PolicyArtefact& artefact,
                                     std::chrono::milliseconds timeout) {
  v1::DataplaneRequest request;
  *request.mutable_apply_policy()->mutable_artefact() = artefact;
  return dataplane_.call(std::move(request), timeout);
}

Result<v1::PolicyApplied, Refusal> Agent::check(const v1::PolicyArtefact& artefact) {
  if (!dataplane_.connected()) {
    const auto tables = artefact::decode(artefact);
    if (!tables) return Refusal{Refusal::Kind::invalid, tables.error()};
    v1::PolicyApplied known;
    known.set_site(tables.value().site);
    known.set_sha256(tables.value().digest);
    return known;
  }
  v1::DataplaneRequest request;
  *request.mutable_apply_policy()->mutable_artefact() = artefact;
  request.mutable_apply_policy()->set_check_only(true);
  const auto answer = dataplane_.call(std::move(request), kCheckTimeout);
  if (answer) return answer.value().policy_applied();
  const bool refused = answer.error().kind == DataplaneClient::Failure::Kind::refused;
  return Refusal{refused ? Refusal::Kind::invalid : Refusal::Kind::unavailable,
                 answer.error().text + "; nothing was changed"};
}

Result<v1::Revision, Refusal> Agent::stage(v1::StagePolicyRequest request, const std::string& by) {
  const auto checked = check(request.artefact());
  if (!checked) return checked.error();
  v1::GetPolicyResponse stored;
  stored.mutable_revision()->set_site(checked.value().site());
  stored.mutable_revision()->set_sha256(checked.value().sha256());
  stored.mutable_artefact()->Swap(request.mutable_artefact());
  stored.mutable_source()->swap(*request.mutable_source());
  stored.mutable_revision()->set_comment(request.comment());
  stored.mutable_revision()->set_staged_by(by);
  const auto revision = store_->add(std::move(stored));
  if (!revision) return Refusal{Refusal::Kind::storage, revision.error()};
  tell("policy", name_of(revision.value()) + " staged by " + by);
  return revision.value();
}

Result<v1::Commit, Refusal> Agent::commit(std::uint64_t number, const std::string& by) {
  const std::uint64_t wanted = number == 0 ? store_->latest() : number;
  if (wanted == 0) {
    return Refusal{Refusal::Kind::not_found, "no policy has been staged; push one first"};
  }
  const auto id = commits_.begin(wanted, by);
  if (!id) {
    const auto other = commits_.find("");
    return Refusal{Refusal::Kind::busy, "commit " + (other ? other->id() : "") +
                                            " is under way; nothing else was changed"};
  }
  boost::asio::post(committer_, [this, wanted, by] { carry_out_commit(wanted, by); });
  auto commit = commits_.wait(*id, kCommitAnswer);
  if (commit) return *std::move(commit);
  return Refusal{Refusal::Kind::not_found, "commit " + *id + " is forgotten"};
}

Result<v1::Commit, Refusal> Agent::find_commit(const std::string& id) const {
  auto commit = commits_.find(id);
  if (commit) return *std::move(commit);
  return Refusal{Refusal::Kind::not_found,
                 id.empty() ? "nothing has been committed since the agent started"
                            : "there is no commit " + id +
                                  " of this start of the agent; `bulkheadctl status` says what is "
                                  "enforced"};
}

void Agent::carry_out_commit(std::uint64_t number, const std::string& by) {
  const auto stored = store_->get(number);
  if (!stored) {
    return commits_.finish(v1::Commit::STATE_REFUSED,
                           "there is no revision " + std::to_string(number));
  }
  try {
    pair_ ? commit_as_pair(*stored) : commit_alone(*stored);
  } catch (const std::exception& error) {
    commits_.finish(v1::Commit::STATE_UNFINISHED, error.what());
  }
  const auto commit = commits_.find("");
  if (!commit || commit->state() == v1::Commit::STATE_REFUSED) return;
  const std::string text = name_of(stored->revision()) + " committed by " + by +
                           (commit->state() == v1::Commit::STATE_IN_FORCE ? "" : ", in part");
  spdlog::info("{}", text);
  tell("policy", text);
  wake();
}

// The disk has all that it needs before the data plane is asked: what it refuses was never in
// force.
void Agent::commit_alone(const v1::GetPolicyResponse& stored) {
  const std::lock_guard guard(policy_mutex_);
  const auto before = store_->active();
  note_passed(before ? before->sha256() : std::string(), kNoteTimeout);
  const std::uint64_t number = stored.revision().number();
  commits_.tell("the data plane checks it and puts it in force");
  if (const std::string wrong = store_->begin_activation(number); !wrong.empty()) {
    return commits_.finish(v1::Commit::STATE_REFUSED, wrong + "; nothing was changed");
  }
  const auto applied = apply(stored.artefact(), kCommitTimeout);
  if (!applied) {
    store_->abandon_activation();
    const bool lost = applied.error().kind == DataplaneClient::Failure::Kind::lost;
    const auto active = store_->active();
    return commits_.finish(
        v1::Commit::STATE_REFUSED,
        applied.error().text +
            (!lost    ? "; nothing was changed"
             : active ? "; " + name_of(*active) + " comes into force again when it is back"
                      : "; nothing passes when it is back"));
  }
  commits_.tell("it is in force, and is being noted on disk");
  const auto revision = store_->finish_activation();
  if (!revision) {
    return commits_.finish(v1::Commit::STATE_UNFINISHED,
                           "it is in force, but not noted: " + revision.error());
  }
  const v1::PolicyApplied& done = applied.value().policy_applied();
  commits_.finish(revision.value(), done.generation(), done.problem());
}

void Agent::commit_as_pair(const v1::GetPolicyResponse& stored) {
  commits_.tell("the data plane checks it");
  if (const auto checked = check(stored.artefact()); !checked) {
    return commits_.finish(v1::Commit::STATE_REFUSED, checked.error().text);
  }
  const std::uint64_t number = stored.revision().number();
  commits_.tell("the peer checks it and keeps it on its disk");
  const std::string wrong =
      pair_->commit(digest_of(stored.revision()), [this, number](std::uint64_t generation) {
        return store_->set_generation(number, generation);
      });
  if (!wrong.empty()) return commits_.finish(v1::Commit::STATE_REFUSED, wrong);
  const auto active = store_->active();
  if (!active || active->number() != number) {
    return commits_.finish(v1::Commit::STATE_UNFINISHED,
                           "the peer has committed it, this appliance could not yet; see its log");
  }
  commits_.finish(*active, active->generation(), "");
}

// --- what the pair needs -----------------------------------------------------------------------

Agent::Held Agent::held() {
  Held held;
  if (auto active = store_->active()) {
    // One that was committed before there was a peer counts as the first of the pair.
    if (active->generation() == 0 && store_->set_generation(active->number(), 1).empty()) {
      active->set_generation(1);
    }
    held.committed = {active->generation(), digest_of(*active)};
  }
  if (const auto prepared = store_->prepared()) {
    held.prepared = {prepared->generation(), digest_of(*prepared)};
  }
  return held;
}

std::string Agent::keep(const v1::GetPolicyResponse& revision, bool commit) {
  const auto checked = check(revision.artefact());
  if (!checked) return checked.error().text;
  const std::string& digest = checked.value().sha256();
  const std::uint64_t generation = revision.revision().generation();
  std::uint64_t number = 0;
  if (const auto known = store_->find(generation, digest)) {
    number = known->revision().number();
  } else {
    v1::GetPolicyResponse stored = revision;
    stored.mutable_revision()->set_site(checked.value().site());
    stored.mutable_revision()->set_sha256(digest);
    const auto added = store_->add(std::move(stored));
    if (!added) return added.error();
    number = added.value().number();
    tell("policy", "revision " + std::to_string(number) + " came from the peer");
  }
  return commit ? std::string() : store_->set_prepared(number);
}

// The pair has decided: it is noted first, and the data plane gets it until it has it.
std::string Agent::enforce(const failover::Policy& policy) {
  if (policy.generation == 0) return {};
  const auto stored = revision_of(policy);
  if (!stored) return "its revision is not stored here";
  {
    const std::lock_guard guard(policy_mutex_);
    const auto active = store_->active();
    if (active && active->number() == stored->revision().number()) return {};
    if (active) note_passed(active->sha256(), kNoteTimeout);
    commits_.tell("it is being noted on disk");
    const auto activated = store_->activate(stored->revision().number());
    if (!activated) return activated.error();
    if (dataplane_.connected()) {
      commits_.tell("the data plane puts it in force");
      const auto applied = apply(stored->artefact(), kPairApplyTimeout);
      if (!applied) return applied.error().text + "; it is tried again";
    }
  }
  tell("policy", "generation " + std::to_string(policy.generation) + " of the pair in force");
  if (dataplane_.connected()) pair_->on_policy(true);
  return {};
}

std::optional<v1::GetPolicyResponse> Agent::revision_of(const failover::Policy& policy) {
  auto digest = std::array<char, 17>{};
  std::snprintf(digest.data(), digest.size(), "%016llx",
                static_cast<unsigned long long>(policy.digest));
  return store_->find(policy.generation, digest.data());
}

Result<v1::GetPolicyResponse, Refusal> Agent::get(std::uint64_t number) const {
  auto stored = store_->get(number);
  if (stored) return *std::move(stored);
  return Refusal{Refusal::Kind::not_found, number == 0
                                               ? "no policy has been committed"
                                               : "there is no revision " + std::to_string(number)};
}

}  // namespace bulkhead::controlplane
