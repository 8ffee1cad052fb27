// Which alarms stand. Pure: it is given what holds, and the time.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bulkhead/v1/telemetry.pb.h"
#include "controlplane/alarms/finder.h"

namespace bulkhead::controlplane {

class Alarms {
 public:
  struct Change {
    v1::Alarm alarm;
    bool cleared = false;
  };

  // What is raised and cleared now that these conditions hold and no others.
  std::vector<Change> step(const std::vector<Finding>& found, TimeNs now_ns,
                           std::uint64_t wall_time_ns);
  bool stands(AlarmKind kind, const std::string& subject) const;
  // In the order of the closed list.
  std::vector<v1::Alarm> standing() const;

 private:
  using Key = std::pair<AlarmKind, std::string>;
  // A condition that holds, or did and is not cleared.
  struct Condition {
    std::string text;
    TimeNs since_ns = 0;                    // it holds without a break
    TimeNs absent_ns = 0;                   // since when it does not hold; 0: it does
    std::uint64_t raised_wall_time_ns = 0;  // 0: not raised
  };
  static v1::Alarm describe_row(const Key& key, const Condition& condition);

  std::map<Key, Condition> conditions_;
};

// The event of a change.
v1::Event event_of(const Alarms::Change& change, std::uint64_t wall_time_ns);

}  // namespace bulkhead::controlplane
