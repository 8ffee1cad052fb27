// Sessions are compared by their number, so that one that was opened again is not lost.
#include "controlplane/revisions/health.h"

#include <algorithm>

namespace bulkhead::controlplane {

namespace {

std::string per_second(std::uint64_t per_ks) {
  if (per_ks >= 10'000 || per_ks % 1000 == 0) return std::to_string(per_ks / 1000) + "/s";
  return std::to_string(per_ks / 1000) + "." + std::to_string(per_ks % 1000 / 100) + "/s";
}

}  // namespace

std::uint64_t refusals_per_ks(const HealthReading& before, const HealthReading& after) {
  if (after.at_ns <= before.at_ns || after.refusals < before.refusals) return 0;
  const auto refusals = static_cast<double>(after.refusals - before.refusals);
  const auto passed_ns = static_cast<double>(after.at_ns - before.at_ns);
  return static_cast<std::uint64_t>(refusals * 1000 * kSecondNs / passed_ns);
}

std::optional<std::string> HealthJudge::judge(const HealthReading& reading) {
  if (!readings_.empty() && reading.refusals < readings_.back().refusals) readings_.clear();
  readings_.push_back(reading);
  while (readings_.size() > 2 && reading.at_ns - readings_[1].at_ns >= over_ns_) {
    readings_.pop_front();
  }
  if (reading.at_ns - readings_.front().at_ns < over_ns_) return std::nullopt;
  auto wrong = judge_sessions();
  return wrong ? wrong : judge_refusals();
}

std::optional<std::string> HealthJudge::judge_sessions() const {
  const std::uint64_t percent = watch_.bounds().sessions_lost_percent();
  if (percent == 0) return std::nullopt;
  std::uint64_t most = 0;
  for (const HealthReading& each : readings_) most = std::max(most, each.sessions);
  const std::uint64_t before = watch_.sessions();
  if (most >= before || (before - most) * 100 <= before * percent) return std::nullopt;
  return std::to_string(most) + " of " + std::to_string(before) + " sessions left, bound " +
         std::to_string(percent) + "% lost";
}

std::optional<std::string> HealthJudge::judge_refusals() const {
  const std::uint64_t bound = watch_.bounds().refusals_per_s();
  if (bound == 0) return std::nullopt;
  const std::uint64_t per_ks = refusals_per_ks(readings_.front(), readings_.back());
  if (per_ks <= watch_.refusals_per_ks() + bound * 1000) return std::nullopt;
  return per_second(per_ks) + " refused, before " + per_second(watch_.refusals_per_ks()) +
         ", bound +" + std::to_string(bound) + "/s";
}

}  // namespace bulkhead::controlplane
