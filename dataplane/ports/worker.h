// One worker lcore: polls its queues, hands packets to the workers that own their sessions, runs
// the pipeline on its own, and sleeps when there is nothing to do.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataplane/pipeline/event.h"
#include "dataplane/pipeline/observation.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/ports/doorbell.h"
#include "dataplane/ports/event_budget.h"
#include "dataplane/ports/flow_query.h"
#include "dataplane/ports/memberships.h"
#include "dataplane/ports/refusal_sums.h"
#include "dataplane/ports/shared.h"
#include "dataplane/ports/transmit_buffers.h"
#include "dataplane/ports/worker_stats.h"
#include "dataplane/selftest/rehearsal.h"

namespace bulkhead::ports {

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
  std::uint64_t statistic(std::uint64_t pipeline::Statistics::* value) const {
    return stats_.statistics[pipeline::statistic_index(value)].load(std::memory_order_relaxed);
  }
  const pipeline::StageCycles& stage_cycles() const { return pipeline_->stage_cycles(); }
  // Generation of the policy in the last turn. For the worker's own thread.
  std::uint32_t generation() const { return image_ == nullptr ? 0 : image_->generation; }
  std::uint32_t flows() const { return pipeline_->flows().size(); }  // for its own thread
  std::uint32_t flows_max() const { return pipeline_->flows().capacity(); }
  // Slots that a FlowQuery goes through.
  std::uint32_t slots_max() const { return flows_max() + observation_->sessions_max(); }
  FlowQuery& flow_query() { return flow_query_; }
  selftest::Rehearsal& rehearsal() { return *rehearsal_; }
  ReplicaPort* replica() { return replica_.get(); }  // nullptr if it is not one of a pair
  // Wakes the worker for work that no port signals. For any thread.
  void wake() { doorbell_.ring(); }
  // Up to `count` events, oldest first. For one reader.
  std::uint32_t take_events(pipeline::Event* events, std::uint32_t count);

  void transmit(rte_mbuf* mbuf, std::uint16_t port) override;
  bool hand_over(rte_mbuf* mbuf) override;
  bool hand_to(rte_mbuf* mbuf, std::uint32_t worker) override;
  bool consume_in_band(rte_mbuf* mbuf) override;
  void hear_query(std::uint16_t port) override;
  void on_verdict(const pipeline::Verdict& verdict, const flow::Packet& packet) override;
  void expect(const flow::Packet& packet) override;

 private:
  Worker(Shared& shared, std::uint32_t index, std::unique_ptr<pipeline::Pipeline> pipeline,
         std::unique_ptr<pipeline::Observation> observation,
         std::unique_ptr<selftest::Rehearsal> rehearsal, rte_ring* events, Doorbell doorbell,
         std::uint32_t event_message_bytes);

  void see_gate();
  std::uint32_t poll();
  std::uint32_t poll_port(std::uint16_t port);
  std::uint32_t poll_steered();
  void steer(rte_mbuf* const* mbufs, std::uint16_t count);
  std::uint32_t give_to_owners(rte_mbuf* const* mbufs, std::uint32_t count, rte_mbuf** mine);
  void hear(rte_mbuf** mbufs, std::uint16_t count);
  std::uint32_t owner_of(const rte_mbuf* mbuf) const;
  bool give(rte_mbuf* mbuf, std::uint32_t owner);
  void process(rte_mbuf* const* mbufs, std::uint32_t count);
  void process_observed(rte_mbuf* const* mbufs, std::uint32_t count);
  void see_observation();
  pipeline::Observation::Moment moment() { return {now_ns_, wall_ns() / kSecondNs}; }
  void stand_by(rte_mbuf* const* mbufs, std::uint32_t count);
  std::uint32_t send_in_band();
  std::uint32_t poll_brought();
  void receive(rte_mbuf* const* mbufs, std::uint16_t count);
  // Reports of refusals: single events, and sums of those beyond the budget.
  struct Report {
    EventBudget budget;
    RefusalSums sums;
  };
  void tell(const pipeline::Verdict& verdict, const flow::Packet& packet);
  void count_told(const pipeline::Verdict& verdict, const flow::Packet& packet);
  Report& report_of(bool observed) { return observed ? beside_ : report_; }
  void tell_sums_of(bool observed);
  bool make_event(const pipeline::Verdict& verdict, const flow::Packet& packet);
  void sum_up(const pipeline::Verdict& verdict, const flow::Packet& packet);
  void describe(const pipeline::Verdict& verdict, const flow::Packet& packet,
                pipeline::Event& event);
  void tell_sums();
  bool send(const pipeline::Event& event);
  TimeNs wall_ns();
  void count_time_inside(std::uint32_t packets, std::uint64_t cycles);
  void publish();
  void rest(std::uint32_t idle_polls);
  bool is_wanted() const;

  Shared& shared_;
  std::uint32_t index_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<pipeline::Observation> observation_;
  bool observing_ = false;       // the policy of this turn has observed conduits
  bool judging_beside_ = false;  // it has, or there are tap ports
  std::unique_ptr<ReplicaPort> replica_;
  rte_ring* events_;
  Doorbell doorbell_;
  const pipeline::Image* image_ = nullptr;  // of this round
  TimeNs now_ns_ = 0;
  bool open_ = false;        // packets may pass in this turn
  TimeNs opened_ns_ = 0;     // the latest turn in which they might
  bool hands_over_ = false;  // arriving frames are for the peer
  Memberships memberships_;
  Report report_;
  Report beside_;           // of observed conduits: it takes nothing from the other
  bool more_sums_ = false;  // are to be sent in the next turn
  const std::uint32_t event_message_bytes_;
  TimeNs wall_ns_ = 0;  // of this turn, once it was asked for
  TimeNs wall_read_ns_ = 0;
  TimeNs published_ns_ = 0;
  const double ns_of_cycle_;
  WorkerStats stats_;
  TransmitBuffers out_;
  FlowQuery flow_query_;
  std::unique_ptr<selftest::Rehearsal> rehearsal_;
};

}  // namespace bulkhead::ports
