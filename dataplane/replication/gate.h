// Whether a data plane that is one of a pair may forward. Its agent renews a lease; when that ends,
// the data plane stops by itself, for the peer may have begun. Plain arithmetic, no clock: `now` is
// the worker's.
#pragma once

#include <cstdint>

#include "dataplane/base/clock.h"

namespace bulkhead::replication {

struct ForwardLease {
  TimeNs until_ns = 0;  // 0: not at all
  bool alone = false;   // no peer is heard: without an end, but see Gate
  std::uint64_t term = 0;
};

class Gate {
 public:
  // A data plane that is no part of a pair has no gate to close.
  void open_for_good() { lease_ = {0, true, 0}; }

  void renew(const ForwardLease& lease, TimeNs now_ns) {
    lease_ = lease;
    renewed_ns_ = now_ns;
  }

  // An authenticated heartbeat of an active peer came in through a zone, and the agent has not
  // spoken for `silent_ns`: whoever forwarded alone does so no more.
  void heard_active_peer(TimeNs now_ns, TimeNs silent_ns) {
    if (lease_.alone && lease_.term != 0 && now_ns - renewed_ns_ >= silent_ns) lease_ = {};
  }

  bool is_open(TimeNs now_ns) const { return lease_.alone || now_ns < lease_.until_ns; }
  const ForwardLease& lease() const { return lease_; }

 private:
  ForwardLease lease_;
  TimeNs renewed_ns_ = 0;
};

}  // namespace bulkhead::replication
