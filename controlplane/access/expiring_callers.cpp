// Where there are more identities than are remembered, some are reported again early.
#include "controlplane/access/expiring_callers.h"

#include <algorithm>

#include "controlplane/access/trust.h"

namespace bulkhead::controlplane {

void ExpiringCallers::make_room() {
  if (reported_.size() < kIdentitiesMax) return;
  reported_.erase(
      std::min_element(reported_.begin(), reported_.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; }));
}

void ExpiringCallers::note(const std::string& identity, std::time_t until, std::time_t now) {
  const std::string text = expiry_text(until, now);
  if (text.empty()) return;
  {
    const std::lock_guard guard(mutex_);
    const auto last = reported_.find(identity);
    // A clock that was set back reports once more.
    const bool lately =
        last != reported_.end() && now >= last->second && now - last->second < kPeriodS;
    if (lately) return;
    if (last == reported_.end()) make_room();
    reported_[identity] = now;
  }
  report_("the certificate of " + identity + " " + text +
          ": `bulkheadctl pki renew` where the authority is");
}

}  // namespace bulkhead::controlplane
