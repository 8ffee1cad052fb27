// Conditions that come and go faster than their alarm's times change nothing.
#include "controlplane/alarms/alarms.h"

#include <set>

namespace bulkhead::controlplane {

v1::Alarm Alarms::describe_row(const Key& key, const Condition& condition) {
  const AlarmInfo& info = describe(key.first);
  v1::Alarm alarm;
  alarm.set_name(std::string(info.name));
  alarm.set_severity(std::string(name_of(info.severity)));
  alarm.set_subject(key.second);
  alarm.set_text(condition.text);
  alarm.set_raised_wall_time_ns(condition.raised_wall_time_ns);
  return alarm;
}

std::vector<Alarms::Change> Alarms::step(const std::vector<Finding>& found, TimeNs now_ns,
                                         std::uint64_t wall_time_ns) {
  std::vector<Change> changes;
  std::set<Key> holding;
  for (const Finding& finding : found) {
    const Key key{finding.kind, finding.subject};
    holding.insert(key);
    const auto [place, is_new] = conditions_.try_emplace(key);
    Condition& condition = place->second;
    if (is_new || (condition.absent_ns != 0 && condition.raised_wall_time_ns == 0)) {
      condition.since_ns = now_ns;
    }
    condition.absent_ns = 0;
    condition.text = finding.text;
    const bool raised = condition.raised_wall_time_ns != 0;
    if (raised || now_ns - condition.since_ns < describe(finding.kind).raise_after_ns) continue;
    condition.raised_wall_time_ns = wall_time_ns;
    changes.push_back({describe_row(key, condition), false});
  }
  for (auto row = conditions_.begin(); row != conditions_.end();) {
    auto& [key, condition] = *row;
    if (holding.count(key) != 0) {
      ++row;
      continue;
    }
    if (condition.absent_ns == 0) condition.absent_ns = now_ns;
    const bool raised = condition.raised_wall_time_ns != 0;
    const bool stays = raised && now_ns - condition.absent_ns < describe(key.first).clear_after_ns;
    if (raised && !stays) changes.push_back({describe_row(key, condition), true});
    row = stays ? std::next(row) : conditions_.erase(row);
  }
  return changes;
}

bool Alarms::stands(AlarmKind kind, const std::string& subject) const {
  const auto found = conditions_.find({kind, subject});
  return found != conditions_.end() && found->second.raised_wall_time_ns != 0;
}

std::vector<v1::Alarm> Alarms::standing() const {
  std::vector<v1::Alarm> all;
  for (const auto& [key, condition] : conditions_) {
    if (condition.raised_wall_time_ns != 0) all.push_back(describe_row(key, condition));
  }
  return all;
}

v1::Event event_of(const Alarms::Change& change, std::uint64_t wall_time_ns) {
  v1::Event event;
  event.set_wall_time_ns(wall_time_ns);
  event.set_kind("alarm");
  event.set_alarm(change.alarm.name());
  event.set_severity(change.alarm.severity());
  event.set_cleared(change.cleared);
  event.set_text("alarm " + change.alarm.name() + (change.cleared ? " is cleared" : "") + ": " +
                 change.alarm.text());
  return event;
}

}  // namespace bulkhead::controlplane
