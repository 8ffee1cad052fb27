// One worker lcore: polls its queues, hands packets to the workers that own their sessions, runs
// the pipeline on its own, and sleeps when there is nothing to do.
#pragma once

#include <rte_rcu_qsbr.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/pipeline/event.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/ports/doorbell.h"
#include "dataplane/ports/event_budget.h"
#include "dataplane/ports/memberships.h"
#include "dataplane/ports/port_set.h"
#include "dataplane/replication/gate.h"

struct rte_ring;

namespace bulkhead::ports {

class Worker;
class InBandPort;
class ReplicaPort;

constexpr std::uint32_t kWorkersMax = 32;

// Shared by all workers. Plain members are written before the workers start; `image` is never null
// while they run.
struct Shared {
  Shared(PortSet& port_set, flow::MacTable& mac_table) : ports(port_set), macs(mac_table) {}

  PortSet& ports;
  flow::MacTable& macs;
  std::uint32_t worker_count = 1;
  std::atomic<const pipeline::Image*> image{nullptr};
  std::atomic<bool> stop{false};
  // Packets may pass until then, see replication::Gate.
  std::atomic<TimeNs> open_until_ns{replication::kForGood};
  InBandPort* in_band = nullptr;  // of an appliance that is one of a pair
  // Handover grace: frames that arrive before this go to the peer.
  std::atomic<TimeNs> late_until_ns{0};
  // Ports of a pair's appliance without carrier, a bit each. Nothing is sent there: a device
  // would keep frames until it has carrier again, when the peer forwards.
  std::atomic<std::uint32_t> ports_down{0};
  rte_rcu_qsbr* rcu = nullptr;
  std::vector<rte_ring*> steering;     // [from * worker_count + to]
  std::vector<Worker*> workers;        // all there are, before the first runs
  std::vector<ReplicaPort*> replicas;  // theirs, of an appliance that is one of a pair
};

// Written by the worker, read by anyone.
struct WorkerStats {
  std::atomic<std::uint64_t> packets{0};
  std::atomic<std::uint64_t> busy_cycles{0};
  std::atomic<std::uint64_t> flows{0};
  std::atomic<std::uint64_t> segments_free{0};
  std::atomic<std::uint64_t> events_suppressed{0};
  std::atomic<std::uint64_t> steering_lost{0};
  std::atomic<std::uint64_t> half_open{0};
  std::atomic<std::uint64_t> deep_sessions{0};
  std::atomic<std::uint64_t> carried_sessions{0};
  std::atomic<std::uint64_t> held_acknowledged{0};
  std::atomic<std::uint64_t> resent{0};
  std::atomic<std::uint64_t> rejected{0};
  std::atomic<std::uint64_t> challenged{0};
  std::atomic<std::uint64_t> reassembled{0};
  std::atomic<std::uint64_t> standby_dropped{0};
  std::atomic<std::uint64_t> brought_to_peer{0};
  std::atomic<std::uint64_t> waiting_dropped{0};
  std::atomic<TimeNs> turned_ns{0};         // start of its latest turn
  std::atomic<std::int32_t> cpu_clock{-1};  // its CPU-time clock; -1: it has not started
  std::atomic<std::int32_t> thread{0};      // its number, as the kernel has it
  std::array<std::atomic<std::uint64_t>, policy::kPortsMax> transmit_lost{};
  // Refused because of offloads, by the port of arrival.
  std::array<std::atomic<std::uint64_t>, policy::kPortsMax> partial_checksums{};
  std::array<std::atomic<std::uint64_t>, policy::kPortsMax> longer_than_mtu{};
  // Frames with a PRP trailer, by the port of arrival.
  std::array<std::atomic<std::uint64_t>, policy::kPortsMax> prp_trailers{};
};

// Another thread's request for a copy of some flows; the worker fills it between bursts.
struct FlowQuery {
  static constexpr std::size_t kFlowsMax = 128;
  enum State : std::uint32_t { idle, asked, answered };

  std::atomic<std::uint32_t> state{idle};
  std::uint32_t cursor = 0;  // in: first slot to look at; out: next one, capacity at the end
  std::uint32_t most = kFlowsMax;
  std::uint32_t count = 0;
  TimeNs now_ns = 0;
  std::array<flow::Flow, kFlowsMax> flows;
};

class Worker final : public pipeline::Output, public pipeline::Observer {
 public:
  static Result<std::unique_ptr<Worker>, std::string> make(
      Shared& shared, std::uint32_t index, const pipeline::PipelineOptions& options);
  ~Worker();

  // Runs on its lcore until shared.stop is set.
  void run();
  // The same in steps: join(), any number of turns on one thread, leave().
  void join();
  // One turn: receives on each port, runs timers, sends. Returns the number of packets.
  std::uint32_t turn();
  void leave();

  const WorkerStats& stats() const { return stats_; }
  const pipeline::PipelineStats& pipeline_stats() const { return pipeline_->stats(); }
  // Generation of the policy in the last turn. For the worker's own thread.
  std::uint32_t generation() const { return image_ == nullptr ? 0 : image_->generation; }
  std::uint32_t flows() const { return pipeline_->flows().size(); }  // for its own thread
  std::uint32_t flows_max() const { return pipeline_->flows().capacity(); }
  FlowQuery& flow_query() { return flow_query_; }
  ReplicaPort* replica() { return replica_.get(); }  // nullptr if it is not one of a pair
  // Wakes the worker for work that no port signals. For any thread.
  void wake() { doorbell_.ring(); }
  // Up to `count` events, oldest first. For one reader.
  std::uint32_t take_events(pipeline::Event* events, std::uint32_t count);

  void transmit(rte_mbuf* mbuf, std::uint16_t port) override;
  bool hand_over(rte_mbuf* mbuf) override;
  bool take_in_band(rte_mbuf* mbuf) override;
  void hear_query(std::uint16_t port) override;
  void on_verdict(const pipeline::Verdict& verdict, const flow::Packet& packet) override;
  void expect(const flow::Packet& packet) override;

 private:
  Worker(Shared& shared, std::uint32_t index, std::unique_ptr<pipeline::Pipeline> pipeline,
         rte_ring* events, Doorbell doorbell);

  void see_gate();
  std::uint32_t poll();
  std::uint32_t poll_port(std::uint16_t port);
  std::uint32_t poll_steered();
  void steer(rte_mbuf* const* mbufs, std::uint16_t count);
  std::uint32_t owner_of(const rte_mbuf* mbuf) const;
  bool give(rte_mbuf* mbuf, std::uint32_t owner);
  void process(rte_mbuf* const* mbufs, std::uint32_t count);
  void stand_by(rte_mbuf* const* mbufs, std::uint32_t count);
  std::uint32_t send_in_band();
  std::uint32_t poll_brought();
  void receive(rte_mbuf* const* mbufs, std::uint16_t count);
  void flush(std::uint16_t port);
  void flush_all();
  void tell(const pipeline::Verdict& verdict, const flow::Packet& packet);
  void answer_query();
  void publish();
  void rest(std::uint32_t idle_polls);
  bool is_wanted() const;

  static constexpr std::uint16_t kTransmitBurst = 64;
  struct TransmitBuffer {
    std::array<rte_mbuf*, kTransmitBurst> mbufs{};
    std::uint16_t count = 0;
  };

  Shared& shared_;
  std::uint32_t index_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<ReplicaPort> replica_;
  rte_ring* events_;
  Doorbell doorbell_;
  const pipeline::Image* image_ = nullptr;  // of this round
  TimeNs now_ns_ = 0;
  bool open_ = false;        // packets may pass in this turn
  TimeNs opened_ns_ = 0;     // the latest turn in which they might
  bool hands_over_ = false;  // arriving frames are for the peer
  Memberships memberships_;
  EventBudget event_budget_;
  TimeNs published_ns_ = 0;
  std::array<TransmitBuffer, policy::kPortsMax> out_;
  WorkerStats stats_;
  FlowQuery flow_query_;
};

}  // namespace bulkhead::ports
