// What is not known is never reported as "no policy".
#include "controlplane/agent/dataplane_readings.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "controlplane/agent/host_time.h"
#include "dataplane/base/boot_clock.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

namespace {

constexpr auto kStatusTimeout = std::chrono::seconds(2);
// Two runs, of which the data plane gives a worker five seconds each.
constexpr auto kSelfTestTimeout = std::chrono::seconds(15);

}  // namespace

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

DataplaneReadings::DataplaneReadings(DataplaneClient& dataplane, const RevisionStore& store,
                                     const RuleUses& uses)
    : dataplane_(dataplane), store_(store), uses_(uses), started_ns_(monotonic_now_ns()) {}

DataplaneClient::Answer DataplaneReadings::ask_status() {
  v1::DataplaneRequest request;
  request.mutable_get_status();
  return dataplane_.call(request, kStatusTimeout);
}

void DataplaneReadings::set_refused(const std::string& problem) {
  const std::lock_guard guard(mutex_);
  if (!problem.empty() && problem != refused_) {
    spdlog::error("the data plane does not take the active revision: {}", problem);
  }
  refused_ = problem;
}

v1::GetStatusResponse DataplaneReadings::describe(const DataplaneClient::Answer& answer) {
  v1::GetStatusResponse status;
  status.set_agent_version(BULKHEAD_VERSION);
  status.set_agent_uptime_ms((monotonic_now_ns() - started_ns_) / kMillisecondNs);
  status.set_dataplane_connected(answer.ok());
  Enforcement enforcement;
  enforcement.active = store_.active();
  if (!store_.damage().empty()) enforcement.damage = store_.damage().back();
  if (!answer) enforcement.unanswered = answer.error().text;
  {
    const std::lock_guard guard(mutex_);
    if (answer) last_status_ = answer.value().status();
    enforcement.dataplane = last_status_;
    enforcement.refused = refused_;
  }
  *status.mutable_dataplane() = enforcement.dataplane;
  if (enforcement.active) *status.mutable_active() = *enforcement.active;
  status.set_problem(problem_of(enforcement));
  if (const auto trial = describe_trial(store_, boot_now_ns())) *status.mutable_trial() = *trial;
  *status.mutable_time() = ask_host_time();
  return status;
}

Result<v1::Counters, Refusal> DataplaneReadings::counters(v1::GetDataplaneCounters& question,
                                                          std::chrono::milliseconds timeout) {
  v1::DataplaneRequest request;
  *request.mutable_get_counters() = question;
  auto answer = dataplane_.call(std::move(request), timeout);
  if (!answer) return Refusal{Refusal::Kind::unavailable, answer.error().text};
  *question.mutable_from() = answer.value().next_counters();
  v1::Counters counters = std::move(*answer.value().mutable_counters());
  counters.set_more(answer.value().has_next_counters());
  return counters;
}

Result<v1::DataplaneFlows, Refusal> DataplaneReadings::flows(const v1::ListDataplaneFlows& page) {
  v1::DataplaneRequest request;
  *request.mutable_list_flows() = page;
  const auto answer = dataplane_.call(request);
  if (!answer) return Refusal{Refusal::Kind::unavailable, answer.error().text};
  return answer.value().flows();
}

Result<v1::SelfTest, Refusal> DataplaneReadings::self_test() {
  v1::DataplaneRequest request;
  request.mutable_run_self_test();
  auto answer = dataplane_.call(std::move(request), kSelfTestTimeout);
  if (!answer) return Refusal{Refusal::Kind::unavailable, answer.error().text};
  return std::move(*answer.value().mutable_self_test());
}

}  // namespace bulkhead::controlplane
