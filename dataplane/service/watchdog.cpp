// Eight looks in the service manager's period: a thread is stuck for more than a quarter of it
// before a message is left out, and for all of it before the process is ended.
#include "dataplane/service/watchdog.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace bulkhead::service {

namespace {

constexpr TimeNs kStartPeriodNs = 20 * kMillisecondNs;
constexpr TimeNs kPeriodNsMin = 10 * kMillisecondNs;
constexpr TimeNs kPeriodNsMax = kSecondNs;
constexpr TimeNs kPatienceNs = 2 * kSecondNs;
constexpr TimeNs kPatienceNsMin = 200 * kMillisecondNs;  // an idle worker sleeps for 100 ms

}  // namespace

Watchdog::Watchdog(boost::asio::io_context& io, daemon::Notifier& notifier, const Engine& engine,
                   daemon::Pulses::Post post_to_lease)
    : timer_(io),
      notifier_(notifier),
      engine_(engine),
      period_ns_(notifier.watchdog_ns() == 0
                     ? kPeriodNsMax
                     : std::clamp(notifier.watchdog_ns() / 8, kPeriodNsMin, kPeriodNsMax)),
      patience_ns_(notifier.watchdog_ns() == 0
                       ? kPatienceNs
                       : std::max(notifier.watchdog_ns() / 4, kPatienceNsMin)) {
  if (!notifier.is_heard()) return;
  pulses_.watch("lease", patience_ns_, std::move(post_to_lease));
  wait();
}

void Watchdog::wait() {
  timer_.expires_after(std::chrono::nanoseconds(ready_ ? period_ns_ : kStartPeriodNs));
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) look();
  });
}

void Watchdog::look() {
  const std::string wrong = problem(monotonic_now_ns());
  const bool was_stuck = std::exchange(stuck_, !wrong.empty());
  if (stuck_ && !was_stuck) spdlog::error("{}: the watchdog is not fed", wrong);
  if (!stuck_ && was_stuck) spdlog::warn("all threads go on again");
  if (!ready_ && !stuck_ && engine_.all_turn() && pulses_.all_answered()) {
    ready_ = true;
    notifier_.ready(engine_.summary());
  }
  if (ready_ && !stuck_) notifier_.alive();
  if (ready_) notifier_.status(stuck_ ? wrong : engine_.summary());
  wait();
}

std::string Watchdog::problem(TimeNs now_ns) {
  std::string lease = pulses_.look(now_ns);
  return lease.empty() ? engine_.stuck(patience_ns_) : lease;
}

}  // namespace bulkhead::service
