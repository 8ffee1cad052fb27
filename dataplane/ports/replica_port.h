// Connects one worker and the lease thread of a pair's data plane: session records of the worker
// out, those of the peer's worker in. No worker waits.
#pragma once

#include <atomic>
#include <cstdint>

#include "dataplane/pipeline/pipeline.h"
#include "dataplane/replication/replicator.h"

namespace bulkhead::ports {

// Messages are records of sessions (replication/flow_record.h) or begin with one of these.
enum class ReplicaWord : std::uint8_t {
  taken = 0xf0,   // to the lease thread: the peer's oldest message was carried out
  failed = 0xf1,  // it was not; a FlowReceiver::Taken follows
  begin = 0xf2,   // from the lease thread: a peer without sessions has joined
  end = 0xf4,     // from the lease thread: there is no peer any more
  // from it: discards local sessions; the payload is the clock offset (8 bytes, ns, modulo 2^64)
  clear = 0xf3,
};

class ReplicaPort {
 public:
  // Both rings hold the pipeline's largest session at least.
  ReplicaPort(pipeline::Pipeline& pipeline, rte_mempool* buffers);

  // For the worker, once a turn. `open`: packets pass, and the worker owns its sessions. Frames
  // that waited for the peer leave through `out`, also while handing over, which is not complete
  // until none waits. True if the lease thread has something to process.
  bool run(bool open, bool hands_over, TimeNs now_ns, pipeline::Output& out);
  // For the worker, before it sleeps: whether messages or frames are pending, and whether records
  // are still to be sent.
  bool is_wanted() const {
    return !inbox_.is_empty() || pipeline_.waiting().has_unrecorded() ||
           pipeline_.waiting().is_due(confirmed_.load(std::memory_order_acquire));
  }
  bool has_more_to_send() const { return sends_ && (!sender_.is_done() || complete_ns() == 0); }

  // For the lease thread. False if there is no room now.
  bool send(ByteView message);
  // The oldest message of the worker, empty if there is none.
  ByteView front() { return outbox_.front(); }
  void release() { outbox_.release(); }
  // The peer has acknowledged this many of the worker's records, counted from the start. True if
  // frames wait for that.
  bool confirm(std::uint64_t records) {
    confirmed_.store(records);
    return waits_.load();
  }
  // Each session has been sent since the peer joined.
  bool has_sent_all() const { return sent_all_.load(std::memory_order_acquire); }
  // When the worker last had no session or change left to send; 0: some are pending.
  TimeNs complete_ns() const { return complete_ns_.load(std::memory_order_acquire); }

 private:
  bool process_inbox(bool open, TimeNs now_ns, pipeline::Output& out);
  replication::FlowReceiver::Taken carry_out(ByteView message, bool open, TimeNs now_ns,
                                             pipeline::Output& out);
  void set_peer(bool listens, pipeline::Output& out);
  bool send_urgent(TimeNs now_ns);

  pipeline::Pipeline& pipeline_;
  replication::RecordRing inbox_;
  replication::RecordRing outbox_;
  replication::FlowSender sender_;
  replication::FlowReceiver receiver_;
  bool sends_ = false;
  bool was_open_ = false;
  TimeNs sent_ns_ = 0;
  std::atomic<TimeNs> complete_ns_{0};
  std::atomic<bool> sent_all_{false};
  std::atomic<std::uint64_t> confirmed_{0};
  std::atomic<bool> waits_{false};  // frames wait for confirm()
};

}  // namespace bulkhead::ports
