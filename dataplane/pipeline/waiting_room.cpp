// One queue for all sessions, so that each session's frames keep their order.
#include "dataplane/pipeline/waiting_room.h"

#include "dataplane/wire/transport.h"

namespace bulkhead::pipeline {

void WaitingRoom::hold(flow::FlowTable& flows, flow::Flow& flow) {
  if (!peer_listens_) return;
  if (flow.waits && has_unrecorded() && flow.waits_behind == end_ &&
      place(end_ - 1).record == kUnrecorded) {
    return;
  }
  flows.touch_first(flow);
  if (!is_empty() && (place(end_ - 1).record == kUnrecorded || is_full())) {
    // What stands last waits for the next record already, or does from now on.
    place(end_ - 1).record = kUnrecorded;
    if (!has_unrecorded()) unrecorded_ = end_ - 1;
  } else {
    place(end_++) = {.mbuf = nullptr, .record = kUnrecorded};
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
  const bool all_recorded = !has_unrecorded();
  place(end_++) = {mbuf, 0, port, flow.shares, flow.standing.generation, flow.standing.conduit};
  shares_.charge(flow.shares, 1);
  if (all_recorded) unrecorded_ = end_;
  flow.waits_behind = end_;
  return true;
}

void WaitingRoom::note_recorded(std::uint64_t record) {
  for (; unrecorded_ != end_; ++unrecorded_) {
    if (place(unrecorded_).record == kUnrecorded) place(unrecorded_).record = record;
  }
}

void WaitingRoom::let_go(std::uint64_t acknowledged, Egress& out) {
  while (is_due(acknowledged)) {
    const Place gone = place(first_);
    if (unrecorded_ == first_) ++unrecorded_;
    ++first_;
    if (gone.mbuf == nullptr) continue;
    shares_.charge(gone.owner, ~std::uint32_t{0});
    out.transmit(gone.mbuf, gone.port);
  }
}

void WaitingRoom::let_all_go(Egress& out) {
  note_recorded(0);
  let_go(kUnrecorded - 1, out);
}

void WaitingRoom::clear() {
  for (; first_ != end_; ++first_) rte_pktmbuf_free(place(first_).mbuf);
  unrecorded_ = end_;
  shares_.clear();
}

}  // namespace bulkhead::pipeline
