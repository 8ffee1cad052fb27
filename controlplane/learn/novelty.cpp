// The steps of the curve become wider as time goes by; each width is a multiple of the one before.
#include "controlplane/learn/novelty.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "controlplane/learn/words.h"
#include "controlplane/learn/zones.h"

namespace bulkhead::learn {

namespace {

constexpr TimeNs kMinuteNs = 60 * kSecondNs;
constexpr TimeNs kHourNs = 60 * kMinuteNs;
constexpr TimeNs kDayNs = 24 * kHourNs;
constexpr std::array<TimeNs, 14> kWidths = {
    kSecondNs,      5 * kSecondNs, 15 * kSecondNs, kMinuteNs,      5 * kMinuteNs,
    15 * kMinuteNs, kHourNs,       4 * kHourNs,    12 * kHourNs,   kDayNs,
    8 * kDayNs,     64 * kDayNs,   512 * kDayNs,   32'768 * kDayNs};
constexpr std::size_t kBarMax = 24;

std::string line_text(const std::string& from, const Novelty::Counts& fresh, std::uint64_t most) {
  const std::size_t bar = (fresh.all() * kBarMax + most - 1) / most;
  char text[96];
  std::snprintf(text, sizeof(text), "  %s  %6llu  %8llu  %10llu  ", from.c_str(),
                static_cast<unsigned long long>(fresh.hosts),
                static_cast<unsigned long long>(fresh.services),
                static_cast<unsigned long long>(fresh.operations));
  return text + std::string(bar, '#') + "\n";
}

}  // namespace

void Novelty::Counts::add(const Counts& other) {
  hosts += other.hosts;
  services += other.services;
  operations += other.operations;
}

std::size_t Novelty::step_of(TimeNs at_ns) const {
  const TimeNs width = kWidths[width_];
  const TimeNs first = start_ns_ / width;
  return at_ns / width <= first ? 0 : static_cast<std::size_t>(at_ns / width - first);
}

void Novelty::widen_to(TimeNs at_ns) {
  while (step_of(at_ns) >= kStepsMax && width_ + 1 < kWidths.size()) {
    const TimeNs before = kWidths[width_];
    const TimeNs first = start_ns_ / before;
    ++width_;
    std::vector<Counts> wider;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const std::size_t step = step_of((first + i) * before);
      if (wider.size() <= step) wider.resize(step + 1);
      wider[step].add(steps_[i]);
    }
    steps_ = std::move(wider);
  }
  const std::size_t step = std::min(step_of(at_ns), kStepsMax - 1);
  if (steps_.size() <= step) steps_.resize(step + 1);
}

void Novelty::note(const Session& session, bool new_operation, TimeNs at_ns) {
  Counts fresh;
  for (const wire::IpAddress& host : {session.client, session.server}) {
    if (is_group(host) || hosts_.contains(host) || hosts_.size() >= kEntriesMax) continue;
    hosts_.insert(host);
    ++fresh.hosts;
  }
  if (!services_.contains(session) && services_.size() < kEntriesMax) {
    services_.insert(session);
    ++fresh.services;
  }
  if (new_operation) ++fresh.operations;
  if (fresh.all() == 0) return;
  total_.add(fresh);
  last_ns_ = std::max(last_ns_, at_ns);
  widen_to(at_ns);
  steps_[std::min(step_of(at_ns), kStepsMax - 1)].add(fresh);
}

Novelty::Curve Novelty::curve(TimeNs end_ns) const {
  Novelty whole = *this;
  whole.widen_to(end_ns);
  const TimeNs width = kWidths[whole.width_];
  return {start_ns_ / width * width, width, std::move(whole.steps_)};
}

std::string span_text(TimeNs span_ns) {
  const auto two = [](TimeNs large, const char* unit, TimeNs small, const char* other) {
    return std::to_string(large) + unit + (small == 0 ? "" : " " + std::to_string(small) + other);
  };
  if (span_ns < kMinuteNs) return std::to_string(span_ns / kSecondNs) + " s";
  if (span_ns < kHourNs) return std::to_string(span_ns / kMinuteNs) + " min";
  if (span_ns < kDayNs) {
    return two(span_ns / kHourNs, " h", span_ns % kHourNs / kMinuteNs, " min");
  }
  return two(span_ns / kDayNs, " d", span_ns % kDayNs / kHourNs, " h");
}

std::string curve_text(const Novelty& novelty, TimeNs end_ns) {
  const Novelty::Curve curve = novelty.curve(end_ns);
  std::uint64_t most = 1;
  for (const Novelty::Counts& step : curve.steps) most = std::max(most, step.all());
  std::string text = "New, by time (UTC; a line is " + span_text(curve.width_ns) +
                     "):\n  FROM                  HOSTS  SERVICES  OPERATIONS\n";
  for (std::size_t i = 0; i < curve.steps.size();) {
    const std::string from = moment_text(curve.start_ns + i * curve.width_ns);
    if (curve.steps[i].all() > 0) {
      text += line_text(from, curve.steps[i++], most);
      continue;
    }
    std::size_t next = i;
    while (next < curve.steps.size() && curve.steps[next].all() == 0) ++next;
    text += "  " + from + "       -         -           -\n";
    i = next;
  }
  return text + "Nothing new for " + span_text(novelty.quiet_ns(end_ns)) + ".\n";
}

}  // namespace bulkhead::learn
