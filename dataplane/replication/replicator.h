// Replicates a worker's sessions to the peer's worker: all of them when a peer joins, then each
// that has changed, as often as there is time. Runs on the workers; records travel through a ring
// on either side.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/flow/flow_table.h"
#include "dataplane/flow/timer_wheel.h"
#include "dataplane/replication/flow_record.h"
#include "dataplane/replication/record_ring.h"
#include "dataplane/replication/relations.h"

namespace bulkhead::replication {

// Of the active appliance.
class FlowSender {
 public:
  // Makes the tables track their changes. All arguments outlive the sender. Without `expected`,
  // only sessions are replicated.
  FlowSender(flow::FlowTable& flows, flow::SegmentPool& segments, RecordRing& out,
             flow::ExpectationTable* expected = nullptr);

  // A peer without sessions has joined: sends all sessions anew.
  void restart();
  // Writes urgent records (FlowTable::touch_first); false if the ring is full.
  bool run_urgent(TimeNs now_ns);
  // Writes at most `records_max` records and returns their number: fewer if the ring is full or
  // nothing is pending.
  std::uint32_t run(std::uint32_t records_max, TimeNs now_ns);
  // Records written since the start.
  std::uint64_t records() const { return records_; }
  // Each session and relation has been in the ring since the last restart, though it may have
  // changed again.
  bool has_sent_all() const {
    return snapshot_next_ == flows_.capacity() && (!relations_ || relations_->has_sent_all());
  }
  // All of them and all changes are in the ring.
  bool is_done() const {
    return has_sent_all() && !flows_.has_changes() && (!relations_ || relations_->is_done());
  }

 private:
  enum class Step : std::uint8_t { nothing, written, no_room };
  Step send(std::uint32_t slot, TimeNs now_ns);
  Step send_names(std::uint32_t slot);

  flow::FlowTable& flows_;
  flow::SegmentPool& segments_;
  RecordRing& out_;
  std::optional<RelationSender> relations_;
  // The key of each slot's session at the peer, if any.
  std::vector<flow::FlowKey> sent_;
  std::vector<std::uint8_t> is_sent_;
  std::uint32_t snapshot_next_;  // slots below were sent since the last restart
  std::size_t record_bytes_max_;
  std::uint64_t records_ = 0;
};

// Of the standby.
class FlowReceiver {
 public:
  enum class Taken : std::uint8_t { taken, malformed, no_room, unknown_protocol };

  // All outlive the receiver. Segments take their buffers from `buffers`.
  struct Store {
    flow::FlowTable& flows;
    flow::SegmentPool& segments;
    flow::TimerWheel& timers;
    rte_mempool* buffers;
    flow::ExpectationTable* expected = nullptr;  // none: relations are not taken
  };
  explicit FlowReceiver(const Store& store) : store_(store) {}

  // Precondition: all sessions of the table came through take().
  Taken take(ByteView record, TimeNs now_ns);

 private:
  Taken adopt(const FlowRecord& record, TimeNs now_ns);
  Taken accept_relation(ByteView bytes, TimeNs now_ns);
  Taken accept_names(ByteView bytes);
  bool adopt_translation(const FlowRecord& record, flow::Flow& flow);
  bool adopt_segments(const FlowRecord& record, flow::Flow& flow, TimeNs now_ns);
  bool adopt_retained(const FlowRecord& record, flow::Flow& flow);
  bool adopt_owed(ByteView owed, flow::Flow& flow, std::size_t end);
  template <typename Take>
  bool read_segments(ByteView list, Take&& take);
  void erase(flow::Flow& flow);
  bool adopt_state(const FlowRecord& record, flow::Flow& flow);

  Store store_;
};

}  // namespace bulkhead::replication
