// Decides which in-band frames come from the peer's living data plane. Plain arithmetic, no clock.
//
// A recorded frame may be replayed at any time, also through another port. An incarnation is
// believed once it echoes or answers a recent frame of this one, whatever its number; each frame of
// a believed one must be newer than the last on its port.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/clock.h"
#include "dataplane/replication/in_band.h"
#include "dataplane/replication/planted.h"

namespace bulkhead::replication {

class Freshness {
 public:
  enum class Word : std::uint8_t {
    stale,    // replayed, or late
    unknown,  // of an incarnation that has not answered this data plane
    heard,    // of one that has, newer than the frames before
    answers,  // the same, and it answers a recent frame
  };
  // A frame may be answered for so many intervals after it was sent. A data plane that forwards
  // alone and whose agent is silent has not heard its peer for ten: older frames of the peer
  // answer nothing.
  static constexpr TimeNs kAnswerIntervals = 9;

  // Starts another incarnation of this data plane, which sends once an interval.
  void begin(std::uint64_t incarnation, TimeNs interval_ns) {
    self_ = incarnation;
    answer_ns_ = kAnswerIntervals * interval_ns;
    samples_ = {};
    newest_sent_ = 0;
  }
  // Frames up to this counter have been sent.
  void sent(std::uint64_t counter, TimeNs now_ns) {
    newest_sent_ = counter;
    if (samples_[sample_].counter != 0 && now_ns - samples_[sample_].at_ns < answer_ns_ / kSamples)
      return;
    sample_ = (sample_ + 1) % samples_.size();
    samples_[sample_] = {counter, now_ns};
  }
  // Sets the next frame's echo and answer of the peer's frames.
  void answer(Beacon& beacon, TimeNs now_ns) {
    beacon.echo_incarnation = believed_;
    beacon.echo_counter = newest_;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      answered_ = (answered_ + 1) % candidates_.size();
      const Candidate& candidate = candidates_[answered_];
      if (candidate.incarnation == 0 || now_ns - candidate.heard_ns >= answer_ns_) continue;
      beacon.answer_incarnation = candidate.incarnation;
      beacon.answer_counter = candidate.counter;
      return;
    }
  }

  Word hear(const Beacon& beacon, std::uint16_t port, TimeNs now_ns) {
    if (port >= last_.size() || beacon.incarnation == 0) return Word::stale;
    const bool fresh = is_fresh(beacon.echo_incarnation, beacon.echo_counter, now_ns) ||
                       is_fresh(beacon.answer_incarnation, beacon.answer_counter, now_ns) ||
                       planted(Mistake::believe_replayed_beacons);
    if (beacon.incarnation != believed_) {
      if (beacon.incarnation == left_) return Word::stale;
      if (!fresh) {
        candidates_[port] = {beacon.incarnation, beacon.counter, now_ns};
        return Word::unknown;
      }
      left_ = believed_;
      believed_ = beacon.incarnation;
      newest_ = 0;
      last_ = {};
      candidates_ = {};
    }
    if (beacon.counter <= last_[port]) return Word::stale;
    last_[port] = beacon.counter;
    newest_ = beacon.counter > newest_ ? beacon.counter : newest_;
    return fresh ? Word::answers : Word::heard;
  }

 private:
  static constexpr std::size_t kSamples = 32;
  struct Sample {
    std::uint64_t counter = 0;
    TimeNs at_ns = 0;
  };
  struct Candidate {
    std::uint64_t incarnation = 0;
    std::uint64_t counter = 0;
    TimeNs heard_ns = 0;
  };

  bool is_fresh(std::uint64_t incarnation, std::uint64_t counter, TimeNs now_ns) const {
    if (incarnation != self_ || self_ == 0 || counter > newest_sent_) return false;
    for (const Sample& sample : samples_) {
      const bool lately = sample.counter != 0 && now_ns - sample.at_ns < answer_ns_;
      if (lately && counter >= sample.counter) return true;
    }
    return false;
  }

  std::uint64_t self_ = 0;
  TimeNs answer_ns_ = 0;
  std::uint64_t newest_sent_ = 0;
  // A ring of counters and send times, sampled over the time in which they may be answered.
  std::array<Sample, kSamples + 1> samples_{};
  std::size_t sample_ = 0;
  std::uint64_t believed_ = 0;
  std::uint64_t newest_ = 0;  // of all ports
  std::uint64_t left_ = 0;
  std::array<std::uint64_t, 32> last_{};  // by port
  // Answered in turn, so that frames replayed in one zone do not displace another's.
  std::array<Candidate, 32> candidates_{};
  std::size_t answered_ = 0;
};

}  // namespace bulkhead::replication
