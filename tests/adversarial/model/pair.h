// A second appliance, which is told of the first one's sessions and goes on with them.
#pragma once

#include "dataplane/replication/replicator.h"
#include "tests/support/plant.h"

namespace bulkhead::adversary {

class Pair {
 public:
  Pair(support::Plant& active, policy::OnDeny on_deny);

  // From now on the peer takes nothing, and the ring is as good as full: no record finds room.
  void fall_behind() { behind_ = true; }
  // What frames of the active one wait for is told, and they leave.
  void tell(support::Plant& active);
  // All that has changed is told.
  void tell_more(support::Plant& active);
  // The active one has gone, with all that waited in it. The one that goes on.
  support::Plant& take_over(support::Plant& active, TimeNs now_ns);
  // Nothing of the case may be left. False if something is, or if the records said what cannot be.
  bool end(support::Plant& active);

 private:
  void bring_over(TimeNs now_ns);

  support::Plant standby_;
  replication::RecordRing ring_{1 << 18};
  replication::FlowSender sender_;
  replication::FlowReceiver receiver_;
  bool behind_ = false;
  bool lost_records_ = false;
};

}  // namespace bulkhead::adversary
