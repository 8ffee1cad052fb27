// Ticks are counted, not time: while the agent itself stood still, reports may be waiting.
#include "controlplane/pair/fitness.h"

namespace bulkhead::controlplane {

namespace {

// A data plane reports once each tick. One that has not got a core lately may still, but not for
// longer than its lease and what a takeover needs.
constexpr unsigned kSilentTicksMax = 4;
constexpr unsigned kStarvedTicksMax = 12;
// The thread that takes leases to the data plane has so many ticks, a lease and what a starved core
// makes of it, to come by.
constexpr unsigned kLateTicksMax = 7;

}  // namespace

void Fitness::on_dataplane(bool connected) {
  connected_ = connected;
  policy_in_force_ = policy_in_force_ && connected;
  reported_ = false;
}

void Fitness::on_report(const v1::PairReport& report) {
  report_ = report;
  silent_ticks_ = 0;
  reported_ = true;
}

void Fitness::on_tick_answered() {
  unanswered_ticks_ = 0;
  ++silent_ticks_;
}

// No lease is renewed meanwhile, and what the peer says in-band is not heard: the other takes the
// place before the last one has ended for long. A data plane that forwards alone needs no renewal;
// it gives way by itself to the peer's, and would lose what it has if none could take its place.
bool Fitness::lease_thread_stands(bool replaced) const {
  return unanswered_ticks_ > kLateTicksMax && (replaced || !report_.lease_alone());
}

std::string Fitness::problem(bool replaced, const std::function<bool()>& waits_for_core) const {
  if (!connected_) return "the data plane is not connected";
  if (!reported_ || !report_.configured()) {
    return report_.problem().empty() || report_.configured()
               ? "the data plane has not said yet how it is; was it started with --pair?"
               : report_.problem();
  }
  if (lease_thread_stands(replaced)) return "the agent's thread to its data plane stands still";
  if (silent_ticks_ > kSilentTicksMax && (silent_ticks_ > kStarvedTicksMax || !waits_for_core())) {
    return "the data plane is silent";
  }
  if (!report_.fit()) return report_.problem();
  if (!policy_in_force_) return "the committed policy is not in force in the data plane";
  // Where nobody else could, one that may refuse too much, or pass it, is better than none that
  // forwards; the alarm stands all the same.
  if (replaced && report_.self_test_failed()) {
    return "the self-test has failed; `bulkheadctl selftest` says where";
  }
  return {};
}

}  // namespace bulkhead::controlplane
