// The packet path of one worker: receive -> parse -> find flow -> classify -> stream -> frame ->
// parse message -> judge -> release -> transmit. No port, no clock, no lock, no allocation.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/prompts.h"
#include "dataplane/pipeline/stages.h"
#include "dataplane/pipeline/timers.h"

namespace bulkhead::pipeline {

class Pipeline {
 public:
  // `name` must be unique in the process. The MAC table is shared by all workers and outlives them.
  static Result<std::unique_ptr<Pipeline>, std::string> make(const std::string& name,
                                                             const PipelineOptions& options,
                                                             flow::MacTable& macs);
  ~Pipeline();

  // Consumes all buffers, at most kBurstMax; mbuf->port is the index of the zone port. Without a
  // policy in the image nothing passes. `first_frame` numbers the packets for replays.
  void process(const Image& image, std::span<rte_mbuf* const> mbufs, TimeNs now_ns, Output& output,
               Observer& observer, std::uint32_t first_frame = 0);

  // Runs timers: acknowledges held bytes, retransmits owned ones, ends expired sessions. Call
  // between bursts, at least once a millisecond while awaits_time(), else at least ten times a
  // second.
  void pass_time(const Image& image, TimeNs now_ns, Output& output, Observer& observer);

  // Whether a timer is armed, other than idle time-outs, or the walk over idle time-outs is late.
  bool awaits_time() const { return timers_.any_armed() || expires_behind_ || !probes_.is_done(); }

  // Forwarding has begun, at start or takeover: for a while there may be sessions that are not
  // known.
  void begin_forwarding(TimeNs now_ns) { forwards_since_ns_ = now_ns; }
  // The peer forwards no more since `now_ns`: once what it sent has arrived, the ends of its
  // sessions are asked what they lack. Segments take their buffers from `buffers`.
  void probe_sessions(rte_mempool* buffers, TimeNs now_ns) {
    probes_.begin(buffers);
    settled_ns_ = now_ns + kSettleNs;
  }
  bool is_probed() const { return probes_.is_done(); }

  // Removes all sessions.
  void forget_all();
  // Forgets which requests were granted.
  void forget_verdicts() { verdicts_.forget_all(); }

  // The sender of a packet, by a keyed hash: its host if that has proved its address
  // (flow/proofs.h), else its MAC address.
  struct Sender {
    std::uint64_t hash = 0;
    bool proven = false;
  };
  Sender sender_of(const flow::Packet& packet, TimeNs now_ns) const;

  // Offset added to our clock so that imported protocol time stamps stay comparable.
  void set_clock_offset(TimeNs offset_ns) { clock_offset_ns_ = offset_ns; }

  // The time by which observed conduits end, in seconds since 1970, UTC.
  void set_wall_s(std::uint64_t wall_s) { wall_s_ = wall_s; }
  // Of a pipeline that only judges: it has missed a frame, or what comes next was heard by a tap
  // port.
  void note_lost(TimeNs now_ns);
  void set_hears(bool hears);
  bool hears() const;

  // Frames that wait for the peer; see let_go().
  WaitingRoom& waiting() { return waiting_; }
  // Sends frames that wait for no later record than this one.
  void let_go(std::uint64_t acknowledged, Output& output);
  // Sends all of them: there is no peer to wait for.
  void let_all_go(Output& output);

  flow::FlowTable& flows() { return *flows_; }
  flow::ExpectationTable& expected() { return expected_; }
  flow::SegmentPool& segments() { return segments_; }
  flow::TimerWheel& timers() { return timers_; }
  // What the worker counts; the gauges among it are as of the last read_gauges().
  Statistics& stats() { return stats_; }
  void read_gauges();
  std::uint32_t half_open() const { return openings_.count(); }
  const StageCycles& stage_cycles() const { return stage_cycles_; }  // if they are measured

 private:
  Pipeline(const PipelineOptions& options, std::unique_ptr<flow::FlowTable> flows,
           std::unique_ptr<flow::Reassembler> reassembler, flow::MacTable& macs);
  Context make_context(const Image& image, TimeNs now_ns, Output& output, Observer& observer,
                       std::size_t burst);
  void see_containment(const Context& context);
  void expire(Context& context);
  void expire_one(Context& context, std::uint32_t slot, bool scarce);

  PipelineOptions options_;
  std::unique_ptr<flow::FlowTable> flows_;
  flow::ExpectationTable expected_;
  flow::SegmentPool segments_;
  flow::Openings openings_;
  flow::Places places_;
  flow::Proofs proofs_;
  flow::Resolutions resolutions_;
  flow::HashKey hash_key_ = flow::HashKey::make();
  std::vector<Progress> progress_;  // by slot, updated when the slot is visited
  flow::TimerWheel timers_;
  std::unique_ptr<flow::Reassembler> reassembler_;
  std::uint32_t identification_ = 0;
  std::uint64_t whole_flag_ = flow::Reassembler::whole_flag();
  flow::MacTable& macs_;
  VerdictCache verdicts_;
  protocols::OperationList operations_;
  protocols::Parsed parsed_;
  std::vector<std::uint8_t> scratch_;  // as large as the hold limit
  WaitingRoom waiting_;
  Statistics stats_;
  StageCycles stage_cycles_{};
  std::array<flow::Packet, kBurstMax> burst_;
  Probes probes_;
  std::uint32_t expire_next_ = 0;
  std::uint32_t expire_next_relation_ = 0;
  TimeNs expired_ns_ = 0;
  bool expires_behind_ = false;
  TimeNs fragments_expired_ns_ = 0;
  TimeNs forwards_since_ns_ = 0;
  TimeNs settled_ns_ = 0;       // after a takeover
  TimeNs clock_offset_ns_ = 0;  // modulo 2^64: may be negative
  std::uint64_t wall_s_ = 0;
  rte_mempool* buffers_ = nullptr;  // of the frames that came
  std::unique_ptr<Shadow> shadow_;
};

}  // namespace bulkhead::pipeline
