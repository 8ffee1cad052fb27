// One appliance of the simulated pair: its agent with the product's machines, its disk, and a model
// of its data plane, whose flows are a table of versions.
#pragma once

#include <array>
#include <bitset>
#include <optional>
#include <set>

#include "controlplane/failover/commit.h"
#include "controlplane/failover/machine.h"
#include "dataplane/replication/freshness.h"
#include "dataplane/replication/gate.h"
#include "tests/simulation/network.h"

namespace bulkhead::simulation {

constexpr std::size_t kFlows = 48;

std::uint64_t digest_of(std::size_t flow, std::uint64_t version);

// Flows by slot; version 0: no flow. The digest rolls.
class Flows {
 public:
  void set(std::size_t flow, std::uint64_t version) {
    digest_ ^= digest_of(flow, versions_[flow]) ^ digest_of(flow, version);
    versions_[flow] = version;
  }
  std::uint64_t version(std::size_t flow) const { return versions_[flow]; }
  std::uint64_t digest() const { return digest_; }
  bool operator==(const Flows& other) const { return versions_ == other.versions_; }

 private:
  std::array<std::uint64_t, kFlows> versions_{};
  std::uint64_t digest_ = 0;
};

struct Disk {
  failover::Policy committed;
  failover::Policy prepared;
  failover::Commit::Trials trials;
  std::set<std::uint64_t> artefacts;  // by their digests
  bool full = false;
  std::uint64_t incarnation = 0;
};

struct DataPlane {
  bool running = true;
  bool frozen = false;
  std::uint64_t frozen_since_ms = 0;
  std::uint64_t starts = 0;
  bool worker_stuck = false;  // nothing passes, in-band either, though the lease's thread lives
  std::uint64_t stuck_since_ms = 0;
  std::uint64_t incarnation = 0;  // as its agent says; 0: it has not
  replication::Gate gate;
  replication::Freshness freshness;
  Flows flows;
  std::bitset<kFlows> untold;  // changed, and not yet told to the peer
  std::uint64_t beacons = 0;
  TimeNs told_ns = 0;  // when it last sent anything in-band
};

// The sender's side of replication, of one stream.
struct Sender {
  std::uint64_t stream = 0;
  std::uint64_t sequence = 0;
  std::size_t snapshot_next = kFlows;  // flows still to be told; kFlows: all are
  std::array<std::uint64_t, kFlows> acknowledged_versions{};
  std::deque<StreamMessage> unacknowledged;
};

struct Agent {
  bool running = true;
  bool frozen = false;
  std::uint64_t next_tick_ms = 0;  // of the world
  bool lease_stuck = false;        // its thread that talks to the data plane stands still
  std::uint64_t stuck_since_ms = 0;
  bool told_fit = false;
  std::uint64_t plane_starts = 0;  // of the data plane that it is connected to
  std::uint64_t stream = 0;        // that it knows of
  std::uint64_t incarnation = 0;
  bool drains = false;
  std::optional<failover::Machine> machine;
  std::optional<failover::Commit> commit;
  Sender sender;
};

struct Appliance {
  std::size_t index = 0;
  Disk disk;
  DataPlane plane;
  Agent agent;
  std::array<bool, 2> zone_ports = {true, true};
  std::int64_t clock_offset_ns = 0;
  std::uint64_t boot = 1;           // counts the starts of its machine
  std::int64_t boot_offset_ns = 0;  // of a clock that begins anew with each, and never jumps
  double clock_rate = 1.0;
  bool slow = false;                // its agent runs late now and then
  std::uint64_t heartbeat_ms = 10;  // as its operator wants it

  bool runs() const { return agent.running && !agent.frozen; }
  bool plane_runs() const { return plane.running && !plane.frozen; }
  // What the agent says reaches the data plane, and the other way round.
  bool talks() const { return plane_runs() && !agent.lease_stuck; }
  TimeNs clock_ns(std::uint64_t now_ms) const {
    const auto passed =
        static_cast<std::int64_t>(static_cast<double>(now_ms * kMillisecondNs) * clock_rate);
    return static_cast<TimeNs>(passed + clock_offset_ns);
  }
  TimeNs boot_ns(std::uint64_t now_ms) const {
    const auto passed =
        static_cast<std::int64_t>(static_cast<double>(now_ms * kMillisecondNs) * clock_rate);
    return static_cast<TimeNs>(passed + boot_offset_ns);
  }
  bool forwards(std::uint64_t now_ms) const {
    return plane_runs() && !plane.worker_stuck && zone_ports[0] && zone_ports[1] &&
           plane.gate.is_open(clock_ns(now_ms)) && plane.gate.lease().term != 0;
  }
};

}  // namespace bulkhead::simulation
