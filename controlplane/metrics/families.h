// The appliance's metrics, each family once: what is observed, and what is counted.
#pragma once

#include "controlplane/alarms/observation.h"
#include "controlplane/metrics/book.h"
#include "controlplane/metrics/counter_look.h"

namespace bulkhead::metrics {

// The agent, its policy, clock, keys, alarms and logs.
void add_appliance(const controlplane::Observation& seen, Book& book);
// Ports and workers.
void add_dataplane(const v1::DataplaneStatus& dataplane, Book& book);
void add_pair(const v1::PairStatus& pair, Book& book);
// Rates by conduit, rule, function, verdict and reason.
void add_counters(const controlplane::CounterLook& look, Book& book);

}  // namespace bulkhead::metrics
