// The service thread's part of a hand-over that loses no packet: what still comes to the one that
// has handed over is brought to its peer, which judges it as if it had come there.
#pragma once

#include <deque>

#include "bulkhead/v1/dataplane.pb.h"
#include "dataplane/ports/in_band_port.h"
#include "dataplane/ports/worker.h"

namespace bulkhead::service {

class LateFrames {
 public:
  // How long behind a hand-over frames are brought to the peer; the switches have turned by then.
  static constexpr TimeNs kLateNs = 100 * kMillisecondNs;
  // So many of one hand-over are brought; news of sessions must not wait behind more.
  static constexpr std::size_t kFramesMax = 4096;

  // `shared.in_band` is set; it outlives this.
  explicit LateFrames(ports::Shared& shared) : shared_(shared) {}

  // This appliance has handed over.
  void begin(TimeNs now_ns);
  // It may forward again.
  void end() { shared_.late_until_ns.store(0); }
  // Some of what has come since, for the peer. If more waits, the bell is rung.
  void take(v1::LateFrames& frames);

  // What came to the peer. Until this one forwards it waits, for a while.
  void bring(v1::LateFrames frames, bool open, TimeNs now_ns);
  // From now on this one forwards.
  void let_go(TimeNs now_ns);
  void forget_old(TimeNs now_ns);

 private:
  struct Waiting {
    TimeNs since_ns = 0;
    v1::LateFrame frame;
  };

  void give(const v1::LateFrame& frame);

  ports::Shared& shared_;
  std::size_t left_ = 0;         // that may still be brought
  std::deque<Waiting> waiting_;  // the oldest first
};

}  // namespace bulkhead::service
