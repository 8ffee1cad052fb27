// A second appliance that hears what the first one has.
#pragma once

#include <gtest/gtest.h>

#include "dataplane/replication/replicator.h"
#include "tests/support/plant.h"

namespace bulkhead::support {

class Peer {
 public:
  Peer(Plant& active, policy::Tables tables)
      : plant(std::move(tables)),
        active_(active),
        sender_(active.pipeline().flows(), active.pipeline().segments(), ring_,
                &active.pipeline().expected()),
        receiver_({plant.pipeline().flows(), plant.pipeline().segments(), plant.pipeline().timers(),
                   plant.buffers(), &plant.pipeline().expected()}) {
    plant.be_at(5000 * kSecondNs);
    sender_.restart();  // the peer has nothing
  }
  void bring_over() {
    do {
      sender_.run(64, active_.now_ns());
      for (; !ring_.front().empty(); ring_.release()) {
        EXPECT_EQ(receiver_.take(ring_.front(), plant.now_ns()),
                  replication::FlowReceiver::Taken::taken);
      }
    } while (!sender_.is_done());
  }
  Plant& take_over() {
    bring_over();
    return go_on(plant.now_ns() - pipeline::kSettleNs);
  }
  // With what was brought over; the active one has gone at that time.
  Plant& go_on(TimeNs since_ns) {
    plant.pipeline().begin_forwarding(plant.now_ns());
    plant.pipeline().probe_sessions(plant.buffers(), since_ns);
    plant.pipeline().set_clock_offset(active_.now_ns() - plant.now_ns());
    return plant;
  }

  Plant plant;

 private:
  Plant& active_;
  replication::RecordRing ring_{1 << 16};
  replication::FlowSender sender_;
  replication::FlowReceiver receiver_;
};

}  // namespace bulkhead::support
