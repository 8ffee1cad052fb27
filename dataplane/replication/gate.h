// Whether the data plane of a pair may forward. Its agent renews a lease; when that ends, the data
// plane stops by itself, because the peer may have begun. Plain arithmetic, no clock: `now` is a
// parameter.
#pragma once

#include <cstdint>
#include <limits>
#include <tuple>

#include "dataplane/base/clock.h"
#include "dataplane/replication/in_band.h"
#include "dataplane/replication/planted.h"

namespace bulkhead::replication {

constexpr TimeNs kForGood = std::numeric_limits<TimeNs>::max();

struct ForwardLease {
  TimeNs until_ns = 0;  // 0: not at all
  bool alone = false;   // no peer is heard: no end, but see heard_peer()
  std::uint64_t term = 0;
};

class Gate {
 public:
  // The agent's interval; it is silent after five of them.
  void expect_agent(TimeNs interval_ns) {
    interval_ns_ = interval_ns;
    silent_ns_ = 5 * interval_ns;
  }

  // For a data plane outside of a pair: no gate.
  void open_for_good() { lease_ = {0, true, 0}; }

  void renew(const ForwardLease& lease, TimeNs now_ns) {
    lease_ = lease;
    heard_agent(now_ns);
  }

  // The agent lives and has not changed the lease.
  void heard_agent(TimeNs now_ns) { agent_ns_ = now_ns; }
  bool agent_is_silent(TimeNs now_ns) const { return now_ns - agent_ns_ >= silent_ns_; }

  // Whether a data plane whose last in-band frame left at `sent_ns` has to send one without its
  // agent: it forwards, and the agent is silent or has missed a heartbeat. The peer may be waiting
  // for a frame to give way, and its own agent may have died shortly before this one's. It is
  // asked once an interval; the bounds are half an interval lower, for a look may come a little
  // early.
  bool speaks(TimeNs sent_ns, TimeNs now_ns) const {
    const bool silent = agent_is_silent(now_ns);
    if (!silent && planted(Mistake::wait_for_silence)) return false;
    return is_open(now_ns) && 2 * (now_ns - sent_ns) >= (silent ? 1 : 3) * interval_ns_;
  }

  // An authentic and fresh frame of the peer's data plane arrived in a zone. A data plane that
  // forwards alone and whose agent is silent yields to a peer with an agent, or with a later
  // term.
  void heard_peer(const Beacon& peer, std::uint64_t self, TimeNs now_ns) {
    if (!peer.forwards || !lease_.alone || lease_.term == 0 || !agent_is_silent(now_ns)) return;
    const bool later = std::tuple(peer.term, peer.node) > std::tuple(lease_.term, self);
    if (peer.agent || later) lease_ = {};
  }

  // The data plane may forward until then, unless something changes the lease.
  TimeNs open_until_ns() const { return lease_.alone ? kForGood : lease_.until_ns; }
  bool is_open(TimeNs now_ns) const { return now_ns < open_until_ns(); }
  const ForwardLease& lease() const { return lease_; }

 private:
  ForwardLease lease_;
  TimeNs interval_ns_ = 10 * kMillisecondNs;
  TimeNs silent_ns_ = 5 * interval_ns_;
  TimeNs agent_ns_ = 0;
};

}  // namespace bulkhead::replication
