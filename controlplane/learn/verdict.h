// What a policy makes of one operation, or of a session of a plain service, whatever came before in
// the session and whatever its rates.
#pragma once

#include "controlplane/learn/observations.h"
#include "dataplane/base/reason.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::learn {

struct Verdict {
  Reason reason{};
  std::uint16_t conduit = policy::kNoConduit;
  std::uint16_t rule = policy::kNoRule;
  bool observed = false;  // a conduit between the two zones observes: it passes all the same

  bool allowed() const { return observed || is_allowed(reason); }
};

// Whether a conduit between the zones of two hosts observes, whichever way it leads, its end left
// out of account.
bool is_observed(const policy::Tables& tables, const wire::IpAddress& one,
                 const wire::IpAddress& other);

// `tables` are finished. The session of hosts in one zone is Reason::not_for_another_zone.
Verdict judge_operation(const policy::Tables& tables, const Session& session, std::uint8_t protocol,
                        const protocols::Operation& operation);
Verdict judge_service(const policy::Tables& tables, const Session& session);

}  // namespace bulkhead::learn
