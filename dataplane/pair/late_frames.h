// The lease thread's part of a hand-over without loss: frames that still arrive at the old active
// are sent to its peer, which processes them as if they had arrived there.
#pragma once

#include <deque>

#include "bulkhead/v1/dataplane.pb.h"
#include "dataplane/ports/in_band_port.h"
#include "dataplane/ports/worker.h"

namespace bulkhead::pair {

class LateFrames {
 public:
  // How long after a hand-over frames are sent to the peer; the switches have relearned by then.
  static constexpr TimeNs kLateNs = 100 * kMillisecondNs;
  // How long frames may wait until it is known which appliance forwards.
  static constexpr TimeNs kWaitNs = 200 * kMillisecondNs;
  // Most frames of one hand-over; session records must not wait for more.
  static constexpr std::size_t kFramesMax = 4096;

  // `shared.in_band` is set; it outlives this.
  explicit LateFrames(ports::Shared& shared) : shared_(shared) {}

  // This appliance hands over: it stops forwarding, and arriving frames wait.
  void begin(TimeNs now_ns);
  // The peer has all sessions: waiting and arriving frames go to it.
  void hand_on() { handed_on_ = true; }
  // Drains queued frames for the peer; rings the doorbell if more remain.
  v1::LateFrames take(TimeNs now_ns);

  // Frames from the peer's hand-over. They wait until this appliance forwards.
  void bring(v1::LateFrames frames, bool open, TimeNs now_ns);
  // This appliance forwards from now on: it took over, or could not hand over.
  void let_go(TimeNs now_ns);
  // Drops frames that have waited too long.
  void forget_old(TimeNs now_ns);

 private:
  struct Waiting {
    TimeNs since_ns = 0;
    v1::LateFrame frame;
  };

  void gather(TimeNs now_ns);
  void give(const v1::LateFrame& frame);

  ports::Shared& shared_;
  bool handed_on_ = false;       // to the peer; waiting frames arrived here
  std::size_t left_ = 0;         // that may still be brought
  std::deque<Waiting> waiting_;  // the oldest first
};

}  // namespace bulkhead::pair
