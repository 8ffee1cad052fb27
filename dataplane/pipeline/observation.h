// Observed conduits of one worker: their frames are sent at once, as they came, and copies of them
// are judged beside. Whatever happens to a copy, its frame has left.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "dataplane/pipeline/mirrored.h"
#include "dataplane/pipeline/pipeline.h"

namespace bulkhead::pipeline {

class Observation final : public Output, public Observer {
 public:
  // `options`: the worker's own; a part of its limits is used here, see limits_beside().
  static Result<std::unique_ptr<Observation>, std::string> make(const std::string& name,
                                                                const PipelineOptions& options);
  ~Observation();

  struct Moment {
    TimeNs now_ns = 0;
    std::uint64_t wall_s = 0;  // seconds since 1970, UTC
  };

  // Sends the frames of observed conduits to `output`, in their order, and reports what enforcing
  // would have made of them. The others are left, first in `mbufs`: their number. `macs` learns who
  // stands where, for a takeover. `first_frame`: see Pipeline::process().
  std::uint32_t take(const Image& image, std::span<rte_mbuf*> mbufs, const Moment& moment,
                     flow::MacTable& macs, Output& output, Observer& observer,
                     std::uint32_t first_frame = 0);
  // Judges what another worker's observation has handed over; the same of the others. Such a copy
  // is never a frame that may leave.
  std::uint32_t take_copies(const Image& image, std::span<rte_mbuf*> mbufs, const Moment& moment,
                            Output& output, Observer& observer);
  // Of frames that a tap port heard, those that are to be judged, first in `mbufs`: their number.
  // They are for the owners of their sessions, where take_copies() judges them. Needs
  // PipelineOptions::taps.
  std::uint32_t hear(const Image& image, std::span<rte_mbuf*> mbufs, const Moment& moment,
                     Output& output, Observer& observer);
  // As Pipeline::pass_time().
  void pass_time(const Image& image, const Moment& moment, Output& output, Observer& observer);
  bool awaits_time() const { return judge_ != nullptr && judge_->awaits_time(); }
  // Nothing is observed any more.
  void forget_all();
  bool is_idle() const { return idle_; }

  // Sessions that are judged; nullptr: nothing is.
  flow::FlowTable* flows() { return judge_ == nullptr ? nullptr : &judge_->flows(); }
  std::uint32_t sessions_max() const { return judge_ == nullptr ? 0 : judge_->flows().capacity(); }
  std::uint32_t sessions() const { return judge_ == nullptr ? 0 : judge_->flows().size(); }
  std::uint64_t frames() const { return frames_; }  // that were sent as they came
  bool has_taps() const { return mirrored_ != nullptr; }
  // What is counted here, into the worker's statistics.
  void read_gauges(Statistics& stats) const;

  // Of the pipeline that judges: nothing of it leaves.
  void transmit(rte_mbuf* mbuf, std::uint16_t port) override;
  bool hand_over(rte_mbuf* mbuf) override;
  bool hand_to(rte_mbuf* mbuf, std::uint32_t worker) override;
  void on_verdict(const Verdict& verdict, const flow::Packet& packet) override;

 private:
  enum class Source : std::uint8_t { observed, tap };

  Observation() = default;
  void send(rte_mbuf* mbuf, std::uint32_t ports);
  void judge(const Image& image, std::span<rte_mbuf* const> copies, const Moment& moment,
             Source source, std::uint32_t first_frame);
  void report_unseen(const rte_mbuf& mbuf, std::uint16_t conduit, const Moment& moment);
  void report_frame(const rte_mbuf& mbuf, Reason reason, std::uint16_t conduit);

  std::unique_ptr<flow::MacTable> macs_;      // what its own verdicts depend on
  std::unique_ptr<Pipeline> judge_;           // none: nothing is judged
  std::unique_ptr<MirroredFrames> mirrored_;  // none: there are no tap ports
  struct HeardFrames {
    std::uint64_t all = 0;
    std::uint64_t copies = 0;
    std::uint64_t within = 0;  // one zone
  };
  HeardFrames heard_;
  Output* output_ = nullptr;      // of the call
  Observer* observer_ = nullptr;  // likewise
  std::uint64_t frames_ = 0;
  bool idle_ = true;
};

}  // namespace bulkhead::pipeline
