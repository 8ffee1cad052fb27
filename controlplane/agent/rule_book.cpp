// Growth of a counter is a use at the time of the look.
#include "controlplane/agent/rule_book.h"

#include <algorithm>

#include "dataplane/artefact/digest.h"
#include "dataplane/base/reason.h"

namespace bulkhead::controlplane {

namespace {

constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kIdentityBytes = 16;
constexpr TimeNs kHourNs = TimeNs{3600} * kSecondNs;

// What a rule let pass. Acknowledgements and answers go with what they belong to.
bool is_use(const v1::Counter& row) {
  if (row.rule() == 0 || row.messages() == 0) return false;
  return row.reason() == describe(Reason::granted).name ||
         row.reason() == describe(Reason::service_granted).name;
}

// The author's rule may be several here, one behind the other.
std::string identity_of(const std::string& conduit, const std::string& parts) {
  return artefact::sha256(std::to_string(conduit.size()) + ":" + conduit + parts)
      .substr(0, kIdentityBytes);
}

std::string form_of(v1::Rule rule) {
  rule.clear_number();
  const std::string bytes = rule.SerializeAsString();
  return std::to_string(bytes.size()) + ":" + bytes;
}

}  // namespace

void RuleCounts::add(const v1::Counters& page) {
  if (page.anew()) messages_.clear();
  for (const v1::Counter& row : page.rows()) {
    if (!is_use(row)) continue;
    const Rule rule{row.conduit(), row.rule()};
    if (messages_.size() < kRulesMax || messages_.contains(rule)) messages_[rule] += row.messages();
  }
}

void RuleBook::set_policy(const std::string& sha256, const v1::CompiledPolicy& policy,
                          TimeNs wall_ns) {
  if (sha256 != policy_) {
    policy_ = sha256;
    counts_.clear();
    counts_known_ = false;
  }
  knows_rules_ = true;
  rules_.clear();
  for (const v1::Conduit& conduit : policy.conduits()) {
    std::map<std::uint32_t, std::string> forms;
    std::uint32_t place = 0;
    for (const v1::Rule& rule : conduit.rules()) {
      ++place;
      forms[rule.number() == 0 ? place : rule.number()] += form_of(rule);
    }
    for (const auto& [number, form] : forms) {
      if (rules_.size() == kEntriesMax) break;
      rules_.push_back({{conduit.name(), number}, identity_of(conduit.name(), form)});
    }
  }
  for (const auto& [rule, identity] : rules_) {
    const auto [at, added] = entries_.try_emplace(identity, Entry{wall_ns, 0, wall_ns});
    at->second.in_force_ns = std::max(at->second.in_force_ns, wall_ns);
    if (added) ++urgent_changes_;
  }
  ++changes_;
  drop_old(wall_ns);
}

void RuleBook::use(const std::string& identity, TimeNs wall_ns) {
  Entry& entry = entries_[identity];
  if (wall_ns <= entry.used_ns) return;
  if (entry.used_ns == 0) ++urgent_changes_;
  entry.used_ns = wall_ns;
  ++changes_;
}

void RuleBook::note(const RuleCounts& counts, TimeNs wall_ns) {
  for (const auto& [rule, identity] : rules_) {
    Entry& entry = entries_[identity];
    if (wall_ns > entry.in_force_ns + kHourNs) {
      entry.in_force_ns = wall_ns;
      ++changes_;
    }
    const auto now = counts.messages().find(rule);
    if (!counts_known_ || now == counts.messages().end()) continue;
    const auto before = counts_.find(rule);
    // Counts begin anew with their process: any other number is a use.
    if (before == counts_.end() || before->second != now->second) use(identity, wall_ns);
  }
  if (counts_ != counts.messages()) ++changes_;
  counts_ = counts.messages();
  counts_known_ = true;
}

std::vector<v1::RuleUse> RuleBook::in_force() const {
  std::vector<v1::RuleUse> list;
  for (const auto& [rule, identity] : rules_) {
    const auto entry = entries_.find(identity);
    if (entry == entries_.end()) continue;
    v1::RuleUse& use = list.emplace_back();
    use.set_conduit(rule.first);
    use.set_rule(rule.second);
    use.set_counted_since_wall_time_ns(entry->second.since_ns);
    use.set_last_used_wall_time_ns(entry->second.used_ns);
  }
  return list;
}

bool RuleBook::join(const std::vector<v1::KeptRuleUse>& uses) {
  bool news = false;
  for (const v1::KeptRuleUse& use : uses) {
    if (use.identity().size() != kIdentityBytes) continue;
    if (entries_.size() >= kEntriesMax && !entries_.contains(use.identity())) continue;
    const auto [at, added] = entries_.try_emplace(
        use.identity(), Entry{use.counted_since_wall_time_ns(), use.last_used_wall_time_ns(),
                              use.in_force_wall_time_ns()});
    Entry& entry = at->second;
    const Entry before = entry;
    if (use.counted_since_wall_time_ns() != 0) {
      entry.since_ns = std::min(entry.since_ns, use.counted_since_wall_time_ns());
    }
    entry.used_ns = std::max(entry.used_ns, use.last_used_wall_time_ns());
    entry.in_force_ns = std::max(entry.in_force_ns, use.in_force_wall_time_ns());
    const bool differs = before.since_ns != entry.since_ns || before.used_ns != entry.used_ns;
    if (added || differs) news = true;
    if (added || before.used_ns != entry.used_ns) ++urgent_changes_;
  }
  if (news) ++changes_;
  return news;
}

std::vector<v1::KeptRuleUse> RuleBook::entries(const std::string& after,
                                               std::size_t count_max) const {
  std::vector<v1::KeptRuleUse> list;
  for (auto at = entries_.upper_bound(after); at != entries_.end() && list.size() < count_max;
       ++at) {
    v1::KeptRuleUse& use = list.emplace_back();
    use.set_identity(at->first);
    use.set_counted_since_wall_time_ns(at->second.since_ns);
    use.set_last_used_wall_time_ns(at->second.used_ns);
    use.set_in_force_wall_time_ns(at->second.in_force_ns);
  }
  return list;
}

// Those that were in force long ago, and beyond the bound those that were so first.
void RuleBook::drop_old(TimeNs wall_ns) {
  std::erase_if(entries_, [wall_ns](const auto& entry) {
    return entry.second.in_force_ns + kKeptNs < wall_ns;
  });
  if (entries_.size() <= kEntriesMax) return;
  std::vector<TimeNs> times;
  for (const auto& [identity, entry] : entries_) times.push_back(entry.in_force_ns);
  const auto last = times.begin() + static_cast<std::ptrdiff_t>(times.size() - kEntriesMax);
  std::nth_element(times.begin(), last, times.end());
  std::erase_if(entries_, [oldest = *last, wall_ns](const auto& entry) {
    return entry.second.in_force_ns < oldest && entry.second.in_force_ns < wall_ns;
  });
}

v1::RuleUseFile RuleBook::to_file() const {
  v1::RuleUseFile file;
  file.set_format(kFormat);
  for (v1::KeptRuleUse& use : entries("", entries_.size())) *file.add_uses() = std::move(use);
  file.set_policy_sha256(policy_);
  if (!counts_known_) return file;
  for (const auto& [rule, messages] : counts_) {
    v1::RuleCount& count = *file.add_counts();
    count.set_conduit(rule.first);
    count.set_rule(rule.second);
    count.set_messages(messages);
  }
  return file;
}

bool RuleBook::read(const v1::RuleUseFile& file) {
  if (file.format() != kFormat) return false;
  join({file.uses().begin(), file.uses().end()});
  policy_ = file.policy_sha256();
  for (const v1::RuleCount& count : file.counts()) {
    if (counts_.size() == RuleCounts::kRulesMax) break;
    counts_[{count.conduit(), count.rule()}] = count.messages();
  }
  counts_known_ = file.counts_size() > 0;
  changes_ = 0;
  urgent_changes_ = 0;
  return true;
}

}  // namespace bulkhead::controlplane
