// A frame to many comes to both appliances: behind the moment when this one forwards, it has its
// own.
#include "dataplane/pair/late_frames.h"

#include <rte_mbuf.h>

#include <array>
#include <limits>
#include <span>
#include <utility>

#include "dataplane/ports/frame_buffer.h"
#include "dataplane/wire/ethernet.h"

namespace bulkhead::pair {

namespace {

bool is_to_many(const std::string& frame) { return (frame[0] & 1) != 0; }

}  // namespace

void LateFrames::begin(TimeNs now_ns) {
  left_ = kFramesMax;
  handed_on_ = false;
  waiting_.clear();
  shared_.late_until_ns.store(now_ns + kLateNs);
}

void LateFrames::gather(TimeNs now_ns) {
  std::array<rte_mbuf*, 256> mbufs;
  const std::uint32_t count = shared_.in_band->take_late(mbufs);
  for (rte_mbuf* mbuf : std::span(mbufs).first(count)) {
    if (left_ > 0 && rte_pktmbuf_linearize(mbuf) == 0) {
      --left_;
      v1::LateFrame& frame = waiting_.emplace_back(Waiting{now_ns, {}}).frame;
      frame.set_port(mbuf->port);
      frame.set_frame(rte_pktmbuf_mtod(mbuf, const char*), mbuf->data_len);
    }
    rte_pktmbuf_free(mbuf);
  }
  if (count == mbufs.size()) shared_.in_band->ring();
}

v1::LateFrames LateFrames::take(TimeNs now_ns) {
  gather(now_ns);
  v1::LateFrames out;
  if (!handed_on_) return out;
  for (Waiting& waiting : std::exchange(waiting_, {})) {
    *out.add_frames() = std::move(waiting.frame);
  }
  return out;
}

void LateFrames::bring(v1::LateFrames frames, bool open, TimeNs now_ns) {
  handed_on_ = false;  // it comes to the one that takes over
  for (v1::LateFrame& frame : *frames.mutable_frames()) {
    if (frame.frame().size() < wire::kEthernetHeaderBytes ||
        frame.frame().size() > std::numeric_limits<std::uint16_t>::max() ||
        frame.port() >= shared_.ports.size()) {
      continue;
    }
    if (!open) {
      if (waiting_.size() < kFramesMax) waiting_.push_back({now_ns, std::move(frame)});
    } else if (!is_to_many(frame.frame())) {
      give(frame);
    }
  }
}

void LateFrames::let_go(TimeNs now_ns) {
  shared_.late_until_ns.store(0);
  handed_on_ = false;
  gather(now_ns);
  forget_old(now_ns);
  for (const Waiting& waiting : std::exchange(waiting_, {})) give(waiting.frame);
}

void LateFrames::forget_old(TimeNs now_ns) {
  const auto is_old = [now_ns](const Waiting& waiting) {
    return now_ns - waiting.since_ns > kWaitNs;
  };
  while (!waiting_.empty() && is_old(waiting_.front())) waiting_.pop_front();
}

void LateFrames::give(const v1::LateFrame& late) {
  const std::string& frame = late.frame();
  rte_mbuf* mbuf = ports::make_frame(
      shared_.ports.buffers(), {reinterpret_cast<const std::uint8_t*>(frame.data()), frame.size()});
  if (mbuf == nullptr) return;
  mbuf->port = static_cast<std::uint16_t>(late.port());
  if (!shared_.in_band->give_brought(mbuf)) return rte_pktmbuf_free(mbuf);
  shared_.workers.front()->wake();
}

}  // namespace bulkhead::pair
