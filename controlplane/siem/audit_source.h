// The audit log as a source for collectors.
#pragma once

#include "controlplane/audit/log.h"
#include "controlplane/siem/event_source.h"

namespace bulkhead::siem {

class AuditSource final : public EventSource {
 public:
  // The log outlives it.
  explicit AuditSource(const audit::Log& log) : log_(log) {}

  Page read(std::uint64_t after, std::size_t rows_max, std::size_t bytes_max) override;
  std::uint64_t newest() override { return log_.state().head.number; }

 private:
  const audit::Log& log_;
};

}  // namespace bulkhead::siem
