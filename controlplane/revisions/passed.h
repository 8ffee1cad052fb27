// What passed in the last day, by policy, rule and function: hours of how much the data plane's
// counters grew. Bounded; what came to more than it tells apart is counted alone.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "bulkhead/v1/telemetry.pb.h"
#include "controlplane/revisions/preview.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

class PassedOfLastDay {
 public:
  static constexpr std::size_t kHours = 24;
  static constexpr std::size_t kRowsMax = 4096;  // of an hour

  // The counters now, of a data plane that has enforced the policy of this digest since the last
  // time at least.
  void note(TimeNs wall_ns, const std::string& digest, const v1::Counters& counters);

  // By digest, in no particular order of time.
  std::map<std::string, Passed> all() const;
  TimeNs since_wall_ns() const { return hours_.empty() ? 0 : hours_.front().begin_ns; }
  std::uint64_t not_told_apart() const;

 private:
  struct Hour {
    TimeNs begin_ns = 0;
    std::map<std::string, Passed> passed;
    std::size_t rows = 0;
    std::uint64_t not_told_apart = 0;
  };

  std::deque<Hour> hours_;
  Passed last_;  // the counters as they were
};

}  // namespace bulkhead::controlplane
