// Events are numbered; a follower is a number and a bell.
#include "controlplane/telemetry/event_hub.h"

#include <algorithm>
#include <utility>

#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

class EventHub::Follower {
 public:
  explicit Follower(std::function<void()> on_news) : on_news_(std::move(on_news)) {}

 private:
  friend class EventHub;
  std::function<void()> on_news_;
  std::uint64_t taken_ = 0;  // the number of its newest event
  bool waits_ = false;
};

void EventHub::on_event(const v1::Event& event) {
  auto shared = std::make_shared<v1::Event>(event);
  if (shared->ByteSizeLong() > kEventBytesMax) {
    shared->clear_text();
    shared->clear_fields();
  }
  const std::lock_guard guard(mutex_);
  bytes_ += shared->ByteSizeLong();
  recent_.push_back(std::move(shared));
  ++published_;
  while (recent_.size() > kRecentMax || bytes_ > kBytesMax) {
    bytes_ -= recent_.front()->ByteSizeLong();
    recent_.pop_front();
  }
  wake_all();
}

void EventHub::wake_all() {
  for (const auto& follower : followers_) {
    if (std::exchange(follower->waits_, false)) follower->on_news_();
  }
}

EventHub::FollowerPointer EventHub::follow(std::size_t recent, std::function<void()> on_news) {
  auto follower = std::make_shared<Follower>(std::move(on_news));
  const std::lock_guard guard(mutex_);
  follower->taken_ = published_ - std::min(recent, recent_.size());
  followers_.insert(follower);
  return follower;
}

EventHub::EventPointer EventHub::next(Follower& follower) {
  const std::lock_guard guard(mutex_);
  if (follower.taken_ == published_) {
    follower.waits_ = !ended_;
    return nullptr;
  }
  const std::uint64_t gone = published_ - recent_.size();
  if (follower.taken_ >= gone) return recent_[follower.taken_++ - gone];
  auto missed = std::make_shared<v1::Event>();
  missed->set_wall_time_ns(wall_now_ns());
  missed->set_kind("missed");
  missed->set_missed(gone - follower.taken_);
  missed->set_text(std::to_string(missed->missed()) +
                   " events were missed here, for they were not read in time");
  follower.taken_ = gone;
  return missed;
}

bool EventHub::ended() const {
  const std::lock_guard guard(mutex_);
  return ended_;
}

void EventHub::leave(const FollowerPointer& follower) {
  const std::lock_guard guard(mutex_);
  followers_.erase(follower);
}

void EventHub::end() {
  const std::lock_guard guard(mutex_);
  ended_ = true;
  wake_all();
}

}  // namespace bulkhead::controlplane
