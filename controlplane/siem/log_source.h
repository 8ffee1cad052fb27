// The event log as a source for collectors.
#pragma once

#include "controlplane/siem/event_source.h"
#include "controlplane/telemetry/event_log.h"

namespace bulkhead::siem {

class LogSource final : public EventSource {
 public:
  // The log outlives it.
  explicit LogSource(controlplane::EventLog& log) : log_(log) {}

  Page read(std::uint64_t after, std::size_t rows_max, std::size_t bytes_max) override;
  std::uint64_t newest() override { return log_.last(); }

 private:
  controlplane::EventLog& log_;
};

}  // namespace bulkhead::siem
