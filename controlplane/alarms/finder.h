// Which alarms' conditions hold, from what is observed of the appliance. Pure: time is in what it
// is given.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "controlplane/alarms/alarm.h"
#include "controlplane/alarms/observation.h"
#include "controlplane/alarms/refusal_rate.h"

namespace bulkhead::controlplane {

// A condition that holds.
struct Finding {
  AlarmKind kind{};
  std::string subject;  // which certificate, limit, worker, ...; empty where there is but one
  std::string text;     // for people
};

class Finder {
 public:
  // MAC addresses that are named one by one; further ones share a subject.
  static constexpr std::size_t kMacsMax = 16;
  // A level that stands ends at another than it began.
  using Stands = std::function<bool(AlarmKind kind, const std::string& subject)>;

  // A refusal that came; of most of them it keeps nothing.
  void note(const v1::Event& refusal, TimeNs now_ns);
  std::vector<Finding> find(const Observation& seen, const Stands& stands);

 private:
  struct MacChange {
    std::string text;
    TimeNs seen_ns = 0;
  };
  void find_room(const v1::DataplaneStatus& dataplane, const Stands& stands,
                 std::vector<Finding>& found);
  void find_clock(const v1::TimeStatus& time, std::vector<Finding>& found);
  void find_macs(TimeNs now_ns, std::vector<Finding>& found);

  RefusalRate refusals_;
  std::uint64_t refused_for_room_ = 0;
  bool room_known_ = false;
  bool clock_followed_ = false;            // since the agent's start
  std::map<std::string, MacChange> macs_;  // by MAC address
};

}  // namespace bulkhead::controlplane
