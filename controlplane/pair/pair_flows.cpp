// One stream of batches at a time; to a peer that does not acknowledge it, all are sent again
// later.
#include "controlplane/pair/pair_flows.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace bulkhead::controlplane {

namespace {

constexpr TimeNs kAskAgainNs = 10 * kSecondNs;
// How long frames wait for a peer that does not acknowledge their sessions' records.
constexpr TimeNs kStalledNs = 300 * kMillisecondNs;
constexpr TimeNs kTryAgainNs = 5 * kSecondNs;
// If the active appliance is heard for so long after the loss of the pair link, this one's sessions
// are outdated.
constexpr TimeNs kVoidNs = 300 * kMillisecondNs;

// The beginning of a stream that brings no session.
v1::FlowBatch no_flows() {
  v1::FlowBatch batch;
  batch.set_stream(0);
  batch.set_sequence(1);
  return batch;
}

}  // namespace

void PairFlows::set_equal(bool equal) {
  equal_ = equal;
  callbacks_.on_replica(equal);
}

void PairFlows::on_link(bool up) {
  again_ns_ = 0;
  begin();
  if (up) return;
  link_lost_ns_ = monotonic_now_ns();
  set_equal(false);
}

void PairFlows::on_news(v1::PairNews& news) {
  v1::PairMessage message;
  if (news.has_flows() && news.flows().stream() == stream_) {
    if (sent_ == taken_) progress_ns_ = monotonic_now_ns();
    sent_ = news.flows().sequence();
    *message.mutable_flows() = std::move(*news.mutable_flows());
    callbacks_.to_peer(std::move(message));
  }
  if (!news.has_flows_taken() || !callbacks_.situation().standby) return;
  const v1::FlowsTaken& taken = news.flows_taken();
  if (taken.failure() != failure_ && !taken.failure().empty()) {
    spdlog::warn("pair: {}", taken.failure());
  }
  failure_ = taken.failure();
  // Once they were, each change is on its way or here; until all come anew.
  if (taken.sequence() == 1) equal_ = false;
  set_equal(taken.failure().empty() && (equal_ || taken.equal()));
  *message.mutable_flows_taken() = taken;
  callbacks_.to_peer(std::move(message));
  // Room may have been made, and what was lost comes anew.
  const TimeNs now_ns = monotonic_now_ns();
  if (!taken.failure().empty() && now_ns - asked_ns_ >= kAskAgainNs) ask();
}

void PairFlows::begin() {
  const Situation situation = callbacks_.situation();
  if (!situation.active) return;
  v1::DataplaneRequest request;
  stream_ = are_wanted(situation) ? incarnation_ + ++streams_ : 0;
  sent_ = taken_ = 0;
  request.mutable_begin_flows()->set_stream(stream_);
  callbacks_.to_dataplane(std::move(request));
}

// Records are sent as long as a peer accepts them. A standby with outdated sessions must discard
// them.
void PairFlows::watch(TimeNs now_ns) {
  const Situation situation = callbacks_.situation();
  if (situation.standby) {
    const bool lost = link_lost_ns_ != 0 && now_ns - link_lost_ns_ > kVoidNs;
    if (!lost || situation.link || !situation.hears_peer) return;
    link_lost_ns_ = 0;
    v1::DataplaneRequest request;
    *request.mutable_take_flows() = no_flows();
    return callbacks_.to_dataplane(std::move(request));
  }
  const bool stalled = sent_ > taken_ && now_ns - progress_ns_ > kStalledNs;
  if (stalled) {
    spdlog::warn(
        "pair: the peer does not acknowledge session records; all are sent again in a few seconds");
    again_ns_ = now_ns + kTryAgainNs;
    v1::PairMessage message;
    *message.mutable_flows() = no_flows();
    callbacks_.to_peer(std::move(message));
  }
  if (stalled || are_wanted(situation) != (stream_ != 0)) begin();
}

bool PairFlows::are_wanted(const Situation& situation) const {
  return situation.link && situation.hears_peer && monotonic_now_ns() >= again_ns_;
}

void PairFlows::ask() {
  asked_ns_ = monotonic_now_ns();
  set_equal(false);
  v1::PairMessage message;
  message.mutable_resync();
  callbacks_.to_peer(std::move(message));
}

void PairFlows::on_resync() {
  again_ns_ = 0;
  begin();
}

void PairFlows::take(v1::FlowBatch batch) {
  if (batch.stream() == 0) set_equal(false);
  v1::DataplaneRequest request;
  *request.mutable_take_flows() = std::move(batch);
  callbacks_.to_dataplane(std::move(request));
}

void PairFlows::take(v1::FlowsTaken taken) {
  if (taken.stream() == stream_) {
    taken_ = std::max(taken_, taken.sequence());
    progress_ns_ = monotonic_now_ns();
  }
  v1::DataplaneRequest request;
  *request.mutable_flows_taken() = std::move(taken);
  callbacks_.to_dataplane(std::move(request));
}

}  // namespace bulkhead::controlplane
