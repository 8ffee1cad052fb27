// The lease thread's part of flow replication: collects the workers' records into batches, hands
// the peer's batches to the workers, and compares digests. Its owner sends and receives the
// batches.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "bulkhead/v1/dataplane.pb.h"
#include "dataplane/ports/worker.h"
#include "dataplane/replication/ledger.h"

namespace bulkhead::pair {

class FlowReplication {
 public:
  // Batches that the peer has not acknowledged; beyond them the workers wait.
  static constexpr std::uint64_t kBatchesMax = 32;
  static constexpr std::size_t kBatchBytes = 64 * 1024;

  using OnBatch = std::function<void(v1::FlowBatch)>;
  using OnTaken = std::function<void(v1::FlowsTaken)>;

  FlowReplication(ports::Shared& shared, OnBatch on_batch, OnTaken on_taken);

  // This appliance is active, and a peer receives a new stream; 0: no peer.
  void begin(std::uint64_t stream);
  void acknowledge(const v1::FlowsTaken& taken);
  // A batch of the active peer.
  void take(const v1::FlowBatch& batch);
  // Call it whenever the workers may have written records.
  void run();

  // Whether the peer has acknowledged all changes until some moment after `since_ns`.
  bool is_settled(TimeNs since_ns) const;

 private:
  // On the standby: a message for a worker, and the batch that it belongs to; 0: none.
  struct Message {
    std::uint64_t batch = 0;
    std::string bytes;
  };
  struct Batch {
    v1::FlowBatch header;  // without its records
    std::size_t left = 0;  // records that the workers have not answered
  };

  TimeNs complete_ns() const;
  bool read_worker(std::uint32_t worker);
  void gather(std::uint32_t worker, ByteView record);
  void accept_answer(std::uint32_t worker, ByteView answer);
  void order(std::uint32_t worker, std::string bytes);
  void hand_out();
  void finish_batches();
  void flush(bool complete);

  ports::Shared& shared_;
  OnBatch on_batch_;
  OnTaken on_taken_;
  replication::Ledger ledger_;
  std::uint64_t stream_ = 0;
  TimeNs clock_offset_ns_ = 0;  // clock offset of protocol state, modulo 2^64

  std::uint64_t sequence_ = 0;  // of the newest batch

  // Of the active appliance.
  bool sends_ = false;
  std::uint64_t acknowledged_ = 0;
  std::string gathered_;
  bool sent_complete_ = false;        // each session was sent
  TimeNs heard_all_ns_ = 0;           // all records of the workers until then are in a batch
  std::vector<std::uint64_t> heard_;  // records of each worker, since the beginning
  struct Unacknowledged {
    std::uint64_t sequence = 0;
    std::vector<std::uint64_t> heard;
  };
  std::deque<Unacknowledged> unacknowledged_;  // batches

  // On both, by worker: messages that wait for room, and unanswered ones.
  std::vector<std::deque<Message>> waiting_;
  std::vector<std::deque<Message>> under_way_;
  // Of the standby.
  std::uint64_t batches_taken_ = 0;  // numbers them, over all streams
  std::deque<Batch> batches_;        // the newest has that number
  std::string failure_;
};

}  // namespace bulkhead::pair
