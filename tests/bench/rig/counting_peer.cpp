// Batches are acknowledged behind run(), which may have said several.
#include "tests/bench/rig/counting_peer.h"

#include <chrono>

namespace bulkhead::rig {

CountingPeer::CountingPeer(service::Engine& engine)
    : flows_(
          engine.shared(),
          [this](const v1::FlowBatch& batch) {
            received_.bytes += batch.records().size();
            received_.sessions = batch.sessions();
            if (batch.complete() && received_.all_seconds == 0) {
              received_.all_seconds = static_cast<double>(monotonic_now_ns() - joined_ns_) / 1e9;
            }
            v1::FlowsTaken& taken = taken_.emplace_back();
            taken.set_stream(batch.stream());
            taken.set_sequence(batch.sequence());
          },
          [](const v1::FlowsTaken&) {}) {
  engine.shared().open_until_ns.store(replication::kForGood);
  thread_ = std::thread([this] { run(); });
}

void CountingPeer::run() {
  constexpr auto kPause = std::chrono::microseconds(200);
  while (!stop_) {
    if (joins_.exchange(false)) {
      received_ = {};
      joined_ns_ = monotonic_now_ns();
      flows_.begin(++stream_);
    }
    flows_.run();
    for (const v1::FlowsTaken& taken : std::exchange(taken_, {})) flows_.acknowledge(taken);
    std::this_thread::sleep_for(kPause);
  }
  flows_.begin(0);
}

CountingPeer::Received CountingPeer::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  return received_;
}

}  // namespace bulkhead::rig
