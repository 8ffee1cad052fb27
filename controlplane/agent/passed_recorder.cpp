// Exporters get the same pages of counters.
#include "controlplane/agent/passed_recorder.h"

#include <utility>

namespace bulkhead::controlplane {

namespace {

constexpr TimeNs kPeriodNs = 60 * kSecondNs;
constexpr auto kTimeout = std::chrono::seconds(2);

}  // namespace

void PassedRecorder::note(const std::string& digest, std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  PassedOfLastDay::Look look;
  RuleCounts counts;
  v1::GetDataplaneCounters question;
  for (bool more = true; more;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    const auto page = readings_.counters(question, left);
    if (!page) return;
    look.add(page.value());
    counts.add(page.value());
    sink_.on_counters(page.value());
    more = page.value().more();
  }
  passed_.note(wall_now_ns(), digest, std::move(look));
  uses_.note(digest, counts, wall_now_ns());
}

void PassedRecorder::note_now_and_then(const std::string& digest, TimeNs now_ns) {
  if (now_ns - noted_ns_ < kPeriodNs && noted_ == digest) return;
  note(digest, kTimeout);
  noted_ns_ = now_ns;
  noted_ = digest;
}

}  // namespace bulkhead::controlplane
