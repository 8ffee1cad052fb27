// Copies each event into every follower's queue.
#include "controlplane/agent/event_hub.h"

#include <algorithm>

namespace bulkhead::controlplane {

std::vector<v1::Event> EventHub::Follower::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [this] { return ended_ || !queue_.empty(); });
  std::vector<v1::Event> events(std::make_move_iterator(queue_.begin()),
                                std::make_move_iterator(queue_.end()));
  queue_.clear();
  return events;
}

bool EventHub::Follower::ended() const {
  const std::lock_guard guard(mutex_);
  return ended_;
}

std::uint64_t EventHub::Follower::lost() const {
  const std::lock_guard guard(mutex_);
  return lost_;
}

void EventHub::publish(const v1::Event& event) {
  const std::lock_guard guard(mutex_);
  recent_.push_back(event);
  if (recent_.size() > kRecentMax) recent_.pop_front();
  for (const auto& follower : followers_) {
    const std::lock_guard follower_guard(follower->mutex_);
    if (follower->queue_.size() >= kQueuedMax) {
      ++follower->lost_;
      continue;
    }
    follower->queue_.push_back(event);
    follower->changed_.notify_one();
  }
}

std::shared_ptr<EventHub::Follower> EventHub::follow(std::size_t recent) {
  const std::lock_guard guard(mutex_);
  auto follower = std::make_shared<Follower>();
  const std::size_t count = std::min(recent, recent_.size());
  follower->queue_.assign(recent_.end() - static_cast<std::ptrdiff_t>(count), recent_.end());
  follower->ended_ = ended_;
  followers_.insert(follower);
  return follower;
}

void EventHub::leave(const std::shared_ptr<Follower>& follower) {
  const std::lock_guard guard(mutex_);
  followers_.erase(follower);
}

void EventHub::end() {
  const std::lock_guard guard(mutex_);
  ended_ = true;
  for (const auto& follower : followers_) {
    const std::lock_guard follower_guard(follower->mutex_);
    follower->ended_ = true;
    follower->changed_.notify_one();
  }
}

}  // namespace bulkhead::controlplane
