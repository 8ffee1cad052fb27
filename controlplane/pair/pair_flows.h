// Flow replication over the pair link: passes the active data plane's records and the standby's
// acknowledgements between the data plane and the link. Runs on the pair's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "bulkhead/v1/dataplane.pb.h"
#include "bulkhead/v1/failover.pb.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

class PairFlows {
 public:
  // The pair's state when it is asked for.
  struct Situation {
    bool active = false;
    bool standby = false;  // neither before the machine has begun
    bool hears_peer = false;
    bool link = false;
  };
  struct Callbacks {
    std::function<Situation()> situation;
    std::function<void(v1::DataplaneRequest)> to_dataplane;
    std::function<void(v1::PairMessage)> to_peer;
    // Whether this appliance's sessions equal those of the active one.
    std::function<void(bool equal)> on_replica;
  };

  // `incarnation` numbers this start of the agent, so that each stream has a number of its own.
  PairFlows(std::uint64_t incarnation, Callbacks callbacks)
      : incarnation_(incarnation), callbacks_(std::move(callbacks)) {}

  // The pair link came or went.
  void on_link(bool up);
  // This appliance became active, or the peer asks: sends all sessions, if there is a peer.
  void begin();
  // This appliance became standby, or has another data plane: records received so far are void.
  void ask();
  void stop() { stream_ = 0; }
  void watch(TimeNs now_ns);

  void on_news(v1::PairNews& news);
  // Of the peer.
  void on_resync();
  void take(v1::FlowBatch batch);
  void take(v1::FlowsTaken taken);

  bool equal() const { return equal_; }
  // Why the peer's sessions are not available; empty if they are.
  const std::string& failure() const { return failure_; }

 private:
  bool are_wanted(const Situation& situation) const;
  void set_equal(bool equal);

  std::uint64_t incarnation_;
  Callbacks callbacks_;
  // While active: the stream of session records, 0: none; and its batches.
  std::uint64_t stream_ = 0;
  std::uint64_t streams_ = 0;  // begun so far
  std::uint64_t sent_ = 0;
  std::uint64_t taken_ = 0;
  TimeNs progress_ns_ = 0;
  TimeNs again_ns_ = 0;  // not before
  // While standby:
  bool equal_ = false;
  TimeNs link_lost_ns_ = 0;  // 0: handled
  TimeNs asked_ns_ = 0;
  std::string failure_;
};

}  // namespace bulkhead::controlplane
