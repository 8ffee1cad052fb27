// A look that the data plane does not answer judges nothing.
#include "controlplane/agent/trial_health.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "dataplane/artefact/artefact.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

namespace {

// A look at many sessions shall not keep the data plane busy: it rests so many times as long.
constexpr int kRestFactor = 4;
constexpr auto kHealthTimeout = std::chrono::milliseconds(2000);
constexpr std::uint32_t kHealthPage = 1000;
constexpr std::uint64_t kHealthSessionsMax = 1'000'000;  // of a look; the rest is not counted
constexpr std::size_t kPagesMax = 10'000;                // of counters

bool lives(const v1::Flow& flow) {
  return flow.state() != "refused" && flow.state() != "closing" && flow.state() != "closed";
}

std::set<std::string> conduits_of(const v1::HealthWatch& watch) {
  return {watch.conduits().begin(), watch.conduits().end()};
}

}  // namespace

std::optional<v1::HealthWatch> watch_of_trial(const RevisionStore& store) {
  const auto active = store.active();
  if (!active || !store.trial()) return std::nullopt;
  auto watch = store.health_watch();
  return watch && watch->number() == active->number() ? std::move(watch) : std::nullopt;
}

void TrialHealth::start(Callbacks callbacks) {
  callbacks_ = std::move(callbacks);
  thread_ = std::thread([this] { watch(); });
}

void TrialHealth::stop() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
    stopping_changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

// --- the baseline ------------------------------------------------------------------------------

std::string TrialHealth::begin(const policy::HealthBounds& bounds,
                               const v1::GetPolicyResponse& revision) {
  v1::CompiledPolicy compiled;
  if (!compiled.ParseFromString(revision.artefact().policy())) return "it cannot be parsed";
  const policy::HealthBounds used =
      bounds.any() ? bounds : artefact::from_message(compiled.health());
  if (!used.any()) {
    return "the policy states no health: add `health: {sessions_lost: 20%, refusals: 100/s}` to "
           "it, or give bounds, such as --health=refusals=100/s";
  }
  v1::HealthWatch watch;
  watch.set_number(revision.revision().number());
  *watch.mutable_bounds() = artefact::to_message(used);
  for (const v1::Conduit& conduit : compiled.conduits()) {
    if (conduit.rules_size() > 0) watch.add_conduits(conduit.name());
  }
  const auto first = read(conduits_of(watch));
  const bool waited = first && wait(period_);
  const auto second = waited ? read(conduits_of(watch)) : std::nullopt;
  if (!second) {
    return "the data plane does not say how many sessions live and what it refuses, with which "
           "the health would be compared";
  }
  watch.set_sessions(std::min(first->sessions, second->sessions));
  watch.set_refusals_per_ks(refusals_per_ks(*first, *second));
  return store_.set_health_watch(watch);
}

// --- readings ----------------------------------------------------------------------------------

bool TrialHealth::count_sessions(const std::set<std::string>& conduits, HealthReading& reading) {
  v1::ListDataplaneFlows page;
  page.set_limit(kHealthPage);
  for (std::uint64_t seen = 0; seen < kHealthSessionsMax;) {
    const auto answer = readings_.flows(page);
    if (!answer) return false;
    for (const v1::Flow& flow : answer.value().flows()) {
      if (lives(flow) && conduits.count(flow.conduit()) != 0) ++reading.sessions;
    }
    if (answer.value().complete()) return true;
    // A page may have less than a page's sessions, and none.
    seen += std::max(answer.value().flows_size(), 1);
    page.set_worker(answer.value().worker());
    page.set_slot(answer.value().slot());
  }
  return true;
}

bool TrialHealth::count_refusals(HealthReading& reading) {
  v1::GetDataplaneCounters question;
  for (std::size_t pages = 0; pages < kPagesMax; ++pages) {
    const auto page = readings_.counters(question, kHealthTimeout);
    if (!page) return false;
    if (page.value().anew()) reading.refusals = 0;
    for (const v1::Counter& row : page.value().rows()) {
      if (row.verdict() == "deny") reading.refusals += row.messages();
    }
    if (!page.value().more()) return true;
  }
  return false;
}

std::optional<HealthReading> TrialHealth::read(const std::set<std::string>& conduits) {
  HealthReading reading;
  if (!count_sessions(conduits, reading) || !count_refusals(reading)) return std::nullopt;
  reading.at_ns = monotonic_now_ns();
  return reading;
}

// --- the thread --------------------------------------------------------------------------------

// False if it ends.
bool TrialHealth::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !stopping_changed_.wait_for(lock, time, [this] { return stopping_; });
}

std::optional<v1::HealthWatch> TrialHealth::due() const {
  auto watch = watch_of_trial(store_);
  return watch && callbacks_.judges() ? std::move(watch) : std::nullopt;
}

TimeNs TrialHealth::over_ns() const {
  return kOver * static_cast<TimeNs>(period_.count()) * kMillisecondNs;
}

void TrialHealth::watch() {
  std::optional<HealthJudge> judge;
  std::string watched;  // as it stands on the disk
  auto rest = period_;
  while (wait(rest)) {
    rest = period_;
    const auto watch = due();
    const std::string now = watch ? watch->SerializeAsString() : std::string();
    if (now != watched) judge.reset();
    watched = now;
    if (!watch) continue;
    if (!judge) judge.emplace(*watch, over_ns());
    const TimeNs begun_ns = monotonic_now_ns();
    const auto reading = read(conduits_of(*watch));
    const auto took = std::chrono::milliseconds((monotonic_now_ns() - begun_ns) / kMillisecondNs);
    rest = std::max(period_, took * kRestFactor);
    const auto why = reading ? judge->judge(*reading) : std::nullopt;
    if (!why) continue;
    const std::string problem = callbacks_.on_lost(*why);
    if (!problem.empty()) spdlog::error("return for want of health ({}): {}", *why, problem);
  }
}

}  // namespace bulkhead::controlplane
