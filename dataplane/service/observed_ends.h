// What observed conduits of the policy in force are up to: notices for operators when observing
// begins, a week and a day before it ends, and when it does. The end itself is the workers' (by the
// same clock); this only tells. For one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/policy/tables.h"

namespace bulkhead::service {

class ObservedEnds {
 public:
  struct Notice {
    std::string conduit;
    std::string severity;
    std::string text;
  };

  // A policy came in force. `now_s`: seconds since 1970, UTC.
  std::vector<Notice> begin(const policy::Tables& tables, std::uint64_t now_s);
  // Time has passed. A clock that is set back repeats nothing.
  std::vector<Notice> step(const policy::Tables& tables, std::uint64_t now_s);

 private:
  std::uint64_t told_s_ = 0;  // all until then was reported
};

}  // namespace bulkhead::service
