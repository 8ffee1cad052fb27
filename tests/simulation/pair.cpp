// Carries out what the machines ask for.
#include "tests/simulation/pair.h"

#include <algorithm>
#include <utility>

namespace bulkhead::simulation {

namespace {

using failover::Cause;
using failover::Policy;

constexpr std::uint64_t kPlaneStuckBeats = 4;  // when its agent takes it for dead
constexpr std::uint64_t kLeaseStuckBeats = 8;  // when it takes its thread for stuck
constexpr std::uint64_t kWorkerStuckMs = 50;   // when the data plane says so
constexpr std::uint64_t kConnectMs = 20;

failover::Timing timing_of(const Appliance& node) {
  failover::Timing timing{.heartbeat_ns = node.heartbeat_ms * kMillisecondNs};
  timing.settle_ns = 200 * kMillisecondNs;
  timing.preempt_after_ns = 500 * kMillisecondNs;
  timing.start_alone_ns = 400 * kMillisecondNs;
  return timing;
}

}  // namespace

std::uint64_t digest_of(std::size_t flow, std::uint64_t version) {
  return version == 0 ? 0 : Random(flow << 48 ^ version).next();
}

Pair::Pair(Random& random, Network& network, bool trace)
    : random_(random), network_(network), trace_(trace) {
  for (std::size_t i = 0; i < 2; ++i) {
    Appliance& node = nodes_[i];
    node.index = i;
    node.disk.committed = {1, 0x1111};
    node.disk.artefacts = {0x1111};
    node.clock_offset_ns = static_cast<std::int64_t>(random_.between(1000, 100000) * kSecondNs);
    node.clock_rate = 1.0 + (static_cast<double>(random_.below(401)) - 200) * 1e-6;
    priorities_[i] = static_cast<std::uint8_t>(random_.between(99, 101));
  }
  preempt_ = random_.chance(0.5);
  for (Appliance& node : nodes_) {
    set_up(node);
    start_agent(node);
  }
}

void Pair::set_up(Appliance& node) {
  node.heartbeat_ms = random_.chance(0.25) ? 5 : 10;
  node.plane.gate.expect_agent(node.heartbeat_ms * kMillisecondNs);
}

void Pair::say(const Appliance* node, const std::string& what) {
  if (!trace_) return;
  std::printf("%6llu %s %s\n", static_cast<unsigned long long>(now_ms_),
              node == nullptr    ? "-"
              : node->index == 0 ? "A"
                                 : "B",
              what.c_str());
}

void Pair::violate(const std::string& what) {
  say(nullptr, "VIOLATION " + what);
  outcome_.violations.push_back({now_ms_, what});
}

void Pair::start_agent(Appliance& node) {
  if (node.agent.running && node.agent.machine) return;
  node.agent = {};
  node.agent.plane_starts = node.plane.starts;
  node.disk.trials.boot = node.boot;
  node.disk.trials.ask_ns = kAskNs;
  node.agent.commit.emplace(node.disk.committed, node.disk.prepared, node.disk.trials);
  node.agent.next_tick_ms = now_ms_ + random_.below(node.heartbeat_ms);
  failover::Config config;
  config.self = node.index + 1;
  config.peer = 2 - node.index;
  config.priority = priorities_[node.index];
  config.preempt = preempt_;
  config.incarnation = ++node.disk.incarnation << 32 | ++starts_;
  config.timing = timing_of(node);
  node.agent.incarnation = config.incarnation;
  node.agent.machine.emplace(config, node.clock_ns(now_ms_));
  say(&node, "agent begins");
  publish_policy(node);
  configure_plane(node);
  hear_plane(node);
}

void Pair::configure_plane(Appliance& node) {
  if (!node.plane.running) return;
  node.plane.incarnation = ++planes_;
  node.plane.freshness.begin(node.plane.incarnation, node.heartbeat_ms * kMillisecondNs);
}

// What the data plane says of itself.
void Pair::hear_plane(Appliance& node) {
  if (!node.talks()) return;
  const replication::Gate& gate = node.plane.gate;
  const replication::ForwardLease& lease = gate.lease();
  drive(node, failover::Forwarding{gate.is_open(node.clock_ns(now_ms_)),
                                   {lease.until_ns, lease.alone, lease.term}});
}

void Pair::stop_agent(Appliance& node) {
  node.agent.running = false;
  node.agent.machine.reset();
  held_[node.index].clear();
  late_leases_[node.index].reset();
  network_.drop_stream();
}

void Pair::stop_plane(Appliance& node) {
  const std::uint64_t starts = node.plane.starts;
  node.plane = {};
  node.plane.running = false;
  node.plane.starts = starts + 1;
  node.plane.gate.expect_agent(node.heartbeat_ms * kMillisecondNs);
  other(node).agent.sender = {};  // what was acknowledged to it is gone
  handed_over_[other(node).index].reset();
  late_leases_[node.index].reset();
  network_.drop_stream();
}

void Pair::power_on(Appliance& node, bool with_state) {
  const bool was_off = !node.plane.running && !node.agent.running;
  if (!node.agent.running) restart_machine(node);
  node.plane.running = true;
  const Appliance& peer = other(node);
  // What nobody has any more cannot be had again.
  const bool kept_by_peer = peer.agent.running && peer.disk.committed == node.disk.committed;
  if (!with_state && was_off && kept_by_peer) {
    say(&node, "has lost its state");
    node.disk = {};
    node.disk.full = false;
  }
  set_up(node);
  start_agent(node);
}

void Pair::replay(const Appliance& from, std::size_t zone) {
  const std::vector<Word>& words = recorded_[from.index];
  std::size_t& next = replayed_[from.index];
  if (next >= words.size()) return;
  network_.inject(now_ms_, 1 + zone, from.index, words[next++]);
}

void Pair::thaw_agent(Appliance& node) {
  node.agent.frozen = false;
  if (!node.agent.running) return;
  drive(node, failover::Tick{});
  for (const Arrival& arrival : std::exchange(held_[node.index], {})) {
    drive(node, failover::Heard{arrival.path, *arrival.word.heartbeat});
  }
}

void Pair::thaw_plane(Appliance& node) {
  node.plane.frozen = false;
  give_late_leases(node);
}

void Pair::give_late_leases(Appliance& node) {
  if (!node.talks() || !late_leases_[node.index]) return;
  node.plane.gate.renew(*late_leases_[node.index], node.clock_ns(now_ms_));
  late_leases_[node.index].reset();
}

void Pair::stick_lease_thread(Appliance& node) {
  if (node.agent.lease_stuck) return;
  node.agent.lease_stuck = true;
  node.agent.stuck_since_ms = now_ms_;
}

void Pair::free_lease_thread(Appliance& node) {
  node.agent.lease_stuck = false;
  give_late_leases(node);
}

void Pair::order(Appliance& node, failover::Order what) {
  if (node.runs()) drive(node, what);
}

// It begins anew, at any time of its own.
void Pair::restart_machine(Appliance& node) {
  ++node.boot;
  Random draw(node.boot << 32 ^ now_ms_);
  node.boot_offset_ns = static_cast<std::int64_t>(draw.below(1000) * kSecondNs);
  trials_.restart(node.index);
}

void Pair::propose(std::uint64_t window_ms) {
  for (Appliance& node : nodes_) {
    if (!node.runs() || !node.forwards(now_ms_) || node.agent.commit->under_way()) continue;
    if (node.agent.commit->trial() || (window_ms != 0 && node.disk.full)) continue;
    const Policy policy{++epochs_, random_.next()};
    if (window_ms != 0) epochs_ += 2;
    say(&node, "proposes epoch " + std::to_string(policy.epoch) +
                   (window_ms == 0 ? "" : " for " + std::to_string(window_ms) + " ms"));
    trials_.propose(policy, node.disk.committed, window_ms);
    node.disk.artefacts.insert(policy.digest);
    carry_out(node, node.agent.commit->propose(policy, node.agent.machine->hears_peer(),
                                               node.boot_ns(now_ms_), window_ms * kMillisecondNs));
    return;
  }
}

Appliance* Pair::with_trial() {
  for (Appliance& node : nodes_) {
    if (!node.runs() || !node.forwards(now_ms_) || node.agent.commit->under_way()) continue;
    if (node.agent.commit->trial()) return &node;
  }
  return nullptr;
}

void Pair::confirm() {
  Appliance* node = with_trial();
  if (node == nullptr) return;
  say(node, "is asked to confirm");
  trials_.ask_confirmation(node->disk.committed);
  carry_out(*node,
            node->agent.commit->confirm(node->agent.machine->hears_peer(), node->boot_ns(now_ms_)));
}

void Pair::roll_back() {
  Appliance* node = with_trial();
  if (node == nullptr) return;
  trials_.roll_back(node->disk.committed);
  carry_out(*node, node->agent.commit->roll_back());
}

void Pair::store(Appliance& node) {
  const failover::Commit& commit = *node.agent.commit;
  const Policy before = std::exchange(node.disk.committed, commit.committed());
  node.disk.prepared = commit.prepared();
  node.disk.trials.of_committed = commit.trial();
  node.disk.trials.of_prepared = commit.prepared_trial();
  trials_.prepare(node.disk.prepared);
  if (before == node.disk.committed) return;
  say(&node, "enforces epoch " + std::to_string(node.disk.committed.epoch));
  trials_.commit(node);
}

// What is new needs room on disk, and so does all that may come of a trial; how one ends does not.
bool Pair::can_enforce(Appliance& node, const failover::CommitMessage& message) {
  using Kind = failover::CommitMessage::Kind;
  if (random_.chance(0.05)) return false;
  if (message.kind != Kind::prepare && message.kind != Kind::policy) return true;
  const bool fits = !node.disk.full || (message.window_ns == 0 &&
                                        node.disk.artefacts.count(message.policy.digest) != 0);
  const bool former_here =
      message.window_ns == 0 || node.disk.artefacts.count(message.former.digest) != 0;
  if (fits) node.disk.artefacts.insert(message.policy.digest);
  return fits && former_here;
}

void Pair::publish_policy(Appliance& node) {
  drive(node, failover::PolicyIs{node.disk.committed, node.disk.prepared});
}

void Pair::carry_out(Appliance& node, const failover::CommitActions& actions) {
  using failover::CommitOutcome;
  if (actions.changed) store(node);
  const bool done = actions.outcome == CommitOutcome::committed ||
                    actions.outcome == CommitOutcome::committed_alone;
  if (done && actions.cause == failover::CommitCause::confirmed) {
    trials_.confirm(node, actions.outcome == CommitOutcome::committed);
  }
  const bool both = done && other(node).disk.prepared == node.disk.committed;
  if (both) epoch_of_both_ = std::max(epoch_of_both_, node.disk.committed.epoch);
  if (actions.outcome != failover::CommitOutcome::none) {
    say(&node, "commit ends with " + std::to_string(static_cast<int>(actions.outcome)));
    if (both && std::exchange(crash_when_committed_, false)) {
      // Nothing of it was sent; somebody cuts the power.
      say(&node, "loses its power in mid-commit");
      stop_agent(node);
      stop_plane(node);
      power_back_ms_[node.index] = now_ms_ + 1500;
      return;
    }
  }
  for (const failover::CommitMessage& message : actions.to_send()) {
    StreamMessage out;
    out.kind = StreamMessage::Kind::commit;
    out.commit = message;
    network_.send_stream(now_ms_, node.index, out);
  }
  if (actions.changed) publish_policy(node);
}

// Gives the machine an event and does what it asks for.
void Pair::drive(Appliance& node, const failover::Event& event) {
  Agent& agent = node.agent;
  const TimeNs clock_ns = node.clock_ns(now_ms_);
  const failover::Actions actions = agent.machine->step(event, clock_ns);
  if (actions.commit_prepared) {
    const failover::CommitActions committed = agent.commit->take_over(node.boot_ns(now_ms_));
    if (committed.changed) store(node);
  }
  if (actions.adopted) {
    agent.told_fit = true;
    say(&node, "adopts the lease of its data plane");
  }
  if (actions.took_over) take_over(node, actions.cause);
  if (actions.stepped_down) {
    say(&node, "steps down: " + std::string(text_of(actions.cause)));
    handed_over_[node.index].reset();
    if (actions.cause == Cause::handed_over) handed_over_[node.index] = node.plane.flows;
    agent.drains = false;
    // What came while this one was active was not taken.
    StreamMessage resync;
    resync.kind = StreamMessage::Kind::resync;
    network_.send_stream(now_ms_, node.index, resync);
  }
  if (actions.refused != Cause::none) {
    say(&node, "refuses: " + std::string(text_of(actions.refused)));
    agent.drains = false;
  }
  if (actions.lease) {
    const failover::Lease& lease = *actions.lease;
    const replication::ForwardLease to_plane{lease.until_ns, lease.alone, lease.term};
    if (node.talks()) {
      node.plane.gate.renew(to_plane, clock_ns);
    } else if (node.plane.running) {
      late_leases_[node.index] = to_plane;
    }
  }
  if (actions.drain) agent.drains = true;
  if (actions.send) send_heartbeats(node);
}

void Pair::send_heartbeats(Appliance& node) {
  failover::Heartbeat beat = node.agent.machine->heartbeat(node.clock_ns(now_ms_));
  beat.trial_ns = failover::trial_left(node.agent.commit->trial(), node.boot_ns(now_ms_));
  network_.send(now_ms_, failover::kPairLink, node.index, {{}, beat});
  if (!node.talks()) return;
  node.plane.gate.heard_agent(node.clock_ns(now_ms_));
  send_in_band(node, beat);
}

void Pair::send_in_band(Appliance& node, const std::optional<failover::Heartbeat>& heartbeat) {
  DataPlane& plane = node.plane;
  const TimeNs clock_ns = node.clock_ns(now_ms_);
  if (plane.incarnation == 0) return;
  replication::Beacon beacon;
  beacon.node = node.index + 1;
  beacon.incarnation = plane.incarnation;
  beacon.counter = ++plane.beacons;
  beacon.term = plane.gate.lease().term;
  beacon.forwards = plane.gate.is_open(clock_ns);
  beacon.agent = !plane.gate.agent_is_silent(clock_ns);
  plane.freshness.answer(beacon, clock_ns);
  plane.freshness.sent(beacon.counter, clock_ns);
  plane.told_ns = clock_ns;
  if (plane.worker_stuck) return;  // it is the one that sends
  recorded_[node.index].push_back({beacon, heartbeat});
  for (std::size_t zone = 0; zone < 2; ++zone) {
    if (node.zone_ports[zone]) network_.send(now_ms_, 1 + zone, node.index, {beacon, heartbeat});
  }
}

void Pair::take_over(Appliance& node, Cause cause) {
  ++outcome_.takeovers;
  Appliance& peer = other(node);
  const Policy& policy = node.agent.machine->policy();
  say(&node, "takes over, term " + std::to_string(node.agent.machine->term()) + ": " +
                 std::string(text_of(cause)));
  if (cause != Cause::started_alone && policy.epoch < epoch_of_both_) {
    violate("takes over with epoch " + std::to_string(policy.epoch) + " though both had " +
            std::to_string(epoch_of_both_));
  }
  if (cause == Cause::peer_silent && could_be_heard(peer)) {
    violate("takes over from one that forwards and could be heard");
  }
  if (policy != node.disk.committed) violate("enforces a policy that is not on its disk");
  // What this appliance has acknowledged is there.
  for (std::size_t flow = 0; flow < kFlows; ++flow) {
    if (node.plane.flows.version(flow) < peer.agent.sender.acknowledged_versions[flow]) {
      violate("takes over without a flow that it had acknowledged");
      break;
    }
  }
  const std::optional<Flows> handed_over = std::exchange(handed_over_[peer.index], {});
  handed_over_[node.index].reset();
  if (cause == Cause::granted && node.plane.running && handed_over &&
      !(node.plane.flows == *handed_over)) {
    violate("takes over in order, but not with all flows");
  }
  begin_flows(node);
}

void Pair::hear(Appliance& node) {
  network_.deliver(now_ms_, node.index, [&](const Arrival& arrival) {
    if (arrival.path != failover::kPairLink) {
      DataPlane& plane = node.plane;
      if (!node.plane_runs() || plane.worker_stuck || !node.zone_ports[arrival.path - 1]) return;
      using Said = replication::Freshness::Word;
      const TimeNs clock_ns = node.clock_ns(now_ms_);
      const auto zone = static_cast<std::uint16_t>(arrival.path - 1);
      const Said word = plane.freshness.hear(arrival.word.beacon, zone, clock_ns);
      if (word == Said::stale) return;
      if (word == Said::answers) {
        const bool was_open = node.forwards(now_ms_);
        plane.gate.heard_peer(arrival.word.beacon, node.index + 1, clock_ns);
        const bool gave_way = was_open && !node.forwards(now_ms_);
        if (gave_way) say(&node, "data plane gives way");
        if (gave_way && !other(node).plane_runs()) {
          violate("a data plane gives way to one that is gone");
        }
      }
      if (node.agent.lease_stuck) return;
    }
    if (!node.agent.running || !arrival.word.heartbeat) return;
    if (node.agent.frozen) {
      if (held_[node.index].size() < 1000) held_[node.index].push_back(arrival);
      return;
    }
    drive(node, failover::Heard{arrival.path, *arrival.word.heartbeat});
  });
}

// What the agent can know.
bool Pair::is_fit(const Appliance& node, bool anew) const {
  const auto since = [this](std::uint64_t ms) { return now_ms_ - ms; };
  const DataPlane& plane = node.plane;
  const Agent& agent = node.agent;
  const bool frozen =
      plane.frozen && since(plane.frozen_since_ms) >= kPlaneStuckBeats * node.heartbeat_ms;
  const bool missed =
      !plane.gate.lease().alone || (agent.machine->hears_peer() && agent.machine->peer().eligible);
  const bool lease_stuck = agent.lease_stuck && missed &&
                           since(agent.stuck_since_ms) >= kLeaseStuckBeats * node.heartbeat_ms;
  const bool worker_stuck = plane.worker_stuck && since(plane.stuck_since_ms) >= kWorkerStuckMs;
  // What the data plane would say does not come by.
  if (agent.lease_stuck && !lease_stuck && plane.running) return agent.told_fit;
  return plane.running && !anew && !frozen && !lease_stuck && !worker_stuck && node.zone_ports[0] &&
         node.zone_ports[1];
}

void Pair::run_agent(Appliance& node) {
  if (!node.runs()) return;
  const bool anew = std::exchange(node.agent.plane_starts, node.plane.starts) != node.plane.starts;
  if (node.plane.running && node.plane.incarnation == 0) configure_plane(node);
  const bool fit = is_fit(node, anew);
  if (fit != node.agent.told_fit) {
    node.agent.told_fit = fit;
    say(&node, fit ? "is fit" : "is not fit");
    drive(node, failover::Fitness{fit});
  }
  if (std::exchange(maintenance_ends_[node.index], false)) {
    drive(node, failover::Order::maintenance_off);
  }
  if (now_ms_ >= node.agent.next_tick_ms) {
    node.agent.next_tick_ms = now_ms_ + node.heartbeat_ms;
    hear_plane(node);
    if (node.slow && random_.chance(0.1)) node.agent.next_tick_ms += random_.below(45);
    drive(node, failover::Tick{});
    if (node.agent.machine->hears_peer()) {
      carry_out(node, node.agent.commit->heard(node.agent.machine->peer(), node.boot_ns(now_ms_)));
    }
    if (!node.runs()) return;
    carry_out(node, node.agent.commit->pass_time(node.agent.machine->hears_peer(),
                                                 node.boot_ns(now_ms_)));
  }
  if (!node.runs()) return;
  accept_stream(node);
  if (node.runs()) feed_stream(node);
}

// The pair link's stream stands while both agents live and both ways are up.
void Pair::run_stream() {
  for (Appliance& node : nodes_) {
    if (now_ms_ != power_back_ms_[node.index] || now_ms_ == 0) continue;
    node.plane.running = true;
    if (!node.agent.running) restart_machine(node);
    start_agent(node);
  }
  const bool possible = nodes_[0].agent.running && nodes_[1].agent.running &&
                        nodes_[0].plane.running && nodes_[1].plane.running &&
                        network_.way(failover::kPairLink, 0).up &&
                        network_.way(failover::kPairLink, 1).up;
  if (!possible) {
    network_.drop_stream();
    possible_since_ms_ = now_ms_;
  } else if (!network_.stream_up() && now_ms_ - possible_since_ms_ >= kConnectMs) {
    network_.raise_stream();
  }
  for (Appliance& node : nodes_) {
    if (!node.runs() || node.agent.stream == network_.stream()) continue;
    node.agent.stream = network_.stream();
    begin_flows(node);
    equal_[node.index] = whole_[node.index] = false;
    if (network_.stream_up()) carry_out(node, node.agent.commit->stream_begun());
    if (!node.runs()) continue;
    drive(node, failover::Replica{false});
  }
}

void Pair::run_plane(Appliance& node) {
  // It looks once an interval, at times of its own.
  const bool looks = (now_ms_ + 3 * node.index + node.plane.incarnation) % node.heartbeat_ms == 0;
  if (looks && node.plane_runs() &&
      node.plane.gate.speaks(node.plane.told_ns, node.clock_ns(now_ms_))) {
    send_in_band(node, std::nullopt);
  }
  if (!node.forwards(now_ms_) || !random_.chance(0.3)) return;
  const std::size_t flow = random_.below(kFlows);
  node.plane.flows.set(flow, ++versions_);
  node.plane.untold.set(flow);
}

// For so long at least one path from the appliance was whole, and its agent ran.
bool Pair::could_be_heard(const Appliance& node) const {
  constexpr std::uint64_t kLongMs = 200;
  // Who has begun anew believes nobody that its own words do not reach: that may be a replay.
  const Agent& listener = other(node).agent;
  const bool met =
      listener.machine && listener.machine->peer().incarnation == node.agent.incarnation;
  return met && node.forwards(now_ms_) && now_ms_ - unclear_ms_[node.index] > kLongMs;
}

void Pair::note_clear(const Appliance& node) {
  bool clear = false;
  for (std::size_t path = 0; path < kPaths; ++path) {
    const Way& way = network_.way(path, node.index);
    const bool port = path == failover::kPairLink ||
                      (node.talks() && other(node).talks() && !node.plane.worker_stuck &&
                       !other(node).plane.worker_stuck && node.zone_ports[path - 1] &&
                       other(node).zone_ports[path - 1]);
    clear = clear || (way.up && way.loss == 0 && way.jitter_ms <= 1 && port);
  }
  if (!clear || !node.runs() || node.slow) unclear_ms_[node.index] = now_ms_;
}

}  // namespace bulkhead::simulation
