// Between one worker and the service thread of an appliance that is one of a pair: what the worker
// tells of its sessions, and what the peer's worker told of its own. No worker waits.
#pragma once

#include <atomic>
#include <cstdint>

#include "dataplane/pipeline/pipeline.h"
#include "dataplane/replication/replicator.h"

namespace bulkhead::ports {

// Messages are records of sessions (replication/flow_record.h) or begin with one of these.
enum class ReplicaWord : std::uint8_t {
  taken = 0xf0,   // to the service: the oldest message of the peer's was carried out
  failed = 0xf1,  // it was not; a FlowReceiver::Taken follows
  begin = 0xf2,   // from the service: a peer has joined that has nothing
  end = 0xf4,     // from it: there is no peer any more
  clear = 0xf3,   // from it: all sessions are the peer's from now on; eight bytes follow, by how
                  // many nanoseconds (modulo 2^64) what it counts time in is ahead of this clock
};

class ReplicaPort {
 public:
  // Both rings are of the pipeline's largest sessions at least.
  ReplicaPort(pipeline::Pipeline& pipeline, rte_mempool* buffers);

  // For the worker, once a round. `open`: packets pass, so its sessions are its own; those that
  // waited for the peer leave by `out`, and so they do while it hands over: it has not until none
  // waits. True if the service thread has something to hear.
  bool run(bool open, bool hands_over, TimeNs now_ns, pipeline::Output& out);
  // For the worker, before it sleeps: there is something to do; something waits to be told.
  bool is_wanted() const {
    return !inbox_.is_empty() || pipeline_.waiting().has_untold() ||
           pipeline_.waiting().is_due(confirmed_.load(std::memory_order_acquire));
  }
  bool waits_to_tell() const { return sends_ && (!sender_.is_done() || complete_ns() == 0); }

  // For the service thread. False if there is no room now.
  bool send(ByteView message);
  // The oldest message of the worker, empty if there is none.
  ByteView front() { return outbox_.front(); }
  void release() { outbox_.release(); }
  // The peer has this many of the worker's records, counted from the beginning. True if the worker
  // waits for such news.
  bool confirm(std::uint64_t records) {
    confirmed_.store(records);
    return waits_.load();
  }
  // Each session was told since the peer joined.
  bool has_told_all() const { return told_all_.load(std::memory_order_acquire); }
  // When the worker last saw that all sessions and changes were told; 0: some wait.
  TimeNs complete_ns() const { return complete_ns_.load(std::memory_order_acquire); }

 private:
  bool take_inbox(bool open, TimeNs now_ns, pipeline::Output& out);
  replication::FlowReceiver::Taken carry_out(ByteView message, bool open, TimeNs now_ns,
                                             pipeline::Output& out);
  void set_peer(bool listens, pipeline::Output& out);
  bool tell_urgent(TimeNs now_ns);

  pipeline::Pipeline& pipeline_;
  replication::RecordRing inbox_;
  replication::RecordRing outbox_;
  replication::FlowSender sender_;
  replication::FlowReceiver receiver_;
  bool sends_ = false;
  bool was_open_ = false;
  TimeNs told_ns_ = 0;
  std::atomic<TimeNs> complete_ns_{0};
  std::atomic<bool> told_all_{false};
  std::atomic<std::uint64_t> confirmed_{0};
  std::atomic<bool> waits_{false};  // frames wait for confirm()
};

}  // namespace bulkhead::ports
