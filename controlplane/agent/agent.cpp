// Staging, committing, and a loop that compares what is enforced with what should be.
#include "controlplane/agent/agent.h"

#include <spdlog/spdlog.h>

#include "dataplane/base/clock.h"
#include "dataplane/service/policy_codec.h"

namespace bulkhead::controlplane {

namespace {

Refusal unavailable(const std::string& text) { return {Refusal::Kind::unavailable, text}; }

}  // namespace

Agent::Agent(std::unique_ptr<RevisionStore> store, const std::string& socket)
    : store_(std::move(store)),
      dataplane_(socket, {[this](bool connected) {
                            tell("dataplane",
                                 connected ? "data plane connected" : "data plane lost");
                            const std::lock_guard guard(wake_mutex_);
                            woken_ = true;
                            wake_.notify_one();
                          },
                          [this](const v1::Event& event) { events_.publish(event); }}),
      started_ns_(monotonic_now_ns()) {}

Agent::~Agent() {
  {
    const std::lock_guard guard(wake_mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  events_.end();
  if (reconciler_.joinable()) reconciler_.join();
}

void Agent::start() {
  dataplane_.start();
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
    if (dataplane_.connected()) reconcile();
  }
}

// A data plane that restarted has no policy; one that was driven by another agent may have another.
void Agent::reconcile() {
  const std::lock_guard guard(policy_mutex_);
  v1::DataplaneRequest request;
  request.mutable_get_status();
  const auto answer = dataplane_.call(request);
  if (!answer) return;
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
  const std::lock_guard guard(policy_mutex_);
  const std::uint64_t wanted = number == 0 ? store_->latest() : number;
  const auto before = store_->get(0);
  const auto stored = wanted == 0 ? std::nullopt : store_->get(wanted);
  if (!stored) {
    return Refusal{Refusal::Kind::not_found,
                   wanted == 0 ? "no policy has been staged; push one first"
                               : "there is no revision " + std::to_string(wanted)};
  }
  const auto applied = apply(stored->artefact(), false);
  if (!applied) return applied.error();
  const auto revision = store_->activate(wanted);
  if (!revision) {
    // What is enforced must be what a restart comes back to.
    if (before) apply(before->artefact(), false);
    return Refusal{Refusal::Kind::storage, revision.error() + "; the policy before is in force"};
  }
  const std::string text = "revision " + std::to_string(wanted) + " committed by " + by;
  spdlog::info("{}", text);
  tell("policy", text);
  v1::CommitPolicyResponse response;
  *response.mutable_revision() = revision.value();
  response.set_generation(applied.value());
  return response;
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
