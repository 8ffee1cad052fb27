// The engine of the data plane: ports, workers, the enforced policy, counters. All calls come from
// the service thread.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bulkhead/v1/dataplane.pb.h"
#include "dataplane/base/result.h"
#include "dataplane/ports/in_band_port.h"
#include "dataplane/ports/link_follow.h"
#include "dataplane/ports/worker.h"
#include "dataplane/service/containments.h"
#include "dataplane/service/counter_book.h"
#include "dataplane/service/observed_ends.h"
#include "dataplane/service/prepared_images.h"
#include "dataplane/service/self_test.h"

namespace bulkhead::service {

struct EngineOptions {
  std::vector<std::string> devices;  // the zone ports'
  std::vector<std::string> taps;     // of ports that only listen; none of one of a pair
  std::uint32_t workers = 1;
  std::uint32_t buffers = 32768;
  pipeline::PipelineOptions pipeline;
  bool pair = false;   // one of two: nothing passes without a lease of the agent
  bool launch = true;  // workers run on lcores of their own; else the caller runs them
  std::uint32_t self_test_every_s = 60;        // 0: only when it is asked for
  ports::PortSet::SetInterface set_interface;  // see PortSet; may be empty

  // Of all ports, by their numbers: the zone ports first.
  std::vector<std::string> all_devices() const {
    std::vector<std::string> all = devices;
    all.insert(all.end(), taps.begin(), taps.end());
    return all;
  }
};

class Engine {
 public:
  static Result<std::unique_ptr<Engine>, std::string> make(const EngineOptions& options);
  ~Engine();

  // Validates an artefact in full, and indexes it; changes nothing. May be called from any thread,
  // since it takes long for a large policy.
  Result<PreparedImages::Pointer, std::string> read(const v1::PolicyArtefact& artefact);
  // Images that were read and wait to be put in force.
  PreparedImages& prepared() { return prepared_; }
  // Puts an image in force, in two steps: each worker switches at its next turn. No other one is
  // begun before finish_apply() was true. Returns the new generation.
  std::uint32_t begin_apply(PreparedImages::Pointer image);
  bool finish_apply();
  // The worker that is stuck or still has the previous policy, as text; empty if none.
  std::string lagging() const;
  // A worker that began no turn for so long, as text; empty if none. One that has not begun its
  // first is stuck since the start.
  std::string stuck(TimeNs for_ns) const;
  // Whether each worker has begun a turn.
  bool all_turn() const;
  // What is enforced, in a line for people.
  std::string summary() const;
  // All of it, for callers that may wait for the workers.
  Result<std::uint32_t, std::string> read_and_apply(const v1::PolicyArtefact& artefact);

  // Puts containments in force beside the policy, in two steps as well. Returns why not.
  std::string begin_contain(const v1::ContainmentSet& set);
  bool finish_contain() { return containments_.is_taken_up(); }
  std::vector<v1::Containment> contained() const {
    return containments_.list(*image_, monotonic_now_ns());
  }
  // Ends those whose time is over. Call it twenty times a second.
  void end_containments();

  ports::Worker& worker(std::uint32_t index) { return *workers_[index]; }
  ports::Shared& shared() { return *shared_; }

  v1::DataplaneStatus status() const;
  CounterBook::Page counters(const v1::GetDataplaneCounters& question) const;
  // All pages together, for callers that may wait.
  v1::Counters counters() const;
  // A page: bounded in rows and time, and shorter where a worker is busy. An error if a worker
  // does not answer.
  Result<v1::DataplaneFlows, std::string> flows(const v1::ListDataplaneFlows& question);
  // Applies `link: follow`. Call it ten times a second.
  void watch_links();
  // Tells when observed conduits end. Call it once a second.
  void watch_observation();
  SelfTest& self_test() { return *self_test_; }
  // Goes on with the self-test; true if one has ended. Call it ten times a second.
  bool turn_self_test() { return self_test_->turn(*image_, monotonic_now_ns()); }
  // Moves events out of the workers, at most a bounded number a call. Those that are not taken wait
  // there, and what finds no room is summed up.
  void take_events(v1::Events& events);

 private:
  Engine() = default;
  std::string launch(const EngineOptions& options);
  void add_counters(pipeline::Image& image) const;
  const policy::Tables& tables_of(std::uint32_t generation) const;
  std::string ask_worker(std::uint32_t worker, std::uint32_t slot, std::uint32_t most,
                         TimeNs until_ns);
  void add_port_status(std::uint16_t port, v1::PortStatus& status) const;
  void add_port_problems(std::uint16_t port, v1::PortStatus& status) const;
  void add_tap_problems(v1::PortStatus& status) const;
  std::string zone_problem(const policy::Zone& zone) const;
  void hold_link(std::uint16_t port, bool held);
  v1::Event& add_notice(const std::string& kind);
  void add_notices(const std::vector<ObservedEnds::Notice>& notices);
  void add_observed(v1::DataplaneStatus& status) const;
  // Since the latest turn of a worker began, or since the start.
  TimeNs silent_ns(std::size_t worker) const;
  // Frames in other workers' rings to this one.
  std::uint64_t steering_waiting(std::size_t worker) const;

  std::unique_ptr<ports::PortSet> ports_;
  flow::MacTable macs_;
  std::unique_ptr<ports::Shared> shared_;
  std::unique_ptr<ports::InBandPort> in_band_;
  std::vector<std::unique_ptr<ports::Worker>> workers_;
  std::unique_ptr<pipeline::Image> image_;
  std::unique_ptr<pipeline::Image> previous_;  // names events that are still queued
  Containments containments_{{[this] { return rte_rcu_qsbr_start(shared_->rcu); },
                              [this](std::uint64_t token) {
                                return rte_rcu_qsbr_check(shared_->rcu, token, false) == 1;
                              }}};
  PreparedImages prepared_;
  std::unique_ptr<SelfTest> self_test_;
  std::atomic<std::uint64_t> artefacts_read_{0};
  CounterBook counter_book_;
  std::uint32_t generation_ = pipeline::kNoPolicy;
  std::optional<std::uint64_t> taken_up_token_;  // of the workers' rounds, while a policy is new
  TimeNs started_ns_ = 0;
  flow::Limits limits_;
  std::uint32_t mtu_ = 0;
  std::uint16_t zone_ports_ = 0;  // the tap ports follow them
  std::vector<pipeline::Event> event_buffer_;
  ports::LinkFollow links_;
  ObservedEnds observed_ends_;
  std::uint32_t cannot_hold_ = 0;   // ports whose carrier cannot be dropped, a bit each
  std::vector<v1::Event> notices_;  // of this thread, not sent yet
  bool launched_ = false;
};

}  // namespace bulkhead::service
