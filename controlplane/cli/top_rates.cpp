// Counters are joined three times over: by conduit, by function, and by reason.
#include "controlplane/cli/top_rates.h"

#include <algorithm>
#include <utility>

#include "controlplane/telemetry/statistic.h"
#include "dataplane/base/time_buckets.h"

namespace bulkhead::controlplane {

namespace {

std::string identity_of(const v1::Counter& row) {
  v1::Counter alone = row;
  alone.clear_messages();
  alone.clear_bytes();
  return alone.SerializeAsString();
}

// What one row of counters adds.
struct Increment {
  bool allowed = false;
  std::uint64_t messages = 0;
  double messages_s = 0;
  double bytes_s = 0;
};

void add(TopRow& row, const Increment& more) {
  (more.allowed ? row.allowed : row.refused) += more.messages;
  (more.allowed ? row.allowed_s : row.refused_s) += more.messages_s;
  row.bytes_s += more.bytes_s;
}

template <typename Rows>
std::vector<TopRow> rows_of(Rows& sums) {
  std::vector<TopRow> rows;
  for (auto& [key, row] : sums) {
    row.name = key.first;
    row.detail = key.second;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::uint64_t since(std::uint64_t now, std::uint64_t before) { return now - std::min(now, before); }

double rate(std::uint64_t now, std::uint64_t before, double seconds) {
  return seconds > 0 ? static_cast<double>(since(now, before)) / seconds : 0;
}

std::uint64_t value_of(const std::map<std::string, std::uint64_t>& statistics,
                       const std::string& name) {
  const auto found = statistics.find(name);
  return found == statistics.end() ? 0 : found->second;
}

// The bound of the bucket in which the 99th of 100 frames lies.
void find_slow(const std::map<std::string, std::uint64_t>& now,
               const std::map<std::string, std::uint64_t>& before, TopWorker& worker) {
  std::uint64_t frames[kTimeBuckets];
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < kTimeBuckets; ++i) {
    const std::string name = time_bucket_name(i);
    frames[i] = since(value_of(now, name), value_of(before, name));
    all += frames[i];
  }
  if (all == 0) return;
  std::uint64_t below = 0;
  std::size_t bucket = 0;
  while (bucket < kTimeBuckets && (below += frames[bucket]) * 100 < all * 99) ++bucket;
  worker.slower = bucket == kTimeBuckets - 1;
  const std::size_t bound = std::min(bucket, kTimeBuckets - 2);
  worker.slow_us = static_cast<double>(bucket_bound_ns(bound)) / kMicrosecondNs;
}

void find_fullest(const v1::WorkerStatus& status, TopWorker& worker) {
  for (const v1::LimitStatus& limit : status.limits()) {
    if (!limit.has_used() || limit.max() == 0) continue;
    const double ratio = static_cast<double>(limit.used()) / static_cast<double>(limit.max());
    if (!worker.fullest.empty() && ratio <= worker.fullest_ratio) continue;
    worker.fullest = limit.name();
    worker.fullest_ratio = ratio;
  }
}

}  // namespace

TopWorker TopRates::worker_row(const v1::WorkerStatus& status, const Statistics& before,
                               double seconds) {
  Statistics now;
  for (const v1::Statistic& each : status.statistics()) now[each.name()] = each.value();
  TopWorker worker;
  worker.index = status.index();
  worker.sessions = value_of(now, "flows") + value_of(now, "observed_sessions");
  find_fullest(status, worker);
  if (before.empty()) return worker;
  const std::uint64_t frames = since(value_of(now, "packets"), value_of(before, "packets"));
  worker.frames_s = rate(value_of(now, "packets"), value_of(before, "packets"), seconds);
  if (frames > 0) {
    worker.cycles_a_frame =
        static_cast<double>(since(value_of(now, "busy_cycles"), value_of(before, "busy_cycles"))) /
        static_cast<double>(frames);
  }
  find_slow(now, before, worker);
  return worker;
}

void TopRates::add_counters(const CounterLook& look, TopView& view) {
  Sums sums;
  std::map<std::string, v1::Counter> now;
  for (const auto& [name, row] : look.rows()) {
    const std::string identity = identity_of(row);
    const v1::Counter& before = before_[identity];
    Increment more;
    more.allowed = row.verdict() == "allow" || row.verdict() == "not_judged";
    more.messages = row.messages();
    more.messages_s = rate(row.messages(), before.messages(), view.seconds);
    more.bytes_s = rate(row.bytes(), before.bytes(), view.seconds);
    add(sums.conduits[{row.conduit().empty() ? "(none)" : row.conduit(), ""}], more);
    if (!row.function().empty()) {
      add(sums.functions[{row.protocol() + " " + row.function(), ""}], more);
    }
    if (!more.allowed) {
      auto& reasons = row.verdict() == "would_deny" ? sums.foretold : sums.refusals;
      add(reasons[{row.reason() + (row.fault().empty() ? "" : ":" + row.fault()), row.conduit()}],
          more);
    }
    now[identity] = row;
  }
  view.conduits = rows_of(sums.conduits);
  view.functions = rows_of(sums.functions);
  view.refusals = rows_of(sums.refusals);
  for (TopRow& row : rows_of(sums.foretold)) {
    row.foretold = true;
    view.refusals.push_back(std::move(row));
  }
  before_.swap(now);
}

void TopRates::add_taps(const v1::DataplaneStatus& dataplane, TopView& view) {
  std::map<std::uint32_t, v1::PortStatus> taps;
  for (const v1::PortStatus& port : dataplane.ports()) {
    if (!port.tap()) continue;
    TopTap& tap = view.taps.emplace_back();
    tap.index = port.index();
    tap.device = port.device();
    tap.missed_unknown = port.missed_unknown();
    if (const auto found = taps_before_.find(port.index()); found != taps_before_.end()) {
      tap.frames_s = rate(port.packets_in(), found->second.packets_in(), view.seconds);
      tap.missed_s = rate(port.missed(), found->second.missed(), view.seconds);
    }
    taps[port.index()] = port;
  }
  taps_before_.swap(taps);
  Statistics now;
  for (const auto& [name, value] : {std::pair("would_deny", &TopForetold::refused_s),
                                    std::pair("not_judged", &TopForetold::not_judged_s),
                                    std::pair("tap_copies", &TopForetold::copies_s),
                                    std::pair("tap_within", &TopForetold::within_s)}) {
    now[name] = statistic(dataplane, name);
    if (foretold_before_.empty()) continue;
    view.foretold.*value = rate(now[name], value_of(foretold_before_, name), view.seconds);
  }
  foretold_before_.swap(now);
}

TopView TopRates::step(v1::GetStatusResponse status, std::optional<v1::PairStatus> pair,
                       const CounterLook& look, TimeNs now_ns) {
  const v1::DataplaneStatus& dataplane = status.dataplane();
  if (dataplane.uptime_ms() < uptime_before_ms_) {
    before_.clear();
    workers_before_.clear();
    before_ns_ = 0;
  }
  TopView view;
  view.cut = look.is_cut();
  view.seconds = before_ns_ == 0 ? 0 : static_cast<double>(now_ns - before_ns_) / 1e9;
  add_counters(look, view);
  add_taps(dataplane, view);
  std::map<std::uint32_t, Statistics> workers_now;
  for (const v1::WorkerStatus& worker : dataplane.workers()) {
    view.workers.push_back(worker_row(worker, workers_before_[worker.index()], view.seconds));
    Statistics& statistics = workers_now[worker.index()];
    for (const v1::Statistic& each : worker.statistics()) statistics[each.name()] = each.value();
  }
  std::uint64_t missed = 0;
  for (const v1::PortStatus& port : dataplane.ports()) missed += port.missed();
  view.missed_s = rate(missed, missed_before_, view.seconds);
  missed_before_ = missed;
  workers_before_.swap(workers_now);
  before_ns_ = now_ns;
  uptime_before_ms_ = dataplane.uptime_ms();
  view.status = std::move(status);
  view.pair = std::move(pair);
  return view;
}

}  // namespace bulkhead::controlplane
