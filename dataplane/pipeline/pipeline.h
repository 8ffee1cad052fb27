// The way of packets through one worker: receive -> parse -> find flow -> classify -> stream ->
// frame -> decode -> judge -> release -> transmit. No port, no clock, no lock, no allocation.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

class Pipeline {
 public:
  // `name` must be unique in the process. The MAC table is shared by all workers and outlives them.
  static Result<std::unique_ptr<Pipeline>, std::string> make(const std::string& name,
                                                             const PipelineOptions& options,
                                                             flow::MacTable& macs);
  ~Pipeline();

  // Takes all buffers; mbuf->port is the index of the zone port. Under an image without a policy
  // nothing passes. At most kBurstMax at a time. `first_frame` numbers the packets for replays.
  void process(const Image& image, std::span<rte_mbuf* const> mbufs, TimeNs now_ns, Output& output,
               Observer& observer, std::uint32_t first_frame = 0);

  // Does what time alone asks for: held bytes are acknowledged, owned bytes sent again, and
  // sessions ended whose time is over. To be called between bursts, at least once a millisecond
  // while awaits_time(), else at least ten times a second.
  void pass_time(const Image& image, TimeNs now_ns, Output& output, Observer& observer);

  // Whether some session waits for a time to come, other than the end of its idle time, or the walk
  // that looks for those ends is behind.
  bool awaits_time() const { return timers_.any_armed() || expires_behind_; }

  // This process has begun to forward, as the first or in the place of another: for a while from
  // now on there may be sessions that nobody knows.
  void begin_forwarding(TimeNs now_ns) { forwards_since_ns_ = now_ns; }

  // Forgets all sessions, as if none had been.
  void forget_all();

  // Who a packet comes from, by a keyed hash: its host if that has shown that its address is its
  // own (flow/proofs.h), else its station.
  struct Sender {
    std::uint64_t hash = 0;
    bool proven = false;
  };
  Sender sender_of(const flow::Packet& packet, TimeNs now_ns) const;

  // What sessions that came from a peer count time in goes on here: by how much its clock is ahead.
  void set_sessions_clock(TimeNs ahead_ns) { sessions_clock_ = ahead_ns; }

  // Frames that wait for the peer; see let_go().
  WaitingRoom& waiting() { return waiting_; }
  // Sends those that wait for no later record of the session's than this one.
  void let_go(std::uint64_t acknowledged, Output& output);
  // Sends all of them, since there is no peer to wait for.
  void let_all_go(Output& output);

  flow::FlowTable& flows() { return *flows_; }
  flow::SegmentPool& segments() { return segments_; }
  flow::TimerWheel& timers() { return timers_; }
  const PipelineStats& stats() const { return stats_; }

 private:
  Pipeline(const PipelineOptions& options, std::unique_ptr<flow::FlowTable> flows,
           std::unique_ptr<flow::Reassembler> reassembler, flow::MacTable& macs);
  Context make_context(const Image& image, TimeNs now_ns, Output& output, Observer& observer,
                       std::size_t burst);
  void expire(Context& context);
  void expire_one(Context& context, std::uint32_t slot, bool scarce);

  PipelineOptions options_;
  std::unique_ptr<flow::FlowTable> flows_;
  flow::SegmentPool segments_;
  flow::Openings openings_;
  flow::Places places_;
  flow::Proofs proofs_;
  flow::HashKey hash_key_ = flow::HashKey::make();
  std::vector<Progress> progress_;  // by slot, looked at when the slot is
  flow::TimerWheel timers_;
  std::unique_ptr<flow::Reassembler> reassembler_;
  std::uint32_t identification_ = 0;
  std::uint64_t whole_flag_ = flow::Reassembler::whole_flag();
  flow::MacTable& macs_;
  VerdictCache verdicts_;
  protocols::OperationList operations_;
  std::vector<std::uint8_t> scratch_;  // as large as the hold limit
  WaitingRoom waiting_;
  PipelineStats stats_;
  std::array<flow::Packet, kBurstMax> burst_;
  std::uint32_t expire_next_ = 0;
  TimeNs expired_ns_ = 0;
  bool expires_behind_ = false;
  TimeNs fragments_expired_ns_ = 0;
  TimeNs forwards_since_ns_ = 0;
  TimeNs sessions_clock_ = 0;  // modulo 2^64, so that it may be behind as well
};

}  // namespace bulkhead::pipeline
