// A loop that compares what is enforced with what should be, and what operators ask.
#include "controlplane/agent/agent.h"

#include <spdlog/spdlog.h>

#include <random>
#include <stdexcept>

#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

namespace {

Refusal unavailable(const std::string& text) { return {Refusal::Kind::unavailable, text}; }

constexpr auto kNoteTimeout = std::chrono::seconds(2);
constexpr TimeNs kPassedPeriodNs = 60 * kSecondNs;
constexpr auto kStatusTimeout = std::chrono::seconds(2);
constexpr auto kReconcileTimeout = std::chrono::seconds(30);

}  // namespace

Agent::Agent(std::unique_ptr<RevisionStore> store, const std::string& socket, Sink& sink)
    : store_(std::move(store)),
      sink_(sink),
      dataplane_(socket, {[this](bool connected) {
                            tell("dataplane",
                                 connected ? "data plane connected" : "data plane lost");
                            wake();
                          },
                          [this](const v1::Event& event) { sink_.on_event(event); },
                          {}}),
      lease_(socket + ".pair", {[this](bool connected) { pair_->on_dataplane(connected); },
                                {},
                                [this](v1::PairNews news) { pair_->on_news(std::move(news)); }}),
      commits_(wall_now_ns() / kSecondNs),
      started_ns_(monotonic_now_ns()) {
  for (const std::string& damage : store_->damage()) {
    spdlog::error("{}", damage);
    tell("storage", damage);
  }
}

Agent::~Agent() {
  {
    const std::lock_guard guard(wake_mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (reconciler_.joinable()) reconciler_.join();
  if (pair_) pair_->stop();
  lease_.stop();
  dataplane_.stop();
  committer_.join();
}

void Agent::wake() {
  const std::lock_guard guard(wake_mutex_);
  woken_ = true;
  wake_.notify_one();
}

void Agent::join_pair(PairOptions options) {
  const auto incarnation = store_->next_incarnation();
  if (!incarnation) throw std::runtime_error(incarnation.error());
  // Who counts anew because its state is lost is another one still.
  options.incarnation = incarnation.value() << 32 | std::random_device()();
  PairHost& host = *this;
  pair_ = std::make_unique<Pair>(options, host);
}

void Agent::start() {
  if (pair_) pair_->start();
  if (pair_) lease_.start(true);
  dataplane_.start(false);
  reconciler_ = std::thread([this] { keep_reconciled(); });
}

void Agent::tell(const std::string& kind, const std::string& text) {
  v1::Event event;
  event.set_wall_time_ns(wall_now_ns());
  event.set_kind(kind);
  event.set_text(text);
  sink_.on_event(event);
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
    memory_.turn(monotonic_now_ns());
    const std::optional<bool> in_force = reconcile();
    if (pair_ && in_force) pair_->on_policy(*in_force);
  }
}

DataplaneClient::Answer Agent::ask_status() {
  v1::DataplaneRequest request;
  request.mutable_get_status();
  return dataplane_.call(request, kStatusTimeout);
}

std::optional<bool> Agent::reconcile() {
  std::optional<bool> in_force;
  std::unique_lock lock(policy_mutex_);
  const auto answer = ask_status();
  // Without an answer nothing is concluded: a lost data plane is noticed by its connections.
  if (answer) in_force = hold_to_active(answer.value().status());
  lock.unlock();
  sink_.on_status(describe(answer));
  return in_force;
}

// A data plane that restarted has no policy; one that was driven by another agent may have another.
// Precondition: policy_mutex_ is held.
bool Agent::hold_to_active(const v1::DataplaneStatus& status) {
  const auto active = store_->active();
  const TimeNs now_ns = monotonic_now_ns();
  if (now_ns - passed_noted_ns_ >= kPassedPeriodNs) {
    note_passed(status.policy_sha256(), kNoteTimeout);
    passed_noted_ns_ = now_ns;
  }
  std::string problem;
  if (active && active->sha256() != status.policy_sha256()) {
    const auto stored = store_->get(active->number());
    if (!stored) {
      problem = "the active revision's file cannot be read any more";
    } else if (const auto applied = apply(stored->artefact(), kReconcileTimeout); applied) {
      const std::string text =
          "revision " + std::to_string(active->number()) + " put in force again";
      spdlog::info("{}", text);
      tell("policy", text);
    } else {
      problem = applied.error().text;
    }
  }
  const std::lock_guard status_guard(status_mutex_);
  if (!problem.empty() && problem != problem_) {
    spdlog::error("the data plane does not take the active revision: {}", problem);
  }
  problem_ = problem;
  return active.has_value() && problem.empty();
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

std::string problem_of(const Enforcement& enforcement) {
  const v1::DataplaneStatus& dataplane = enforcement.dataplane;
  const std::string in_force = dataplane.policy_sha256().empty()
                                   ? std::string("no policy: nothing passes")
                                   : "the policy with SHA-256 " +
                                         dataplane.policy_sha256().substr(0, 12) + " of site " +
                                         dataplane.site();
  if (!enforcement.unanswered.empty()) {
    return enforcement.unanswered + "; what it enforces is not known" +
           (dataplane.version().empty() ? "" : ", last it was " + in_force);
  }
  if (!enforcement.refused.empty()) {
    return "the data plane does not take the active revision (" + enforcement.refused +
           "); it enforces " + in_force;
  }
  if (!enforcement.active) {
    const std::string why =
        enforcement.damage.empty() ? "no policy has been committed" : enforcement.damage;
    return why + "; the data plane enforces " + in_force;
  }
  if (enforcement.active->sha256() != dataplane.policy_sha256()) {
    return "the data plane enforces " + in_force + ", and not yet revision " +
           std::to_string(enforcement.active->number());
  }
  return dataplane.problem();
}

v1::GetStatusResponse Agent::status() { return describe(ask_status()); }

// The answer is that of the data plane when it was asked how it is.
v1::GetStatusResponse Agent::describe(const DataplaneClient::Answer& answer) {
  v1::GetStatusResponse status;
  status.set_agent_version(BULKHEAD_VERSION);
  status.set_agent_uptime_ms((monotonic_now_ns() - started_ns_) / kMillisecondNs);
  status.set_dataplane_connected(answer.ok());
  Enforcement enforcement;
  enforcement.active = store_->active();
  if (!store_->damage().empty()) enforcement.damage = store_->damage().back();
  if (!answer) enforcement.unanswered = answer.error().text;
  {
    const std::lock_guard status_guard(status_mutex_);
    if (answer) last_status_ = answer.value().status();
    enforcement.dataplane = last_status_;
    enforcement.refused = problem_;
  }
  *status.mutable_dataplane() = enforcement.dataplane;
  if (enforcement.active) *status.mutable_active() = *enforcement.active;
  status.set_problem(problem_of(enforcement));
  return status;
}

Result<v1::Counters, Refusal> Agent::counters(v1::GetDataplaneCounters& question,
                                              std::chrono::milliseconds timeout) {
  v1::DataplaneRequest request;
  *request.mutable_get_counters() = question;
  auto answer = dataplane_.call(std::move(request), timeout);
  if (!answer) return unavailable(answer.error().text);
  *question.mutable_from() = answer.value().next_counters();
  v1::Counters counters = std::move(*answer.value().mutable_counters());
  // Who does not tell where it goes on has told all.
  counters.set_more(answer.value().has_next_counters());
  return counters;
}

Result<v1::DataplaneFlows, Refusal> Agent::flows(const v1::ListDataplaneFlows& page) {
  v1::DataplaneRequest request;
  *request.mutable_list_flows() = page;
  const auto answer = dataplane_.call(request);
  if (!answer) return unavailable(answer.error().text);
  return answer.value().flows();
}

}  // namespace bulkhead::controlplane
