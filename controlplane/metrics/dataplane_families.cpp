// A worker's statistics are exported by their own names, so that a new one needs no line here.
#include <array>
#include <string>
#include <string_view>

#include "controlplane/metrics/families.h"
#include "dataplane/base/printable.h"
#include "dataplane/base/time_buckets.h"

namespace bulkhead::metrics {

namespace {

constexpr std::string_view kSilent = "silent_ms";

void add_port(const v1::PortStatus& port, Book& book) {
  const Book::Label index = {"port", std::to_string(port.index())};
  const auto both = [&](const std::string& name, std::string_view help, std::uint64_t in,
                        std::uint64_t out) {
    book.counter(name, help, static_cast<double>(in), {index, {"direction", "in"}});
    book.counter(name, help, static_cast<double>(out), {index, {"direction", "out"}});
  };
  book.info("bulkhead_port_info", "A zone port",
            {index, {"device", printable(port.device())}, {"mac", port.mac()}});
  book.gauge("bulkhead_port_up", "1 if a zone port has carrier", port.link_up() ? 1 : 0, {index});
  book.gauge("bulkhead_port_problems", "What is wrong with a zone port; `status` names it",
             port.problems_size(), {index});
  both("bulkhead_port_packets_total", "Frames of a zone port", port.packets_in(),
       port.packets_out());
  both("bulkhead_port_bytes_total", "Bytes of a zone port's frames", port.bytes_in(),
       port.bytes_out());
  if (!port.missed_unknown()) {
    book.counter("bulkhead_port_missed_packets_total",
                 "Frames that were lost before the data plane could take them",
                 static_cast<double>(port.missed()), {index});
  }
  book.counter("bulkhead_port_transmit_lost_packets_total",
               "Frames that were judged good, but that the port did not take",
               static_cast<double>(port.transmit_lost()), {index});
}

// The bucket of a statistic's name; kTimeBuckets if it is none.
std::size_t time_bucket(std::string_view name) {
  static const auto kNames = [] {
    std::array<std::string, kTimeBuckets> names;
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = time_bucket_name(i);
    return names;
  }();
  std::size_t bucket = 0;
  while (bucket < kTimeBuckets && kNames[bucket] != name) ++bucket;
  return bucket;
}

// Statistics of one worker that are buckets of its histogram.
class TimeInside {
 public:
  // True if the statistic is a part of it.
  bool take(const v1::Statistic& each) {
    if (!each.name().starts_with(kTimeBucketPrefix)) return false;
    if (each.name() == kTimeInsideSum) {
      sum_ns_ = each.value();
      return true;
    }
    const std::size_t bucket = time_bucket(each.name());
    if (bucket < kTimeBuckets) frames_[bucket] = each.value();
    return bucket < kTimeBuckets;
  }
  prometheus::ClientMetric::Histogram histogram() const {
    prometheus::ClientMetric::Histogram made;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < kTimeBuckets; ++i) {
      below += frames_[i];
      if (i + 1 == kTimeBuckets) break;  // without a bound
      made.bucket.push_back({below, static_cast<double>(bucket_bound_ns(i)) / 1e9});
    }
    made.sample_count = below;
    made.sample_sum = static_cast<double>(sum_ns_) / 1e9;
    return made;
  }

 private:
  std::array<std::uint64_t, kTimeBuckets> frames_{};
  std::uint64_t sum_ns_ = 0;
};

void add_limits(const v1::WorkerStatus& worker, const Book::Label& index, Book& book) {
  for (const v1::LimitStatus& limit : worker.limits()) {
    if (!limit.has_used()) continue;
    const Book::Labels labels = {index, {"limit", limit.name()}};
    book.gauge("bulkhead_worker_limit_used", "What is used of a worker's limit",
               static_cast<double>(limit.used()), labels);
    book.gauge("bulkhead_worker_limit_max", "A worker's limit", static_cast<double>(limit.max()),
               labels);
  }
}

void add_worker(const v1::WorkerStatus& worker, Book& book) {
  const Book::Label index = {"worker", std::to_string(worker.index())};
  TimeInside inside;
  for (const v1::Statistic& each : worker.statistics()) {
    if (inside.take(each)) continue;
    const auto value = static_cast<double>(each.value());
    if (each.name() == kSilent) {
      book.gauge("bulkhead_worker_silent_seconds", "Since a worker's latest turn began",
                 value / 1e3, {index});
      continue;
    }
    const std::string name = "bulkhead_worker_" + each.name();
    each.gauge() ? book.gauge(name, each.help(), value, {index})
                 : book.counter(name + "_total", each.help(), value, {index});
  }
  book.histogram("bulkhead_time_inside_seconds",
                 "From the receive of a burst until what left at once had been given to the ports",
                 inside.histogram(), {index});
  add_limits(worker, index, book);
}

}  // namespace

void add_dataplane(const v1::DataplaneStatus& dataplane, Book& book) {
  book.info("bulkhead_dataplane_info", "The data plane", {{"version", dataplane.version()}});
  book.gauge("bulkhead_dataplane_uptime_seconds", "Since the data plane's start",
             static_cast<double>(dataplane.uptime_ms()) / 1e3);
  book.gauge("bulkhead_policy_generation", "Policies that the data plane has applied",
             static_cast<double>(dataplane.policy_generation()));
  book.gauge("bulkhead_mac_addresses", "MAC addresses that have been learned",
             static_cast<double>(dataplane.stations_learned()));
  book.gauge("bulkhead_buffers_free", "Packet buffers that are free",
             static_cast<double>(dataplane.buffers_free()));
  book.gauge("bulkhead_buffers", "Packet buffers in all",
             static_cast<double>(dataplane.buffers_total()));
  if (dataplane.self_test().wall_time_ns() != 0) {
    book.gauge("bulkhead_self_test_passed", "1 if the latest self-test has passed",
               dataplane.self_test().problem().empty() ? 1 : 0);
    book.gauge("bulkhead_self_test_timestamp_seconds", "When the latest self-test ended",
               static_cast<double>(dataplane.self_test().wall_time_ns()) / 1e9);
  }
  for (const v1::PortStatus& port : dataplane.ports()) add_port(port, book);
  for (const v1::WorkerStatus& worker : dataplane.workers()) add_worker(worker, book);
}

}  // namespace bulkhead::metrics
