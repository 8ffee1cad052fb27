// What alarms and metrics are made of: the appliance at one moment.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "bulkhead/v1/control.pb.h"
#include "bulkhead/v1/failover.pb.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

struct Observation {
  // A certificate, or a list of revoked ones.
  struct Ending {
    std::string file;
    std::time_t until = 0;  // 0: it does not say
  };
  // Of the state folder's file system, for this process; 0 bytes in all: unknown.
  struct Disk {
    std::string folder;
    std::uint64_t free_bytes = 0;
    std::uint64_t bytes = 0;
  };

  v1::GetStatusResponse status;
  std::optional<v1::PairStatus> pair;  // of one of a pair
  std::vector<Ending> endings;
  Disk disk;
  TimeNs now_ns = 0;  // monotonic
  std::uint64_t wall_time_ns = 0;
};

}  // namespace bulkhead::controlplane
