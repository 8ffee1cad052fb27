// Recent events, and those who follow new ones. Thread-safe; a follower that does not keep up loses
// events, which are counted.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "bulkhead/v1/telemetry.pb.h"

namespace bulkhead::controlplane {

class EventHub {
 public:
  static constexpr std::size_t kRecentMax = 10'000;
  static constexpr std::size_t kQueuedMax = 10'000;

  class Follower {
   public:
    // Waits for events; an empty list after the timeout or at the end.
    std::vector<v1::Event> wait(std::chrono::milliseconds timeout);
    bool ended() const;
    std::uint64_t lost() const;

   private:
    friend class EventHub;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<v1::Event> queue_;
    std::uint64_t lost_ = 0;
    bool ended_ = false;
  };

  void publish(const v1::Event& event);
  // Follows from now on; the last `recent` events come first.
  std::shared_ptr<Follower> follow(std::size_t recent);
  void leave(const std::shared_ptr<Follower>& follower);
  // Ends all followers, for shutting down.
  void end();

 private:
  std::mutex mutex_;
  std::deque<v1::Event> recent_;
  std::set<std::shared_ptr<Follower>> followers_;
  bool ended_ = false;
};

}  // namespace bulkhead::controlplane
