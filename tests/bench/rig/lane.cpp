// Making and collecting packets shares the core with the worker, as receiving them from a device
// would.
#include "tests/bench/rig/lane.h"

#include <rte_cycles.h>

#include <algorithm>

namespace bulkhead::rig {

double Measured::seconds() const {
  return static_cast<double>(cycles) / static_cast<double>(rte_get_tsc_hz());
}

Histogram watch_machine(double seconds, double rate) {
  Histogram waited;
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  const double step = hz / rate;
  const std::uint64_t begin = rte_rdtsc();
  const std::uint64_t end = begin + static_cast<std::uint64_t>(seconds * hz);
  double due = static_cast<double>(begin);
  for (std::uint64_t now = begin; now < end; now = rte_rdtsc()) {
    for (; due <= static_cast<double>(now); due += step) {
      waited.add(now - static_cast<std::uint64_t>(due));
    }
  }
  return waited;
}

void Lane::open() {
  Measured unused;
  traffic_.open([&](std::uint32_t count) {
    sent_ += count;
    turn(unused);
  });
  generation_ = worker_.generation();
}

void Lane::send(Measured& measured, std::uint64_t came_ticks, std::uint32_t count) {
  const std::uint64_t begin = rte_rdtsc();
  const std::uint64_t refused = traffic_.refused();
  const std::uint32_t sent = traffic_.send(came_ticks, count);
  measured.packets += sent;  // without what is refused
  sent_ += sent + (traffic_.refused() - refused);
  measured.making += rte_rdtsc() - begin;
}

void Lane::turn(Measured& measured) {
  worker_.turn();
  const std::uint64_t judged = rte_rdtsc();
  if (worker_.generation() != generation_) {
    generation_ = worker_.generation();
    swap_until_ = judged + rte_get_tsc_hz() / 10;
  }
  Histogram& histogram = judged < swap_until_ ? measured.after_swap : measured.inside;
  collected_ += traffic_.collect([&](std::uint64_t came) {
    if (came != 0) histogram.add(judged - came);
  });
  measured.making += rte_rdtsc() - judged;
}

Measured Lane::saturate(double seconds) {
  Measured measured;
  const std::uint64_t begin = rte_rdtsc();
  const std::uint64_t end =
      begin + static_cast<std::uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
  std::uint64_t now = begin;
  for (; now < end && !traffic_.exhausted(); now = rte_rdtsc()) {
    send(measured, now, Traffic::kBurst);
    turn(measured);
  }
  measured.cycles = now - begin;
  return measured;
}

Measured Lane::pace(double seconds, double rate) {
  Measured measured;
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  const double step = 2 * hz / rate;  // a request brings an answer
  const std::uint64_t begin = rte_rdtsc();
  const std::uint64_t end = begin + static_cast<std::uint64_t>(seconds * hz);
  std::uint64_t asked = 0;
  std::uint64_t now = begin;
  for (; now < end && !traffic_.exhausted(); now = rte_rdtsc()) {
    const auto due = static_cast<std::uint64_t>(static_cast<double>(now - begin) / step) + 1;
    if (due > asked) {
      const auto came = begin + static_cast<std::uint64_t>(static_cast<double>(asked) * step);
      const auto count =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(due - asked, traffic_.burst()));
      asked += count;
      send(measured, came, count);
    }
    turn(measured);
  }
  measured.cycles = now - begin;
  return measured;
}

std::uint64_t Lane::heard() const {
  using pipeline::Statistics;
  return worker_.statistic(&Statistics::tapped) - worker_.statistic(&Statistics::tap_copies) -
         worker_.statistic(&Statistics::tap_within);
}

void Lane::close() {
  Measured unused;
  traffic_.close([&](std::uint32_t count) {
    sent_ += count;
    // A worker publishes what it has counted when packets come, at most each 100 ms.
    if (listens_ && traffic_.is_closed()) rte_delay_ms(101);
    turn(unused);
  });
  for (int i = 0; i < 4; ++i) turn(unused);
}

}  // namespace bulkhead::rig
