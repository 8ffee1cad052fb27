// A record of the audit log as it is shown.
#pragma once

#include <string>

#include "controlplane/audit/record.h"
#include "controlplane/telemetry/json_values.h"

namespace bulkhead::audit {

// The record's own members, its hash, and its time as text.
controlplane::Json show_json(const Record& record, const std::string& hash);

}  // namespace bulkhead::audit
