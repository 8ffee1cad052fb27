// Status, counters, sessions and the self-test of the appliance. Thread-safe.
#pragma once

#include <chrono>
#include <string>
#include <vector>

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
  // When the rules of the policy in force were last used; none if that policy is not known.
  struct RulesInForce {
    std::string policy_sha256;
    std::vector<v1::RuleUse> rules;  // by conduit and number, as the policy has them
  };
  virtual RulesInForce rules() = 0;
  virtual Result<v1::DataplaneFlows, Refusal> flows(const v1::ListDataplaneFlows& page) = 0;
  // Runs one, which takes some time.
  virtual Result<v1::SelfTest, Refusal> self_test() {
    return Refusal{Refusal::Kind::unavailable, "there is no data plane that could be tested"};
  }
};

}  // namespace bulkhead::controlplane
