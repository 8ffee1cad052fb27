// Adds up by the hour how much counters grew.
#include "controlplane/revisions/passed.h"

#include "dataplane/base/reason.h"

namespace bulkhead::controlplane {

namespace {

constexpr TimeNs kHourNs = 3600 * kSecondNs;

// What a rule let pass. Answers and acknowledgements go with what they belong to.
bool is_passed(const v1::Counter& row) {
  return row.rule() != 0 && (row.reason() == describe(Reason::granted).name ||
                             row.reason() == describe(Reason::service_granted).name);
}

}  // namespace

void PassedOfLastDay::note(TimeNs wall_ns, const std::string& digest,
                           const v1::Counters& counters) {
  const bool first = hours_.empty();
  if (first || wall_ns - hours_.back().begin_ns >= kHourNs) hours_.push_back({wall_ns, {}, 0, 0});
  while (hours_.size() > kHours) hours_.pop_front();
  Hour& hour = hours_.back();
  Passed now;
  for (const v1::Counter& row : counters.rows()) {
    if (!is_passed(row)) continue;
    now[{row.conduit(), row.rule(), row.protocol(), row.function()}] += row.messages();
  }
  for (const auto& [key, messages] : now) {
    const auto before = last_.find(key);
    // Counters begin anew with their process.
    const std::uint64_t known =
        before == last_.end() || before->second > messages ? 0 : before->second;
    if (first || messages == known) continue;  // what came before nobody knows the time of
    Passed& passed = hour.passed[digest];
    const auto at = passed.find(key);
    if (at != passed.end()) {
      at->second += messages - known;
    } else if (hour.rows < kRowsMax) {
      passed[key] = messages - known;
      ++hour.rows;
    } else {
      hour.not_told_apart += messages - known;
    }
  }
  last_ = std::move(now);
}

std::map<std::string, Passed> PassedOfLastDay::all() const {
  std::map<std::string, Passed> all;
  for (const Hour& hour : hours_) {
    for (const auto& [digest, passed] : hour.passed) {
      for (const auto& [key, messages] : passed) all[digest][key] += messages;
    }
  }
  return all;
}

std::uint64_t PassedOfLastDay::not_told_apart() const {
  std::uint64_t sum = 0;
  for (const Hour& hour : hours_) sum += hour.not_told_apart;
  return sum;
}

}  // namespace bulkhead::controlplane
