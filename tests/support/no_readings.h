// Readings of an appliance whose data plane does not answer.
#pragma once

#include <chrono>

#include "controlplane/telemetry/readings.h"

namespace bulkhead::support {

class NoReadings final : public controlplane::Readings {
 public:
  v1::GetStatusResponse status() override { return {}; }
  Result<v1::Counters, controlplane::Refusal> counters(
      v1::GetDataplaneCounters& /*question*/, std::chrono::milliseconds /*timeout*/) override {
    return controlplane::Refusal{controlplane::Refusal::Kind::unavailable, "none"};
  }
  RulesInForce rules() override { return {}; }
  Result<v1::DataplaneFlows, controlplane::Refusal> flows(
      const v1::ListDataplaneFlows& /*page*/) override {
    return controlplane::Refusal{controlplane::Refusal::Kind::unavailable, "none"};
  }
};

}  // namespace bulkhead::support
