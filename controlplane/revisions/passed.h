// Messages that passed in the last day, by policy, rule and function: hourly increments of the data
// plane's counters. Bounded; the rest is only summed.
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
  static constexpr std::size_t kRowsMax = 4096;    // of an hour
  static constexpr std::size_t kKindsMax = 32768;  // of a look; the rest is summed

  // The present counters, page by page.
  class Look {
   public:
    void add(const v1::Counters& page);

   private:
    friend class PassedOfLastDay;
    Passed passed_;
    std::uint64_t beyond_ = 0;  // messages of the rest
  };

  // Precondition: the data plane has enforced the policy of this digest at least since the last
  // call.
  void note(TimeNs wall_ns, const std::string& digest, Look look);

  // By digest, in no particular order of time.
  std::map<std::string, Passed> all() const;
  TimeNs since_wall_ns() const { return hours_.empty() ? 0 : hours_.front().begin_ns; }
  std::uint64_t not_distinguished() const;

 private:
  struct Hour {
    TimeNs begin_ns = 0;
    std::map<std::string, Passed> passed;
    std::size_t rows = 0;
    std::uint64_t not_distinguished = 0;
  };

  std::deque<Hour> hours_;
  Look last_;
};

}  // namespace bulkhead::controlplane
