// Whether the appliance could forward: from the last report of its data plane, and its age.
#pragma once

#include <functional>
#include <string>

#include "bulkhead/v1/dataplane.pb.h"

namespace bulkhead::controlplane {

class Fitness {
 public:
  void on_dataplane(bool connected);
  void on_report(const v1::PairReport& report);
  void on_policy(bool in_force) { policy_in_force_ = in_force; }
  // A tick, and the response to it of the thread that receives from the data plane.
  void on_tick() { ++unanswered_ticks_; }
  void on_tick_answered();

  bool connected() const { return connected_; }
  const v1::PairReport& report() const { return report_; }

  // `replaced`: a peer is heard that could take the place.
  bool lease_thread_stands(bool replaced) const;
  // Why it cannot forward; empty if it can. `waits_for_core` says that the data plane has work and
  // gets no core; called only where that decides.
  std::string problem(bool replaced, const std::function<bool()>& waits_for_core) const;

 private:
  bool connected_ = false;
  bool reported_ = false;  // the data plane has, since it was connected
  bool policy_in_force_ = false;
  v1::PairReport report_;
  unsigned silent_ticks_ = 0;
  unsigned unanswered_ticks_ = 0;  // by the thread that receives from the data plane
};

}  // namespace bulkhead::controlplane
