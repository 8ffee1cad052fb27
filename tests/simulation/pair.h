// The two appliances and what runs in them: the product's machines carried out, and a model of the
// data planes, of their replication and of the disks.
#pragma once

#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/appliance.h"
#include "tests/simulation/trials.h"
#include "tests/simulation/world.h"

namespace bulkhead::simulation {

class Pair {
 public:
  Pair(Random& random, Network& network, bool trace);

  void at(std::uint64_t now_ms) {
    now_ms_ = now_ms;
    trials_.at(now_ms);
  }
  std::array<Appliance, 2>& nodes() { return nodes_; }
  // The next commit that both have is followed by a loss of power on the active.
  void crash_when_committed() { crash_when_committed_ = true; }
  // Power comes back, to one that has its disk or to one that was replaced.
  void power_on(Appliance& node, bool with_state);
  // What the appliance said in-band once comes to the other again.
  void replay(const Appliance& from, std::size_t zone);
  void end_maintenance(const Appliance& node) { maintenance_ends_[node.index] = true; }
  Outcome& outcome() { return outcome_; }

  void say(const Appliance* node, const std::string& what);
  void violate(const std::string& what);
  Appliance& other(const Appliance& node) { return nodes_[1 - node.index]; }
  const Appliance& other(const Appliance& node) const { return nodes_[1 - node.index]; }
  void start_agent(Appliance& node);
  void stop_agent(Appliance& node);
  void stop_plane(Appliance& node);
  void thaw_agent(Appliance& node);
  void thaw_plane(Appliance& node);
  void stick_lease_thread(Appliance& node);
  void free_lease_thread(Appliance& node);
  void order(Appliance& node, failover::Order what);
  // An operator commits a new policy on the active appliance. `window_ms`: how long it awaits
  // confirmation; 0: it needs none.
  void propose(std::uint64_t window_ms = 0);
  // An operator's words on what awaits confirmation, there too.
  void confirm();
  void roll_back();
  Trials& trials() { return trials_; }
  // With heartbeats as its operator wants them.
  void set_up(Appliance& node);
  void hear(Appliance& node);
  void run_agent(Appliance& node);
  // The pair link's stream stands while both agents live and both ways are up.
  void run_stream();
  void run_plane(Appliance& node);
  // For so long at least one path from the appliance was whole, its agent ran, and the other has
  // heard it since both started.
  bool could_be_heard(const Appliance& node) const;
  void note_clear(const Appliance& node);

 private:
  void hear_plane(Appliance& node);
  // The agent has a new data plane, or the data plane a new agent.
  void configure_plane(Appliance& node);
  void give_late_leases(Appliance& node);
  bool is_fit(const Appliance& node, bool anew) const;
  void publish_policy(Appliance& node);
  void carry_out(Appliance& node, const failover::CommitActions& actions);
  // The machine's policies, on disk.
  void store(Appliance& node);
  bool can_enforce(Appliance& node, const failover::CommitMessage& message);
  Appliance* with_trial();
  void restart_machine(Appliance& node);
  // Gives the machine an event and does what it asks for.
  void drive(Appliance& node, const failover::Event& event);
  void send_heartbeats(Appliance& node);
  void send_in_band(Appliance& node, const std::optional<failover::Heartbeat>& heartbeat);
  void take_over(Appliance& node, failover::Cause cause);
  void accept_stream(Appliance& node);
  void accept_flow(Appliance& node, const StreamMessage& message);
  void begin_flows(Appliance& node);
  static void accept_acknowledgement(Appliance& node, const StreamMessage& message);
  void send_flow(Appliance& node, StreamMessage::Kind kind, std::size_t flow);
  // The active's flows: all of them to one that joins, then each change.
  void feed_stream(Appliance& node);

  Random& random_;
  Network& network_;
  bool trace_;
  bool preempt_ = false;
  std::uint64_t now_ms_ = 0;
  std::array<Appliance, 2> nodes_;
  std::array<std::uint8_t, 2> priorities_{};
  std::array<std::uint64_t, 2> unclear_ms_{};  // when no path from the appliance was whole
  bool crash_when_committed_ = false;
  std::array<std::uint64_t, 2> power_back_ms_{};
  std::array<std::vector<Arrival>, 2> held_;
  std::array<std::optional<replication::ForwardLease>, 2> late_leases_;
  std::array<std::optional<Flows>, 2> handed_over_;  // what the last order handed over
  std::array<bool, 2> maintenance_ends_{};           // an operator tries until the agent answers
  std::array<bool, 2> equal_{};
  std::array<bool, 2> whole_{};
  std::uint64_t possible_since_ms_ = 0;
  std::uint64_t versions_ = 0;
  std::uint64_t streams_ = 0;  // of flows, by both
  std::uint64_t starts_ = 0;   // of agents, by both
  std::uint64_t planes_ = 0;   // that agents have configured
  std::array<std::vector<Word>, 2> recorded_;
  std::array<std::size_t, 2> replayed_{};
  std::uint64_t epochs_ = 1;
  std::uint64_t epoch_of_both_ = 1;
  Outcome outcome_;
  Trials trials_{[this](const std::string& what) { violate(what); }};
};

}  // namespace bulkhead::simulation
