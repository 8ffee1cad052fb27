// Frames that must not leave before the peer knows what their session is by then: where numbers are
// translated from, bytes that were acknowledged for their receiver, messages that leave in several
// segments. A takeover between a frame and the news of it would otherwise find a session that it
// cannot place, or place it wrongly. The peer's acknowledgements count records of this worker.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <vector>

#include "dataplane/flow/flow_table.h"
#include "dataplane/pipeline/egress.h"

namespace bulkhead::pipeline {

class WaitingRoom {
 public:
  // `frames`: at most so many wait; a power of two.
  explicit WaitingRoom(std::uint32_t frames) : places_(frames) {}
  ~WaitingRoom() { clear(); }
  WaitingRoom(const WaitingRoom&) = delete;
  WaitingRoom& operator=(const WaitingRoom&) = delete;

  // Without a peer nothing waits.
  void set_peer(bool listens) { peer_listens_ = listens; }

  // Whatever leaves in the session from here on waits until the peer has what it is now.
  void hold(flow::FlowTable& flows, flow::Flow& flow);
  // True if the frame is the room's now, or was dropped because the room is full, or has no more
  // place for the flow's host and conduit (flow::Shares). Precondition: flow.waits.
  bool take(flow::Flow& flow, rte_mbuf* mbuf, std::uint16_t port);

  bool is_empty() const { return first_ == end_; }
  // Some frames wait for something that is in no record yet.
  bool has_untold() const { return untold_ != end_; }
  // All that was untold is in the worker's records up to this one.
  void note_told(std::uint64_t record);
  // Whether let_go() would do anything.
  bool is_due(std::uint64_t acknowledged) const {
    return !is_empty() && place(first_).record <= acknowledged;
  }
  // Sends what waits for no later record than this one.
  void let_go(std::uint64_t acknowledged, Egress& out);
  // Sends all, since there is no peer any more to wait for.
  void let_all_go(Egress& out);
  // Drops all.
  void clear();

  std::uint64_t dropped() const { return dropped_; }  // for want of room

 private:
  static constexpr std::uint64_t kUntold = ~std::uint64_t{0};
  struct Place {
    rte_mbuf* mbuf = nullptr;  // nullptr: it only waits, and what comes behind it with it
    std::uint64_t record = 0;  // that the peer must have
    std::uint16_t port = 0;
    flow::ShareIds owner;  // of the frame
  };

  Place& place(std::uint32_t number) { return places_[number & (places_.size() - 1)]; }
  const Place& place(std::uint32_t number) const { return places_[number & (places_.size() - 1)]; }
  bool is_full() const { return end_ - first_ == places_.size(); }
  bool has_place_for(const flow::Flow& flow) const {
    const auto all = static_cast<std::uint32_t>(places_.size());
    return !is_full() && shares_.may_take(flow.shares, all - (end_ - first_), all);
  }

  std::vector<Place> places_;
  // Places are numbered from the beginning of time, modulo 2^32.
  std::uint32_t first_ = 0;
  std::uint32_t untold_ = 0;  // the first that may wait for a record to come
  std::uint32_t end_ = 0;
  bool peer_listens_ = false;
  std::uint64_t dropped_ = 0;
  flow::Shares shares_;
};

}  // namespace bulkhead::pipeline
