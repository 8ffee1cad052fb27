// Recent events and their followers. All followers read one list; a slow follower misses events
// that have left it, and is notified of their number. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>

#include "bulkhead/v1/telemetry.pb.h"
#include "controlplane/telemetry/sink.h"

namespace bulkhead::controlplane {

class EventHub final : public Sink {
 public:
  static constexpr std::size_t kRecentMax = 10'000;
  static constexpr std::size_t kBytesMax = std::size_t{16} << 20;
  static constexpr std::size_t kEventBytesMax = 4096;

  class Follower;
  using FollowerPointer = std::shared_ptr<Follower>;
  using EventPointer = std::shared_ptr<const v1::Event>;

  // Events longer than kEventBytesMax lose their text and fields.
  void on_event(const v1::Event& event) override;
  void on_counters(const v1::Counters& /*page*/) override {}
  void on_status(const v1::GetStatusResponse& /*status*/) override {}
  // Follows from now on; the last `recent` events come first. `on_news` is called when there is
  // an event after next() returned none, on the publisher's thread: it must only wake another
  // thread.
  FollowerPointer follow(std::size_t recent, std::function<void()> on_news);
  // The follower's next event; one of kind `missed` if it missed some; nullptr if there is none
  // now.
  EventPointer next(Follower& follower);
  bool ended() const;
  void leave(const FollowerPointer& follower);
  // Ends all followers, for shutting down.
  void end();

 private:
  void wake_all();

  mutable std::mutex mutex_;
  std::deque<EventPointer> recent_;
  std::size_t bytes_ = 0;        // of the recent ones
  std::uint64_t published_ = 0;  // since the start; the newest has this number
  std::set<FollowerPointer> followers_;
  bool ended_ = false;
};

}  // namespace bulkhead::controlplane
