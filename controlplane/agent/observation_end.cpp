// A revision is tried until it was committed once; what becomes of that is the operators' to say.
#include "controlplane/agent/observation_end.h"

#include <algorithm>
#include <chrono>

#include "controlplane/telemetry/notice.h"
#include "dataplane/artefact/digest.h"

namespace bulkhead::controlplane {

namespace {

constexpr const char* kBy = "bulkheadd";
constexpr std::uint64_t kAgainS = 60;

std::string comment_for(std::uint64_t revision) {
  return "ends the observation of revision " + std::to_string(revision);
}

bool is_due(const v1::Conduit& conduit, std::uint64_t now_s) {
  return conduit.enforce_from_s() != 0 && conduit.enforce_from_s() <= now_s &&
         now_s < conduit.observe_until_s();
}

}  // namespace

std::optional<v1::PolicyArtefact> end_observation(const v1::PolicyArtefact& artefact,
                                                  std::uint64_t now_s, std::uint64_t& confirm_ms) {
  v1::CompiledPolicy policy;
  if (!policy.ParseFromString(artefact.policy())) return std::nullopt;
  bool any = false;
  confirm_ms = 0;
  for (v1::Conduit& conduit : *policy.mutable_conduits()) {
    if (!is_due(conduit, now_s)) continue;
    any = true;
    confirm_ms = std::max(confirm_ms, std::uint64_t{conduit.enforce_confirm_s()} * 1000);
    conduit.clear_observe_until_s();
    conduit.clear_enforce_from_s();
    conduit.clear_enforce_confirm_s();
  }
  if (!any) return std::nullopt;
  v1::PolicyArtefact ended;
  ended.set_format(artefact.format());
  ended.set_policy(policy.SerializeAsString());
  ended.set_sha256(artefact::sha256(ended.policy()));
  return ended;
}

void ObservationEnd::start() {
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; })) {
      lock.unlock();
      pass_time(wall_now_ns() / kSecondNs);
      lock.lock();
    }
  });
}

void ObservationEnd::stop() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

// Its file is read once.
void ObservationEnd::look(const v1::Revision& active) {
  due_ = {active.number(), 0, 0};
  tried_s_ = 0;
  problem_.clear();
  const auto stored = policies_.get(active.number());
  v1::CompiledPolicy policy;
  if (!stored || !policy.ParseFromString(stored.value().artefact().policy())) return;
  for (const v1::Conduit& conduit : policy.conduits()) {
    if (conduit.enforce_from_s() == 0) continue;
    const bool first = due_.from_s == 0 || conduit.enforce_from_s() < due_.from_s;
    if (first) due_.from_s = conduit.enforce_from_s();
    due_.until_s = std::max(due_.until_s, conduit.observe_until_s());
  }
}

void ObservationEnd::pass_time(std::uint64_t now_s) {
  const std::vector<v1::Revision> revisions = policies_.list();
  const auto active = std::find_if(revisions.begin(), revisions.end(),
                                   [](const v1::Revision& each) { return each.active(); });
  if (active == revisions.end()) return;
  if (active->number() != due_.revision) look(*active);
  const bool is_due = due_.from_s != 0 && due_.from_s <= now_s && now_s < due_.until_s;
  const bool waits = tried_s_ != 0 && now_s - tried_s_ < kAgainS;
  if (!is_due || waits || ended_ == due_.revision || !may_commit_()) return;
  // What awaits confirmation is somebody's to confirm first.
  if (policies_.trial()) return;
  end(now_s);
}

// One that was staged for it before, by an agent that was stopped then.
std::optional<std::uint64_t> ObservationEnd::staged_before(const std::string& comment,
                                                           bool& committed) const {
  for (const v1::Revision& each : policies_.list()) {
    if (each.comment() != comment || each.staged_by() != kBy) continue;
    committed = each.committed_wall_time_ns() != 0;
    return each.number();
  }
  return std::nullopt;
}

void ObservationEnd::end(std::uint64_t now_s) {
  const auto stored = policies_.get(due_.revision);
  if (!stored) return;
  std::uint64_t confirm_ms = 0;
  auto ended = end_observation(stored.value().artefact(), now_s, confirm_ms);
  if (!ended) return;
  const std::string comment = comment_for(due_.revision);
  bool committed = false;
  auto number = staged_before(comment, committed);
  if (committed) {
    ended_ = due_.revision;  // it was in force, and was taken back
    return;
  }
  std::string problem;
  if (!number) {
    v1::StagePolicyRequest request;
    *request.mutable_artefact() = *std::move(ended);
    request.set_source(stored.value().source());
    request.set_comment(comment);
    const auto staged = policies_.stage(std::move(request), kBy);
    if (staged) number = staged.value().number();
    if (!staged) problem = staged.error().text;
  }
  if (number) {
    const auto commit = policies_.commit({*number, confirm_ms, {}}, kBy);
    if (!commit) problem = commit.error().text;
    if (commit && commit.value().state() == v1::Commit::STATE_REFUSED) {
      problem = commit.value().text();
    }
  }
  if (problem.empty()) {
    ended_ = due_.revision;
    return tell("warning", "revision " + std::to_string(*number) + " ends the observation of " +
                               "revision " + std::to_string(due_.revision) +
                               (confirm_ms == 0 ? ""
                                                : ": confirm it, or observing goes on until "
                                                  "its end"));
  }
  tried_s_ = now_s;
  if (problem == problem_) return;
  problem_ = problem;
  tell("critical", "the observation of revision " + std::to_string(due_.revision) +
                       " could not be ended by a commit, and ends by itself: " + problem);
}

void ObservationEnd::tell(const std::string& severity, const std::string& text) {
  v1::Event event;
  event.set_wall_time_ns(wall_now_ns());
  event.set_kind("observe");
  event.set_severity(severity);
  event.set_text(text);
  sink_.on_event(event);
}

}  // namespace bulkhead::controlplane
