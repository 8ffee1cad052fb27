// Builds the derived tables and keeps the clocks of rate limits.
#include "dataplane/policy/tables.h"

namespace bulkhead::policy {

bool RateLimit::take(TimeNs now_ns) const {
  if (interval_ns_ == 0) return true;
  const TimeNs depth_ns = interval_ns_ * burst_;
  TimeNs full_at = full_at_ns_.load(std::memory_order_relaxed);
  for (;;) {
    const TimeNs from = full_at > now_ns ? full_at : now_ns;
    if (from + interval_ns_ > now_ns + depth_ns) return false;
    if (full_at_ns_.compare_exchange_weak(full_at, from + interval_ns_,
                                          std::memory_order_relaxed)) {
      return true;
    }
  }
}

namespace {

void index_functions(Conduit& conduit) {
  const auto modules = protocols::registry();
  conduit.rules_by_function.assign(modules.size(), {});
  for (std::size_t i = 0; i < modules.size(); ++i) {
    conduit.rules_by_function[i].assign(modules[i]->catalogue().functions.size(), RuleMask{});
  }
  for (std::size_t i = 0; i < conduit.rules.size(); ++i) {
    const Rule& rule = conduit.rules[i];
    if (rule.protocol == protocols::kNoProtocol) continue;
    auto& by_function = conduit.rules_by_function[rule.protocol];
    for (std::size_t f = 0; f < by_function.size(); ++f) {
      if (rule.functions.test(f)) by_function[f].set(i);
    }
  }
}

}  // namespace

void finish(Tables& tables) {
  tables.conduit_by_zones.assign(tables.zones.size() * tables.zones.size(), kNoConduit);
  for (std::size_t i = 0; i < tables.conduits.size(); ++i) {
    Conduit& conduit = tables.conduits[i];
    tables.conduit_by_zones[conduit.from * tables.zones.size() + conduit.to] =
        static_cast<std::uint16_t>(i);
    index_functions(conduit);
  }
}

}  // namespace bulkhead::policy
