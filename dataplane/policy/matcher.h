// Judges operations. A message passes only if every operation of it lies wholly inside what the
// rules grant together: each value of a range, each written element with its own address. Two rules
// that cover a range only between them do cover it.
#pragma once

#include <cstdint>

#include "dataplane/base/clock.h"
#include "dataplane/base/reason.h"
#include "dataplane/policy/tables.h"
#include "dataplane/protocols/operation.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::policy {

struct Decision {
  Reason reason = Reason::function_not_granted;            // granted, or why not
  protocols::Denial denial = protocols::Denial::function;  // if it is not
  std::uint16_t rule = kNoRule;  // the first rule that grants, or that came nearest
};

// `cell` is where the session stands among the conduit's rules, `protocol` how it is read.
Decision judge(const Conduit& conduit, RuleCell cell, std::uint8_t protocol,
               const protocols::Operation& operation, TimeNs now_ns);

}  // namespace bulkhead::policy
