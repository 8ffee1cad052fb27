// Commits run on a thread of their own: the caller may stop waiting for one.
#include "controlplane/agent/stored_policies.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "controlplane/access/role.h"
#include "controlplane/agent/dataplane_policy.h"
#include "controlplane/telemetry/notice.h"
#include "dataplane/base/boot_clock.h"

namespace bulkhead::controlplane {

namespace {

// How long the caller of a commit waits for its outcome.
constexpr auto kCommitAnswer = std::chrono::seconds(20);

}  // namespace

Result<v1::Revision, Refusal> StoredPolicies::stage(v1::StagePolicyRequest request,
                                                    const std::string& by) {
  const auto prepared = prepare_policy(dataplane_, *request.mutable_artefact());
  if (!prepared) {
    return Refusal{prepared.error().kind, prepared.error().text + "; nothing was changed"};
  }
  v1::GetPolicyResponse stored;
  stored.mutable_revision()->set_site(prepared.value().site());
  stored.mutable_revision()->set_sha256(prepared.value().sha256());
  stored.mutable_artefact()->Swap(request.mutable_artefact());
  stored.mutable_source()->swap(*request.mutable_source());
  stored.mutable_revision()->set_comment(request.comment());
  stored.mutable_revision()->set_staged_by(by);
  const auto revision = store_.add(std::move(stored));
  if (!revision) return Refusal{Refusal::Kind::storage, revision.error()};
  enforcer_.add(revision.value());
  notice(sink_, "policy",
         "revision " + std::to_string(revision.value().number()) + " staged by " + by);
  return revision.value();
}

std::string StoredPolicies::containment_release() const {
  const auto active = store_.active();
  if (!active) return {};
  const auto stored = store_.get(active->number());
  v1::CompiledPolicy compiled;
  if (!stored || !compiled.ParseFromString(stored->artefact().policy())) {
    return std::string(name_of(Role::administrator));
  }
  return compiled.containment_release();
}

Result<v1::Commit, Refusal> StoredPolicies::carry_out(
    const life::Event& request, const std::string& by,
    const std::optional<policy::HealthBounds>& health) {
  auto begun = enforcer_.begin(request, by);
  if (!begun) return begun.error();
  begun.value().health = health;
  boost::asio::post(committer_, [this, begun] { enforcer_.commit(begun.value()); });
  const std::string& id = begun.value().id;
  auto commit = enforcer_.commits().wait(id, kCommitAnswer);
  if (!commit) return Refusal{Refusal::Kind::not_found, "commit " + id + " is forgotten"};
  const auto awaits = trial();
  if (awaits && awaits->number() == commit->number()) *commit->mutable_trial() = *awaits;
  return *std::move(commit);
}

Result<v1::Commit, Refusal> StoredPolicies::commit(const CommitOrder& order,
                                                   const std::string& by) {
  const std::uint64_t confirm_ms = order.confirm_ms;
  if (confirm_ms != 0 && (confirm_ms < kConfirmMsMin || confirm_ms > kConfirmMsMax)) {
    return Refusal{Refusal::Kind::invalid,
                   "a commit may await confirmation for one second to seven days"};
  }
  if (order.health && confirm_ms == 0) {
    return Refusal{Refusal::Kind::invalid,
                   "only a commit that awaits confirmation returns for its health"};
  }
  return carry_out(life::CommitAsked{order.number, confirm_ms * kMillisecondNs}, by, order.health);
}

Result<v1::Commit, Refusal> StoredPolicies::confirm(const std::string& by) {
  return carry_out(life::ConfirmAsked{}, by);
}

Result<v1::Commit, Refusal> StoredPolicies::roll_back(std::uint64_t number, const std::string& by) {
  if (number != 0) {
    const auto revision = store_.revision(number);
    if (!revision || !is_confirmed(*revision)) {
      return Refusal{Refusal::Kind::not_found,
                     (revision ? "revision " + std::to_string(number) + " was never confirmed here"
                               : "there is no revision " + std::to_string(number)) +
                         "; `bulkheadctl history` lists those that were"};
    }
  }
  return carry_out(life::RollbackAsked{number}, by);
}

std::optional<v1::Trial> StoredPolicies::trial() const {
  return describe_trial(store_, boot_now_ns());
}

Result<v1::Commit, Refusal> StoredPolicies::find_commit(const std::string& id) const {
  auto commit = enforcer_.commits().find(id);
  if (commit) return *std::move(commit);
  return Refusal{Refusal::Kind::not_found,
                 id.empty() ? "nothing has been committed since the agent started"
                            : "there is no commit " + id +
                                  " of this start of the agent; `bulkheadctl status` says what is "
                                  "enforced"};
}

Result<v1::GetPolicyResponse, Refusal> StoredPolicies::get(std::uint64_t number) const {
  auto stored = store_.get(number);
  if (stored) return *std::move(stored);
  return Refusal{Refusal::Kind::not_found, number == 0
                                               ? "no policy has been committed"
                                               : "there is no revision " + std::to_string(number)};
}

}  // namespace bulkhead::controlplane
