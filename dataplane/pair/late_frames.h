// The service thread's part of a hand-over that loses no packet: what still comes to the one that
// has handed over is brought to its peer, which judges it as if it had come there.
#pragma once

#include <deque>

#include "bulkhead/v1/dataplane.pb.h"
#include "dataplane/ports/in_band_port.h"
#include "dataplane/ports/worker.h"

namespace bulkhead::pair {

class LateFrames {
 public:
  // How long behind a hand-over frames are brought to the peer; the switches have turned by then.
  static constexpr TimeNs kLateNs = 100 * kMillisecondNs;
  // How long they may wait until it is known which of the two forwards.
  static constexpr TimeNs kWaitNs = 200 * kMillisecondNs;
  // So many of one hand-over are brought; news of sessions must not wait behind more.
  static constexpr std::size_t kFramesMax = 4096;

  // `shared.in_band` is set; it outlives this.
  explicit LateFrames(ports::Shared& shared) : shared_(shared) {}

  // This appliance hands over: it forwards no more, and what comes waits.
  void begin(TimeNs now_ns);
  // The peer has all sessions: what came, and what comes, is for it.
  void hand_on() { handed_on_ = true; }
  // Takes some of what has come since; if more has, the bell is rung. What is to go to the peer.
  v1::LateFrames take(TimeNs now_ns);

  // What came to the peer. Until this one forwards it waits.
  void bring(v1::LateFrames frames, bool open, TimeNs now_ns);
  // From now on this one forwards, in the peer's place or because it could not hand over.
  void let_go(TimeNs now_ns);
  // Nothing waits for long.
  void forget_old(TimeNs now_ns);

 private:
  struct Waiting {
    TimeNs since_ns = 0;
    v1::LateFrame frame;
  };

  void gather(TimeNs now_ns);
  void give(const v1::LateFrame& frame);

  ports::Shared& shared_;
  bool handed_on_ = false;       // to the peer; what waits is what came here
  std::size_t left_ = 0;         // that may still be brought
  std::deque<Waiting> waiting_;  // the oldest first
};

}  // namespace bulkhead::pair
