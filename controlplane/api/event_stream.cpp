// Wakes of the log and finished writes both ask for a step; steps follow each other.
#include "controlplane/api/event_stream.h"

#include <algorithm>
#include <utility>

#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

namespace {

constexpr std::size_t kPageEvents = 64;
constexpr std::size_t kPageBytes = std::size_t{64} << 10;

std::shared_ptr<const v1::Event> missed_event(const EventPage& page) {
  auto event = std::make_shared<v1::Event>();
  const std::uint64_t first = page.missed_last - page.missed + 1;
  event->set_number(page.missed_last);
  event->set_wall_time_ns(wall_now_ns());
  event->set_kind("missed");
  event->set_missed(page.missed);
  event->set_text("events " + std::to_string(first) + " to " + std::to_string(page.missed_last) +
                  " are not in the log any more");
  return event;
}

}  // namespace

EventStream::EventStream(Work& work, Gate::PassPointer pass, EventLog& log,
                         const v1::WatchEventsRequest& request)
    : Stream(std::move(pass)),
      work_(work),
      log_(log),
      request_(request),
      filter_(filter_of(request)) {
  if (request.limit() > 0) left_ = request.limit();
  place_.wanted = request.recent();
}

void EventStream::begin() {
  queued_ = log_.queued();
  subscription_ = log_.subscribe([weak = weak_from_this()] {
    if (const auto stream = weak.lock()) static_cast<EventStream&>(*stream).wake();
  });
  wake();
}

void EventStream::on_written() {
  {
    const std::lock_guard guard(mutex_);
    if (send_next()) return;
  }
  wake();
}

// With the mutex. False if there is nothing to be sent.
bool EventStream::send_next() {
  if (page_.empty()) return false;
  if (write(page_.front())) page_.pop_front();
  return true;
}

void EventStream::wake() {
  {
    const std::lock_guard guard(mutex_);
    if (std::exchange(busy_, true)) {
      again_ = true;
      return;
    }
  }
  post();
}

void EventStream::post() {
  boost::asio::post(work_.questions, [weak = weak_from_this()] {
    if (const auto stream = weak.lock()) static_cast<EventStream&>(*stream).step();
  });
}

void EventStream::step() {
  const Next next = advance();
  if (next == Next::end) return;
  {
    const std::lock_guard guard(mutex_);
    const bool again = std::exchange(again_, false);
    busy_ = next == Next::go_on || again;
    if (!busy_) return;
  }
  post();
}

EventStream::Next EventStream::advance() {
  {
    const std::lock_guard guard(mutex_);
    if (is_writing() || send_next()) return Next::wait;
  }
  if (!placed_) return find_place();
  if (left_ == 0) return conclude(grpc::StatusCode::OK, "");
  return read();
}

EventStream::Next EventStream::find_place() {
  if (!log_.is_settled(queued_)) return Next::wait;
  if (request_.has_resume()) {
    after_ = request_.resume();
    if (after_ > log_.last()) {
      return conclude(grpc::StatusCode::OUT_OF_RANGE,
                      "the newest event has number " + std::to_string(log_.last()) +
                          ", so none can follow number " + std::to_string(after_));
    }
  } else if (request_.since_wall_time_ns() != 0) {
    const auto before = log_.before(request_.since_wall_time_ns());
    if (!before) return conclude(grpc::StatusCode::UNAVAILABLE, before.error());
    after_ = before.value();
  } else {
    const auto found = log_.step_back(place_, filter_);
    if (!found) return conclude(grpc::StatusCode::UNAVAILABLE, found.error());
    if (!found.value()) return Next::go_on;
    after_ = place_.after;
  }
  placed_ = true;
  return Next::go_on;
}

EventStream::Next EventStream::read() {
  const auto rows = static_cast<std::size_t>(std::min<std::uint64_t>(left_, kPageEvents));
  const bool ended = log_.ended();  // before the read, so that the last events are in it
  auto page = log_.read(after_, filter_, rows, kPageBytes);
  if (!page) return conclude(grpc::StatusCode::UNAVAILABLE, page.error());
  after_ = page.value().after;
  left_ -= page.value().events.size();
  {
    const std::lock_guard guard(mutex_);
    if (page.value().missed > 0) page_.push_back(missed_event(page.value()));
    for (v1::Event& event : page.value().events) {
      event.clear_message();  // GetEvent gives it, to fewer roles
      page_.push_back(std::make_shared<v1::Event>(std::move(event)));
    }
    if (send_next()) return Next::wait;
  }
  if (page.value().more) return Next::go_on;
  if (request_.follow() && !ended) return Next::wait;
  return conclude(grpc::StatusCode::OK, "");
}

EventStream::Next EventStream::conclude(grpc::StatusCode code, const std::string& text) {
  finish(grpc::Status(code, text));
  return Next::end;
}

}  // namespace bulkhead::controlplane
