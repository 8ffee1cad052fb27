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

// Counters begin anew with their process.
std::uint64_t growth(std::uint64_t before, std::uint64_t now) {
  return before > now ? now : now - before;
}

}  // namespace

void PassedOfLastDay::Look::add(const v1::Counters& page) {
  if (page.anew()) *this = {};
  for (const v1::Counter& row : page.rows()) {
    if (!is_passed(row)) continue;
    const PassedKey key{row.conduit(), row.rule(), row.protocol(), row.function()};
    const auto known = passed_.find(key);
    if (known != passed_.end()) {
      known->second += row.messages();
    } else if (passed_.size() < kKindsMax) {
      passed_[key] = row.messages();
    } else {
      beyond_ += row.messages();
    }
  }
}

void PassedOfLastDay::note(TimeNs wall_ns, const std::string& digest, Look look) {
  const bool first = hours_.empty();
  if (first || wall_ns - hours_.back().begin_ns >= kHourNs) hours_.push_back({wall_ns, {}, 0, 0});
  while (hours_.size() > kHours) hours_.pop_front();
  Hour& hour = hours_.back();
  for (const auto& [key, messages] : look.passed_) {
    const auto before = last_.passed_.find(key);
    const std::uint64_t grown =
        growth(before == last_.passed_.end() ? 0 : before->second, messages);
    if (first || grown == 0) continue;  // what came before nobody knows the time of
    Passed& passed = hour.passed[digest];
    const auto at = passed.find(key);
    if (at != passed.end()) {
      at->second += grown;
    } else if (hour.rows < kRowsMax) {
      passed[key] = grown;
      ++hour.rows;
    } else {
      hour.not_distinguished += grown;
    }
  }
  if (!first) hour.not_distinguished += growth(last_.beyond_, look.beyond_);
  last_ = std::move(look);
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

std::uint64_t PassedOfLastDay::not_distinguished() const {
  std::uint64_t sum = 0;
  for (const Hour& hour : hours_) sum += hour.not_distinguished;
  return sum;
}

}  // namespace bulkhead::controlplane
