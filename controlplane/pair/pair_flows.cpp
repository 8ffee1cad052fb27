// Flow replication over the pair link: the active data plane's records, the standby's
// acknowledgements.
#include <spdlog/spdlog.h>

#include "controlplane/pair/pair.h"

namespace bulkhead::controlplane {

using failover::Role;

namespace {

constexpr TimeNs kAskAgainNs = 10 * kSecondNs;
// How long frames wait for a peer that does not acknowledge their sessions' records.
constexpr TimeNs kStalledNs = 300 * kMillisecondNs;
constexpr TimeNs kTryAgainNs = 5 * kSecondNs;
// If the active appliance is heard for so long after the loss of the pair link, this one's sessions
// are outdated.
constexpr TimeNs kVoidNs = 300 * kMillisecondNs;

// The beginning of a stream that brings no session.
v1::DataplaneRequest no_flows() {
  v1::DataplaneRequest request;
  request.mutable_take_flows()->set_stream(0);
  request.mutable_take_flows()->set_sequence(1);
  return request;
}

}  // namespace

void Pair::take_flow_news(v1::PairNews& news) {
  v1::PairMessage message;
  if (news.has_flows() && news.flows().stream() == flows_stream_) {
    if (flows_told_ == flows_taken_) flows_progress_ns_ = monotonic_now_ns();
    flows_told_ = news.flows().sequence();
    *message.mutable_flows() = std::move(*news.mutable_flows());
    send_on_link(std::move(message));
  }
  if (news.has_flows_taken() && machine_ && machine_->role() == Role::standby) {
    const v1::FlowsTaken& taken = news.flows_taken();
    if (taken.failure() != flows_failure_ && !taken.failure().empty()) {
      spdlog::warn("pair: {}", taken.failure());
    }
    flows_failure_ = taken.failure();
    // Once they were, each change is on its way or here; until all come anew.
    if (taken.sequence() == 1) flows_equal_ = false;
    flows_equal_ = taken.failure().empty() && (flows_equal_ || taken.equal());
    drive(failover::Replica{flows_equal_});
    *message.mutable_flows_taken() = taken;
    send_on_link(std::move(message));
    // Room may have been made, and what was lost comes anew.
    const TimeNs now_ns = monotonic_now_ns();
    if (!taken.failure().empty() && now_ns - flows_asked_ns_ >= kAskAgainNs) ask_for_flows();
  }
  if (drains_ && news.has_report() && news.report().flows_settled()) {
    drains_ = false;
    drive(failover::Drained{});
  }
}

// The peer gets all sessions anew, if it is there.
void Pair::begin_flows() {
  if (!machine_ || machine_->role() != Role::active) return;
  v1::DataplaneRequest request;
  flows_stream_ = flows_are_wanted() ? options_.incarnation + ++flows_streams_ : 0;
  flows_told_ = flows_taken_ = 0;
  request.mutable_begin_flows()->set_stream(flows_stream_);
  host_.to_dataplane(std::move(request));
}

// Records are sent as long as a peer accepts them. A standby with outdated sessions must discard
// them.
void Pair::watch_flows(TimeNs now_ns) {
  if (machine_->role() == Role::standby) {
    const bool lost = link_lost_ns_ != 0 && now_ns - link_lost_ns_ > kVoidNs;
    if (!lost || connection_ != 0 || !machine_->hears_peer()) return;
    link_lost_ns_ = 0;
    host_.to_dataplane(no_flows());
    return;
  }
  const bool stalled = flows_told_ > flows_taken_ && now_ns - flows_progress_ns_ > kStalledNs;
  if (stalled) {
    spdlog::warn(
        "pair: the peer does not acknowledge session records; all are sent again in a few seconds");
    flows_again_ns_ = now_ns + kTryAgainNs;
    v1::PairMessage message;
    *message.mutable_flows() = no_flows().take_flows();
    send_on_link(std::move(message));
  }
  if (stalled || flows_are_wanted() != (flows_stream_ != 0)) begin_flows();
}

bool Pair::flows_are_wanted() const {
  return connection_ != 0 && machine_->hears_peer() && monotonic_now_ns() >= flows_again_ns_;
}

// Records received while this appliance was active, or had no data plane, are void.
void Pair::ask_for_flows() {
  flows_asked_ns_ = monotonic_now_ns();
  flows_equal_ = false;
  drive(failover::Replica{false});
  v1::PairMessage message;
  message.mutable_resync();
  send_on_link(std::move(message));
}

}  // namespace bulkhead::controlplane
