// A peer that is told of all sessions and takes everything at once: what telling it costs the
// workers. Runs the service thread's part of a pair.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "dataplane/pair/flow_replication.h"
#include "dataplane/service/engine.h"

namespace bulkhead::rig {

class CountingPeer {
 public:
  // The engine was made as one of a pair and outlives this.
  explicit CountingPeer(service::Engine& engine);
  ~CountingPeer() { stop(); }

  struct Received {
    std::uint64_t bytes = 0;
    std::uint64_t sessions = 0;
    double all_seconds = 0;  // from when the peer joined until it had each session; 0: it has not
  };
  // A peer joins anew that has nothing.
  void join_anew() { joins_ = true; }
  // The peer leaves. What was told since the last one joined.
  Received stop();

 private:
  void run();

  pair::FlowReplication flows_;
  std::vector<v1::FlowsTaken> taken_;
  Received received_;
  TimeNs joined_ns_ = 0;
  std::uint64_t stream_ = 0;
  std::atomic<bool> joins_{true};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace bulkhead::rig
