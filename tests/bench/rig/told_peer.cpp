// Batches are acknowledged behind run(), which may have said several.
#include "tests/bench/rig/told_peer.h"

#include <chrono>

namespace bulkhead::rig {

ToldPeer::ToldPeer(service::Engine& engine)
    : flows_(
          engine.shared(),
          [this](const v1::FlowBatch& batch) {
            told_.bytes += batch.records().size();
            told_.sessions = batch.sessions();
            if (batch.complete() && told_.all_seconds == 0) {
              told_.all_seconds = static_cast<double>(monotonic_now_ns() - joined_ns_) / 1e9;
            }
            v1::FlowsTaken& taken = taken_.emplace_back();
            taken.set_stream(batch.stream());
            taken.set_sequence(batch.sequence());
          },
          [](const v1::FlowsTaken&) {}) {
  engine.shared().open_until_ns.store(replication::kForGood);
  thread_ = std::thread([this] { run(); });
}

void ToldPeer::run() {
  constexpr auto kPause = std::chrono::microseconds(200);
  while (!stop_) {
    if (joins_.exchange(false)) {
      told_ = {};
      joined_ns_ = monotonic_now_ns();
      flows_.begin(++stream_);
    }
    flows_.run();
    for (const v1::FlowsTaken& taken : std::exchange(taken_, {})) flows_.acknowledge(taken);
    std::this_thread::sleep_for(kPause);
  }
  flows_.begin(0);
}

ToldPeer::Told ToldPeer::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  return told_;
}

}  // namespace bulkhead::rig
