// Frames that must not leave before the peer has their session's record: where numbers begin to be
// translated, after an acknowledgement for the receiver, in messages of several segments. After a
// takeover between such a frame and its record the session could not be placed, or would be placed
// wrongly. The peer's acknowledgements count records of this worker.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/flow/flow_table.h"
#include "dataplane/pipeline/egress.h"

namespace bulkhead::pipeline {

class WaitingRoom {
 public:
  // `frames`: the most that may wait; a power of two.
  explicit WaitingRoom(std::uint32_t frames) : places_(frames) {}
  ~WaitingRoom() { clear(); }
  WaitingRoom(const WaitingRoom&) = delete;
  WaitingRoom& operator=(const WaitingRoom&) = delete;

  // Without a peer no frame waits.
  void set_peer(bool listens) { peer_listens_ = listens; }

  // Later frames of the session wait until the peer has its present record.
  void hold(flow::FlowTable& flows, flow::Flow& flow);
  // True if the frame was consumed: queued, or dropped because the room or the share of the
  // flow's host or conduit is full (flow::Shares). Precondition: flow.waits.
  bool take(flow::Flow& flow, rte_mbuf* mbuf, std::uint16_t port);

  bool is_empty() const { return first_ == end_; }
  // Some frames wait for a record that is not written yet.
  bool has_unrecorded() const { return unrecorded_ != end_; }
  // All those are in the worker's records up to this one.
  void note_recorded(std::uint64_t record);
  // Whether let_go() would do anything.
  bool is_due(std::uint64_t acknowledged) const {
    return !is_empty() && place(first_).record <= acknowledged;
  }
  // Sends frames that wait for no later record than this one.
  void let_go(std::uint64_t acknowledged, Egress& out);
  // Sends all: there is no peer any more to wait for.
  void let_all_go(Egress& out);
  // Drops the frames for whose session `drops(generation, conduit)`, of when they came here.
  template <typename Drops>
  void drop_if(Drops drops) {
    for (std::uint32_t number = first_; number != end_; ++number) {
      Place& each = place(number);
      if (each.mbuf == nullptr || !drops(each.generation, each.conduit)) continue;
      rte_pktmbuf_free(std::exchange(each.mbuf, nullptr));
      shares_.charge(each.owner, ~std::uint32_t{0});
    }
  }
  // Drops all.
  void clear();

  std::uint64_t dropped() const { return dropped_; }  // because the room was full

 private:
  static constexpr std::uint64_t kUnrecorded = ~std::uint64_t{0};
  struct Place {
    rte_mbuf* mbuf = nullptr;  // nullptr: only a marker; frames after it wait too
    std::uint64_t record = 0;  // that the peer must have
    std::uint16_t port = 0;
    flow::ShareIds owner{};  // of the frame
    std::uint32_t generation = 0;
    std::uint16_t conduit = policy::kNoConduit;
  };

  Place& place(std::uint32_t number) { return places_[number & (places_.size() - 1)]; }
  const Place& place(std::uint32_t number) const { return places_[number & (places_.size() - 1)]; }
  bool is_full() const { return end_ - first_ == places_.size(); }
  bool has_place_for(const flow::Flow& flow) const {
    const auto all = static_cast<std::uint32_t>(places_.size());
    return !is_full() && shares_.may_take(flow.shares, all - (end_ - first_), all);
  }

  std::vector<Place> places_;
  // Places are numbered from the start, modulo 2^32.
  std::uint32_t first_ = 0;
  std::uint32_t unrecorded_ = 0;  // the first that may wait for an unwritten record
  std::uint32_t end_ = 0;
  bool peer_listens_ = false;
  std::uint64_t dropped_ = 0;
  flow::Shares shares_;
};

}  // namespace bulkhead::pipeline
