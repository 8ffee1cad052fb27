// What the workers of an appliance share with each other and with the service thread.
#pragma once

#include <rte_rcu_qsbr.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "dataplane/flow/mac_table.h"
#include "dataplane/pipeline/image.h"
#include "dataplane/ports/port_set.h"
#include "dataplane/replication/gate.h"

struct rte_ring;

namespace bulkhead::ports {

class Worker;
class InBandPort;
class ReplicaPort;

constexpr std::uint32_t kWorkersMax = 32;

// Shared by all workers. Plain members are written before the workers start; `image` is never null
// while they run.
struct Shared {
  Shared(PortSet& port_set, flow::MacTable& mac_table) : ports(port_set), macs(mac_table) {}

  PortSet& ports;
  flow::MacTable& macs;
  std::uint32_t worker_count = 1;
  std::atomic<const pipeline::Image*> image{nullptr};
  std::atomic<bool> stop{false};
  // Packets may pass until then, see replication::Gate.
  std::atomic<TimeNs> open_until_ns{replication::kForGood};
  InBandPort* in_band = nullptr;  // of an appliance that is one of a pair
  // Handover grace: frames that arrive before this go to the peer.
  std::atomic<TimeNs> late_until_ns{0};
  // Ports of a pair's appliance without carrier, a bit each. Nothing is sent there: a device
  // would keep frames until it has carrier again, when the peer forwards.
  std::atomic<std::uint32_t> ports_down{0};
  // Tap ports, a bit each: they only listen, and nothing is ever sent there. Written before workers
  // start.
  std::uint32_t taps = 0;
  // The latest self-test has failed: a peer that could forward should.
  std::atomic<bool> self_test_failed{false};
  rte_rcu_qsbr* rcu = nullptr;
  std::vector<rte_ring*> steering;     // [from * worker_count + to]
  std::vector<Worker*> workers;        // all there are, before the first runs
  std::vector<ReplicaPort*> replicas;  // theirs, of an appliance that is one of a pair
};

}  // namespace bulkhead::ports
