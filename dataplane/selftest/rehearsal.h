// A worker's part of the self-test: sends a script's frames through a pipeline of its own, under
// the policy in force, and notes what comes of them. Nothing leaves it: its sessions, buffers and
// MAC addresses are its own, and it counts, charges and tells nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/pipeline/pipeline.h"
#include "dataplane/selftest/outcome.h"
#include "dataplane/selftest/script.h"

namespace bulkhead::selftest {

class Rehearsal final : public pipeline::Output, public pipeline::Observer {
 public:
  // `name` is unique in the process; `options` are the worker's own.
  static Result<std::unique_ptr<Rehearsal>, std::string> make(
      const std::string& name, const pipeline::PipelineOptions& options);
  ~Rehearsal();

  // For one thread beside the worker. begin() is void while is_asked(); the script outlives the
  // rehearsal. The outcomes are good when it is not asked any more: one for each trial.
  void begin(const Script& script);
  bool is_asked() const { return script_.load(std::memory_order_acquire) != nullptr; }
  std::span<const Outcome> outcomes() const { return outcomes_; }

  // For the worker, between bursts, while is_asked(): one trial.
  void turn(const pipeline::Image& image, TimeNs now_ns);

  void transmit(rte_mbuf* mbuf, std::uint16_t port) override;
  void on_verdict(const pipeline::Verdict& verdict, const flow::Packet& packet) override;

 private:
  explicit Rehearsal(rte_mempool* buffers) : buffers_(buffers) {}
  void run(const Trial& trial, const pipeline::Image& image, TimeNs now_ns);
  bool arrive(const Frame& frame, const pipeline::Image& image, TimeNs now_ns);

  rte_mempool* buffers_;
  flow::MacTable macs_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::atomic<const Script*> script_{nullptr};
  std::vector<Outcome> outcomes_;
  std::size_t next_ = 0;          // trial
  TimeNs later_ns_ = 0;           // than the worker's clock, another time for each run
  const Trial* trial_ = nullptr;  // under way
  bool at_last_ = false;          // its last frame
};

}  // namespace bulkhead::selftest
