// Requests for receipts on one connection. An answer counts for the oldest request that has none:
// what it vouches for is never more than the collector has read.
//
// OpenSSL 3.0's server leaves the first request of a connection without an answer. So where that
// stays away for kPatience a second one goes out, once; from then on each answer counts for the
// request before its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

namespace bulkhead::siem {

class Requests {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr auto kPatience = std::chrono::milliseconds(500);

  bool may_ask(Clock::time_point now) const {
    if (open_.empty()) return true;
    const bool is_left_out = !answered_ && now - open_.front().at > kPatience;
    return open_.size() == 1 && (lags_ || is_left_out);
  }
  // For the bytes up to this one.
  void ask(std::uint64_t end, Clock::time_point now) {
    if (!open_.empty()) lags_ = true;
    open_.push_back({end, now});
  }
  // Returns the byte up to which the answer vouches.
  std::uint64_t answer() {
    answered_ = true;
    if (open_.empty()) return 0;
    const std::uint64_t end = open_.front().end;
    open_.pop_front();
    return end;
  }
  // The first request is still to be answered, or to be repeated.
  bool may_yet_be_answered() const { return open_.size() == 1 && !answered_ && !lags_; }

 private:
  struct Request {
    std::uint64_t end;
    Clock::time_point at;
  };
  std::deque<Request> open_;
  bool lags_ = false;
  bool answered_ = false;
};

}  // namespace bulkhead::siem
