// Status, counters and sessions of the appliance. Thread-safe.
#pragma once

#include <chrono>

#include "bulkhead/v1/control.pb.h"
#include "bulkhead/v1/dataplane.pb.h"
#include "controlplane/access/refusal.h"
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

class Readings {
 public:
  virtual ~Readings() = default;

  virtual v1::GetStatusResponse status() = 0;
  // A page. `question` moves on to the next one, if Counters::more says that there is one.
  virtual Result<v1::Counters, Refusal> counters(v1::GetDataplaneCounters& question,
                                                 std::chrono::milliseconds timeout) = 0;
  virtual Result<v1::DataplaneFlows, Refusal> flows(const v1::ListDataplaneFlows& page) = 0;
};

}  // namespace bulkhead::controlplane
