// Staging, committing, and a loop that compares what is enforced with what should be.
#include "controlplane/agent/agent.h"

#include <spdlog/spdlog.h>

#include <cstdio>
#include <stdexcept>

#include "dataplane/base/clock.h"
#include "dataplane/service/policy_codec.h"

namespace bulkhead::controlplane {

namespace {

Refusal unavailable(const std::string& text) { return {Refusal::Kind::unavailable, text}; }

// What the pair knows an artefact by.
std::uint64_t digest_of(const v1::Revision& revision) {
  return std::strtoull(revision.sha256().substr(0, 16).c_str(), nullptr, 16);
}

}  // namespace

Agent::Agent(std::unique_ptr<RevisionStore> store, const std::string& socket)
    : store_(std::move(store)),
      dataplane_(socket, {[this](bool connected) {
                            tell("dataplane",
                                 connected ? "data plane connected" : "data plane lost");
                            if (pair_) pair_->on_dataplane(connected);
                            wake();
                          },
                          [this](const v1::Event& event) { events_.publish(event); },
                          [this](v1::PairNews news) {
                            if (pair_) pair_->on_news(std::move(news));
                          }}),
      started_ns_(monotonic_now_ns()) {}

Agent::~Agent() {
  {
    const std::lock_guard guard(wake_mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  events_.end();
  if (reconciler_.joinable()) reconciler_.join();
  if (pair_) pair_->stop();
  dataplane_.stop();
}

void Agent::wake() {
  const std::lock_guard guard(wake_mutex_);
  woken_ = true;
  wake_.notify_one();
}

void Agent::join_pair(PairOptions options) {
  const auto incarnation = store_->next_incarnation();
  if (!incarnation) throw std::runtime_error(incarnation.error());
  options.incarnation = incarnation.value();
  PairHost& host = *this;
  pair_ = std::make_unique<Pair>(options, host);
}

void Agent::start() {
  if (pair_) pair_->start();
  dataplane_.start(pair_ != nullptr);
  reconciler_ = std::thread([this] { keep_reconciled(); });
}

void Agent::tell(const std::string& kind, const std::string& text) {
  v1::Event event;
  event.set_wall_time_ns(wall_now_ns());
  event.set_kind(kind);
  event.set_text(text);
  events_.publish(event);
}

void Agent::keep_reconciled() {
  constexpr auto kPeriod = std::chrono::seconds(1);
  for (;;) {
    {
      std::unique_lock lock(wake_mutex_);
      wake_.wait_for(lock, kPeriod, [this] { return woken_ || stopping_; });
      woken_ = false;
      if (stopping_) return;
    }
    if (!dataplane_.connected()) continue;
    const bool in_force = reconcile();
    if (pair_) pair_->on_policy(in_force);
  }
}

// A data plane that restarted has no policy; one that was driven by another agent may have another.
// True if the active revision is in force.
bool Agent::reconcile() {
  const std::lock_guard guard(policy_mutex_);
  v1::DataplaneRequest request;
  request.mutable_get_status();
  const auto answer = dataplane_.call(request);
  if (!answer) return false;
  const auto active = store_->get(0);
  std::string problem;
  if (active && active->revision().sha256() != answer.value().status().policy_sha256()) {
    const auto applied = apply(active->artefact(), false);
    if (applied) {
      const std::string text =
          "revision " + std::to_string(active->revision().number()) + " put in force again";
      spdlog::info("{}", text);
      tell("policy", text);
    } else {
      problem = "the data plane refuses the active revision: " + applied.error().text;
      spdlog::error("{}", problem);
    }
  }
  const std::lock_guard status_guard(status_mutex_);
  problem_ = problem;
  return active.has_value() && problem.empty();
}

Result<std::uint64_t, Refusal> Agent::apply(const v1::PolicyArtefact& artefact, bool check_only) {
  v1::DataplaneRequest request;
  *request.mutable_apply_policy()->mutable_artefact() = artefact;
  request.mutable_apply_policy()->set_check_only(check_only);
  const auto answer = dataplane_.call(request);
  if (answer) return answer.value().policy_applied().generation();
  if (!dataplane_.connected()) return unavailable(answer.error() + "; nothing was changed");
  return Refusal{Refusal::Kind::invalid, answer.error()};
}

Result<v1::Revision, Refusal> Agent::stage(const v1::StagePolicyRequest& request,
                                           const std::string& by) {
  const auto tables = service::load_policy(request.artefact());
  if (!tables) return Refusal{Refusal::Kind::invalid, tables.error()};
  if (dataplane_.connected()) {
    const auto checked = apply(request.artefact(), true);
    if (!checked) return checked.error();
  }
  v1::GetPolicyResponse stored;
  *stored.mutable_artefact() = request.artefact();
  stored.set_source(request.source());
  stored.mutable_revision()->set_site(tables.value().site);
  stored.mutable_revision()->set_sha256(tables.value().digest);
  stored.mutable_revision()->set_comment(request.comment());
  stored.mutable_revision()->set_staged_by(by);
  const auto revision = store_->add(std::move(stored));
  if (!revision) return Refusal{Refusal::Kind::storage, revision.error()};
  tell("policy", "revision " + std::to_string(revision.value().number()) + " staged by " + by);
  return revision.value();
}

Result<v1::CommitPolicyResponse, Refusal> Agent::commit(std::uint64_t number,
                                                        const std::string& by) {
  const std::uint64_t wanted = number == 0 ? store_->latest() : number;
  const auto stored = wanted == 0 ? std::nullopt : store_->get(wanted);
  if (!stored) {
    return Refusal{Refusal::Kind::not_found,
                   wanted == 0 ? "no policy has been staged; push one first"
                               : "there is no revision " + std::to_string(wanted)};
  }
  auto committed = pair_ ? commit_as_pair(*stored) : commit_alone(*stored);
  if (!committed) return committed;
  const std::string text = "revision " + std::to_string(wanted) + " committed by " + by;
  spdlog::info("{}", text);
  tell("policy", text);
  return committed;
}

Result<v1::CommitPolicyResponse, Refusal> Agent::commit_alone(const v1::GetPolicyResponse& stored) {
  const std::lock_guard guard(policy_mutex_);
  const auto before = store_->get(0);
  const auto applied = apply(stored.artefact(), false);
  if (!applied) return applied.error();
  const auto revision = store_->activate(stored.revision().number());
  if (!revision) {
    // What is enforced must be what a restart comes back to.
    if (before) apply(before->artefact(), false);
    return Refusal{Refusal::Kind::storage, revision.error() + "; the policy before is in force"};
  }
  v1::CommitPolicyResponse response;
  *response.mutable_revision() = revision.value();
  response.set_generation(applied.value());
  return response;
}

Result<v1::CommitPolicyResponse, Refusal> Agent::commit_as_pair(
    const v1::GetPolicyResponse& stored) {
  const auto checked = apply(stored.artefact(), true);
  if (!checked) return checked.error();
  const std::uint64_t number = stored.revision().number();
  const std::string wrong =
      pair_->commit(digest_of(stored.revision()), [this, number](std::uint64_t generation) {
        return store_->set_generation(number, generation);
      });
  if (!wrong.empty()) return Refusal{Refusal::Kind::unavailable, wrong};
  const auto active = store_->active();
  if (!active || active->number() != number) {
    return Refusal{Refusal::Kind::storage,
                   "the peer has committed it, this appliance could not "
                   "yet; see its log"};
  }
  v1::CommitPolicyResponse response;
  *response.mutable_revision() = *active;
  response.set_generation(active->generation());
  return response;
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
  const auto tables = service::load_policy(revision.artefact());
  if (!tables) return tables.error();
  if (dataplane_.connected()) {
    const auto checked = apply(revision.artefact(), true);
    if (!checked) return checked.error().text;
  }
  const std::uint64_t generation = revision.revision().generation();
  const std::string digest = tables.value().digest;
  std::uint64_t number = 0;
  if (const auto known = store_->find(generation, digest)) {
    number = known->revision().number();
  } else {
    v1::GetPolicyResponse stored = revision;
    stored.mutable_revision()->set_site(tables.value().site);
    stored.mutable_revision()->set_sha256(digest);
    const auto added = store_->add(std::move(stored));
    if (!added) return added.error();
    number = added.value().number();
    tell("policy", "revision " + std::to_string(number) + " came from the peer");
  }
  return commit ? std::string() : store_->set_prepared(number);
}

std::string Agent::enforce(const failover::Policy& policy) {
  if (policy.generation == 0) return {};
  const auto stored = revision_of(policy);
  if (!stored) return "its revision is not stored here";
  {
    const std::lock_guard guard(policy_mutex_);
    const auto active = store_->active();
    if (active && active->number() == stored->revision().number()) return {};
    if (dataplane_.connected()) {
      const auto applied = apply(stored->artefact(), false);
      if (!applied) return applied.error().text;
    }
    const auto activated = store_->activate(stored->revision().number());
    if (!activated) return activated.error();
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

Result<v1::PairStatus, Refusal> Agent::pair_status() {
  if (pair_) return pair_->status();
  return unavailable("this appliance is not one of a pair");
}

Result<v1::PairStatus, Refusal> Agent::order_pair(failover::Order order, const std::string& by) {
  if (!pair_) return unavailable("this appliance is not one of a pair");
  const std::string wrong = pair_->order(order);
  if (!wrong.empty()) return unavailable(wrong + "; nothing was changed");
  tell("pair", std::string(order == failover::Order::switchover       ? "switchover"
                           : order == failover::Order::maintenance_on ? "maintenance"
                                                                      : "end of maintenance") +
                   " ordered by " + by);
  return pair_->status();
}

Result<v1::GetPolicyResponse, Refusal> Agent::get(std::uint64_t number) const {
  auto stored = store_->get(number);
  if (stored) return *std::move(stored);
  return Refusal{Refusal::Kind::not_found, number == 0
                                               ? "no policy has been committed"
                                               : "there is no revision " + std::to_string(number)};
}

v1::GetStatusResponse Agent::status() {
  v1::GetStatusResponse status;
  status.set_agent_version(BULKHEAD_VERSION);
  status.set_agent_uptime_ms((monotonic_now_ns() - started_ns_) / kMillisecondNs);
  v1::DataplaneRequest request;
  request.mutable_get_status();
  const auto answer = dataplane_.call(request);
  status.set_dataplane_connected(answer.ok());
  const auto active = store_->active();
  const std::lock_guard guard(status_mutex_);
  if (answer) last_status_ = answer.value().status();
  *status.mutable_dataplane() = last_status_;
  if (active) *status.mutable_active() = *active;
  status.set_problem(problem_);
  if (!answer) {
    status.set_problem(answer.error());
  } else if (!active) {
    status.set_problem("no policy has been committed: nothing passes");
  }
  return status;
}

Result<v1::Counters, Refusal> Agent::counters() {
  v1::DataplaneRequest request;
  request.mutable_get_counters();
  const auto answer = dataplane_.call(request);
  if (!answer) return unavailable(answer.error());
  return answer.value().counters();
}

Result<v1::DataplaneFlows, Refusal> Agent::flows(std::uint32_t limit) {
  v1::DataplaneRequest request;
  request.mutable_list_flows()->set_limit(limit);
  const auto answer = dataplane_.call(request);
  if (!answer) return unavailable(answer.error());
  return answer.value().flows();
}

}  // namespace bulkhead::controlplane
