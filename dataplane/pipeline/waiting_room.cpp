// One queue for all sessions, so that each session's frames keep their order.
#include "dataplane/pipeline/waiting_room.h"

#include "dataplane/wire/transport.h"

namespace bulkhead::pipeline {

void WaitingRoom::hold(flow::FlowTable& flows, flow::Flow& flow) {
  if (!peer_listens_) return;
  if (flow.waits && has_untold() && flow.waits_behind == end_ &&
      place(end_ - 1).record == kUntold) {
    return;
  }
  flows.touch_first(flow);
  if (!is_empty() && (place(end_ - 1).record == kUntold || is_full())) {
    // What stands last waits for the next record already, or does from now on.
    place(end_ - 1).record = kUntold;
    if (!has_untold()) untold_ = end_ - 1;
  } else {
    place(end_++) = {nullptr, kUntold, 0, {}};
  }
  flow.waits = true;
  flow.waits_behind = end_;
}

bool WaitingRoom::take(flow::Flow& flow, rte_mbuf* mbuf, std::uint16_t port) {
  if (wire::sequence_distance(flow.waits_behind, first_) <= 0) {
    flow.waits = false;
    return false;
  }
  if (!has_place_for(flow)) {
    rte_pktmbuf_free(mbuf);
    ++dropped_;
    return true;
  }
  const bool all_told = !has_untold();
  place(end_++) = {mbuf, 0, port, flow.shares};
  shares_.charge(flow.shares, 1);
  if (all_told) untold_ = end_;
  flow.waits_behind = end_;
  return true;
}

void WaitingRoom::note_told(std::uint64_t record) {
  for (; untold_ != end_; ++untold_) {
    if (place(untold_).record == kUntold) place(untold_).record = record;
  }
}

void WaitingRoom::let_go(std::uint64_t acknowledged, Egress& out) {
  while (is_due(acknowledged)) {
    const Place gone = place(first_);
    if (untold_ == first_) ++untold_;
    ++first_;
    if (gone.mbuf == nullptr) continue;
    shares_.charge(gone.owner, ~std::uint32_t{0});
    out.transmit(gone.mbuf, gone.port);
  }
}

void WaitingRoom::let_all_go(Egress& out) {
  note_told(0);
  let_go(kUntold - 1, out);
}

void WaitingRoom::clear() {
  for (; first_ != end_; ++first_) rte_pktmbuf_free(place(first_).mbuf);
  untold_ = end_;
  shares_.clear();
}

}  // namespace bulkhead::pipeline
