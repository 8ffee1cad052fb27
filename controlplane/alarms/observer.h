// Observes the appliance through the agent's interfaces. Thread-safe; it may wait for the data
// plane as long as its status takes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "controlplane/access/appliance_credentials.h"
#include "controlplane/alarms/observation.h"
#include "controlplane/pair/pair_control.h"
#include "controlplane/telemetry/readings.h"

namespace bulkhead::controlplane {

class Observer {
 public:
  struct Sources {
    Readings& readings;
    PairControl& pair;
    std::string state_folder;
    // Adds to a status what others than the agent know.
    std::function<void(v1::GetStatusResponse& status)> complete;
    std::function<CredentialsPointer()> credentials;  // in force
  };

  // What the sources refer to outlives it.
  explicit Observer(Sources sources) : sources_(std::move(sources)) {}
  Observation observe() const;

 private:
  Sources sources_;
};

}  // namespace bulkhead::controlplane
