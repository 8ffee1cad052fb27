// Status of a pair and orders of operators. Thread-safe.
#pragma once

#include <string>

#include "bulkhead/v1/failover.pb.h"
#include "controlplane/access/refusal.h"
#include "controlplane/failover/machine.h"
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

class PairControl {
 public:
  virtual ~PairControl() = default;

  virtual Result<v1::PairStatus, Refusal> pair_status() = 0;
  virtual Result<v1::PairStatus, Refusal> order_pair(failover::Order order,
                                                     const std::string& by) = 0;
};

}  // namespace bulkhead::controlplane
