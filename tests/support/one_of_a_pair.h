// One machine of a pair, and a peer whose heartbeats the test writes: for the tests of the state
// machine step by step.
#pragma once

#include <gtest/gtest.h>

#include "controlplane/failover/machine.h"

namespace bulkhead::failover {

constexpr TimeNs kMs = kMillisecondNs;
constexpr std::size_t kZone = 1;

inline Config config_of(NodeId self, std::uint8_t priority = 100, bool preempt = false) {
  Config config;
  config.self = self;
  config.peer = 3 - self;
  config.priority = priority;
  config.preempt = preempt;
  config.incarnation = 1;
  return config;
}

class One : public ::testing::Test {
 protected:
  explicit One(std::uint8_t priority = 100, bool preempt = false)
      : machine(config_of(1, priority, preempt), now) {
    give(PolicyIs{{5, 55}, {}});
    give(Fitness{true});
    peer.from = 2;
    peer.incarnation = 1;
    peer.priority = 100;
    peer.policy = {5, 55};
    peer.lease_ns = 70 * kMs;
  }

  Actions give(const Event& event) {
    const Actions actions = machine.step(event, now);
    if (actions.lease) lease = *actions.lease;
    if (actions.send) sent = machine.heartbeat(now);
    return actions;
  }
  // Milliseconds of ticks; what the last steps asked for that was not only a heartbeat.
  Actions wait(unsigned ms) {
    Actions last;
    for (unsigned i = 0; i < ms; i += 10) {
      now += 10 * kMs;
      const Actions actions = give(Tick{});
      if (actions.took_over || actions.stepped_down) last = actions;
    }
    return last;
  }
  // The peer hears this one, though it may echo nothing.
  Actions hear(std::size_t path = kPairLink) {
    if (sent.sequence == 0) sent = machine.heartbeat(now);
    peer.answer_incarnation = sent.incarnation;
    peer.answer_sequence = sent.sequence;
    ++peer.sequence;
    return hear_again(path);
  }
  Actions hear_again(std::size_t path = kPairLink) { return give(Heard{path, peer}); }
  // The peer echoes what was sent last.
  Actions hear_echo() {
    peer.echo_incarnation = sent.incarnation;
    peer.echo_sequence = sent.sequence;
    return hear();
  }
  bool forwards() const { return lease.alone || lease.until_ns > now; }
  // Active, with a standby that echoes.
  void be_active() {
    hear();
    wait(1100);
    EXPECT_EQ(machine.role(), Role::active);
    peer.eligible = true;
    peer.term = machine.term();
    hear_echo();
  }
  // Standby to an active peer.
  void be_standby() {
    peer.role = Role::active;
    peer.term = peer.active_term = 7;
    for (int i = 0; i < 120; ++i) {
      wait(10);
      hear_echo();
    }
    EXPECT_EQ(machine.role(), Role::standby);
    EXPECT_TRUE(machine.eligible());
  }

  TimeNs now = 1000 * kSecondNs;
  Machine machine;
  Lease lease;
  Heartbeat sent;
  Heartbeat peer;
};

}  // namespace bulkhead::failover
