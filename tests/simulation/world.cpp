// The run: faults begin and end, both appliances hear, think and forward, and the invariants are
// checked, millisecond by millisecond.
#include "tests/simulation/world.h"

#include <algorithm>
#include <utility>

#include "tests/simulation/faults.h"
#include "tests/simulation/pair.h"

namespace bulkhead::simulation {

namespace {

constexpr std::uint64_t kRunMs = 9000;
constexpr std::uint64_t kAloneAfterMs = 1000;  // what came back alone forwards by then

class World {
 public:
  World(std::uint64_t seed, const Plan& plan)
      : random_(seed),
        network_(random_),
        pair_(random_, network_, plan.trace),
        nodes_(pair_.nodes()) {
    faults_ = plan.scenario.empty() ? plan_faults(random_) : plan_scenario(plan.scenario, random_);
    if (plan.trials) {
      Random acts(seed ^ 0x7472'6961'6c73);
      for (const Fault& act : plan_trials(acts)) faults_.push_back(act);
    }
    pair_.outcome().faults = faults_.size();
    keeps_time_ = keeps_time(faults_);
  }

  Outcome run() {
    for (now_ms_ = 0; now_ms_ < kRunMs; ++now_ms_) {
      pair_.at(now_ms_);
      begin_and_end_faults();
      for (const Fault& fault : faults_) {
        if (!fault.now(now_ms_)) continue;
        if (fault.kind == Kind::replay) replay(fault);
        if (fault.kind == Kind::flood && fault.path != failover::kPairLink &&
            fault.replays(now_ms_)) {
          pair_.replay(nodes_[1 - fault.node], fault.path - 1);
        }
      }
      pair_.run_stream();
      for (Appliance& node : nodes_) pair_.hear(node);
      for (Appliance& node : nodes_) pair_.run_agent(node);
      for (Appliance& node : nodes_) pair_.run_plane(node);
      check();
    }
    check_end();
    return std::move(pair_.outcome());
  }

 private:
  void begin_and_end_faults() {
    bool ways_change = false;
    for (Fault& fault : faults_) {
      if (!fault.begun && now_ms_ >= fault.begin_ms) {
        fault.begun = true;
        ways_change = true;
        begin(fault);
      } else if (fault.begun && !fault.ended && now_ms_ >= fault.end_ms) {
        fault.ended = true;
        ways_change = true;
        end(fault);
      }
    }
    if (ways_change) set_ways(network_, faults_, now_ms_);
  }

  // In some runs once the one that came back has lost its agent.
  void replay(const Fault& fault) {
    const std::uint64_t from_ms = fault.begin_ms + (fault.amount_ms > 20 ? kAloneAfterMs : 0);
    if (now_ms_ < from_ms) return;
    if (now_ms_ == from_ms && fault.amount_ms > 20) pair_.stop_agent(nodes_[1 - fault.node]);
    if (fault.replays(now_ms_)) pair_.replay(nodes_[fault.node], fault.path % 2);
  }

  void begin(const Fault& fault) {
    Appliance& node = nodes_[fault.node];
    pair_.say(&node, "fault " + std::to_string(static_cast<int>(fault.kind)) + " path " +
                         std::to_string(fault.path) + " until " + std::to_string(fault.end_ms));
    switch (fault.kind) {
      case Kind::agent_crash:
        pair_.stop_agent(node);
        break;
      case Kind::agent_freeze:
        node.agent.frozen = true;
        break;
      case Kind::plane_crash:
        pair_.stop_plane(node);
        break;
      case Kind::plane_freeze:
        node.plane.frozen = true;
        node.plane.frozen_since_ms = now_ms_;
        break;
      case Kind::lease_stuck:
        pair_.stick_lease_thread(node);
        break;
      case Kind::worker_stuck:
        node.plane.worker_stuck = true;
        node.plane.stuck_since_ms = now_ms_;
        break;
      case Kind::power:
      case Kind::lost_state:
        pair_.stop_agent(node);
        pair_.stop_plane(node);
        break;
      case Kind::replay:
        for (Appliance& each : nodes_) {
          pair_.stop_agent(each);
          pair_.stop_plane(each);
        }
        pair_.power_on(nodes_[1 - fault.node], true);
        break;
      case Kind::zone_port:
        node.zone_ports[fault.path % 2] = false;
        break;
      case Kind::clock_jump:
        node.clock_offset_ns += static_cast<std::int64_t>(fault.amount_ms * 20 * kMillisecondNs);
        break;
      case Kind::slow:
        node.slow = true;
        break;
      case Kind::switchover:
        pair_.order(node, failover::Order::switchover);
        break;
      case Kind::maintenance:
        pair_.order(node, failover::Order::maintenance_on);
        break;
      default:
        act(fault);
        break;
    }
  }

  // What operators do, and what becomes of disks.
  void act(const Fault& fault) {
    switch (fault.kind) {
      case Kind::commit:
        pair_.propose();
        break;
      case Kind::commit_and_crash:
        pair_.crash_when_committed();
        pair_.propose();
        break;
      case Kind::commit_trial:
        pair_.propose(fault.amount_ms);
        break;
      case Kind::confirm:
        pair_.confirm();
        break;
      case Kind::roll_back:
        pair_.roll_back();
        break;
      case Kind::disk_full:
        nodes_[fault.node].disk.full = true;
        break;
      default:
        break;
    }
  }

  void end(const Fault& fault) {
    Appliance& node = nodes_[fault.node];
    switch (fault.kind) {
      case Kind::agent_crash:
        pair_.start_agent(node);
        break;
      case Kind::agent_freeze:
        pair_.thaw_agent(node);
        break;
      case Kind::plane_crash:
        node.plane.running = true;
        break;
      case Kind::plane_freeze:
        pair_.thaw_plane(node);
        break;
      case Kind::power:
        pair_.power_on(node, true);
        break;
      case Kind::replay:
        pair_.start_agent(nodes_[1 - fault.node]);
        pair_.power_on(node, true);
        break;
      case Kind::lost_state:
        pair_.power_on(node, false);
        break;
      case Kind::lease_stuck:
        pair_.free_lease_thread(node);
        break;
      case Kind::worker_stuck:
        node.plane.worker_stuck = false;
        break;
      case Kind::zone_port:
        node.zone_ports = {true, true};
        break;
      case Kind::slow:
        node.slow = false;
        break;
      case Kind::disk_full:
        node.disk.full = false;
        break;
      case Kind::maintenance:
        pair_.end_maintenance(node);
        break;
      default:
        break;
    }
  }

  // Whether a frame could go in a circle through both.
  bool circle_possible() const {
    const auto up = [&](std::size_t zone, std::size_t from) {
      return network_.way(1 + zone, from).up;
    };
    return (up(1, 0) && up(0, 1)) || (up(0, 0) && up(1, 1));
  }

  // Could forward, and has been able to for long enough.
  bool is_healthy(const Appliance& node) const {
    if (!node.runs() || !node.talks() || node.plane.worker_stuck || !node.zone_ports[0] ||
        !node.zone_ports[1]) {
      return false;
    }
    return node.agent.machine->eligible() && !node.slow && !is_misled(node);
  }

  // The other says on the pair link that it is active, and nobody can know that its data plane has
  // failed: its agent hears neither that, for its lease thread stands still, nor this appliance,
  // and a data plane that forwards alone would go on. To take over would be to take the place of
  // one that most likely forwards. The agent's watchdog ends it after five seconds, which is longer
  // than any fault here.
  bool is_misled(const Appliance& node) const {
    const Appliance& active = nodes_[1 - node.index];
    return active.runs() && active.agent.lease_stuck && active.plane.running &&
           active.plane.gate.lease().alone && active.agent.told_fit &&
           active.agent.machine->role() == failover::Role::active &&
           !active.agent.machine->hears_peer() && node.agent.machine->hears_peer();
  }

  void check() {
    const bool a = nodes_[0].forwards(now_ms_);
    const bool b = nodes_[1].forwards(now_ms_);
    both_ms_ = a && b && circle_possible() ? both_ms_ + 1 : 0;
    pair_.outcome().both_ms_max = std::max(pair_.outcome().both_ms_max, both_ms_);
    if (both_ms_ == kBothBoundMs + 1) pair_.violate("both forward");
    for (const Appliance& node : nodes_) pair_.note_clear(node);
    for (const Appliance& node : nodes_) pair_.trials().check(node);
    const bool one_way_works = pair_.could_be_heard(nodes_[0]) || pair_.could_be_heard(nodes_[1]);
    if (a && b && keeps_time_ && one_way_works) pair_.violate("both forward though one is heard");
    std::uint64_t healthy_for = 0;
    for (std::size_t i = 0; i < 2; ++i) {
      healthy_ms_[i] = is_healthy(nodes_[i]) ? healthy_ms_[i] + 1 : 0;
      healthy_for = std::max(healthy_for, healthy_ms_[i]);
    }
    none_ms_ = a || b || healthy_for == 0 ? 0 : none_ms_ + 1;
    const std::uint64_t none = now_ms_ > kFaultsFromMs ? std::min(none_ms_, healthy_for) : 0;
    pair_.outcome().none_ms_max = std::max(pair_.outcome().none_ms_max, none);
    if (none == kNoneBoundMs + 1) pair_.violate("none forwards though one could");
    if (a && b) return;
    for (const Appliance& node : nodes_) {
      if (!node.forwards(now_ms_) || !node.runs()) continue;
      std::uint64_t& last = epoch_of_[node.index];
      if (node.disk.committed.epoch < last) pair_.violate("an epoch went back");
      last = node.disk.committed.epoch;
    }
  }

  void check_end() {
    const bool a = nodes_[0].forwards(now_ms_ - 1);
    const bool b = nodes_[1].forwards(now_ms_ - 1);
    if (a == b) pair_.violate(a ? "both forward at the end" : "none forwards at the end");
    if (nodes_[0].disk.committed != nodes_[1].disk.committed)
      pair_.violate("policies differ at the end");
    pair_.trials().check_end(nodes_);
    const Appliance& standby = nodes_[a ? 1 : 0];
    if (a != b && standby.runs() && !standby.agent.machine->ready()) {
      pair_.violate("the standby is not ready at the end");
    }
    // Each fault may turn the pair twice; a preference may do so once more.
    if (pair_.outcome().takeovers > 3 + 3 * pair_.outcome().faults) pair_.violate("it flaps");
  }

  Random random_;
  Network network_;
  Pair pair_;
  std::array<Appliance, 2>& nodes_;
  std::uint64_t now_ms_ = 0;
  std::vector<Fault> faults_;
  bool keeps_time_ = false;
  std::array<std::uint64_t, 2> epoch_of_{};
  std::uint64_t both_ms_ = 0;
  std::uint64_t none_ms_ = 0;
  std::array<std::uint64_t, 2> healthy_ms_{};
};

}  // namespace

Outcome run_world(std::uint64_t seed, const Plan& plan) { return World(seed, plan).run(); }

}  // namespace bulkhead::simulation
