// The collectors of an appliance, joined to its logs.
#pragma once

#include <utility>

#include "controlplane/siem/audit_source.h"
#include "controlplane/siem/exporter.h"
#include "controlplane/siem/log_source.h"

namespace bulkhead::siem {

class Collectors {
 public:
  // The logs outlive it.
  Collectors(controlplane::EventLog& events, const audit::Log& audit, Exporter::Options options,
             Exporter::Tell tell)
      : events_(events),
        audit_(audit),
        exporter_(std::move(options), {events_, audit_}, std::move(tell)),
        news_(events.subscribe([this] { exporter_.wake(); })) {}

  void start() { exporter_.start(); }
  // In order; takes a second at most.
  void stop() { exporter_.stop(); }
  void describe(v1::GetStatusResponse& status) const {
    for (v1::CollectorStatus& each : exporter_.status()) *status.add_collectors() = std::move(each);
  }

 private:
  LogSource events_;
  AuditSource audit_;
  Exporter exporter_;
  controlplane::EventLog::Subscription news_;  // ends first
};

}  // namespace bulkhead::siem
