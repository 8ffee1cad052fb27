// What operators see of the pair.
#include <algorithm>

#include "controlplane/pair/ask.h"
#include "controlplane/pair/pair.h"
#include "dataplane/base/boot_clock.h"

namespace bulkhead::controlplane {

using failover::Role;

namespace {

std::string_view role_name(Role role) { return role == Role::active ? "active" : "standby"; }

}  // namespace

v1::PairStatus Pair::status() {
  return ask(inbox_, [this] {
    v1::PairStatus status;
    fill_status(status);
    return status;
  });
}

void Pair::fill_status(v1::PairStatus& status) const {
  v1::PairAppliance& self = *status.mutable_self();
  v1::PairAppliance& peer = *status.mutable_peer();
  self.set_name(options_.link.credentials->name);
  self.set_priority(options_.priority);
  peer.set_name(options_.link.peer_name);
  status.set_link_up(connection_ != 0);
  status.set_problem(unfit_.empty() ? flows_.failure() : unfit_);
  status.set_last_change(last_change_);
  status.set_last_change_wall_time_ns(last_change_wall_ns_);
  status.set_takeovers(takeovers_);
  status.set_flows_equal(flows_.equal());
  self.set_policy_generation(committed_.epoch);
  self.set_policy_digest(committed_.digest);
  if (const TimeNs left_ns = failover::trial_left(trial_, boot_now_ns()); left_ns != 0) {
    status.mutable_trial()->set_deadline_known(left_ns != failover::kTrialNotKnown);
    if (status.trial().deadline_known()) {
      status.mutable_trial()->set_left_ms(left_ns / kMillisecondNs);
    }
  }
  announcements_.fill(status);
  if (!machine_) return;
  self.set_role(std::string(role_name(machine_->role())));
  self.set_eligible(machine_->eligible());
  self.set_ready(machine_->ready());
  self.set_maintenance(machine_->in_maintenance());
  status.set_term(machine_->term());
  status.set_peer_heard(machine_->hears_peer());
  for (std::size_t path = 0; path <= fitness_.report().ports() && path < failover::kPathsMax;
       ++path) {
    v1::PairPath* row = status.add_paths();
    row->set_name(path == failover::kPairLink ? "pair link"
                                              : "zone port " + std::to_string(path - 1));
    row->set_heard(machine_->hears_on(path));
  }
  const failover::Heartbeat& beat = machine_->peer();
  if (beat.from == 0) return;
  peer.set_role(std::string(role_name(beat.role)));
  peer.set_priority(beat.priority);
  peer.set_eligible(beat.eligible);
  peer.set_ready(beat.ready);
  peer.set_policy_generation(beat.policy.epoch);
  peer.set_policy_digest(beat.policy.digest);
}

}  // namespace bulkhead::controlplane
