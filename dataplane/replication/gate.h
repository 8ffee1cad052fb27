// Whether a data plane that is one of a pair may forward. Its agent renews a lease; when that ends,
// the data plane stops by itself, for the peer may have begun. Plain arithmetic, no clock: `now` is
// the caller's.
#pragma once

#include <cstdint>
#include <limits>
#include <tuple>

#include "dataplane/base/clock.h"
#include "dataplane/replication/in_band.h"

namespace bulkhead::replication {

constexpr TimeNs kForGood = std::numeric_limits<TimeNs>::max();

struct ForwardLease {
  TimeNs until_ns = 0;  // 0: not at all
  bool alone = false;   // no peer is heard: without an end, but see Gate
  std::uint64_t term = 0;
};

class Gate {
 public:
  // How often the agent says something; after five times as long without it is silent.
  void expect_agent(TimeNs interval_ns) { silent_ns_ = 5 * interval_ns; }

  // A data plane that is no part of a pair has no gate to close.
  void open_for_good() { lease_ = {0, true, 0}; }

  void renew(const ForwardLease& lease, TimeNs now_ns) {
    lease_ = lease;
    heard_agent(now_ns);
  }

  // The agent lives, and would have said if the lease was another.
  void heard_agent(TimeNs now_ns) { agent_ns_ = now_ns; }
  bool agent_is_silent(TimeNs now_ns) const { return now_ns - agent_ns_ >= silent_ns_; }

  // The data plane of the peer, authenticated and fresh, came in through a zone. Whoever forwards
  // alone and has no agent to decide gives way to one that has, or to the later term.
  void heard_peer(const Beacon& peer, std::uint64_t self, TimeNs now_ns) {
    if (!peer.forwards || !lease_.alone || lease_.term == 0 || !agent_is_silent(now_ns)) return;
    const bool later = std::tuple(peer.term, peer.node) > std::tuple(lease_.term, self);
    if (peer.agent || later) lease_ = {};
  }

  // Until when the data plane may forward, unless it hears something else.
  TimeNs open_until_ns() const { return lease_.alone ? kForGood : lease_.until_ns; }
  bool is_open(TimeNs now_ns) const { return now_ns < open_until_ns(); }
  const ForwardLease& lease() const { return lease_; }

 private:
  ForwardLease lease_;
  TimeNs silent_ns_ = 50 * kMillisecondNs;
  TimeNs agent_ns_ = 0;
};

}  // namespace bulkhead::replication
